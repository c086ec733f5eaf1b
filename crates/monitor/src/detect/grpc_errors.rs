//! gRPC errors: many calls of one method end with a code for which the server is to blame.
//!
//! Streams are left out: their calls end with an error whenever a client goes away. So are learners,
//! which refuse most calls by design. The codes are those of etcd's own alerting rules.

use model::finding::FindingKind;
use model::health::Role;
use model::severity::Severity;

use super::reading::{Reading, percent};
use super::{Condition, Window};
use crate::metrics::figures::RequestFigures;
use crate::metrics::source::ERROR_CODES;

const WARNING_RATIO: f64 = 0.01;
const CRITICAL_RATIO: f64 = 0.05;

/// Fewer calls per second than this make no ratio.
const MIN_CALLS: f64 = 0.1;

/// Fewer errors in the window than this are an accident.
const MIN_ERRORS: f64 = 5.0;

/// Errors per second from which on somebody has to act now.
const CRITICAL_ERRORS: f64 = 1.0;

/// Methods with a stream.
const STREAMS: [&str; 6] =
    ["Watch", "LeaseKeepAlive", "Snapshot", "Observe", "RangeStream", "ServerReflectionInfo"];

/// One condition per member and method.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for reading in window.readings().filter(|reading| reading.member.role != Role::Learner) {
        let calls = reading.figures.into_iter().flat_map(|figures| &figures.requests);
        conditions.extend(calls.filter_map(|call| condition(&reading, call)));
    }
    conditions
}

fn condition(reading: &Reading<'_>, call: &RequestFigures) -> Option<Condition> {
    let figures = reading.figures?;
    let (all, errors) = (call.per_second, call.errors_per_second);
    let ratio = errors / all;
    let is_counted = !STREAMS.contains(&call.method.as_str())
        && all.is_finite()
        && all >= MIN_CALLS
        && errors * figures.window.as_secs_f64() >= MIN_ERRORS;
    let severity = match ratio {
        ratio if ratio > CRITICAL_RATIO && errors >= CRITICAL_ERRORS => Severity::Critical,
        ratio if ratio > WARNING_RATIO => Severity::Warning,
        _ => return None,
    };
    if !is_counted {
        return None;
    }
    let service = call.service.rsplit('.').next().unwrap_or_default();
    let method = format!("{service}/{}", call.method);
    let name = &reading.member.name;
    let summary = format!("{name}: {} of {method} calls fail", percent(ratio));
    let codes = figures.errors_by_code.iter().filter(|code| ERROR_CODES.contains(&code.code));
    let codes = codes.map(|code| {
        reading.evidence(format!(
            "grpc_server_handled_total{{grpc_code=\"{}\"}}: {:.2} per second, of all methods",
            code.code, code.per_second
        ))
    });
    let has = |code: &str| figures.errors_by_code.iter().any(|seen| seen.code == code);
    let mut causes = Vec::new();
    if has("ResourceExhausted") {
        causes.push("ResourceExhausted: the database is full (NOSPACE), or too many requests wait");
    }
    if has("Unavailable") || has("DeadlineExceeded") {
        causes.push(
            "Unavailable, DeadlineExceeded: no leader, a lost quorum, a slow disk or overload",
        );
    }
    if has("Unknown") {
        causes
            .push("Unknown: mostly requests that the member cannot make sense of, from one client");
    }
    causes.push("a client that asks for what it cannot get, again and again");
    Some(
        Condition::new(FindingKind::GrpcErrors, severity, summary)
            .of(Some(reading.member.reference()))
            .about(method.as_str())
            .explained(
                "Only codes count for which the server is to blame, of calls without a stream. \
                 Clients of this member see them as failures, most of them after retries.",
            )
            .resting_on([reading.evidence(format!(
                "grpc_server_handled_total{{grpc_service=\"{}\",grpc_method=\"{}\"}}: {errors:.2} \
                 errors of {all:.2} calls per second in the last {:.0} s",
                call.service,
                call.method,
                figures.window.as_secs_f64()
            ))])
            .resting_on(codes)
            .caused_by(causes)
            .next([
                format!("on the host of {name}: journalctl -u etcd --since -10min | grep -iE 'error|warn'"),
                format!("etcdctl --endpoints={} endpoint health", reading.endpoint()),
                "look at the other findings of this cluster: this one is mostly a symptom".to_owned(),
            ]),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scene::{Scene, of_kind, open};

    fn with(scene: &mut Scene, method: &str, code: &str, ok: f64, failed: f64) -> Vec<String> {
        let verdict = scene.run(Duration::from_mins(5), |scene, _| {
            for (code, rate) in [("OK", ok), (code, failed)] {
                let series = format!(
                    "grpc_server_handled_total{{grpc_code=\"{code}\",grpc_method=\"{method}\",\
                     grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"}}"
                );
                let last = scene.member(3).page.get(&series).copied().unwrap_or(1.0);
                scene.metric(3, &series, last + 15.0 * rate);
            }
            scene.metric(3, "etcd_server_has_leader", 1.0);
        });
        let word = |finding: &std::sync::Arc<model::finding::Finding>| {
            let name = &finding.member.as_ref().unwrap().name;
            format!("{} {name} {}", finding.severity, finding.about)
        };
        let found = of_kind(&verdict, FindingKind::GrpcErrors);
        assert_eq!(found.len(), open(&verdict).len());
        found.iter().map(word).collect()
    }

    #[test]
    fn calls_that_fail_are_told_by_method_until_they_don_t() {
        let mut scene = Scene::new(3);
        assert_eq!(with(&mut scene, "Put", "Unavailable", 100.0, 3.0), ["warning m3 KV/Put"]);
        assert_eq!(with(&mut scene, "Put", "Unavailable", 100.0, 30.0), ["critical m3 KV/Put"]);
        assert_eq!(with(&mut scene, "Put", "Unavailable", 100.0, 0.0), [""; 0]);
    }

    #[test]
    fn streams_the_clients_own_errors_and_accidents_are_no_findings() {
        for (method, code, ok, failed) in [
            ("Watch", "Unavailable", 1.0, 1.0),
            ("Range", "Canceled", 1.0, 1.0),
            ("Range", "NotFound", 1.0, 1.0),
            ("Range", "Unavailable", 100.0, 0.5),
            ("Range", "Unavailable", 0.01, 0.05),
            ("Range", "Unavailable", f64::NAN, f64::INFINITY),
            ("Range", "Unavailable", -5.0, -5.0),
        ] {
            assert_eq!(
                with(&mut Scene::new(3), method, code, ok, failed),
                [""; 0],
                "{method} {code}"
            );
        }
    }

    #[test]
    fn the_errors_of_one_election_are_no_finding() {
        let mut scene = Scene::new(3);
        with(&mut scene, "Put", "Unavailable", 100.0, 0.0);
        let series = "grpc_server_handled_total{grpc_code=\"Unavailable\",grpc_method=\"Put\",\
                      grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"}";
        scene.metric(3, series, 500.0);
        for _ in 0..12 {
            let verdict = scene.run(Duration::from_secs(15), |_, _| {});
            assert_eq!(open(&verdict), [""; 0]);
        }
    }
}
