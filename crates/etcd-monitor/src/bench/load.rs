//! From flags to a run: what is asked for, and making it once.

use std::path::Path;

use ::bench::arrivals::{Profile, Spacing};
use ::bench::objectives::Objectives;
use ::bench::spec::{Content, Distribution, Kind, Length, Pace, Spec};
use ::bench::{Outcome, Run};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Reached;
use super::error::Error;
use super::live::Live;
use crate::cli::bench::{self as flags, LoadFlags};
use crate::error::Error as ProgramError;
use crate::version::VERSION;

/// Most operations of an open loop that are under way, unless told otherwise.
const OPEN_CLIENTS: usize = 1_000;

/// What `flags` ask for, or every mistake in them.
pub(super) fn spec(kind: Kind, flags: &LoadFlags) -> Result<Spec, Error> {
    let defaults = Spec::default();
    let length = match (flags.total, flags.duration) {
        (Some(total), _) => Length::Operations(total),
        (None, Some(time)) => Length::Time(time),
        (None, None) => defaults.length,
    };
    let spacing = match flags.arrivals {
        flags::Arrivals::Poisson => Spacing::Poisson,
        flags::Arrivals::Constant => Spacing::Constant,
    };
    let profile = |rate| match (flags.ramp_to, length) {
        (Some(to), Length::Time(time)) => {
            let seconds = (flags.warm_up + time).as_secs_f64();
            Profile::Ramp { from: rate, to, steps: flags.steps.unwrap_or(0), seconds }
        }
        (Some(to), Length::Operations(_)) => {
            Profile::Ramp { from: rate, to, steps: 0, seconds: 1.0 }
        }
        (None, _) => Profile::Steady { rate },
    };
    // A rate that nobody gave is that of watch-latency: it is about waiting, not about load.
    let rate =
        flags.rate.or(matches!(kind, Kind::WatchLatency | Kind::LeaseExpiry).then_some(100.0));
    let is_open = rate.is_some();
    let watches = matches!(kind, Kind::Watch | Kind::WatchLatency);
    let spec = Spec {
        kind,
        clients: flags.clients.unwrap_or(if is_open { OPEN_CLIENTS } else { defaults.clients }),
        connections: flags.conns,
        threads: flags.threads,
        target: flags.target.clone(),
        pace: rate.map_or(Pace::Closed, |rate| Pace::Open { profile: profile(rate), spacing }),
        length,
        warm_up: flags.warm_up,
        timeout: flags.timeout,
        keys: flags.keys.unwrap_or(if watches { 1 } else { defaults.keys }),
        distribution: match flags.distribution {
            flags::Distribution::Uniform => Distribution::Uniform,
            flags::Distribution::Zipf => Distribution::Zipf,
            flags::Distribution::Sequential => Distribution::Sequential,
            flags::Distribution::Hot => Distribution::Hot,
        },
        key_bytes: flags.key_size,
        value_bytes: flags.value_size,
        content: match flags.value {
            flags::Content::Random => Content::Random,
            flags::Content::Compressible => Content::Compressible,
        },
        prefix: flags.prefix.clone(),
        seed: flags.seed,
        read_ratio: flags.read_ratio,
        serializable: flags.serializable,
        keys_only: flags.keys_only,
        count_only: flags.count_only,
        range_keys: flags.range_keys,
        txn_operations: flags.txn_ops,
        watchers: flags.watchers,
        expire: None,
        pattern: None,
        give_up_after: flags.give_up_after,
        max_quota_ratio: defaults.max_quota_ratio,
    };
    if kind == Kind::Mirror { Ok(spec) } else { checked(spec) }
}

/// The same, or every mistake in it.
pub(super) fn checked(spec: Spec) -> Result<Spec, Error> {
    let mistakes = spec.validate();
    if mistakes.is_empty() { Ok(spec) } else { Err(Error::Flags(mistakes)) }
}

/// The objectives in a file, if one is given.
pub(super) fn objectives(path: Option<&Path>) -> Result<Option<Objectives>, Error> {
    let Some(path) = path else { return Ok(None) };
    let unusable = |reason: String| Error::Objectives { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    serde_saphyr::from_str(&text).map(Some).map_err(|error| unusable(error.to_string()))
}

/// How a run is shown while it is under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner<'a> {
    /// Not at all.
    pub(super) is_quiet: bool,
    /// What is said first, in place of all that is about to happen.
    pub(super) heading: Option<&'a str>,
}

/// Announces a run, makes it, and shows how it goes.
pub(super) async fn once(
    spec: Spec,
    reached: Reached,
    force: bool,
    manner: Manner<'_>,
    now: Timestamp,
    interrupt: CancellationToken,
) -> Result<Outcome, ProgramError> {
    let Reached { client, endpoints, name } = reached;
    let run = Run::check(spec, client, &endpoints, force).await.map_err(Error::from)?;
    let mut live = Live::new(manner.is_quiet);
    live.say(&manner.heading.map_or_else(|| run.announcement(), str::to_owned));
    let program = format!("etcd-monitor {}", *VERSION);
    let made = run.make(now, &program, &interrupt, &mut |progress| live.show(progress)).await;
    live.end();
    let mut outcome = made.map_err(Error::from)?;
    outcome.cluster = name;
    Ok(outcome)
}
