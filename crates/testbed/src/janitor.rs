//! Ends a cluster's processes and removes its files when the owner goes, however it goes.
//!
//! Two helpers stand beside the members. The *anchor* leads the process group that the members
//! join, so that the group exists even while none of them runs. The *sweeper*, in a group of its
//! own, waits for the end of a pipe that only the owner holds: that comes when the cluster is
//! dropped and also when the owner dies of `kill -9`. It then kills the group, whatever members it
//! has by then, stopped ones too, unmounts what lies in the directory, removes the directory, and
//! removes the network that the cluster may have.
//!
//! Linux could tie children to a parent's death by itself (PR_SET_PDEATHSIG), but to the death of
//! the *thread* that spawned them, and threads of an async runtime come and go.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::Error;

/// `$1` is the process group, `$2` the directory, `$3` the name of the network, or empty. Removal is tried twice, since a process that is
/// being killed may still finish making a file.
const SWEEP: &str = r#"trap "" HUP INT TERM
cat >/dev/null
kill -KILL "-$1"
[ ! -r /proc/self/mounts ] || while read -r _ place _; do
  case "$place" in "$2"/*) umount -l "$place" ;; esac
done </proc/self/mounts
rm -rf "$2" || { sleep 0.2; rm -rf "$2"; }
[ -n "$3" ] || exit 0
for namespace in /run/netns/"$3"-*; do ip netns delete "${namespace##*/}"; done
for link in /sys/class/net/"$3"-* /sys/class/net/"$3"; do ip link delete "${link##*/}"; done
"#;

/// How long dropping waits for the sweep, which takes milliseconds.
const SWEEP_DEADLINE: Duration = Duration::from_secs(10);

/// Keeps watch over one cluster; sweeps when dropped.
#[derive(Debug)]
pub(crate) struct Janitor {
    anchor: Child,
    sweeper: Child,
}

impl Janitor {
    /// Watches over `directory`, over the processes that will join [`Self::group`], and over the
    /// bridge, namespaces and links whose names begin with `network`.
    pub(crate) fn start(directory: &Path, network: Option<&str>) -> Result<Self, Error> {
        let start = || -> io::Result<Self> {
            let mut anchor = idle_on_pipe(Command::new("cat").process_group(0))?;
            let mut command = Command::new("sh");
            command.arg("-c").arg(SWEEP).arg("etcd-testbed-sweeper");
            command.arg(anchor.id().to_string()).arg(directory);
            command.arg(network.unwrap_or_default()).process_group(0);
            match idle_on_pipe(&mut command) {
                Ok(sweeper) => Ok(Self { anchor, sweeper }),
                Err(error) => {
                    anchor.kill()?;
                    anchor.wait()?;
                    Err(error)
                }
            }
        };
        start().map_err(|source| Error::Io {
            what: "cannot start the processes that clean up".to_owned(),
            source,
        })
    }

    /// The process group to put members in.
    pub(crate) fn group(&self) -> i32 {
        self.anchor.id().cast_signed()
    }
}

fn idle_on_pipe(command: &mut Command) -> io::Result<Child> {
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

impl Drop for Janitor {
    fn drop(&mut self) {
        drop(self.sweeper.stdin.take());
        const STEP: Duration = Duration::from_millis(2);
        for _ in 0..SWEEP_DEADLINE.as_millis() / STEP.as_millis() {
            if !matches!(self.sweeper.try_wait(), Ok(None)) {
                // The anchor was in the killed group; this only collects it.
                let _ = self.anchor.wait();
                return;
            }
            sleep(STEP);
        }
        tracing::warn!(group = self.group(), "test cluster is not swept yet");
    }
}
