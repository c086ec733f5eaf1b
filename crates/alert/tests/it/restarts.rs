//! A core that is started again after every event leaves everybody with the same knowledge.

use std::collections::BTreeSet;

use alert::config::Config;

use crate::driver::{self, Notifications};
use crate::scenario;

/// What each webhook believes of each group in the end: the alerts that it takes to be on.
fn beliefs(told: &Notifications) -> Vec<(String, String, BTreeSet<String>)> {
    let mut all = Vec::new();
    for ((webhook, group), told) in told {
        let mut on = BTreeSet::new();
        for (_, text) in told {
            let (_, alerts) = text.split_once(": ").expect("alerts");
            for alert in alerts.split(", ") {
                let (alert, status) = alert.split_once(' ').expect("a status");
                if status == "firing" {
                    on.insert(alert.to_owned());
                } else {
                    on.remove(alert);
                }
            }
        }
        all.push((webhook.clone(), group.clone(), on));
    }
    all
}

#[test]
fn restarts_lose_nothing_and_change_what_nobody_believes() {
    let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().expect("a moment");
    let scenarios = scenario::read(1, 9 * 60);
    let config = Config::parse(&scenarios.config).expect("a good configuration");
    let without = driver::run(&config, &scenarios, start, false);
    let with = driver::run(&config, &scenarios, start, true);
    assert_eq!(beliefs(&with), beliefs(&without));
    let count = |told: &Notifications| told.values().map(Vec::len).sum::<usize>();
    // Groups are looked at somewhat earlier after a restart, so that a few changes are told one by one.
    let (with, without) = (count(&with), count(&without));
    assert!(with.abs_diff(without) <= without / 10, "{with} and {without} notifications");
}

#[test]
fn the_same_calls_give_the_same_notifications() {
    let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().expect("a moment");
    let scenarios = scenario::read(1, 9 * 60);
    let config = Config::parse(&scenarios.config).expect("a good configuration");
    let first = driver::run(&config, &scenarios, start, true);
    assert_eq!(driver::run(&config, &scenarios, start, true), first);
}
