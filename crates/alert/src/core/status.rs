//! What APIs show: alerts and why nobody is told of them, groups, silences.

use jiff::Timestamp;
use model::ack::Ack;
use model::alert::{Alert, Fingerprint, Hidden};
use model::series::Labels;

use super::Core;
use crate::routing::Routing;
use crate::silence::Silences;

/// Why somebody is told of an alert, or nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The IDs of the silences in force that cover it.
    pub silenced_by: Vec<String>,
    /// The alert that inhibits it.
    pub inhibited_by: Option<Fingerprint>,
    /// The times that mute it, where all of its routes are muted.
    pub muted_by: Vec<String>,
    /// What hides it.
    pub hidden: Option<Hidden>,
    /// Who takes care of it.
    pub acknowledged: Option<Ack>,
    /// Who is told, in order.
    pub receivers: Vec<String>,
}

impl Status {
    /// Whether nobody is told of it, times aside: what Alertmanager calls suppressed.
    pub fn is_suppressed(&self) -> bool {
        !self.silenced_by.is_empty() || self.inhibited_by.is_some() || self.hidden.is_some()
    }
}

/// A group as it is.
#[derive(Debug, Clone)]
pub struct GroupView<'c> {
    /// Its identity.
    pub key: &'c str,
    /// The labels by which its alerts are grouped.
    pub labels: &'c Labels,
    /// Who is told.
    pub receiver: &'c str,
    /// The times that mute it now.
    pub muted_by: Vec<&'c str>,
    /// Its alerts, in order of their fingerprints.
    pub alerts: Vec<(Fingerprint, &'c Alert)>,
}

impl Core {
    /// The configuration in use.
    pub fn routing(&self) -> &Routing {
        &self.routing
    }

    /// Every alert that is on, or over and not yet told; in no order.
    pub fn alerts(&self) -> impl Iterator<Item = (Fingerprint, &Alert)> {
        self.alerts.iter().map(|(fingerprint, tracked)| (*fingerprint, &tracked.alert))
    }

    /// The alert of this fingerprint.
    pub fn alert(&self, fingerprint: Fingerprint) -> Option<&Alert> {
        self.alerts.get(&fingerprint).map(|tracked| &tracked.alert)
    }

    /// Every silence.
    pub fn silences(&self) -> &Silences {
        &self.silences
    }

    /// Why somebody is told of an alert at `now`, or nobody; none where there is no such alert.
    pub fn status(&self, fingerprint: Fingerprint, now: Timestamp) -> Option<Status> {
        let tracked = self.alerts.get(&fingerprint)?;
        let labels = &tracked.alert.labels;
        let covering = self.silences.covering(labels, now);
        let routes: Vec<_> =
            tracked.routes.iter().map(|number| self.routing.tree().get(*number)).collect();
        let muted: Vec<_> = routes.iter().map(|route| self.routing.muted_by(route, now)).collect();
        let is_muted = muted.iter().all(|names| !names.is_empty());
        let names = muted.into_iter().flatten().filter(|_| is_muted);
        Some(Status {
            silenced_by: self.silences.active(&covering, now).cloned().collect(),
            inhibited_by: self.inhibitor.inhibits(labels),
            muted_by: names.map(str::to_owned).collect(),
            hidden: tracked.alert.hidden.clone(),
            acknowledged: self.acks.of(&tracked.alert, fingerprint).cloned(),
            receivers: routes.iter().map(|route| route.receiver.clone()).collect(),
        })
    }

    /// When anybody was last told that an alert is on; none: nobody was, or they know that it is over.
    pub fn told_at(&self, fingerprint: Fingerprint) -> Option<Timestamp> {
        let tracked = self.alerts.get(&fingerprint)?;
        let groups = tracked.groups.iter().filter_map(|id| self.groups.get(id));
        let sent = groups.filter_map(|group| self.sent.get(&group.key)).flatten();
        let knows = |one: &&crate::change::Sent| one.firing.binary_search(&fingerprint).is_ok();
        sent.filter(knows).map(|sent| sent.at).max()
    }

    /// Every group that has alerts, in order of receivers and keys.
    pub fn groups(&self, now: Timestamp) -> Vec<GroupView<'_>> {
        let filled = self.groups.values().filter(|group| !group.members.is_empty());
        let mut views: Vec<_> = filled
            .map(|group| {
                let route = self.routing.tree().get(group.route);
                let members = group.members.iter();
                let mut alerts: Vec<_> = members
                    .filter_map(|member| Some((*member, &self.alerts.get(member)?.alert)))
                    .collect();
                alerts.sort_by_key(|(fingerprint, _)| *fingerprint);
                GroupView {
                    key: &group.key,
                    labels: &group.labels,
                    receiver: &route.receiver,
                    muted_by: self.routing.muted_by(route, now),
                    alerts,
                }
            })
            .collect();
        views.sort_by(|a, b| (a.receiver, a.key).cmp(&(b.receiver, b.key)));
        views
    }
}
