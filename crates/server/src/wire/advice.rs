//! Recommendations in answers.

use monitor::advice::Advice;
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::names::MemberName;

/// What to change in a cluster, from measured facts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Recommendations {
    /// The cluster's name in the configuration.
    pub(crate) cluster: String,
    /// Those about all of it first, then member by member.
    pub(crate) recommendations: Vec<Recommendation>,
}

/// One recommendation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Recommendation {
    /// What it is about.
    #[schema(example = "quota")]
    pub(crate) topic: &'static str,
    /// The member; null where all of the cluster is meant.
    pub(crate) member: Option<MemberName>,
    /// The figure that led to it.
    pub(crate) fact: String,
    /// What to do.
    pub(crate) action: String,
    /// What to expect of it.
    pub(crate) effect: &'static str,
    /// Where the advice comes from.
    pub(crate) source: &'static str,
}

impl Recommendations {
    /// Those for `cluster`.
    pub(crate) fn new(cluster: String, all: &[Advice]) -> Self {
        Self { cluster, recommendations: all.iter().map(Recommendation::from).collect() }
    }
}

impl From<&Advice> for Recommendation {
    fn from(advice: &Advice) -> Self {
        Self {
            topic: advice.topic,
            member: advice.member.as_ref().map(MemberName::from),
            fact: advice.fact.clone(),
            action: advice.action.clone(),
            effect: advice.effect,
            source: advice.source,
        }
    }
}
