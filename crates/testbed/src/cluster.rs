//! A running cluster: its members, who leads, and how to connect to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use etcd::{AuthConfig, ClientConfig, Connector, Endpoint, Scheme, Status, TlsConfig};
use futures::future::join_all;
use model::id::MemberId;

use crate::certs::Certs;
use crate::faults::network::Network;
use crate::janitor::Janitor;
use crate::plan::Plan;
use crate::{ClusterBuilder, Error, EtcdVersion, Login, Member, Security, login, wait_until};

/// How long a cluster may take to elect a leader. One takes a second or two on an idle machine.
const READY_DEADLINE: Duration = Duration::from_secs(30);

/// How long one member may take to tell its state, before it counts as not answering.
const STATUS_DEADLINE: Duration = Duration::from_secs(1);

/// A running etcd cluster, which ends with its files when dropped.
#[derive(Debug)]
pub struct Cluster {
    // Dropped in this order: members, then what watches over them.
    pub(crate) members: Vec<Member>,
    pub(crate) plan: Plan,
    /// May do everything; [`etcd::Cluster::each`] is parallel to `members`.
    admin: etcd::Cluster,
    _janitor: Janitor,
}

impl Cluster {
    /// Describes a cluster of the cached `version`; three plain members, unless said otherwise.
    pub fn builder(version: EtcdVersion) -> ClusterBuilder {
        ClusterBuilder::with_version(version)
    }

    /// Describes a cluster of the etcd server at `path`, of whatever version it is.
    pub fn builder_with_binary(path: impl Into<PathBuf>) -> ClusterBuilder {
        ClusterBuilder::with_binary(path.into())
    }

    /// Takes over members that were just spawned, and makes a usable cluster of them.
    pub(crate) async fn bootstrap(
        members: Vec<Member>,
        plan: Plan,
        janitor: Janitor,
    ) -> Result<Self, Error> {
        let nobody = client_config(plan.certs.as_ref(), AuthConfig::default());
        let admin = connect(members.iter(), nobody)?;
        let mut cluster = Self { members, plan, admin, _janitor: janitor };
        cluster.wait_ready().await?;
        for listed in cluster.admin.members(READY_DEADLINE).await?.members {
            let mut members = cluster.members.iter();
            if let Some(member) = members.find(|member| member.name() == listed.name) {
                member.set_id(listed.id);
            }
        }
        if cluster.plan.security == Security::TlsAuth {
            login::enable(&cluster.admin).await?;
            cluster.reconnect()?;
        }
        Ok(cluster)
    }

    /// The full version of its binary, such as `3.5.35`.
    pub fn version(&self) -> &str {
        &self.plan.binary.version
    }

    /// Its members, in the order in which they were added.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member at `index` of [`Self::members`].
    ///
    /// # Panics
    /// When there are not so many.
    pub fn member(&self, index: usize) -> &Member {
        &self.members[index]
    }

    /// Where clients reach the members, such as `127.0.0.1:20379`.
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(Member::endpoint).collect()
    }

    /// Where its files are: certificates, and a directory for each member.
    pub fn dir(&self) -> &Path {
        &self.plan.dir
    }

    /// The name of its own network, if it has one: that of a bridge, with which the names of the
    /// members' namespaces begin.
    pub fn network(&self) -> Option<String> {
        self.plan.network.as_ref().map(Network::name)
    }

    /// Its certificates, if it has TLS.
    pub fn certs(&self) -> Option<&Certs> {
        self.plan.certs.as_ref()
    }

    /// What a client needs to reach it as `login`. Without [`Security::TlsAuth`] everybody is the
    /// same.
    pub fn client_config(&self, login: Login) -> ClientConfig {
        let auth = match self.plan.security {
            Security::TlsAuth => login.auth(),
            Security::Plain | Security::Tls => AuthConfig::default(),
        };
        client_config(self.certs(), auth)
    }

    /// A client of all members that may do everything.
    pub fn client(&self) -> &etcd::Cluster {
        &self.admin
    }

    /// A client of `member` alone that may do everything.
    ///
    /// # Panics
    /// When it is not a member of this cluster.
    pub fn client_of(&self, member: &Member) -> &etcd::Member {
        let index = self.members.iter().position(|one| one.name() == member.name());
        &self.admin.each()[index.expect("invariant: the member is one of this cluster")]
    }

    /// The member that leads and knows it; `None` during an election or without a quorum.
    pub async fn leader(&self) -> Option<&Member> {
        leading(&self.statuses().await)
    }

    /// Some member that runs and does not lead.
    pub async fn follower(&self) -> Option<&Member> {
        let leader = self.leader().await?;
        self.members.iter().find(|member| member.is_running() && member.name() != leader.name())
    }

    /// Waits until every running member answers, and all agree on a leader among them.
    ///
    /// # Errors
    /// [`Error::Exited`] when a member ended by itself, [`Error::Timeout`] with the ends of the
    /// members' logs when it takes too long.
    pub async fn wait_ready(&self) -> Result<(), Error> {
        let mut ended = None;
        let ready = wait_until("the members to agree on a leader", READY_DEADLINE, async || {
            ended = self.members.iter().find_map(Member::ended);
            ended.is_some() || agree(&self.statuses().await)
        });
        let result = ready.await;
        match ended {
            Some(error) => Err(error),
            None => result.map_err(|error| self.with_logs(error)),
        }
    }

    /// Returns when `condition` holds; `what` names it for the error, which also shows the ends of
    /// the members' logs.
    pub async fn wait_until(
        &self,
        what: &str,
        deadline: Duration,
        condition: impl AsyncFnMut() -> bool,
    ) -> Result<(), Error> {
        wait_until(what, deadline, condition).await.map_err(|error| self.with_logs(error))
    }

    /// Makes the client anew, after a change of members or users.
    pub(crate) fn reconnect(&mut self) -> Result<(), Error> {
        self.admin = connect(self.members.iter(), self.client_config(Login::Root))?;
        Ok(())
    }

    /// A client of all members but `id` that may do everything.
    pub(crate) fn client_without(&self, id: MemberId) -> Result<etcd::Cluster, Error> {
        let others = self.members.iter().filter(|member| member.id() != id);
        connect(others, self.client_config(Login::Root))
    }

    /// What each running member says of itself, if it answers.
    async fn statuses(&self) -> Vec<(&Member, Option<Status>)> {
        let clients = self.members.iter().zip(self.admin.each());
        let running = clients.filter(|(member, _)| member.is_running());
        join_all(
            running
                .map(async |(member, client)| (member, client.status(STATUS_DEADLINE).await.ok())),
        )
        .await
    }

    fn with_logs(&self, error: Error) -> Error {
        let Error::Timeout { what, deadline, .. } = error else { return error };
        let logs = self.members.iter().map(|member| {
            format!("\n--- the end of the log of {}:\n{}", member.name(), member.log_tail())
        });
        Error::Timeout { what, deadline, detail: logs.collect() }
    }
}

fn leading<'a>(statuses: &[(&'a Member, Option<Status>)]) -> Option<&'a Member> {
    let leads = |status: &Status| status.leader == Some(status.header.member_id);
    let leaders = statuses.iter().filter_map(|(member, status)| {
        status.as_ref().filter(|status| leads(status)).map(|status| (member, status))
    });
    // A leader that was paused through an election still believes in itself for a moment.
    leaders.max_by_key(|(_, status)| status.raft_term).map(|(member, _)| *member)
}

fn agree(statuses: &[(&Member, Option<Status>)]) -> bool {
    let leader = statuses.first().and_then(|(_, status)| status.as_ref()?.leader);
    leader.is_some()
        && leading(statuses).is_some()
        && statuses
            .iter()
            .all(|(_, status)| status.as_ref().is_some_and(|status| status.leader == leader))
}

fn connect<'a>(
    members: impl Iterator<Item = &'a Member>,
    config: ClientConfig,
) -> Result<etcd::Cluster, Error> {
    let endpoint = |member: &Member| {
        Endpoint::parse(&member.client_url(), Scheme::Http)
            .expect("invariant: a member's URL is an endpoint")
    };
    Ok(Connector::new(config)?.cluster(members.map(endpoint).collect()))
}

fn client_config(certs: Option<&Certs>, auth: AuthConfig) -> ClientConfig {
    let tls = certs.map(|certs| TlsConfig {
        ca_file: Some(certs.ca_file().to_owned()),
        cert_file: Some(certs.client().cert_file.clone()),
        key_file: Some(certs.client().key_file.clone()),
        ..TlsConfig::default()
    });
    ClientConfig { tls, auth, ..ClientConfig::default() }
}
