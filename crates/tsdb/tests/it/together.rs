//! Reading for many conditions at once gives what reading for each of them gives.

use std::ops::ControlFlow;

use model::series::{Ask, Asked, Labels, MatchOp, Matcher, Source, Want};
use model::together::one_by_one;
use tempfile::TempDir;
use tsdb::Tsdb;

use crate::scrapes::{START, member, open, sample_of, series};

fn ask(matchers: &[(&str, MatchOp, &str)], from_ms: i64, to_ms: i64, is_last: bool) -> Ask {
    let made = matchers.iter().map(|(name, op, value)| Matcher::new(name, *op, value));
    let matchers = made.map(|made| made.expect("a matcher")).collect();
    Ask { matchers, want: Want { is_last, ..Want::all(from_ms, to_ms) } }
}

/// What a reader gives part by part, each part in order; of an ask that wants the last sample only
/// that.
fn parts(
    asks: &[Ask],
    read: impl FnOnce(&mut dyn FnMut(Vec<Asked>) -> ControlFlow<()>),
) -> Vec<Vec<Asked>> {
    let mut all = Vec::new();
    read(&mut |mut part| {
        for Asked { ask, series, .. } in &mut part {
            if asks[*ask].want.is_last {
                series.samples.drain(..series.samples.len() - 1);
            }
        }
        part.sort_by(|a, b| (a.ask, &a.series.labels).cmp(&(b.ask, &b.series.labels)));
        all.push(part);
        ControlFlow::Continue(())
    });
    all
}

fn check(store: &Tsdb, asks: &[Ask]) {
    let together = parts(asks, |take| store.read_apart(asks, "cluster", take).expect("read"));
    let alone = parts(asks, |take| one_by_one(store, asks, "cluster", take).expect("read"));
    assert!(!alone.is_empty());
    // Stale markers are NaN, which equals nothing.
    let text = |parts: Vec<Vec<Asked>>| -> Vec<String> {
        let parts = parts.into_iter().enumerate();
        parts
            .flat_map(|(at, part)| part.into_iter().map(move |one| format!("{at} {one:?}")))
            .collect()
    };
    let (together, alone) = (text(together), text(alone));
    let differs = together.iter().zip(&alone).find(|(one, other)| one != other);
    assert_eq!((differs, together.len()), (None, alone.len()));
}

#[test]
fn many_conditions_at_once_find_what_each_finds_alone() {
    let directory = TempDir::new().expect("a directory");
    let store = open(&directory);
    let ids = series(&store);
    // Two clusters, and series that say themselves of which cluster they are.
    let mut targets: Vec<_> = ["m1", "m2"].iter().map(|name| member(&store, name)).collect();
    let other = Labels::new([("cluster", "b"), ("member", "m1"), ("job", "etcd")]);
    targets.push(store.target(&other));
    let ours = store.target(&Labels::default());
    let alerts = ["", "b", "c", "z"].map(|cluster| {
        store.series_id(&Labels::new([("__name__", "up"), ("cluster", cluster), ("by", "us")]))
    });
    // Over midnight; more scrapes than memory holds.
    let begin = START + 86_400_000 - 150 * 15_000;
    for scrape in 0..300_u32 {
        let at = begin + i64::from(scrape) * 15_000;
        for (number, target) in targets.iter().enumerate() {
            // One has no samples of one series for a while, one stops, one jumps back in time.
            let mut samples = sample_of(&ids, scrape);
            match number {
                0 if (100..290).contains(&scrape) => drop(samples.remove(2)),
                1 if scrape > 250 => continue,
                _ => {}
            }
            let back = if number == 2 && scrape == 296 { 22_000 } else { 0 };
            target.append(at + number as i64 - back, &samples).expect("taken");
        }
        let count = if scrape % 7 == 0 { 1 } else { 4 };
        let samples: Vec<_> = alerts.iter().take(count).map(|id| (*id, 1.0)).collect();
        ours.append(at, &samples).expect("taken");
    }
    store.flush();
    let end = begin + 299 * 15_000;
    let up = ("__name__", MatchOp::Eq, "up");
    let writes = ("__name__", MatchOp::Eq, "writes_total");
    let gauge = ("__name__", MatchOp::Re, "db_.*");
    for to in [end, end - 15_000, end - 1_800_000] {
        check(
            &store,
            &[
                ask(&[up], to - 300_000, to, true),
                ask(&[up, ("member", MatchOp::Ne, "m2")], to - 300_000, to, true),
                ask(&[up, ("by", MatchOp::Eq, "")], to - 600_000, to - 60_000, false),
                ask(&[writes], to - 900_000, to, false),
                ask(&[writes, ("cluster", MatchOp::Eq, "b")], to - 5_400_000, to - 60_000, false),
                ask(&[gauge], to - 3_600_000, to, true),
                ask(&[("job", MatchOp::Eq, "etcd")], to - 120_000, to, false),
                ask(&[("__name__", MatchOp::Eq, "none")], to - 120_000, to, false),
            ],
        );
    }
    // Asks that do not overlap, and one that goes back to before there was anything.
    check(&store, &[ask(&[up], 0, begin + 1, false), ask(&[writes], end - 1, end, false)]);
}
