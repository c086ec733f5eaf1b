//! Reading the scenarios: one configuration for all of them, and their events in order of time.

use model::series::{Labels, MatchOp, Matcher};
use serde_json::{Map, Value, json};

/// Something that happens.
pub(crate) struct Event {
    /// Milliseconds from the start.
    pub(crate) at: i64,
    pub(crate) what: What,
}

pub(crate) enum What {
    Alerts(Vec<Told>),
    /// From and until when, in milliseconds from the start.
    Silence {
        id: String,
        from: i64,
        to: i64,
        matchers: Vec<Matcher>,
    },
    Unsilence(String),
}

/// An alert as a client tells it; times in milliseconds from the start.
pub(crate) struct Told {
    pub(crate) labels: Labels,
    pub(crate) annotations: Labels,
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// All scenarios.
pub(crate) struct Scenarios {
    pub(crate) count: usize,
    /// An `alertmanager.yml`, in JSON.
    pub(crate) config: String,
    pub(crate) events: Vec<Event>,
}

/// When an alert ends that has no other end: after the test.
const LATER: i64 = 3_600_000;

/// The scenarios of the file. What `port` records is told under `/scenario/receiver/webhook`.
pub(crate) fn read(port: u16, minute_in_tokyo: i64) -> Scenarios {
    let all: Vec<Value> = serde_saphyr::from_str(include_str!("scenarios.yml")).expect("scenarios");
    let mut routes = Vec::new();
    let (mut receivers, mut inhibit) = (vec![json!({"name": "nobody"})], Vec::new());
    let mut events = Vec::new();
    for (number, scenario) in all.iter().enumerate() {
        let name = scenario["name"].as_str().expect("a name");
        let mut route = json!({
            "receiver": "a", "group_wait": "1s", "group_interval": "2s", "repeat_interval": "1h",
        });
        let own = scenario.get("route").and_then(Value::as_object).cloned().unwrap_or_default();
        route.as_object_mut().expect("a mapping").extend(own);
        prefix_receivers(&mut route, name);
        let matcher = format!("scenario=\"{number}\"");
        route["matchers"] = json!([matcher]);
        routes.push(route);

        let mut ways = Map::from_iter([("a".to_owned(), json!([true]))]);
        let own = scenario.get("receivers").and_then(Value::as_object).cloned();
        ways.extend(own.unwrap_or_default());
        for (receiver, ways) in ways {
            let webhooks = ways.as_array().expect("a list").iter().enumerate();
            let webhooks = webhooks.map(|(index, sends_resolved)| {
                let url = format!("http://127.0.0.1:{port}/{number}/{receiver}/{index}");
                json!({"url": url, "send_resolved": sends_resolved})
            });
            let webhooks: Vec<_> = webhooks.collect();
            let receiver = format!("{name}/{receiver}");
            receivers.push(json!({"name": receiver, "webhook_configs": webhooks}));
        }
        for rule in scenario.get("inhibit").and_then(Value::as_array).into_iter().flatten() {
            let mut rule = rule.clone();
            for side in ["source_matchers", "target_matchers"] {
                let mut list = rule[side].as_array().cloned().unwrap_or_default();
                list.push(matcher.clone().into());
                rule[side] = list.into();
            }
            inhibit.push(rule);
        }
        let lines = scenario["events"].as_array().expect("events").iter();
        events.extend(lines.map(|line| event(line.as_str().expect("text"), number)));
    }
    events.sort_by_key(|event| event.at);
    let config = json!({
        "route": {"receiver": "nobody", "routes": routes},
        "receivers": receivers,
        "inhibit_rules": inhibit,
        "time_intervals": [
            {"name": "always", "time_intervals": [{}]},
            {"name": "never", "time_intervals": [{"years": ["1990"]}]},
            {"name": "now in Tokyo", "time_intervals": [in_tokyo(minute_in_tokyo)]},
            {"name": "later in Tokyo", "time_intervals": [in_tokyo(minute_in_tokyo + 180)]},
        ],
    });
    Scenarios { count: all.len(), config: config.to_string(), events }
}

/// The ten minutes before and after this minute of the day.
fn in_tokyo(minute: i64) -> Value {
    let ranges = (minute - 10..minute + 10).map(|minute| {
        let minute = minute.rem_euclid(1440);
        let text = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
        json!({"start_time": text(minute), "end_time": text(minute + 1)})
    });
    json!({"times": ranges.collect::<Vec<_>>(), "location": "Asia/Tokyo"})
}

fn prefix_receivers(route: &mut Value, name: &str) {
    if let Some(receiver) = route.get("receiver").and_then(Value::as_str) {
        route["receiver"] = format!("{name}/{receiver}").into();
    }
    for child in route.get_mut("routes").and_then(Value::as_array_mut).into_iter().flatten() {
        prefix_receivers(child, name);
    }
}

fn millis(seconds: &str) -> i64 {
    (seconds.parse::<f64>().expect("seconds") * 1_000.0).round() as i64
}

fn event(line: &str, scenario: usize) -> Event {
    let mut words = line.split(' ');
    let at = millis(words.next().expect("a time"));
    let what = match words.next().expect("what happens") {
        sign @ ("+" | "-") => {
            let rest: Vec<_> = words.collect();
            let rest = rest.join(" ");
            let told = rest.split(" | ").map(|alert| told(alert, at, sign == "-", scenario));
            What::Alerts(told.collect())
        }
        "silence" => {
            let id = format!("{scenario}/{}", words.next().expect("a name"));
            let time = words.next().expect("how long");
            let (from, to) = time.split_once("..").unwrap_or(("0", time));
            let condition = |word| alert::matcher::parse(word).expect("a matcher");
            let own = Matcher::new("scenario", MatchOp::Eq, &scenario.to_string()).expect("valid");
            let matchers = words.map(condition).chain([own]).collect();
            What::Silence { id, from: at + millis(from), to: at + millis(to), matchers }
        }
        "unsilence" => What::Unsilence(format!("{scenario}/{}", words.next().expect("a name"))),
        other => panic!("no event: {other}"),
    };
    Event { at, what }
}

fn told(text: &str, at: i64, is_over: bool, scenario: usize) -> Told {
    let mut labels = vec![("scenario".to_owned(), scenario.to_string())];
    let mut annotations = Vec::new();
    let (mut from, mut to) = (at, if is_over { at } else { LATER });
    for word in text.split(' ') {
        let pair = |text: &str| {
            let (name, value) = text.split_once('=').expect("a pair");
            (name.to_owned(), value.to_owned())
        };
        match word.split_at(1) {
            ("@", annotation) => annotations.push(pair(annotation)),
            ("^", seconds) => to = at + millis(seconds),
            ("~", seconds) => from = at + millis(seconds),
            _ if word.contains('=') => labels.push(pair(word)),
            _ => labels.push(("alertname".to_owned(), word.to_owned())),
        }
    }
    Told { labels: Labels::new(labels), annotations: Labels::new(annotations), from, to }
}
