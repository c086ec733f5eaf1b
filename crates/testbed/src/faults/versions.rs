//! Members of different versions in one cluster, as in a rolling upgrade.

use crate::{Error, EtcdVersion, Member};

impl Member {
    /// Like [`Member::restart`], with the cached `version` from now on. etcd upgrades by one minor
    /// version at a time, and goes back only with its own downgrade procedure.
    ///
    /// # Errors
    /// [`Error::Missing`] when that version has not been fetched; it goes on as it was then.
    pub async fn restart_with_version(&self, version: EtcdVersion) -> Result<(), Error> {
        self.set_binary(version.binary()?);
        self.restart().await
    }
}
