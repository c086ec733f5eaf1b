//! Consistency check stale: it was not possible for long to compare the members' data. A check that
//! does not run finds nothing, so that is a finding of its own.

use model::finding::FindingKind;
use model::severity::Severity;

use super::{Condition, Window};
use crate::consistency::{Consistency, Outcome};
use crate::view::MemberView;

/// Only where checks are scheduled and there is something to compare.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    let Some(known) = picture.sweep.consistency.as_deref() else { return Vec::new() };
    let members = || picture.members.iter().filter(|member| member.is_listed);
    let last = known.conclusive.as_ref().map_or(known.since, |check| check.ended_at);
    let age = picture.at().duration_since(last);
    let is_stale = age.is_positive() && age.unsigned_abs() > known.stale_after;
    if !known.is_scheduled || !is_stale || members().count() < 2 {
        return Vec::new();
    }
    let endpoints: Vec<&str> = members().filter_map(|member| member.endpoint.as_deref()).collect();
    vec![condition(window.cluster, known, members().next(), &endpoints.join(","))]
}

fn condition(
    cluster: &str,
    known: &Consistency,
    member: Option<&MemberView>,
    endpoints: &str,
) -> Condition {
    let hours = known.stale_after.as_secs() / 3_600;
    let since = known.conclusive.as_ref().map_or(known.since, |check| check.ended_at);
    let (last_at, outcome) = match &known.last {
        Some(check) => (check.ended_at, Some(&check.outcome)),
        None => (known.since, None),
    };
    let why = match outcome {
        Some(Outcome::Unknown(why) | Outcome::Forbidden(why)) => why.as_str(),
        _ => "no check was made",
    };
    let is_forbidden = matches!(outcome, Some(Outcome::Forbidden(_)));
    // What we are not given the right to do is a decision, and the runbook says what it costs.
    let severity = if is_forbidden { Severity::Info } else { Severity::Warning };
    let source = member.and_then(|member| member.endpoint.as_deref()).unwrap_or(cluster);
    let mut causes = vec![
        "a member is unhealthy, or the cluster is under pressure, whenever a check is due",
        "a database is larger than consistency.max_db_size_mb",
        "the members run different versions",
    ];
    let mut next_steps = vec![format!(
        "compare by hand, when there is little load: etcdctl --endpoints={endpoints} endpoint hashkv \
         --write-out=table"
    )];
    if is_forbidden {
        causes.insert(0, "authentication is on, and HashKV asks for a user with the role root");
        next_steps.push(format!(
            "if nobody is to compare the data of {cluster}, set consistency.enabled to false for it"
        ));
    } else {
        next_steps.push(format!("remove what stands in the way: {why}"));
    }
    let summary = if is_forbidden {
        "the members' data are not compared: we may not ask for their hashes".to_owned()
    } else {
        format!("the members' data could not be compared for more than {hours} h")
    };
    Condition::new(FindingKind::ConsistencyCheckStale, severity, summary)
        .explained(
            "Members whose data differ may answer for weeks without any error. Only a comparison \
             finds that, and none was possible.",
        )
        .seen(
            since,
            format!("{source} HashKV"),
            match known.conclusive {
                Some(_) => "the last comparison that succeeded",
                None => "checks began; none has succeeded since",
            },
        )
        .seen(last_at, format!("{source} HashKV"), format!("the last try: {why}"))
        .caused_by(causes)
        .next(next_steps)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::consistency::Check;
    use crate::scene::{Scene, of_kind, open};

    fn watched_for(size: u64, hours: i64) -> (Scene, Consistency) {
        let scene = Scene::new(size);
        let since = scene.now - SignedDuration::from_hours(hours);
        let known = Consistency { is_scheduled: true, ..Consistency::new(since) };
        (scene, known)
    }

    #[test]
    fn a_day_without_a_comparison_is_told_with_the_reason_and_ends_with_the_next() {
        let (mut scene, known) = watched_for(3, 26);
        let known = known.after(Check::not_begun(scene.now, "m2 is not well: frozen"));
        scene.consistency = Some(known.clone());
        let verdict = scene.sweep();
        assert_eq!(open(&verdict), ["consistency_check_stale"]);
        let finding = &of_kind(&verdict, FindingKind::ConsistencyCheckStale)[0];
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.evidence[1].observed, "the last try: m2 is not well: frozen");
        let equal = Check { outcome: Outcome::Equal, ..Check::not_begun(scene.now, "") };
        scene.consistency = Some(known.after(equal));
        assert!(of_kind(&scene.sweep(), FindingKind::ConsistencyCheckStale).is_empty());
    }

    #[test]
    fn that_we_may_not_ask_is_said_and_is_no_warning() {
        let (mut scene, known) = watched_for(3, 26);
        let refused = Outcome::Forbidden("m1:2379 HashKV: permission denied".into());
        let check = Check { outcome: refused, ..Check::not_begun(scene.now, "") };
        scene.consistency = Some(known.after(check));
        let finding = &of_kind(&scene.sweep(), FindingKind::ConsistencyCheckStale)[0];
        assert_eq!(finding.severity, Severity::Info);
        assert!(finding.summary.contains("may not ask"));
    }

    #[test]
    fn nothing_is_stale_in_the_first_day_nor_with_one_member_nor_when_switched_off() {
        for (size, hours, is_scheduled) in [(3, 24, true), (1, 99, true), (3, 99, false)] {
            let (mut scene, known) = watched_for(size, hours);
            scene.consistency = Some(Consistency { is_scheduled, ..known });
            let verdict = scene.sweeps(3);
            assert!(of_kind(&verdict, FindingKind::ConsistencyCheckStale).is_empty(), "{size}");
        }
    }
}
