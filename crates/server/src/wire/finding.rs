//! Findings in answers.

use model::finding::{Evidence, Finding as Found, FindingKind};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::names::{MemberName, finding_kinds, finding_states, severities};
use crate::wire::time::Time;

/// What is, or was, wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Findings {
    /// Those that are not over, worst first; then closed ones where asked for, those opened last
    /// first.
    pub(crate) findings: Vec<Finding>,
    /// Give this as `before` to get older ones that are over; null when there are none, or they were
    /// not asked for.
    pub(crate) next_before: Option<u64>,
}

/// Something that is wrong with a cluster or one of its members.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Finding {
    /// The cluster's name in the configuration.
    pub(crate) cluster: String,
    /// What kind of trouble.
    #[schema(schema_with = finding_kinds)]
    pub(crate) kind: &'static str,
    /// How bad.
    #[schema(schema_with = severities)]
    pub(crate) severity: &'static str,
    /// Where in its life: `pending` is seen but not yet believed, `clearing` is open but not seen in
    /// the last sweep.
    #[schema(schema_with = finding_states)]
    pub(crate) state: &'static str,
    /// The member; null where the cluster as a whole is meant.
    pub(crate) member: Option<MemberName>,
    /// What else tells it from others of its kind: the peer of a link, a prefix, a flag; else empty.
    pub(crate) about: String,
    /// When it was first seen, in this run of it.
    pub(crate) since: Time,
    /// When it was believed.
    pub(crate) opened_at: Option<Time>,
    /// When it was over.
    pub(crate) closed_at: Option<Time>,
    /// One line.
    pub(crate) summary: String,
    /// What it means.
    pub(crate) explanation: String,
    /// What may have caused it, most likely first.
    pub(crate) causes: Vec<String>,
    /// What to do next, most useful first.
    pub(crate) next_steps: Vec<String>,
    /// Where its runbook is, in the project's documentation.
    pub(crate) runbook: String,
    /// The kind of the open finding of which this one is a symptom; null where there is none.
    pub(crate) hidden_by: Option<&'static str>,
    /// Why it was to be expected, such as a maintenance window; null where it was not.
    pub(crate) expected: Option<String>,
    /// What it rests on.
    pub(crate) evidence: Vec<EvidenceItem>,
}

impl Finding {
    /// A finding about `cluster`.
    pub(crate) fn new(cluster: &str, finding: &Found) -> Self {
        Self {
            cluster: cluster.to_owned(),
            kind: finding.kind.as_str(),
            severity: finding.severity.as_str(),
            state: finding.state.as_str(),
            member: finding.member.as_ref().map(MemberName::from),
            about: finding.about.clone(),
            since: Time(finding.since),
            opened_at: finding.opened_at.map(Time),
            closed_at: finding.closed_at.map(Time),
            summary: finding.summary.clone(),
            explanation: finding.explanation.clone(),
            causes: finding.causes.clone(),
            next_steps: finding.next_steps.clone(),
            runbook: finding.runbook(),
            hidden_by: finding.hidden_by.map(FindingKind::as_str),
            expected: finding.expected.clone(),
            evidence: finding.evidence.iter().map(EvidenceItem::from).collect(),
        }
    }
}

/// One number or answer that a finding rests on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EvidenceItem {
    /// When it was seen.
    pub(crate) at: Time,
    /// Who said it: an endpoint and a call.
    pub(crate) source: String,
    /// What was seen.
    pub(crate) observed: String,
}

impl From<&Evidence> for EvidenceItem {
    fn from(evidence: &Evidence) -> Self {
        Self {
            at: Time(evidence.at),
            source: evidence.source.clone(),
            observed: evidence.observed.clone(),
        }
    }
}
