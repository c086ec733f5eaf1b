//! The rules that ship: what they say leads somewhere, and their own tests hold.

use std::collections::BTreeSet;
use std::path::Path;

use model::finding::FindingKind;

use crate::promtool;

fn project() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn every_rule_has_a_severity_texts_and_a_runbook_that_exists() {
    let file = rules::parse("default.yaml", rules::DEFAULT).expect("good rules");
    assert_eq!(file.warnings, []);
    for rule in file.groups.iter().flat_map(|group| &group.rules) {
        let name = &rule.name;
        let alert = rule.alert.as_ref().expect("an alert");
        let severity = rule.labels.get("severity").expect("a severity").text();
        let is_templated = severity == "{{ $labels.severity }}";
        assert!(is_templated || ["info", "warning", "critical"].contains(&severity), "{name}");
        for annotation in ["summary", "description"] {
            assert!(alert.annotations.contains_key(annotation), "{name} has no {annotation}");
        }
        let runbook = alert.annotations.get("runbook_url").expect("a runbook").text();
        let kinds = FindingKind::ALL.map(FindingKind::as_str);
        let runbooks: Vec<_> =
            kinds.iter().map(|kind| runbook.replace("{{ $labels.kind }}", kind)).collect();
        for runbook in runbooks {
            assert!(project().join(&runbook).is_file(), "{name}: {runbook}");
        }
    }
}

#[test]
fn each_finding_is_told_by_one_rule() {
    let file = rules::parse("default.yaml", rules::DEFAULT).expect("good rules");
    let rules = file.groups.iter().flat_map(|group| &group.rules);
    let own: BTreeSet<_> = rules
        .clone()
        .filter_map(|rule| rule.labels.get("finding"))
        .map(rules::template::Template::text)
        .filter(|finding| !finding.contains('{'))
        .collect();
    for finding in &own {
        let known = FindingKind::ALL.iter().any(|kind| kind.as_str() == *finding);
        assert!(known, "{finding} is no kind of finding");
    }
    let general = rules.clone().find(|rule| rule.name == "EtcdFinding").expect("the rule");
    let excluded = general.text.split("kind!~\"").nth(1).and_then(|rest| rest.split('"').next());
    let excluded: BTreeSet<_> = excluded.expect("a list").split('|').collect();
    assert_eq!(excluded, own);
}

#[test]
fn the_rules_hold_their_tests_here_and_in_promtool() {
    let dir = project().join("crates/rules");
    // Those that look back a day are tested at longer steps.
    for name in ["tests/default.test.yaml", "tests/trends.test.yaml"] {
        let text = std::fs::read_to_string(dir.join(name)).expect("the tests");
        let load = |_: &str| Ok(vec![("default.yaml".to_owned(), rules::DEFAULT.to_owned())]);
        let failures = rules::testing::run(name, &text, &load);
        assert!(failures.is_empty(), "{}", failures.join("\n"));
        if let Some(promtool) = promtool::find() {
            let (is_well, said) = promtool.run(&["test", "rules"], &[dir.join(name)]);
            assert!(is_well, "{said}");
        }
    }
}
