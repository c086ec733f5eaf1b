//! A file that appears whole or not at all.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A file under a temporary name, for this user only; it is removed unless it is finished.
#[derive(Debug)]
pub(crate) struct PartFile {
    file: File,
    part: PathBuf,
    path: PathBuf,
    is_finished: bool,
}

impl PartFile {
    /// Begins what will be `path`, as `path` with `.part` behind it, as etcdctl names it. What a
    /// killed process left there is overwritten.
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        if path.is_dir() {
            let text = format!("{} is a directory; name a file", path.display());
            return Err(Error::Option(text));
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let io = |source| Error::io("could not open", &part, source);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // In a directory that others can write to, a link may lie in wait.
            options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
        }
        let file = options.open(&part).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let text = format!("{} is being written by another process", part.display());
                return Err(Error::Refused(text));
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let begun = Self { file, part, path: path.to_owned(), is_finished: false };
        begun.file.set_len(0).map_err(|source| Error::io("could not open", &begun.part, source))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let owner_only = fs::Permissions::from_mode(0o600);
            let set = begun.file.set_permissions(owner_only);
            set.map_err(|source| Error::io("could not protect", &begun.part, source))?;
        }
        Ok(begun)
    }

    /// The file; it is written through another handle with the same offset.
    pub(crate) fn handle(&self) -> Result<File, Error> {
        self.file.try_clone().map_err(|source| Error::io("could not open", &self.part, source))
    }

    /// Brings it to disk and gives it its name.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        let io = |what: &str, source| Error::io(what, &self.part, source);
        self.file.sync_all().map_err(|source| io("could not sync", source))?;
        let renamed = fs::rename(&self.part, &self.path);
        renamed.map_err(|source| {
            io(&format!("could not give its name {} to", self.path.display()), source)
        })?;
        self.is_finished = true;
        sync_parent(&self.path)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.is_finished {
            // Nothing better can be done with a failure here.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// Makes a new name in a directory last.
pub(crate) fn sync_parent(path: &Path) -> Result<(), Error> {
    let parent = parent(path);
    sync_directory(parent).map_err(|source| Error::io("could not sync", parent, source))
}

/// The directory that a path is in.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes names in a directory last; Windows has nothing of the kind.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
