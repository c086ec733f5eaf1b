//! `bench record` and `bench replay`: what clients do to one cluster, done to another.

use std::fmt::Write as _;
use std::io::Write;

use ::bench::arrivals::Profile;
use ::bench::pattern::Pattern;
use ::bench::spec::{Kind, Pace, Sizes};
use jiff::Timestamp;
use model::config_error::ConfigError;

use super::error::Error;
use super::{Reached, load, measure, reach, with_runtime, write};
use crate::cli::bench::{RecordFlags, ReplayFlags};
use crate::config::Environment;
use crate::error::Error as ProgramError;

/// Most keys of a replay, unless told otherwise.
const MOST_KEYS: u64 = 10_000;
/// Least and most factors of the speed.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.001..=1_000.0;

/// Records, and writes the file.
pub(super) fn record(
    flags: &RecordFlags,
    environment: &dyn Environment,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), ProgramError> {
    // Before time is spent on it.
    let unwritable = |source| Error::Write { path: flags.file.clone(), source };
    let mut file = std::fs::File::create(&flags.file).map_err(unwritable)?;
    let pattern = with_runtime(async |interrupt| {
        let Reached { client, endpoints, .. } = reach(&flags.cluster, environment, now).await?;
        crate::say(&format!(
            "recording for {:?}; Ctrl-C ends it and keeps what there is",
            flags.time
        ));
        let prefix = &flags.prefix;
        let recorded =
            ::bench::record(client, &endpoints, prefix, flags.time, now, &interrupt).await;
        Ok(recorded.map_err(Error::from)?)
    })?;
    let text = serde_json::to_string_pretty(&pattern).unwrap_or_default() + "\n";
    file.write_all(text.as_bytes()).map_err(unwritable)?;
    write(out, &told(&pattern))?;
    if let Some(why) = pattern.trouble() {
        crate::say(&format!("note: this cannot be replayed: {why}"));
        return Err(Error::Unwell("nothing to replay was recorded").into());
    }
    Ok(())
}

/// What was recorded, for people.
fn told(pattern: &Pattern) -> String {
    let rates = &pattern.rates;
    let mut text = format!(
        "{:.0} s: {:.1} reads, {:.1} puts, {:.1} deletions, {:.1} transactions ({:.0} % write), {:.1} new leases, \
         {:.1} renewals each second\n{} keys of {} shapes, {:.1} keys in a read, values of up to {} bytes\n",
        pattern.seconds,
        rates.range,
        rates.put,
        rates.delete,
        rates.txn,
        pattern.txn_write_ratio * 100.0,
        rates.lease_grant,
        rates.lease_keep_alive,
        pattern.keys,
        pattern.shapes.len(),
        pattern.keys_per_read,
        pattern.max_value_bytes()
    );
    match pattern.watchers {
        Some(watchers) => {
            let _ = writeln!(
                text,
                "{} watchers, {:.1} events for each change",
                watchers.count, watchers.events_per_change
            );
        }
        None => text += "how many watch is not known: no member's metrics could be read\n",
    }
    for remark in &pattern.remarks {
        text.extend(["note: ", remark, "\n"]);
    }
    for unknown in pattern.unknown() {
        text.extend(["note: in a replay: ", &unknown, "\n"]);
    }
    text
}

/// Replays a file.
pub(super) fn replay(
    flags: &ReplayFlags,
    environment: &dyn Environment,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), ProgramError> {
    let pattern = Pattern::read(&flags.file).map_err(Error::from)?;
    let wrong = |flag: &str, message: &str| Error::Flags(vec![ConfigError::new(flag, message)]);
    if !SPEEDS.contains(&flags.speed) {
        return Err(wrong("--speed", "give 0.001 to 1000").into());
    }
    if flags.load.rate.is_some() {
        return Err(wrong("--rate", "is the one that was recorded; see --speed").into());
    }
    let mut load = flags.load.clone();
    load.rate = Some(pattern.rates.total() * flags.speed);
    load.keys = load.keys.or(Some(pattern.keys.clamp(pattern.shapes.len() as u64, MOST_KEYS)));
    let mut spec = load::spec(Kind::Mirror, &load)?;
    if let Pace::Open { profile: Profile::Steady { rate }, .. } = &mut spec.pace {
        *rate = rate.max(f64::MIN_POSITIVE);
    }
    spec.value_bytes = Sizes { min_bytes: 0, max_bytes: pattern.max_value_bytes() };
    spec.key_bytes = spec.key_bytes.max(pattern.max_key_bytes()).min(1_024);
    spec.pattern = Some(pattern);
    let spec = load::checked(spec)?;
    measure(spec, &load, environment, now, out)
}
