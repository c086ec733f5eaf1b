//! Rules as the API shows them.

use rules::Evaluator;
use rules::evaluate::{GroupStatus, RuleStatus};
use server::rules::{AlertView, GroupView, RuleView};

/// All of them, as they are now; `missed` has how many evaluations of each were left out.
pub(super) fn of(evaluator: &Evaluator, missed: &[u64]) -> Vec<GroupView> {
    let missed = missed.iter().copied().chain(std::iter::repeat(0));
    evaluator.status().zip(missed).map(|(status, missed)| group(&status, missed)).collect()
}

fn group(status: &GroupStatus<'_>, missed: u64) -> GroupView {
    GroupView {
        name: status.group.name.clone(),
        file: status.group.file.clone(),
        interval: status.group.interval,
        limit: status.group.limit,
        last_evaluation: status.last_evaluation,
        evaluation_time: status.evaluation_time,
        evaluations: status.evaluations,
        missed,
        failures: status.failures,
        rules: status.rules.iter().map(rule).collect(),
    }
}

fn rule(status: &RuleStatus<'_>) -> RuleView {
    let alert = status.rule.alert.as_ref();
    let texts = |all: &std::collections::BTreeMap<String, rules::template::Template>| {
        all.iter().map(|(name, text)| (name.clone(), text.text().to_owned())).collect()
    };
    RuleView {
        name: status.rule.name.clone(),
        query: status.rule.text.clone(),
        is_alerting: alert.is_some(),
        hold: alert.map(|alert| alert.hold).unwrap_or_default(),
        keep_firing_for: alert.map(|alert| alert.keep_firing_for).unwrap_or_default(),
        labels: texts(&status.rule.labels),
        annotations: alert.map(|alert| texts(&alert.annotations)).unwrap_or_default(),
        health: status.health.as_str(),
        last_error: status.last_error.map(str::to_owned),
        last_evaluation: status.last_evaluation,
        evaluation_time: status.evaluation_time,
        state: status.state.as_str(),
        alerts: status
            .alerts
            .iter()
            .map(|alert| AlertView {
                labels: alert.labels.clone(),
                annotations: alert.annotations.clone(),
                state: alert.state.as_str(),
                active_at: alert.active_at,
                value: alert.value,
            })
            .collect(),
    }
}
