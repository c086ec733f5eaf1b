//! `bench find-max`: the highest rate at which latency is as wanted.

use std::io::Write;

use ::bench::Outcome;
use ::bench::arrivals::Profile;
use ::bench::outcome::Ended;
use ::bench::search::Search;
use ::bench::spec::{Pace, Spec};
use jiff::Timestamp;

use super::error::Error;
use super::load::Manner;
use super::text::short;
use super::{load, reach, with_runtime, write};
use crate::cli::bench::FindMaxFlags;
use crate::config::Environment;
use crate::error::Error as ProgramError;
use crate::query::grid::{Align, Grid};

/// Operations per second of the first try, unless told otherwise.
const FIRST: f64 = 1_000.0;
/// Share of the wanted rate that must be reached.
const REACHED: f64 = 0.97;

/// Searches, and writes every try to `out`.
pub(super) fn run(
    flags: &FindMaxFlags,
    environment: &dyn Environment,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), ProgramError> {
    let mut load_flags = flags.load.clone();
    let first = load_flags.rate.get_or_insert(FIRST);
    let mut search = Search::from(*first);
    let spec = load::spec(flags.kind, &load_flags)?;
    let mut grid =
        Grid::new(vec![Align::Right, Align::Right, Align::Right, Align::Right, Align::Left]);
    grid.add(["RATE", "REACHED", "P99", "FAILED", ""].map(str::to_owned));
    let (tries, is_partial) = with_runtime(async |interrupt| {
        let reached = reach(&load_flags.cluster, environment, now).await?;
        let mut tries = Vec::new();
        while let Some(rate) = search.next_rate() {
            let spec = at_rate(&spec, rate);
            let (force, quiet) = (load_flags.force, load_flags.quiet);
            let reached = reached.clone();
            let heading = format!("try {}: {rate:.0}/s", tries.len() + 1);
            let heading = (!tries.is_empty()).then_some(heading.as_str());
            let manner = Manner { is_quiet: quiet, heading };
            let made = load::once(spec, reached, force, manner, now, interrupt.clone()).await;
            let outcome = match made {
                // What was found before is not lost by it.
                Err(_) | Ok(Outcome { ended: Ended::Interrupted, .. })
                    if interrupt.is_cancelled() && !tries.is_empty() =>
                {
                    return Ok((tries, true));
                }
                made => made?,
            };
            if outcome.ended == Ended::Interrupted {
                return Err(Error::Interrupted.into());
            }
            let trouble = trouble(&outcome, rate, flags);
            search.note(trouble.is_none());
            tries.push((rate, outcome, trouble));
        }
        Ok((tries, false))
    })?;
    for (rate, outcome, trouble) in &tries {
        let p99 = outcome.latencies().quantile(0.99).unwrap_or_default();
        grid.add([
            format!("{rate:.0}/s"),
            format!("{:.0}/s", outcome.throughput),
            short(p99.as_secs_f64()),
            outcome.failed().to_string(),
            trouble.clone().unwrap_or_else(|| "as wanted".to_owned()),
        ]);
    }
    let found = search.found();
    let last = match found {
        _ if is_partial => match found {
            Some(rate) => format!("PARTIAL: interrupted; as wanted so far: {rate:.0}/s"),
            None => "PARTIAL: interrupted; no rate was as wanted so far".to_owned(),
        },
        Some(rate) => format!("highest rate with p99 of at most {:?}: {rate:.0}/s", flags.p99),
        None => format!("at no rate was p99 at most {:?}", flags.p99),
    };
    write(out, &format!("{}\n\n{last}\n", grid.lines().join("\n")))?;
    if is_partial {
        return Err(Error::Interrupted.into());
    }
    if found.is_none() {
        return Err(Error::Unwell("no rate was found").into());
    }
    Ok(())
}

fn at_rate(spec: &Spec, rate: f64) -> Spec {
    let mut spec = spec.clone();
    if let Pace::Open { profile, .. } = &mut spec.pace {
        *profile = Profile::Steady { rate };
    }
    spec
}

/// Why a try is not as wanted, if it is not.
fn trouble(outcome: &Outcome, rate: f64, flags: &FindMaxFlags) -> Option<String> {
    let p99 = outcome.latencies().quantile(0.99).unwrap_or_default();
    if let Ended::Stopped(reason) = &outcome.ended {
        Some(reason.clone())
    } else if outcome.failed() > 0 {
        Some("operations failed".to_owned())
    } else {
        let what = if p99 > flags.p99 {
            "latency too high"
        } else if is_short_of(outcome, rate) {
            "rate not reached"
        } else {
            // Latencies count from the intended start: what is met although this program was late is met.
            return None;
        };
        let is_ours = outcome.generator.limit.is_some();
        Some(if is_ours { format!("{what}; this program was the limit") } else { what.to_owned() })
    }
}

/// Whether fewer operations succeeded than the rate asks for, and than chance explains.
fn is_short_of(outcome: &Outcome, rate: f64) -> bool {
    let expected = rate * outcome.seconds;
    let done = outcome.throughput * outcome.seconds;
    done == 0.0 || done < expected * REACHED - 3.0 * expected.sqrt()
}
