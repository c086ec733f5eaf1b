//! Whether the monitor itself can see: most of what it watches answers, and it looks in time.

use std::time::Duration;

use jiff::Timestamp;
use model::finding::{Evidence, FindingKind};
use model::severity::Severity;
use monitor::detect::Condition;
use monitor::fleet::Fleet;
use monitor::view::ClusterView;

/// A sweep that is so many times later than its interval was missed by us, not by etcd.
const LATE: u32 = 3;

/// With fewer clusters, one that does not answer says nothing about us.
const FEWEST: usize = 2;

/// How long it is told that the monitor did not run.
const TOLD_FOR: Duration = Duration::from_mins(1);

/// What is remembered between two looks.
#[derive(Debug, Default)]
pub(super) struct Blindness {
    looked_at: Option<Timestamp>,
    /// When the monitor ran again after it had not, and for how long it had not.
    stalled: Option<(Timestamp, Duration)>,
}

impl Blindness {
    /// What can't be seen at `now`, when looks are `every` apart.
    pub(super) fn look(
        &mut self,
        fleet: &Fleet,
        every: Duration,
        now: Timestamp,
    ) -> Option<Condition> {
        self.note(every, now);
        let clusters = fleet.clusters();
        let seen: Vec<Seen> = clusters
            .iter()
            .map(|cluster| Seen::of(&cluster.view(), cluster.config().intervals.health, now))
            .collect();
        condition(&seen, self.stalled, now)
    }

    fn note(&mut self, every: Duration, now: Timestamp) {
        if let Some(before) = self.looked_at.replace(now) {
            let between = Duration::try_from(now.duration_since(before)).unwrap_or_default();
            if between > every * LATE {
                self.stalled = Some((now, between));
            }
        }
        let is_told = |(at, _): &(Timestamp, Duration)| {
            Duration::try_from(now.duration_since(*at)).is_ok_and(|since| since < TOLD_FOR)
        };
        self.stalled = self.stalled.filter(is_told);
    }
}

/// How a cluster looks from here.
#[derive(Debug, Clone)]
struct Seen {
    cluster: String,
    answers: bool,
    /// How old its last sweep is, where it should be younger.
    late: Option<Duration>,
}

impl Seen {
    fn of(view: &ClusterView, interval: Duration, now: Timestamp) -> Self {
        let age = view.as_of.map(|at| Duration::try_from(now.duration_since(at)));
        let age = age.and_then(Result::ok).unwrap_or_default();
        Self {
            cluster: view.name.clone(),
            answers: view.members.iter().any(|member| member.is_reachable != Some(false))
                || view.members.is_empty(),
            late: (age > interval * LATE).then_some(age),
        }
    }
}

fn condition(
    seen: &[Seen],
    stalled: Option<(Timestamp, Duration)>,
    now: Timestamp,
) -> Option<Condition> {
    let silent: Vec<&Seen> = seen.iter().filter(|cluster| !cluster.answers).collect();
    let late: Vec<&Seen> = seen.iter().filter(|cluster| cluster.late.is_some()).collect();
    let is_cut_off = seen.len() >= FEWEST && silent.len() * 2 >= seen.len();
    let (summary, evidence) = if is_cut_off {
        let of = |cluster: &&Seen| observed(now, &cluster.cluster, "no member answers".to_owned());
        (
            format!(
                "{} of {} clusters do not answer: the monitor may be cut off",
                silent.len(),
                seen.len()
            ),
            silent.iter().map(of).collect::<Vec<_>>(),
        )
    } else if let Some((_, time)) = stalled {
        let text = format!("did not run for {:.0} s", time.as_secs_f64());
        (
            format!("the monitor {text}: what happened meanwhile was not seen"),
            vec![observed(now, "etcd-monitor", text)],
        )
    } else if !late.is_empty() && late.len() * 2 >= seen.len() {
        let of = |cluster: &&Seen| {
            let age = cluster.late.unwrap_or_default().as_secs_f64();
            observed(now, &cluster.cluster, format!("the last sweep is {age:.0} s old"))
        };
        (
            format!("{} of {} clusters are looked at too late", late.len(), seen.len()),
            late.iter().map(of).collect(),
        )
    } else {
        return None;
    };
    let condition = Condition::new(FindingKind::MonitorBlind, Severity::Critical, summary)
        .explained(
            "While this lasts, silence about a cluster does not mean that it is well, and members \
             that do not answer may be up.",
        )
        .resting_on(evidence)
        .caused_by([
            "the network or DNS of the monitor's own host",
            "its host has too little CPU or memory, or was suspended",
        ])
        .next([
            "on the monitor's host: ip route; getent hosts MEMBER; uptime; free -m; dmesg",
            "look at the clusters from another host: etcdctl --endpoints=… endpoint health",
        ]);
    Some(condition)
}

fn observed(at: Timestamp, source: &str, observed: String) -> Evidence {
    Evidence { at, source: source.to_owned(), observed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn seen(answers: bool, late: Option<u64>) -> Seen {
        Seen { cluster: "c".to_owned(), answers, late: late.map(Duration::from_secs) }
    }

    fn summary(clusters: &[Seen]) -> Option<String> {
        condition(clusters, None, at(0)).map(|condition| condition.summary)
    }

    #[test]
    fn one_cluster_that_is_silent_says_nothing_about_us() {
        assert_eq!(summary(&[]), None);
        assert_eq!(summary(&[seen(false, None)]), None);
        assert_eq!(summary(&[seen(false, None), seen(true, None), seen(true, None)]), None);
        let half = summary(&[seen(false, None), seen(true, None)]).unwrap();
        assert_eq!(half, "1 of 2 clusters do not answer: the monitor may be cut off");
    }

    #[test]
    fn looking_too_late_is_told() {
        let late = summary(&[seen(true, Some(9))]).unwrap();
        assert_eq!(late, "1 of 1 clusters are looked at too late");
        assert_eq!(summary(&[seen(true, Some(9)), seen(true, None), seen(true, None)]), None);
    }

    #[test]
    fn a_process_that_was_frozen_says_so_for_a_minute() {
        let every = Duration::from_secs(2);
        let mut blindness = Blindness::default();
        for second in [0, 2, 4, 34] {
            blindness.note(every, at(second));
        }
        assert_eq!(blindness.stalled, Some((at(34), Duration::from_secs(30))));
        (36..=94).step_by(2).for_each(|second| blindness.note(every, at(second)));
        assert_eq!(blindness.stalled, None);
    }
}
