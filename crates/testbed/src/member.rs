//! One etcd process of a cluster: its addresses, its signals, its log.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use model::id::MemberId;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::faults::delay::{Delays, PeerProxy};
use crate::faults::network::Namespace;
use crate::identity::{Identity, Launch};
use crate::{Error, wait_until};

/// How long a member may take to end: a leader first hands over, which takes over a second.
const STOP_DEADLINE: Duration = Duration::from_secs(20);

/// How long a member may take to freeze, which takes milliseconds.
const PAUSE_DEADLINE: Duration = Duration::from_secs(5);

/// How many lines of a member's log an error shows.
const LOG_TAIL_LINES: usize = 15;

/// One etcd process of a cluster.
///
/// Its operations take effect on the process at once; what the *cluster* makes of them (elections,
/// say) is for the caller to wait for.
#[derive(Debug)]
pub struct Member {
    identity: Identity,
    /// Changes when it is added again, or gets another version.
    launch: Mutex<Launch>,
    id: Mutex<Option<MemberId>>,
    /// Flags of the test's own, after the others, so that they win.
    extra_flags: Mutex<Vec<String>>,
    /// Taken out while a signal's effect is awaited, so that no lock is held across an await.
    child: Mutex<Option<Child>>,
}

impl Member {
    /// Starts the process.
    pub(crate) fn spawn(
        identity: Identity,
        launch: Launch,
        extra_flags: Vec<String>,
    ) -> Result<Self, Error> {
        fs::create_dir_all(&identity.dir).map_err(|source| Error::Io {
            what: format!("cannot create {}", identity.dir.display()),
            source,
        })?;
        let member = Self {
            identity,
            launch: Mutex::new(launch),
            id: Mutex::new(None),
            extra_flags: Mutex::new(extra_flags),
            child: Mutex::new(None),
        };
        member.start()?;
        Ok(member)
    }

    /// The member's name, such as `m1`.
    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// The member's ID, which outlives its restarts; it changes only with
    /// [`Cluster::readd`](crate::Cluster::readd).
    pub fn id(&self) -> MemberId {
        lock(&self.id).expect("invariant: a member gets its ID before the cluster is handed out")
    }

    /// Where clients reach it, such as `http://127.0.0.1:20379`.
    pub fn client_url(&self) -> String {
        self.identity.client_url()
    }

    /// Where clients reach it, such as `127.0.0.1:20379`.
    pub fn endpoint(&self) -> String {
        self.identity.endpoint()
    }

    /// Where its peers reach it.
    pub fn peer_url(&self) -> String {
        self.identity.peer_url()
    }

    /// Where it serves `/metrics` and `/health` in plain HTTP, if the cluster was built so.
    pub fn metrics_url(&self) -> Option<String> {
        self.identity.metrics_url()
    }

    /// The directory with its write-ahead log and database.
    pub fn data_dir(&self) -> PathBuf {
        data_dir(&self.identity.dir)
    }

    /// The file with everything it has logged, over all restarts.
    pub fn log_file(&self) -> PathBuf {
        self.identity.dir.join("etcd.log")
    }

    /// The last lines that it logged.
    pub fn log_tail(&self) -> String {
        let text = fs::read(self.log_file()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }

    /// The process ID while it runs, paused or not.
    pub fn pid(&self) -> Option<u32> {
        self.child().as_ref()?.id()
    }

    /// Whether its process runs, paused or not.
    pub fn is_running(&self) -> bool {
        self.ended().is_none() && self.child().is_some()
    }

    /// Ends it in order (SIGTERM) and waits until it is gone; a member that takes too long is
    /// killed. Does nothing when it does not run.
    pub async fn stop(&self) -> Result<(), Error> {
        let Some(mut child) = self.child().take() else { return Ok(()) };
        if let Some(pid) = pid_of(&child) {
            // Fails only for a process that has just ended, which is what is wanted.
            let _ = kill_process(pid, Signal::TERM);
            let _ = kill_process(pid, Signal::CONT);
        }
        match timeout(STOP_DEADLINE, child.wait()).await {
            Ok(ended) => ended.map(drop),
            Err(_) => child.kill().await,
        }
        .map_err(|source| self.io("cannot end", source))
    }

    /// Ends it at once (SIGKILL) and waits until it is gone. Does nothing when it does not run.
    pub async fn kill(&self) -> Result<(), Error> {
        let Some(mut child) = self.child().take() else { return Ok(()) };
        child.kill().await.map_err(|source| self.io("cannot kill", source))
    }

    /// Freezes it (SIGSTOP): its connections stay, and nothing answers on them.
    pub async fn pause(&self) -> Result<(), Error> {
        let pid = self.signal(Signal::STOP)?;
        // Its threads stop one by one, and one that still runs may answer a request.
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let what = format!("member {} to freeze", self.name());
        wait_until(&what, PAUSE_DEADLINE, async || {
            !matches!(waitid(WaitId::Pid(pid), options), Ok(None))
        })
        .await
    }

    /// Lets a paused member go on (SIGCONT).
    pub fn resume(&self) -> Result<(), Error> {
        self.signal(Signal::CONT).map(drop)
    }

    /// Starts it again with its data, after ending it in order if it still runs.
    ///
    /// Does not wait for it to answer: for that it may need members that are down. See
    /// [`Cluster::wait_ready`](crate::Cluster::wait_ready).
    pub async fn restart(&self) -> Result<(), Error> {
        self.stop().await?;
        self.start()
    }

    /// Like [`Self::restart`], with other flags from now on in place of those that
    /// [`ClusterBuilder::flag`](crate::ClusterBuilder::flag) gave.
    pub async fn restart_with(&self, flags: &[&str]) -> Result<(), Error> {
        *lock(&self.extra_flags) = flags.iter().map(|&flag| flag.to_owned()).collect();
        self.restart().await
    }

    /// Starts it as what it was added as now: another member, with the same name and addresses.
    pub(crate) fn relaunch(
        &self,
        id: MemberId,
        launch: impl FnOnce(&Identity) -> Launch,
    ) -> Result<(), Error> {
        lock(&self.launch).flags = launch(&self.identity).flags;
        self.set_id(id);
        self.start()
    }

    /// How its process is started.
    pub(crate) fn launch(&self) -> Launch {
        lock(&self.launch).clone()
    }

    /// The program that it is from its next start on.
    pub(crate) fn set_binary(&self, path: PathBuf) {
        lock(&self.launch).binary = path;
    }

    /// Its own network, for faults in it.
    pub(crate) fn namespace(&self) -> Result<&Namespace, Error> {
        self.identity.namespace.as_ref().ok_or_else(|| Error::Fault {
            what: format!("disturb the network of member {}", self.name()),
            reason: "build its cluster in_namespaces".to_owned(),
        })
    }

    /// The process group that the cluster's janitor ends.
    pub(crate) fn group(&self) -> i32 {
        lock(&self.launch).group
    }

    /// Which links of its cluster are slow, for faults in them.
    pub(crate) fn delays(&self) -> Result<&Arc<Delays>, Error> {
        let proxy = self.identity.peer_proxy.as_ref();
        proxy.map(PeerProxy::delays).ok_or_else(|| Error::Fault {
            what: format!("delay what member {} and its peers exchange", self.name()),
            reason: "build its cluster with_peer_proxies".to_owned(),
        })
    }

    /// Records the ID that the cluster gave it.
    pub(crate) fn set_id(&self, id: MemberId) {
        *lock(&self.id) = Some(id);
    }

    /// Why it no longer runs, if it ended by itself.
    pub(crate) fn ended(&self) -> Option<Error> {
        let status = self.child().as_mut()?.try_wait().ok()??;
        Some(Error::Exited { member: self.name().to_owned(), status, log: self.log_tail() })
    }

    fn start(&self) -> Result<(), Error> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .map_err(|source| self.io("cannot open the log of", source))?;
        let errors = log.try_clone().map_err(|source| self.io("cannot open the log of", source))?;
        // etcd takes its flags from ETCD_ variables too: the caller's must not leak into it.
        let Launch { binary, flags, group } = lock(&self.launch).clone();
        let mut command = match &self.identity.namespace {
            Some(namespace) => {
                let (program, args) = namespace.entrance();
                let mut command = Command::new(program);
                command.args(args).arg(&binary);
                command
            }
            None => Command::new(&binary),
        };
        let child = command
            .args(&flags)
            .args(lock(&self.extra_flags).iter())
            .env_clear()
            .current_dir(&self.identity.dir)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(group)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| self.io("cannot start", source))?;
        if let (Some(proxy), Some(pid)) = (&self.identity.peer_proxy, child.id()) {
            proxy.delays().set_process(self.name(), pid);
        }
        *self.child() = Some(child);
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<Pid, Error> {
        let pid = self.child().as_ref().and_then(pid_of);
        let pid = pid.ok_or_else(|| Error::NotRunning { member: self.name().to_owned() })?;
        kill_process(pid, signal).map_err(|source| self.io("cannot signal", source.into()))?;
        Ok(pid)
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        lock(&self.child)
    }

    fn io(&self, what: &str, source: std::io::Error) -> Error {
        Error::Io { what: format!("{what} member {}", self.name()), source }
    }
}

impl Drop for Member {
    /// Kills it and waits, so that its ports and files are free when this returns.
    fn drop(&mut self) {
        let Some(child) = &mut *self.child() else { return };
        let _ = child.start_kill();
        for _ in 0..1000 {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        tracing::warn!(member = self.name(), "killed test member does not end");
    }
}

/// Where a member whose files are in `dir` keeps its data.
pub(crate) fn data_dir(dir: &Path) -> PathBuf {
    dir.join("data")
}

fn pid_of(child: &Child) -> Option<Pid> {
    Pid::from_raw(child.id()?.cast_signed())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("invariant: no holder of this lock panics")
}
