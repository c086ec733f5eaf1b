//! A disk that takes long to write things down, or fails to: by `strace`, in the member's process.
//!
//! etcd is a static program, so nothing can be put between it and the kernel but a tracer. The
//! tracer stops the member at every system call, which makes all of it a little slower. It has an
//! effect only in a cluster built [`durable`](crate::ClusterBuilder::durable): others do not sync.

use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::fault::Fault;
use super::lab::Part;
use crate::{Error, Member, wait_until};

/// How long attaching to all threads may take, or letting go of them.
const DEADLINE: Duration = Duration::from_secs(10);

/// The rest between two looks at whether the tracer has ended.
const STEP: Duration = Duration::from_millis(2);

impl Member {
    /// Delays each of its syncs to disk by `delay`.
    ///
    /// # Errors
    /// [`Error::NotHere`] without `strace`, [`Error::NotRunning`], and [`Error::Fault`] when it
    /// can't be traced: something traces it already, perhaps.
    pub async fn slow_syncs(&self, delay: Duration) -> Result<Fault, Error> {
        let what = format!("syncs of {} take {delay:?} longer", self.name());
        self.inject(what, &format!("delay_enter={}", delay.as_micros()), &[]).await
    }

    /// Delays each sync of its write-ahead log by `delay`: it takes in no entries meanwhile, and
    /// answers.
    ///
    /// # Errors
    /// As [`Self::slow_syncs`], and [`Error::Io`] when it has no log.
    pub async fn slow_log_syncs(&self, delay: Duration) -> Result<Fault, Error> {
        let what = format!("syncs of the log of {} take {delay:?} longer", self.name());
        let dir = self.data_dir().join("member/wal");
        let io = |source| Error::Io { what: format!("cannot read {}", dir.display()), source };
        let files = fs::read_dir(&dir).map_err(io)?.flatten().map(|file| file.path());
        let segments: Vec<PathBuf> =
            files.filter(|path| path.extension().is_some_and(|end| end == "wal")).collect();
        self.inject(what, &format!("delay_enter={}", delay.as_micros()), &segments).await
    }

    /// Delays each sync of its database by `delay`: it applies nothing meanwhile, and takes in what
    /// is committed.
    ///
    /// # Errors
    /// As [`Self::slow_syncs`].
    pub async fn slow_database_syncs(&self, delay: Duration) -> Result<Fault, Error> {
        let what = format!("syncs of the database of {} take {delay:?} longer", self.name());
        let file = self.data_dir().join("member/snap/db");
        self.inject(what, &format!("delay_enter={}", delay.as_micros()), &[file]).await
    }

    /// Fails its syncs to disk with an input/output error, from each thread's `nth` on (1 is the
    /// first). etcd ends at such an error.
    ///
    /// # Errors
    /// As [`Self::slow_syncs`].
    pub async fn fail_syncs(&self, nth: u32) -> Result<Fault, Error> {
        let what = format!("syncs of {} fail", self.name());
        self.inject(what, &format!("error=EIO:when={nth}+"), &[]).await
    }

    /// Of all files, or only of `files`.
    async fn inject(&self, what: String, how: &str, files: &[PathBuf]) -> Result<Fault, Error> {
        Part::Tracing.check()?;
        let not_running = || Error::NotRunning { member: self.name().to_owned() };
        let pid = self.pid().ok_or_else(not_running)?;
        let child = Command::new("strace")
            .args(["-qq", "-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e"])
            .args([format!("inject=fsync,fdatasync:{how}"), format!("--attach={pid}")])
            .args(files.iter().map(|file| format!("--trace-path={}", file.display())))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // The janitor ends it with the members.
            .process_group(self.group())
            .spawn();
        let child = child.map_err(|source| Error::Io {
            what: format!("cannot trace member {}", self.name()),
            source,
        })?;
        let mut tracer = Tracer(child);
        let attached = wait_until("the tracer to attach", DEADLINE, async || {
            tracer.has_ended() || tracer.traces(pid)
        });
        attached.await?;
        // With success it ends only when the member has ended: of a failed sync, perhaps.
        if tracer.0.try_wait().is_ok_and(|ended| ended.is_some_and(|status| !status.success())) {
            return Err(Error::Fault {
                what: format!("make that {what}"),
                reason: tracer.reason(),
            });
        }
        Ok(Fault::new(what, move || tracer.detach()))
    }
}

/// A running `strace`, which lets go when dropped.
struct Tracer(Child);

impl Tracer {
    fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Whether it has hold of all threads of the process.
    fn traces(&self, pid: u32) -> bool {
        let own_pid = self.0.id().to_string();
        let is_traced = |thread: &Path| {
            let status = fs::read_to_string(thread.join("status")).unwrap_or_default();
            let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
            // A thread that has just ended needs no tracer.
            tracer.is_none_or(|pid| pid.trim() == own_pid)
        };
        let tasks = fs::read_dir(format!("/proc/{pid}/task"));
        tasks.is_ok_and(|tasks| tasks.flatten().all(|task| is_traced(&task.path())))
    }

    /// Why it ended, in its own words.
    fn reason(&mut self) -> String {
        let mut text = String::new();
        if let Some(stderr) = &mut self.0.stderr {
            let _ = stderr.read_to_string(&mut text);
        }
        text.trim().to_owned()
    }

    /// Asks it to let go and waits until it has.
    fn detach(&mut self) -> Result<(), Error> {
        if let Some(pid) = Pid::from_raw(self.0.id().cast_signed())
            && !self.has_ended()
        {
            // Not killed: it first has to take back what it changed in the member.
            let _ = kill_process(pid, Signal::TERM);
        }
        for _ in 0..DEADLINE.as_millis() / STEP.as_millis() {
            if self.has_ended() {
                return Ok(());
            }
            sleep(STEP);
        }
        let what = "end strace".to_owned();
        Err(Error::Fault { what, reason: format!("it goes on {DEADLINE:?} after SIGTERM") })
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        if self.detach().is_err() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
