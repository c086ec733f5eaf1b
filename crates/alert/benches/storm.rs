//! A storm: thousands of alerts at once, through all stages, until the notifications are there.

use std::sync::Arc;

use alert::config::Config;
use alert::core::Core;
use alert::matcher;
use alert::routing::Routing;
use alert::saved::Saved;
use divan::counter::ItemsCount;
use jiff::Timestamp;
use model::alert::Alert;
use model::series::Labels;
use model::silence::Silence;

const ALERTS: usize = 10_000;

/// Silences whose matchers are compared with each alert.
const SILENCES: usize = 100;

fn main() {
    divan::main();
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).expect("a moment")
}

fn core(group_by: &str) -> Core {
    let text = format!(
        "
route:
  receiver: mail
  group_by: [{group_by}]
  group_wait: 10s
  routes:
    - {{matchers: [severity=critical], receiver: pager, group_wait: 0s, continue: true}}
    - {{matchers: ['team=~\"a|b\"']}}
receivers:
  - {{name: mail, webhook_configs: [{{}}, {{}}]}}
  - {{name: pager, webhook_configs: [{{}}]}}
inhibit_rules:
  - {{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [cluster, member]}}
  - {{source_matchers: [severity=warning], target_matchers: [severity=info], equal: [cluster]}}
"
    );
    let routing = Routing::new(&Config::parse(&text).expect("a good file"), "http://localhost");
    let silences = (0..SILENCES).map(|number| Silence {
        id: format!("s{number}"),
        matchers: matcher::parse_all(&format!("cluster=\"c{number}\",member=~\"m(1|2)\""))
            .expect("matchers"),
        starts_at: at(0),
        ends_at: at(1_000),
        updated_at: at(0),
        created_by: String::new(),
        comment: String::new(),
    });
    let saved = Saved { silences: silences.collect(), ..Saved::default() };
    Core::new(Arc::new(routing), saved, at(0))
}

fn storm() -> Vec<Alert> {
    (0..ALERTS)
        .map(|number| Alert {
            labels: Labels::new([
                ("alertname", format!("Alert{}", number % 20)),
                ("cluster", format!("c{}", number / 20 % 1_000)),
                ("member", format!("m{}", number % 5)),
                ("number", number.to_string()),
                ("severity", ["critical", "warning", "info"][number % 3].to_owned()),
                ("team", ["a", "b", "c"][number % 7 % 3].to_owned()),
            ]),
            annotations: Labels::new([("summary", "a line that says what is wrong with it")]),
            starts_at: at(0),
            ends_at: None,
            updated_at: at(0),
            generator_url: String::new(),
            hidden: None,
        })
        .collect()
}

/// In a thousand groups, in one, and every alert by itself.
#[divan::bench(args = ["cluster", "", "..."], sample_count = 10)]
fn received_and_told(bencher: divan::Bencher<'_, '_>, group_by: &str) {
    bencher
        .with_inputs(|| (core(group_by), storm()))
        .counter(ItemsCount::new(ALERTS))
        .bench_values(|(mut core, storm)| {
            core.receive(storm, at(1));
            let mut told = core.advance(at(1));
            told.extend(core.advance(at(20)));
            assert!(told.iter().map(|one| one.notification.alerts.len()).sum::<usize>() > 3_000);
            (core.take_changes(), told, core)
        });
}

/// The sources tell the same alerts again, and nothing is to be told.
#[divan::bench(sample_count = 10)]
fn told_again_and_nothing_new(bencher: divan::Bencher<'_, '_>) {
    bencher
        .with_inputs(|| {
            let mut core = core("cluster");
            core.receive(storm(), at(1));
            core.advance(at(20));
            (core, storm())
        })
        .counter(ItemsCount::new(ALERTS))
        .bench_values(|(mut core, storm)| {
            core.receive(storm, at(21));
            assert!(core.advance(at(330)).is_empty());
            core
        });
}
