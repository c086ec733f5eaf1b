//! Who may write to a directory: one process at a time.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use crate::error::Error;

/// The directory, made when there is none, is ours for as long as the file is open, however the
/// process ends.
pub(crate) fn take(directory: &Path) -> Result<File, Error> {
    let path = directory.join("lock");
    let io = |what| {
        let path = path.clone();
        move |source| Error::Io { what, path, source }
    };
    fs::create_dir_all(directory).map_err(io("make the directory of"))?;
    let file = File::create(&path).map_err(io("make"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: directory.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io("lock")(source)),
    }
}
