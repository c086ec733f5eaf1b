//! pprof exposed: a member serves its profiler to whoever reaches its client port.

use model::finding::FindingKind;
use model::severity::Severity;

use super::addresses::is_public;
use super::{Condition, Window};
use crate::sweep::MemberSweep;
use crate::view::MemberView;

/// One condition per member.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    window.answering().filter_map(|(member, said)| condition(member, said)).collect()
}

fn condition(member: &MemberView, said: &MemberSweep) -> Option<Condition> {
    let answer = said.profiler.filter(|answer| answer.is_served)?;
    let is_public = is_public(said.endpoint.host());
    let severity = if is_public { Severity::Warning } else { Severity::Info };
    let name = &member.name;
    let summary = if is_public {
        format!("{name} serves its profiler on a public address")
    } else {
        format!("{name} serves its profiler on its client port")
    };
    Some(
        Condition::new(FindingKind::PprofExposed, severity, summary)
            .of(Some(member.reference()))
            .explained(
                "Whoever reaches the port, and has a client certificate where one is asked for, can \
                 read the command line and memory profiles, and slow the member down with CPU \
                 profiles. A password of etcd does not protect it.",
            )
            .seen(
                answer.at,
                format!("{} GET /debug/pprof/cmdline", said.endpoint),
                "HTTP status 200, text/plain",
            )
            .caused_by(["the member was started with --enable-pprof, perhaps for an investigation"])
            .next([
                format!("curl -si {}/debug/pprof/cmdline | head -1", said.endpoint.url()),
                format!("restart {name} without --enable-pprof"),
                "if it is needed: let a firewall admit only those to port 2379 who need it".to_owned(),
            ]),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scene::{Scene, of_kind, open};

    #[test]
    fn a_profiler_is_told_until_it_is_gone() {
        let mut scene = Scene::new(3);
        scene.metric(2, "etcd_server_has_leader", 1.0);
        scene.member(2).profiler = true;
        let verdict = scene.run(Duration::from_mins(1), |_, _| {});
        assert_eq!(open(&verdict), ["pprof_exposed m2"]);
        assert_eq!(of_kind(&verdict, FindingKind::PprofExposed)[0].severity, Severity::Info);
        scene.member(2).profiler = false;
        assert_eq!(open(&scene.run(Duration::from_mins(1), |_, _| {})), [""; 0]);
    }
}
