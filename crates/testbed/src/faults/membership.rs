//! A member that lost its data, and one that came back empty under its old name.

use std::fs;
use std::io;
use std::path::Path;

use model::id::MemberId;

use super::DEADLINE;
use crate::operations::{initial_cluster, retry};
use crate::{Cluster, Error, Member};

impl Member {
    /// Deletes all data of this stopped member.
    ///
    /// # Errors
    /// [`Error::Fault`] when it runs, [`Error::Io`] when files can't be removed.
    pub fn wipe(&self) -> Result<(), Error> {
        if self.is_running() {
            let what = format!("wipe member {}", self.name());
            return Err(Error::Fault { what, reason: "it runs; stop it first".to_owned() });
        }
        let dir = self.data_dir();
        wipe(&dir).map_err(|source| Error::Io {
            what: format!("cannot remove {}", dir.display()),
            source,
        })
    }
}

/// Removes a directory with its content, or only the content of one that is a disk of its own.
fn wipe(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok(()),
        result => result,
    }
}

impl Cluster {
    /// Replaces the member `id` by an empty one of the same name and address, which gets a new ID:
    /// removes it from the list, ends it, deletes its data, adds it, starts it.
    pub async fn readd(&mut self, id: MemberId) -> Result<&Member, Error> {
        let Some(index) = self.members.iter().position(|member| member.id() == id) else {
            let what = format!("replace member {id}");
            return Err(Error::Fault { what, reason: "it is not one of this cluster".to_owned() });
        };
        let others = self.client_without(id)?;
        retry(async || others.member_remove(id, DEADLINE).await).await?;
        let member = &self.members[index];
        member.kill().await?;
        member.wipe()?;
        let (added, list) =
            retry(async || others.member_add(vec![member.peer_url()], DEADLINE).await).await?;
        let initial = initial_cluster(&list.members, added.id, member.name());
        member.relaunch(added.id, |identity| self.plan.launch(identity, &initial, "existing"))?;
        self.reconnect()?;
        self.wait_ready().await?;
        Ok(self.member(index))
    }
}
