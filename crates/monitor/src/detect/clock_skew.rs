//! Clock skew: the clock of a member differs from those of the others.
//!
//! The offsets come from the `Date` of HTTP replies, each known only within bounds; told is what the
//! bounds leave no doubt of, against the median of the members. Of two members neither is the median:
//! there our own clock is the third. A single member is not judged.

use model::finding::{Evidence, FindingKind};
use model::severity::Severity;

use super::{Condition, Window};
use crate::skew::{Offset, SkewTrack, median};
use crate::view::MemberView;

const WARNING_SECONDS: f64 = 0.5;
const CRITICAL_SECONDS: f64 = 2.0;

/// One condition per member.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let mut clocks: Vec<Clock<'_>> = Vec::new();
    for (member, _) in window.answering() {
        let track = member.id.and_then(|id| window.chronicle.member(id)).map(|track| &track.skew);
        let Some(track) = track else { continue };
        let is_fresh = track.last().is_some_and(|last| window.is_fresh(last.sent_at));
        if let Some(offset) = track.offset().filter(|_| is_fresh) {
            clocks.push(Clock { member, track, offset });
        }
    }
    let mut offsets: Vec<Offset> = clocks.iter().map(|clock| clock.offset).collect();
    match offsets.len() {
        0 | 1 => return Vec::new(),
        2 => offsets.push(Offset::OURS),
        _ => {}
    }
    let Some(middle) = median(&offsets) else { return Vec::new() };
    clocks.iter().filter_map(|clock| condition(&clocks, clock, middle)).collect()
}

struct Clock<'a> {
    member: &'a MemberView,
    track: &'a SkewTrack,
    offset: Offset,
}

fn condition(clocks: &[Clock<'_>], clock: &Clock<'_>, middle: Offset) -> Option<Condition> {
    let beyond = clock.offset.beyond(middle);
    let severity = match beyond.abs() {
        seconds if seconds > CRITICAL_SECONDS => Severity::Critical,
        seconds if seconds > WARNING_SECONDS => Severity::Warning,
        _ => return None,
    };
    let name = &clock.member.name;
    let direction = if beyond > 0.0 { "ahead of" } else { "behind" };
    let about = (clock.offset.middle() - middle.middle()).abs();
    let summary = format!("the clock of {name} is about {about:.1} s {direction} the others'");
    let host = clock.member.endpoint.as_deref().unwrap_or_default();
    Some(
        Condition::new(FindingKind::ClockSkew, severity, summary)
            .of(Some(clock.member.reference()))
            .explained(format!(
                "It is at least {:.1} s {direction} the median of the members. Consensus does not \
                 use the time of day, but certificates, JWT tokens, leases across restarts and the \
                 comparison of logs do.",
                beyond.abs()
            ))
            .resting_on(clocks.iter().map(evidence))
            .caused_by([
                "its time service is not running, or reaches no server: chronyd, ntpd",
                "its virtual machine was suspended, moved or restored",
                "a proxy before the member sets the Date header by its own clock",
            ])
            .next([
                format!("on the host of {name}: chronyc tracking, or timedatectl timesync-status"),
                format!("compare by hand: date -u; curl -sI http://{host}/version | grep -i ^date"),
                format!("on the host of {name}: chronyc makestep, once its servers are reached"),
            ]),
    )
}

fn evidence(clock: &Clock<'_>) -> Evidence {
    let endpoint = clock.member.endpoint.as_deref().unwrap_or_default();
    let Offset { low, high } = clock.offset;
    let at = clock.track.last().map_or(jiff::Timestamp::UNIX_EPOCH, |last| last.sent_at);
    let date = clock.track.last().map_or_else(String::new, |last| {
        format!("; the last one said {} when asked at {}", last.date, last.sent_at)
    });
    Evidence {
        at,
        source: format!("{endpoint} HTTP Date"),
        observed: format!(
            "{low:+.2} s to {high:+.2} s from our clock, by {} replies{date}",
            clock.track.replies()
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::judge::Verdict;
    use crate::scene::{Scene, of_kind, open};

    fn with(scene: &mut Scene, offsets_ms: &[i64]) -> Verdict {
        for (id, offset) in (1..).zip(offsets_ms) {
            scene.metric(id, "etcd_server_has_leader", 1.0);
            scene.member(id).clock_ms = *offset;
        }
        scene.run(Duration::from_mins(4), |_, _| {})
    }

    #[test]
    fn the_clock_that_is_off_is_named_and_how_far() {
        let mut scene = Scene::new(3);
        let verdict = with(&mut scene, &[3, -2, 1_200]);
        assert_eq!(open(&verdict), ["clock_skew m3"]);
        let finding = &of_kind(&verdict, FindingKind::ClockSkew)[0];
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.summary.contains("ahead of"), "{}", finding.summary);
        assert_eq!(finding.evidence.len(), 3);
        let verdict = with(&mut scene, &[3, -9_000, 0]);
        assert_eq!(open(&verdict), ["clock_skew m2"]);
        let finding = &of_kind(&verdict, FindingKind::ClockSkew)[0];
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.summary.contains("9.0 s behind"), "{}", finding.summary);
        assert_eq!(open(&with(&mut scene, &[0, 0, 0])), [""; 0]);
    }

    #[test]
    fn a_little_off_and_a_monitor_that_is_off_are_no_findings() {
        assert_eq!(open(&with(&mut Scene::new(3), &[200, -150, 0])), [""; 0]);
        assert_eq!(open(&with(&mut Scene::new(3), &[30_000, 30_010, 29_990])), [""; 0]);
        assert_eq!(open(&with(&mut Scene::new(1), &[30_000])), [""; 0]);
    }

    #[test]
    fn of_two_our_own_clock_tells_which() {
        assert_eq!(open(&with(&mut Scene::new(2), &[0, 3_000])), ["clock_skew m2"]);
        assert_eq!(open(&with(&mut Scene::new(2), &[3_000, 3_000])), [""; 0]);
    }
}
