//! One tree of routes, and where alerts go in it.

use super::*;
use crate::config::Config;

const FILE: &str = r#"
route:
  receiver: all
  group_by: [cluster]
  group_wait: 1s
  routes:
    - receiver: pager
      matchers: ['severity="critical"']
      continue: true
      escalate_after: 10m
      escalate_to: boss
      routes:
        - match_re: {team: a|b}
          group_by: ['...']
          mute_time_intervals: [night]
        - matchers: ['x="1",a!="2"']
    - receiver: mail
      match: {severity: critical}
    - matchers: [severity=~"critical|warning"]
receivers: [{name: all}, {name: pager}, {name: mail}, {name: boss}]
time_intervals: [{name: night, time_intervals: [{}]}]
"#;

fn tree() -> Tree {
    Tree::new(&Config::parse(FILE).expect("a good file").route)
}

fn check(labels: &[(&str, &str)], paths: &[&str]) {
    let (tree, labels) = (tree(), Labels::new(labels.iter().copied()));
    let found: Vec<_> =
        tree.matching(&labels).iter().map(|number| tree.get(*number).path.clone()).collect();
    assert_eq!(found, paths, "{labels}");
    let explained: Vec<_> = tree.explain(&labels).receivers().map(str::to_owned).collect();
    let receivers: Vec<_> =
        tree.matching(&labels).iter().map(|number| tree.get(*number).receiver.clone()).collect();
    assert_eq!(explained, receivers, "{labels}");
}

#[test]
fn an_alert_goes_down_and_on_as_far_as_routes_say() {
    check(&[], &["route"]);
    check(&[("severity", "warning")], &["route.routes[2]"]);
    check(&[("severity", "critical")], &["route.routes[0]", "route.routes[1]"]);
    check(
        &[("severity", "critical"), ("team", "b"), ("x", "1")],
        &["route.routes[0].routes[0]", "route.routes[1]"],
    );
}

#[test]
fn what_a_route_does_not_say_is_taken_from_above_but_muted_times_are_not() {
    let tree = tree();
    let all: Vec<_> = tree.iter().collect();
    let (root, pager, team) = (all[0], all[1], all[2]);
    assert_eq!(root.key, "{}");
    assert_eq!(pager.key, r#"{}/{severity="critical"}"#);
    assert_eq!(team.key, r#"{}/{severity="critical"}/{team=~"^(?:a|b)$"}"#);
    assert_eq!(all[3].key, r#"{}/{severity="critical"}/{a!="2",x="1"}"#);
    assert_eq!((team.receiver.as_str(), team.group_wait.as_secs()), ("pager", 1));
    assert_eq!((&root.group_interval, &root.repeat_interval), (&GROUP_INTERVAL, &REPEAT_INTERVAL));
    assert_eq!(team.group_by, GroupBy::All);
    assert_eq!(team.mute_time_intervals, ["night"]);
    assert_eq!(team.escalation, Some((Duration::from_mins(10), "boss".to_owned())));
    assert!(all[4].escalation.is_none());
    let labels = Labels::new([("cluster", "a"), ("member", "m1")]);
    assert_eq!(root.group_key(&root.group_labels(&labels)), r#"{}:{cluster="a"}"#);
    assert_eq!(team.group_labels(&labels), labels);
}

#[test]
fn the_way_says_why_a_node_did_not_take_the_alert() {
    let labels = Labels::new([("severity", "critical"), ("team", "a")]);
    let way = tree().explain(&labels);
    let verdicts: Vec<_> = way.steps.iter().map(|step| step.verdict.clone()).collect();
    assert_eq!(
        verdicts,
        [
            Verdict::Passed,
            Verdict::Passed,
            Verdict::Taken,
            Verdict::NotAsked { taken_by: "route.routes[0].routes[0]".to_owned() },
            Verdict::Taken,
            Verdict::NotAsked { taken_by: "route.routes[1]".to_owned() },
        ]
    );
    let way = tree().explain(&Labels::new([("severity", "info")]));
    let expected =
        Verdict::Refused { matcher: r#"severity="critical""#.to_owned(), value: "info".to_owned() };
    assert_eq!(way.steps[1].verdict, expected);
}
