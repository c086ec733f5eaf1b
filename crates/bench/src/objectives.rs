//! What a cluster is to do, and whether a run shows that it does.

use std::time::Duration;

use serde::Deserialize;

use crate::outcome::Outcome;

/// Objectives, as a file states them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objectives {
    /// Objectives of each kind of operation, such as `put`.
    pub operations: std::collections::BTreeMap<String, Objective>,
}

/// Objectives of one kind of operation.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Objective {
    /// Fewest operations each second.
    pub min_throughput: Option<f64>,
    /// Highest latency of half of them, milliseconds.
    pub max_p50_ms: Option<f64>,
    /// Highest latency of 99 %, milliseconds.
    pub max_p99_ms: Option<f64>,
    /// Highest latency of 99.9 %, milliseconds.
    pub max_p999_ms: Option<f64>,
    /// Largest share of operations that fail, 0 to 1; of the whole run.
    pub max_error_ratio: Option<f64>,
}

/// One objective, and what a run shows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Which.
    pub name: String,
    /// What was seen and what is wanted.
    pub text: String,
    /// Whether it is met.
    pub is_met: bool,
}

impl Objectives {
    /// Judges a run. Objectives of operations that it did not do are not judged.
    pub fn judge(&self, outcome: &Outcome) -> Vec<Judgement> {
        let mut told = Vec::new();
        for operation in &outcome.operations {
            let Some(objective) = self.operations.get(&operation.name) else { continue };
            let mut judge = |figure: &str, text: String, is_met: bool| {
                told.push(Judgement { name: format!("{} {figure}", operation.name), text, is_met });
            };
            if let Some(least) = objective.min_throughput {
                let seen = operation.throughput;
                let text = format!("{seen:.0}/s, at least {least:.0}/s wanted");
                judge("throughput", text, seen >= least);
            }
            let quantiles = [
                ("p50", 0.5, objective.max_p50_ms),
                ("p99", 0.99, objective.max_p99_ms),
                ("p99.9", 0.999, objective.max_p999_ms),
            ];
            for (name, quantile, most) in quantiles {
                let Some(most) = most else { continue };
                let seen = operation.latencies.quantile(quantile).map(millis);
                let text = seen.map_or_else(
                    || "nothing was measured".to_owned(),
                    |seen| format!("{seen:.2} ms, at most {most} ms wanted"),
                );
                judge(name, text, seen.is_some_and(|seen| seen <= most));
            }
            if let Some(most) = objective.max_error_ratio {
                let seen = outcome.error_ratio();
                let text = format!("{:.3} %, at most {:.3} % wanted", seen * 100.0, most * 100.0);
                judge("errors", text, seen <= most);
            }
        }
        told
    }
}

fn millis(latency: Duration) -> f64 {
    latency.as_secs_f64() * 1e3
}
