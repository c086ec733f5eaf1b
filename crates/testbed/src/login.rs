//! The users of a cluster with authentication.

use std::time::Duration;

use etcd::{AuthConfig, Cluster, Permission, PermissionType};
use model::secret::Secret;

use crate::Error;

/// Where the user `monitor` may read: the monitor's probe key lies here.
pub const MONITOR_PREFIX: &str = "etcd-monitor/";

/// The name of the user with only a monitor's rights, and of its role.
pub const MONITOR_USER: &str = "monitor";

/// The password of [`MONITOR_USER`].
pub const MONITOR_PASSWORD: &str = "monitor's password";

/// How long one change to the users may take; making a password's hash takes longest.
const DEADLINE: Duration = Duration::from_secs(10);

const ROOT_USER: &str = "root";
const ROOT_PASSWORD: &str = "root's password";

/// As whom to talk to a cluster with authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// May do everything.
    Root,
    /// May read below [`MONITOR_PREFIX`] and what every user may, which is what a monitor needs.
    Monitor,
    /// Nobody: the client certificate names no user.
    Nobody,
}

impl Login {
    /// What a client is configured with to be this user.
    pub fn auth(self) -> AuthConfig {
        let user = |name: &str, password: &str| AuthConfig {
            user: Some(name.to_owned()),
            password: Some(Secret::new(password.to_owned())),
            ..AuthConfig::default()
        };
        match self {
            Self::Root => user(ROOT_USER, ROOT_PASSWORD),
            Self::Monitor => user(MONITOR_USER, MONITOR_PASSWORD),
            Self::Nobody => AuthConfig::default(),
        }
    }
}

/// Creates the users and turns authentication on.
pub(crate) async fn enable(client: &Cluster) -> Result<(), Error> {
    client.user_add(ROOT_USER, Some(ROOT_PASSWORD), DEADLINE).await?;
    // Since 3.5 the role is there from the start; 3.4 wants it made.
    match client.role_add(ROOT_USER, DEADLINE).await {
        Err(error) if !error.to_string().contains("already exists") => return Err(error.into()),
        _ => client.user_grant_role(ROOT_USER, ROOT_USER, DEADLINE).await?,
    }
    client.user_add(MONITOR_USER, Some(MONITOR_PASSWORD), DEADLINE).await?;
    client.role_add(MONITOR_USER, DEADLINE).await?;
    let read = Permission {
        perm_type: PermissionType::Read.into(),
        key: MONITOR_PREFIX.into(),
        range_end: etcd::prefix_end(MONITOR_PREFIX.as_bytes()),
    };
    client.role_grant(MONITOR_USER, read, DEADLINE).await?;
    client.user_grant_role(MONITOR_USER, MONITOR_USER, DEADLINE).await?;
    client.auth_enable(DEADLINE).await?;
    Ok(())
}
