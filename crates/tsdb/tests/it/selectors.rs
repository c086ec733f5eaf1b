//! Matchers choose the series that a plain comparison of all of them chooses.

use model::series::{Labels, MatchOp, Matcher, Source as _};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::scrapes::{START, open};

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
