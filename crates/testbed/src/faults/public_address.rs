//! A member that is reached at an address of the public internet, or so it seems.

use std::process::Command;

use super::command::run;
use super::fault::Fault;
use super::network::INTERFACE;
use crate::ports::CLIENT_PORT;
use crate::{Error, Member};

/// How many addresses are tried before giving up.
const ATTEMPTS: usize = 20;

impl Member {
    /// Gives it one more address, of a range that is public by its form and belongs to nobody
    /// (RFC 5737), which only this machine reaches; returns where clients reach it there. It has to
    /// listen on all addresses (`--listen-client-urls=http://0.0.0.0:2379`).
    ///
    /// # Errors
    /// [`Error::Fault`] unless the cluster was built
    /// [`in_namespaces`](crate::ClusterBuilder::in_namespaces).
    pub fn expose(&self) -> Result<(String, Fault), Error> {
        let namespace = self.namespace()?.clone();
        let bridge = namespace.outer_link().split('-').next().unwrap_or_default().to_owned();
        let mut attempt = 1;
        let address = loop {
            let address = format!("203.0.113.{}/32", fastrand::u8(1..255));
            // Refused when another cluster has it, so that it is this one's until healed.
            let route = ["route", "add", address.as_str(), "dev", bridge.as_str()];
            match run(Command::new("ip").args(route), "") {
                Ok(()) => break address,
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
        };
        let change = |what: &str| ["address", what, &address, "dev", INTERFACE].map(str::to_owned);
        let (add, delete) = (change("add"), change("delete"));
        let host = address.trim_end_matches("/32");
        let what = format!("{} is reached at {host}", self.name());
        let endpoint = format!("{host}:{CLIENT_PORT}");
        namespace.run("ip", &add.each_ref().map(String::as_str), "")?;
        let fault = Fault::new(what, move || {
            if namespace.exists() {
                namespace.run("ip", &delete.each_ref().map(String::as_str), "")?;
            }
            Ok(())
        });
        Ok((endpoint, fault))
    }
}
