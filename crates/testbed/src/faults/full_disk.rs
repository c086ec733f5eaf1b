//! A member on a small disk of its own, which can be full.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use super::command::run;
use super::fault::Fault;
use super::lab::Part;
use crate::{Error, Member};

/// What takes up the room, beside etcd's files.
const BALLAST: &str = "ballast";

/// Mounts a disk of `bytes` in memory at `dir`. The cluster's janitor unmounts it.
pub(crate) fn mount(dir: &Path, bytes: u64) -> Result<(), Error> {
    Part::Mounting.check()?;
    fs::create_dir_all(dir)
        .map_err(|source| Error::Io { what: format!("cannot create {}", dir.display()), source })?;
    // Others may not read it: etcd refuses to start otherwise.
    let options = format!("size={bytes},mode=700");
    run(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir), "")
}

impl Member {
    /// Takes up all room that is left on its disk. Healing gives it back.
    ///
    /// etcd notices when it needs more: it reserves log space ahead, so that may take a while.
    ///
    /// # Errors
    /// [`Error::Fault`] unless it has a disk of its own, by
    /// [`ClusterBuilder::disk_bytes`](crate::ClusterBuilder::disk_bytes).
    pub fn fill_disk(&self) -> Result<Fault, Error> {
        let dir = self.data_dir();
        let io = |source| Error::Io { what: format!("cannot fill {}", dir.display()), source };
        if !is_disk(&dir).map_err(io)? {
            let what = format!("fill the disk of member {}", self.name());
            return Err(Error::Fault { what, reason: "build its cluster with disk_bytes".into() });
        }
        let ballast = dir.join(BALLAST);
        fill(&ballast).map_err(io)?;
        let what = format!("the disk of {} is full", self.name());
        Ok(Fault::new(what, move || match fs::remove_file(&ballast) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(Error::Io { what: format!("cannot remove {}", ballast.display()), source })
            }
            _ => Ok(()),
        }))
    }
}

/// Whether it is on another disk than the directory that it is in.
fn is_disk(dir: &Path) -> io::Result<bool> {
    Ok(fs::metadata(dir)?.dev() != fs::metadata(dir.join(".."))?.dev())
}

fn fill(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    for bytes in [1 << 20, 4 << 10] {
        let piece = vec![1; bytes];
        loop {
            match file.write_all(&piece) {
                Ok(()) => (),
                Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
