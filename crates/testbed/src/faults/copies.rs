//! A second process with a copy of a member's data: what a cloned machine, a volume that is mounted
//! twice, or a snapshot of a machine that is set back amounts to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::identity::Launch;
use crate::ports::Port;
use crate::{Error, Member, wait_until};

/// How long a copy may take to serve its clients.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A member's data as it was when it was copied.
#[derive(Debug, Clone)]
pub struct DataCopy(PathBuf);

/// A process that answers as a member, from a copy of its data; ends when dropped.
#[derive(Debug)]
pub struct MemberCopy {
    endpoint: String,
    log: PathBuf,
    child: Child,
    _ports: [Port; 2],
}

impl MemberCopy {
    /// Where clients reach it, `host:port`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it at once, and waits until it is gone.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses.
    pub async fn kill(mut self) -> Result<(), Error> {
        let what = || format!("cannot kill the copy at {}", self.endpoint);
        self.child.kill().await.map_err(|source| Error::Io { what: what(), source })
    }
}

impl Member {
    /// Copies the data of this stopped member, next to its own.
    ///
    /// # Errors
    /// [`Error::Fault`] when it runs, [`Error::Io`] when files can't be copied.
    pub fn copy_data(&self) -> Result<DataCopy, Error> {
        if self.is_running() {
            let what = format!("copy the data of member {}", self.name());
            return Err(Error::Fault { what, reason: "it runs; stop it first".to_owned() });
        }
        let to = self.unused_dir("copy");
        self.copy(&self.data_dir(), &to)?;
        Ok(DataCopy(to))
    }

    /// Starts a process with these data and the member's own flags, on ports of its own on
    /// 127.0.0.1, and waits until it serves; `flags` come last and win. The data are copied once
    /// more, so that they serve again.
    ///
    /// # Errors
    /// [`Error::Fault`] when it does not start, with what it logged.
    pub async fn start_copy(&self, of: &DataCopy, flags: &[&str]) -> Result<MemberCopy, Error> {
        let dir = self.unused_dir("twin");
        self.copy(&of.0, &dir)?;
        let ports = [Port::reserve()?, Port::reserve()?];
        let endpoint = format!("127.0.0.1:{}", ports[0].number());
        let log = dir.join("etcd.log");
        let io =
            |source| Error::Io { what: format!("cannot start a copy of {}", self.name()), source };
        let output = fs::File::create(&log).map_err(io)?;
        let Launch { binary, flags: own, group } = self.launch();
        let child = Command::new(&binary)
            .args(own)
            .arg(format!("--data-dir={}", dir.display()))
            .arg(format!("--listen-client-urls=http://{endpoint}"))
            .arg(format!("--listen-peer-urls=http://127.0.0.1:{}", ports[1].number()))
            .args(flags)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(io)?)
            .stderr(output)
            .process_group(group)
            .kill_on_drop(true)
            .spawn()
            .map_err(io)?;
        let mut copy = MemberCopy { endpoint, log, child, _ports: ports };
        let mut has_ended = false;
        let serves = wait_until("the copy to serve", STARTS_WITHIN, async || {
            has_ended = !matches!(copy.child.try_wait(), Ok(None));
            has_ended || tokio::net::TcpStream::connect(copy.endpoint()).await.is_ok()
        });
        serves.await?;
        if has_ended {
            let what = format!("start a copy of {}", self.name());
            return Err(Error::Fault { what, reason: copy.log() });
        }
        Ok(copy)
    }

    /// A directory beside the member's data that is not there yet.
    fn unused_dir(&self, kind: &str) -> PathBuf {
        let dir = self.data_dir();
        let numbers = 1..;
        let named = |number: u32| dir.with_file_name(format!("{kind}-{number}"));
        let mut unused = numbers.map(named).filter(|path| !path.exists());
        unused.next().expect("invariant: numbers do not end")
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<(), Error> {
        copy_tree(from, to).map_err(|source| Error::Io {
            what: format!("cannot copy the data of member {}", self.name()),
            source,
        })
    }
}

/// Copies a directory, but not the log segments that etcd holds in reserve.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if entry.path().extension().is_none_or(|extension| extension != "tmp") {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
