//! `bench ab`: two clusters, targets or settings in turn, so that what else changes meets both.

use std::io::Write;

use ::bench::Outcome;
use ::bench::outcome::Ended;
use jiff::Timestamp;
use model::config_error::ConfigError;

use super::error::Error;
use super::load::Manner;
use super::{compare, load, reach, store, with_runtime};
use crate::cli::bench::{AbFlags, LoadFlags, Output};
use crate::config::Environment;
use crate::error::Error as ProgramError;

/// Makes the runs of both sides, keeps them, and writes the comparison to `out`.
pub(super) fn run(
    flags: &AbFlags,
    environment: &dyn Environment,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), ProgramError> {
    if !matches!(flags.load.form.output, Output::Text | Output::Json) {
        let message =
            "a comparison is told as text or json; `bench show` has other forms of each run";
        return Err(Error::Flags(vec![ConfigError::new("--output", message)]).into());
    }
    let sides = [flags.load.clone(), other(flags)];
    let specs = [load::spec(flags.kind, &sides[0])?, load::spec(flags.kind, &sides[1])?];
    let store = store(&flags.load.place, environment)?;
    store.prepare().map_err(Error::from)?;
    let mut names = [Vec::new(), Vec::new()];
    let is_partial = with_runtime(async |interrupt| {
        let (quiet, force) = (flags.load.quiet, flags.load.force);
        for (number, side) in order(flags.pairs, &mut fastrand::Rng::new()).enumerate() {
            let mut reached = reach(&sides[side].cluster, environment, now).await?;
            if side == 1 && !flags.b_endpoints.is_empty() {
                // It is another cluster, which nobody has named.
                reached.name = None;
            }
            let spec = specs[side].clone();
            let stop = interrupt.clone();
            // What is about to happen is told in full when a side comes first.
            let heading = format!(
                "run {} of {}, {} side",
                number + 1,
                flags.pairs * 2,
                ["first", "second"][side]
            );
            let is_known = !names[side].is_empty();
            let heading = is_known.then_some(heading.as_str());
            let manner = Manner { is_quiet: quiet, heading };
            let made = load::once(spec, reached, force, manner, now, stop).await;
            let has_both = names.iter().all(|of_side| !of_side.is_empty());
            let mut outcome: Outcome = match made {
                Err(_) if interrupt.is_cancelled() && has_both => return Ok(true),
                made => made?,
            };
            store.keep(&mut outcome).map_err(Error::from)?;
            match outcome.ended {
                Ended::Complete => {}
                // What was made before is compared all the same.
                Ended::Interrupted if has_both => return Ok(true),
                Ended::Interrupted => return Err(Error::Interrupted.into()),
                Ended::Stopped(reason) => return Err(Error::Stopped(reason).into()),
            }
            names[side].push(outcome.id);
        }
        Ok(false)
    })?;
    let form = &flags.load.form;
    let compared = compare(&store, &names[0], &names[1], form, out);
    if is_partial {
        let told = "PARTIAL: interrupted before all runs were made";
        if form.output == Output::Json || form.to.is_some() {
            crate::say(told);
        } else {
            super::write(out, &format!("{told}\n"))?;
        }
        return Err(Error::Interrupted.into());
    }
    Ok(compared?)
}

/// Which side comes when: in half of the pairs the first side first, in half the second, and in which by
/// chance, so that neither is always later, nor in step with something that comes again and again.
fn order(pairs: usize, random: &mut fastrand::Rng) -> impl Iterator<Item = usize> {
    let mut earlier: Vec<usize> = (0..pairs).map(|pair| pair % 2).collect();
    random.shuffle(&mut earlier);
    earlier.into_iter().flat_map(|side| [side, 1 - side])
}

/// The flags of the second side.
fn other(flags: &AbFlags) -> LoadFlags {
    let mut other = flags.load.clone();
    if !flags.b_endpoints.is_empty() {
        other.cluster.flags.endpoints.clone_from(&flags.b_endpoints);
    }
    if let Some(target) = &flags.b_target {
        other.target.clone_from(target);
    }
    other.clients = flags.b_clients.or(other.clients);
    other.conns = flags.b_conns.or(other.conns);
    other.value_size = flags.b_value_size.unwrap_or(other.value_size);
    other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_as_often_early_as_late() {
        let mut random = fastrand::Rng::with_seed(3);
        let orders: Vec<Vec<usize>> = (0..20).map(|_| order(4, &mut random).collect()).collect();
        for order in &orders {
            let early = order.chunks(2).filter(|pair| **pair == [0, 1]).count();
            let late = order.chunks(2).filter(|pair| **pair == [1, 0]).count();
            assert_eq!((early, late), (2, 2), "{order:?}");
        }
        assert!(orders.iter().any(|order| *order != orders[0]), "by chance");
    }
}
