//! Matchers choose the series that a plain comparison of all of them chooses.

use std::ops::ControlFlow;

use model::series::{Labels, MatchOp, Matcher, Sample, Series, Source as _, Want, Windows};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::scrapes::{START, find, member, open, sample_of, series};

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let name = prop_oneof!["__name__", "cluster", "member", "le", "other"];
    let op =
        prop_oneof![Just(MatchOp::Eq), Just(MatchOp::Ne), Just(MatchOp::Re), Just(MatchOp::Nre)];
    let value = prop_oneof!["", "a", "b", "up", "a|b", ".*", ".+", "u.", "a?", "[^a]*"];
    (name, op, value).prop_map(|(name, op, value)| {
        Matcher::new(&name, op, &value)
            .unwrap_or_else(|_| Matcher::new(&name, op, "a").expect("a matcher"))
    })
}

#[test]
fn matchers_choose_what_a_plain_comparison_chooses() {
    let directory = TempDir::new().expect("a directory");
    let store = open(&directory);
    let mut all = Vec::new();
    for cluster in ["a", "b"] {
        for member in ["a", "b", "ab"] {
            let labels = Labels::new([("cluster", cluster), ("member", member)]);
            let target = store.target(&labels);
            let mut samples = Vec::new();
            for name in ["up", "down"] {
                for (le, theirs) in [("", ""), ("a", ""), ("b", "z")] {
                    // Where both have a label, the target's counts.
                    let own = Labels::new([("__name__", name), ("le", le), ("member", theirs)]);
                    samples.push((store.series_id(&own), 1.0));
                    all.push(labels.and(&own));
                }
            }
            target.append(START, &samples).expect("taken");
        }
    }
    store.flush();
    all.sort();
    proptest!(ProptestConfig::with_cases(300), |(matchers in proptest::collection::vec(any_matcher(), 0..4))| {
        let accepted = |labels: &&Labels| matchers.iter().all(|matcher| matcher.accepts(labels));
        let expected: Vec<Labels> = all.iter().filter(accepted).cloned().collect();
        let found = store.select(&matchers, 0, i64::MAX).expect("series");
        let found: Vec<Labels> = found.into_iter().map(|series| series.labels).collect();
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(store.series(&matchers, 0, i64::MAX).expect("series"), expected);
    });
}

#[test]
fn of_windows_that_are_apart_what_lies_in_them_is_read() {
    let directory = TempDir::new().expect("a directory");
    let store = open(&directory);
    let ids = series(&store);
    let target = member(&store, "m1");
    // Over midnight, in blocks of two files and in memory.
    let begin = START + 86_400_000 - 150 * 15_000;
    for scrape in 0..300_u32 {
        let at = begin + i64::from(scrape) * 15_000;
        target.append(at, &sample_of(&ids, scrape)).expect("taken");
    }
    store.flush();
    let (from, to) = (begin + 400_000, begin + 290 * 15_000 + 4_000);
    let all = find(&store, "writes_total", from, to).remove(0).samples;
    let matchers = [Matcher::new("__name__", MatchOp::Eq, "writes_total").expect("a matcher")];
    for (step_ms, length_ms) in [(600_000, 300_000), (100_000, 15_000), (40_000, 0)] {
        let windows = Windows::apart(step_ms, length_ms);
        let is_wanted = |sample: &&Sample| (to - sample.at_ms) % step_ms <= length_ms;
        let expected: Vec<Sample> = all.iter().filter(is_wanted).copied().collect();
        let mut found = Vec::new();
        let mut take = |series: Series, _| {
            found.extend(series.samples);
            ControlFlow::Continue(())
        };
        store.read(&matchers, Want { windows, ..Want::all(from, to) }, &mut take).expect("series");
        assert_eq!(found, expected, "{step_ms} {length_ms}");
        assert!(found.len() < all.len());
    }
}
