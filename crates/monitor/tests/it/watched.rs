//! A real cluster together with the fleet that watches it.

use std::sync::Arc;
use std::time::Duration;

use model::clock::{Clock as _, SystemClock};
use model::event::EventKind;
use monitor::config::ClusterConfig;
use monitor::fleet::{ClusterHandle, Fleet};
use monitor::view::ClusterView;
use store::EventQuery;
use testbed::{Cluster, ClusterBuilder, Login};
use tokio::time::Instant;

use crate::ahead::AheadClock;

/// A cluster and its watcher.
pub(crate) struct Watched {
    pub(crate) etcd: Cluster,
    pub(crate) fleet: Fleet,
    /// The fleet's.
    pub(crate) clock: Arc<AheadClock>,
}

impl Watched {
    /// Starts what `builder` describes and watches it as the user `monitor`, by default intervals
    /// except for metrics.
    pub(crate) async fn start(builder: ClusterBuilder) -> Self {
        Self::start_with(builder, |_| {}).await
    }

    /// The same with other settings.
    pub(crate) async fn start_with(
        builder: ClusterBuilder,
        change: impl FnOnce(&mut ClusterConfig),
    ) -> Self {
        Self::of(builder.start().await.expect("the cluster starts"), change)
    }

    /// The same with a cluster that runs already.
    pub(crate) fn of(etcd: Cluster, change: impl FnOnce(&mut ClusterConfig)) -> Self {
        let client = etcd.client_config(Login::Monitor);
        let mut config = ClusterConfig {
            name: "test".to_owned(),
            endpoints: etcd.endpoints(),
            tls: client.tls,
            auth: client.auth,
            ..ClusterConfig::default()
        };
        config.intervals.metrics = Duration::from_secs(1);
        change(&mut config);
        assert_eq!(config.validate(SystemClock.now()), []);
        let clock = Arc::new(AheadClock::default());
        let fleet = Fleet::new(Arc::<AheadClock>::clone(&clock));
        fleet.apply(vec![config]);
        Self { etcd, fleet, clock }
    }

    /// Goes on with other settings.
    pub(crate) fn change(&self, change: impl FnOnce(&mut ClusterConfig)) {
        let mut config = (*self.handle().config()).clone();
        change(&mut config);
        assert_eq!(config.validate(self.clock.now()), []);
        self.fleet.apply(vec![config]);
    }

    pub(crate) fn handle(&self) -> ClusterHandle {
        self.fleet.cluster("test").expect("it is watched")
    }

    pub(crate) fn view(&self) -> Arc<ClusterView> {
        self.handle().view()
    }

    /// Waits until the view is as wanted; returns how long that took.
    pub(crate) async fn until(
        &self,
        what: &str,
        deadline: Duration,
        mut is_so: impl FnMut(&ClusterView) -> bool,
    ) -> Duration {
        let start = Instant::now();
        while !is_so(&self.view()) {
            if start.elapsed() > deadline {
                let view = self.view();
                let members: Vec<String> = view
                    .members
                    .iter()
                    .map(|m| format!("{} {} {} {:?}", m.name, m.role, m.health, m.reasons))
                    .collect();
                panic!(
                    "not within {deadline:?}: {what}; state {} {:?} members {members:#?} events {:#?}",
                    view.state,
                    view.reasons,
                    self.events()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        start.elapsed()
    }

    /// All events so far, oldest first.
    pub(crate) fn events(&self) -> Vec<(EventKind, String)> {
        let events = self.fleet.events().newest(&EventQuery::default(), usize::MAX);
        events.iter().rev().map(|event| (event.kind, event.message.clone())).collect()
    }

    pub(crate) fn has_event(&self, kind: EventKind) -> bool {
        self.events().iter().any(|(seen, _)| *seen == kind)
    }
}
