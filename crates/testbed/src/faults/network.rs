//! A network of a cluster's own: a bridge, and a namespace for each member.
//!
//! The bridge lies in the caller's namespace and has an address, so that the caller reaches the
//! members: `198.18.N.1`, members from `198.18.N.11` on. That range (198.18.0.0/15, RFC 2544) is
//! for tests of network equipment, so no route of the machine's is hidden by it. The bridge's name
//! carries the number N; that it can be made only once reserves the number among all test clusters.
//!
//! Nothing here is undone by a drop: the cluster's janitor removes whatever bears the name.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::command::run;
use super::lab::Part;
use crate::Error;

/// How many networks the range has room for.
const NETWORKS: u16 = 512;

/// How many numbers are tried before giving up.
const ATTEMPTS: usize = 100;

/// The last number of the address before the first member's.
const BEFORE_MEMBERS: usize = 10;

/// How many members fit.
pub(crate) const MAX_MEMBERS: usize = 40;

/// The members' interface, inside their namespaces.
pub(crate) const INTERFACE: &str = "eth0";

/// Where `ip` keeps namespaces that have a name.
const NAMESPACES: &str = "/run/netns";

/// A bridge that members' namespaces are connected to.
#[derive(Debug)]
pub(crate) struct Network {
    number: u16,
}

impl Network {
    /// Makes the bridge.
    ///
    /// # Errors
    /// [`Error::NotHere`] when this machine can't; [`Error::Fault`] when it refuses.
    pub(crate) fn create() -> Result<Self, Error> {
        Part::Network.check()?;
        let network = Self::reserve()?;
        network.switch_on().inspect_err(|_| drop(network.remove()))?;
        Ok(network)
    }

    fn reserve() -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            let network = Self { number: fastrand::u16(..NETWORKS) };
            match batch(&format!("link add name {} type bridge\n", network.name())) {
                Ok(()) => return Ok(network),
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
        }
    }

    fn switch_on(&self) -> Result<(), Error> {
        let (name, address) = (self.name(), self.address(1));
        batch(&format!("address add {address}/24 dev {name}\nlink set {name} up\n"))
    }

    /// Undoes [`Self::create`], when there is no janitor yet.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        batch(&format!("link delete {}\n", self.name()))
    }

    /// The name of the bridge, with which those of namespaces and links begin.
    pub(crate) fn name(&self) -> String {
        format!("emtb{}", self.number)
    }

    /// Where members may be, for their certificates.
    pub(crate) fn member_addresses(&self) -> Vec<String> {
        (1..=MAX_MEMBERS).map(|member| self.member_address(member).to_string()).collect()
    }

    /// Makes the namespace of the member that is the `member`th to be named, from 1 on.
    pub(crate) fn add(&self, member: usize) -> Result<Namespace, Error> {
        let name = format!("{}-{member}", self.name());
        if member > MAX_MEMBERS {
            let reason = format!("a network has room for {MAX_MEMBERS}");
            return Err(Error::Fault { what: format!("make the namespace {name}"), reason });
        }
        let bridge = self.name();
        batch(&format!(
            "netns add {name}\n\
             link add name {name} type veth peer name {INTERFACE} netns {name}\n\
             link set {name} master {bridge} up\n"
        ))?;
        let namespace = Namespace { name, address: self.member_address(member) };
        let address = namespace.address;
        namespace.ip(&format!(
            "address add {address}/24 dev {INTERFACE}\nlink set {INTERFACE} up\nlink set lo up\n"
        ))?;
        Ok(namespace)
    }

    fn member_address(&self, member: usize) -> Ipv4Addr {
        let last = u8::try_from(BEFORE_MEMBERS + member);
        self.address(last.expect("invariant: a network has fewer members than addresses"))
    }

    fn address(&self, last: u8) -> Ipv4Addr {
        let [high, low] = self.number.to_be_bytes();
        Ipv4Addr::new(198, 18 + high, low, last)
    }
}

/// A member's own network namespace, connected to the cluster's bridge.
#[derive(Debug, Clone)]
pub(crate) struct Namespace {
    /// Also that of the link's outer end.
    name: String,
    address: Ipv4Addr,
}

impl Namespace {
    /// Where the member is reached.
    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The name of the link's end outside.
    pub(crate) fn outer_link(&self) -> &str {
        &self.name
    }

    /// Whether it still exists: it goes with its cluster.
    pub(crate) fn exists(&self) -> bool {
        self.file().exists()
    }

    /// The program and arguments that run in it whatever follows them, as the same process.
    pub(crate) fn entrance(&self) -> (&'static str, [String; 2]) {
        ("nsenter", [format!("--net={}", self.file().display()), "--".to_owned()])
    }

    /// Runs `program` in it with `input` on its standard input.
    pub(crate) fn run(&self, program: &str, args: &[&str], input: &str) -> Result<(), Error> {
        let (entrance, entrance_args) = self.entrance();
        run(Command::new(entrance).args(entrance_args).arg(program).args(args), input)
    }

    fn ip(&self, commands: &str) -> Result<(), Error> {
        self.run("ip", &["-batch", "-"], commands)
    }

    fn file(&self) -> PathBuf {
        Path::new(NAMESPACES).join(&self.name)
    }
}

/// Has `ip` run several commands, one a line.
fn batch(commands: &str) -> Result<(), Error> {
    run(Command::new("ip").args(["-batch", "-"]), commands)
}
