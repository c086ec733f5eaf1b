//! `check`: whether the cluster is fast enough, and what memory keys take.

use std::time::Duration;

use bytes::Bytes;
use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use etcd::{HttpTarget, prefix_end};

use super::Command;
use crate::call::Call;
use crate::compat::Compat;
use crate::failure::{Failure, exit};
use crate::go;
use crate::load::{Load, Outcome, Pace};
use crate::parse::Flag;
use crate::session::Session;

/// `check`.
pub(super) const CHECK: Command = Command::group(
    "check",
    "check <subcommand>",
    "commands for checking properties of the etcd cluster",
    &[&DATASCALE, &PERF],
);

const COMPACT: Flag = Flag::bool("auto-compact", "compact up to the last revision afterwards");
const DEFRAG: Flag = Flag::bool("auto-defrag", "defragment each endpoint afterwards");
const LOAD: Flag = Flag::text("load", "s", "s (small), m (medium), l (large) or xl (xLarge)");

const DATASCALE: Command = Command::new(
    "datascale",
    "datascale [options]",
    "Check the memory usage of holding data for different workloads on a given server endpoint.",
    |call| Box::pin(datascale(call)),
)
.long("The memory is that of the first endpoint, as its /metrics say.")
.flags(&[
    COMPACT,
    DEFRAG,
    LOAD,
    Flag::text("prefix", "/etcdctl-check-datascale/", "what the keys that it writes begin with"),
]);

const PERF: Command = Command::new(
    "perf",
    "perf [options]",
    "Check the performance of the etcd cluster",
    |call| Box::pin(perf(call)),
)
.long(
    "\
Writes at a steady rate for 60 s: s 150 writes a second with 50 clients, m 1,000 with 200, l 8,000 with
500, xl 15,000 with 1,000. It passes when 90 % of the rate was reached, no write took longer than
0.5 s, and the standard deviation was at most 0.1 s.",
)
.flags(&[
    COMPACT,
    DEFRAG,
    LOAD,
    Flag::text("prefix", "/etcdctl-check-perf/", "what the keys that it writes begin with"),
]);

/// Time of a load at a rate.
const PERF_TIME: Duration = Duration::from_mins(1);
/// Longest time to clean up behind it, as in etcdctl.
const CLEAN_LIMIT: Duration = Duration::from_secs(30);
/// Longest time for compaction and defragmentation, which take as long as there are keys.
const MAINTENANCE_LIMIT: Duration = Duration::from_mins(10);

/// The place of a load in the tables below.
fn model(call: &Call<'_>) -> Result<usize, Failure> {
    let load = call.flags.text("load");
    Ok(match &*load {
        "s" | "small" => 0,
        "m" | "medium" => 1,
        "l" | "large" => 2,
        "xl" | "xLarge" => 3,
        other => {
            return Err(Failure::bad_feature(format!("unknown load option {other}"))
                .with_detail("give --load=s, m, l or xl"));
        }
    })
}

async fn perf(call: &mut Call<'_>) -> Result<(), Failure> {
    const LOADS: [(u32, usize); 4] = [(150, 50), (1000, 200), (8000, 500), (15_000, 1000)];
    let (rate, clients) = LOADS[model(call)?];
    let session = call.session().await?;
    let prefix = unused_prefix(call, &session).await?;
    let load = Load {
        prefix: prefix.clone(),
        key_bytes: 256,
        value_bytes: 1024,
        clients,
        pace: Pace::Rate(rate.into(), PERF_TIME),
    };
    let outcome = load.run(&session, |_| {}).await;
    clean(call, &session, &prefix).await?;
    let mut is_well = outcome.errors.is_empty();
    if !is_well {
        tell_errors(call, &outcome);
    }
    let rate_reached = outcome.rate();
    let shown = rate_reached as i64 + 1;
    let mut verdict = |is_good: bool, pass: String, fail: String| {
        is_well &= is_good;
        if is_good { pass } else { fail }
    };
    let (slowest, deviation) = (outcome.sent.slowest(), outcome.sent.deviation());
    let (slow, deviate) = (slowest.as_secs_f64(), deviation.as_secs_f64());
    let lines = [
        verdict(
            rate_reached / f64::from(rate) > 0.9,
            format!("PASS: Throughput is {shown} writes/s"),
            format!("FAIL: Throughput too low: {shown} writes/s"),
        ),
        verdict(
            slowest <= Duration::from_millis(500),
            format!("PASS: Slowest request took {slow:.6}s"),
            format!("Slowest request took too long: {slow:.6}s"),
        ),
        verdict(
            deviation <= Duration::from_millis(100),
            format!("PASS: Stddev is {deviate:.6}s"),
            format!("Stddev too high: {deviate:.6}s"),
        ),
    ];
    for line in lines {
        call.say(&line);
    }
    tell_percentiles(call, &outcome, true);
    call.say(if is_well { "PASS" } else { "FAIL" });
    if is_well { Ok(()) } else { Err(Failure::silent(exit::ERROR)) }
}

async fn datascale(call: &mut Call<'_>) -> Result<(), Failure> {
    const LOADS: [(u64, usize); 4] =
        [(10_000, 50), (100_000, 200), (1_000_000, 500), (3_000_000, 1000)];
    let (count, clients) = LOADS[model(call)?];
    let session = call.session().await?;
    let prefix = unused_prefix(call, &session).await?;
    let before = memory(call, &session, "before").await?;
    call.say(&format!(
        "Start data scale check for work load [{count} key-value pairs, 1024 bytes per key-value, \
         {clients} concurrent clients]."
    ));
    call.flush()?;
    let load = Load {
        prefix: prefix.clone(),
        key_bytes: 512,
        value_bytes: 512,
        clients,
        pace: Pace::Count(count),
    };
    let outcome = load.run(&session, |_| {}).await;
    let after = memory(call, &session, "after").await?;
    clean(call, &session, &prefix).await?;
    if !outcome.errors.is_empty() {
        tell_errors(call, &outcome);
        return Err(Failure::silent(exit::ERROR));
    }
    let megabytes = (after - before) / f64::from(1 << 20);
    call.say(&format!("PASS: Approximate system memory used : {megabytes:.2} MB."));
    tell_percentiles(call, &outcome, false);
    Ok(())
}

/// The prefix to write under, if nothing is there.
async fn unused_prefix(call: &Call<'_>, session: &Session) -> Result<Bytes, Failure> {
    let prefix = Bytes::copy_from_slice(call.flags.bytes("prefix"));
    let request = pb::RangeRequest {
        key: if prefix.is_empty() { Bytes::from_static(b"\0") } else { prefix.clone() },
        range_end: prefix_end(&prefix),
        limit: 1,
        ..pb::RangeRequest::default()
    };
    let found = session.read(&rpc::RANGE, request).await?;
    if found.kvs.is_empty() {
        return Ok(prefix);
    }
    let shown = String::from_utf8_lossy(&prefix);
    let quoted = go::quote(&prefix);
    let is_quoted = call.command().name == PERF.name && call.compat >= Compat::V3_5;
    let quote = if is_quoted { "'" } else { "" };
    let command = format!("{quote}etcdctl del --prefix {shown}{quote}");
    let text = format!("prefix {quoted} has keys. Delete with {command} first");
    Err(Failure::invalid_input(text))
}

/// Deletes what was written, and compacts and defragments if that is wanted.
async fn clean(call: &mut Call<'_>, session: &Session, prefix: &Bytes) -> Result<(), Failure> {
    let delete = pb::DeleteRangeRequest {
        key: prefix.clone(),
        range_end: prefix_end(prefix),
        prev_kv: false,
    };
    let answer = session.change_within(&rpc::DELETE_RANGE, delete, CLEAN_LIMIT).await?;
    if call.flags.bool("auto-compact") {
        let revision = answer.header.map_or(0, |header| header.revision);
        call.say(&format!("Compacting with revision {revision}"));
        call.flush()?;
        let request = pb::CompactionRequest { revision, physical: true };
        session.change_within(&rpc::COMPACT, request, MAINTENANCE_LIMIT).await?;
        call.say(&format!("Compacted with revision {revision}"));
    }
    if call.flags.bool("auto-defrag") {
        for (text, member) in session.endpoint_texts().iter().zip(session.members()) {
            call.say(&format!("Defragmenting {}", go::quote(text.as_bytes())));
            call.flush()?;
            member.defragment(MAINTENANCE_LIMIT).await?;
            call.say(&format!("Defragmented {}", go::quote(text.as_bytes())));
        }
    }
    Ok(())
}

fn tell_errors(call: &mut Call<'_>, outcome: &Outcome) {
    call.say("FAIL: too many errors");
    for (error, count) in &outcome.errors {
        call.say(&format!("FAIL: ERROR({error}) -> {count}"));
    }
}

/// What etcdctl does not tell: how most writes fared, also counted from when they were due.
fn tell_percentiles(call: &mut Call<'_>, outcome: &Outcome, is_paced: bool) {
    let line = |[p50, p90, p99, p999]: [Duration; 4]| {
        let text = go::show_duration;
        format!("p50 {}, p90 {}, p99 {}, p99.9 {}", text(p50), text(p90), text(p99), text(p999))
    };
    let shares = [0.5, 0.9, 0.99, 0.999];
    let sent = line(outcome.sent.percentiles(shares));
    call.io.complain(&format!("writes took: {sent}"));
    if is_paced {
        let due = line(outcome.due.percentiles(shares));
        call.io.complain(&format!("with the wait for a free client: {due}"));
    }
}

/// The resident memory of the first endpoint's process, in bytes.
async fn memory(call: &mut Call<'_>, session: &Session, when: &str) -> Result<f64, Failure> {
    let page = HttpTarget::of_member("/metrics");
    let member = &session.members()[0];
    let found = match member.http_get(&page, session.timeout, 16 << 20).await {
        Ok(reply) => String::from_utf8_lossy(&reply.body)
            .lines()
            .find_map(|line| line.strip_prefix("process_resident_memory_bytes "))
            .and_then(|value| value.trim().parse::<f64>().ok()),
        Err(error) => {
            call.io.complain(&error.to_string());
            None
        }
    };
    found.filter(|bytes| *bytes > 0.0).ok_or_else(|| {
        call.say(&format!(
            "FAIL: Could not read process_resident_memory_bytes {when} the put operations."
        ));
        Failure::silent(exit::ERROR)
    })
}
