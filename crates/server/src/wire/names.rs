//! Names: how answers speak of a member, and the words that a field may hold.

use model::event::EventKind;
use model::finding::{FindingKind, FindingState, MemberRef};
use model::health::{ClusterState, Health, Role};
use model::membership::MembershipChangeKind;
use model::severity::Severity;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

/// A member, by every name that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct MemberName {
    /// Its ID; null for an endpoint that never answered.
    #[schema(example = "8e9e05c52164694d")]
    pub(crate) id: Option<String>,
    /// Its name in the member list, or the endpoint where it has none.
    #[schema(example = "infra1")]
    pub(crate) name: String,
    /// Where it is asked, `host:port`; null when no address of it is known.
    #[schema(example = "10.0.0.1:2379")]
    pub(crate) endpoint: Option<String>,
}

impl From<&MemberRef> for MemberName {
    fn from(member: &MemberRef) -> Self {
        Self {
            id: member.id.map(|id| id.to_string()),
            name: member.name.clone(),
            endpoint: (!member.endpoint.is_empty()).then(|| member.endpoint.clone()),
        }
    }
}

fn words(words: impl IntoIterator<Item = &'static str>) -> Schema {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).enum_values(Some(words)).into()
}

/// The states of a cluster.
pub(crate) fn cluster_states() -> Schema {
    words(ClusterState::ALL.map(ClusterState::as_str))
}

/// The health of a member.
pub(crate) fn healths() -> Schema {
    words(Health::ALL.map(Health::as_str))
}

/// The roles of a member.
pub(crate) fn roles() -> Schema {
    words(Role::ALL.map(Role::as_str))
}

/// How bad something is.
pub(crate) fn severities() -> Schema {
    words(Severity::ALL.map(Severity::as_str))
}

/// The kinds of findings.
pub(crate) fn finding_kinds() -> Schema {
    words(FindingKind::ALL.map(FindingKind::as_str))
}

/// The states of a finding.
pub(crate) fn finding_states() -> Schema {
    words(FindingState::ALL.map(FindingState::as_str))
}

/// The kinds of events.
pub(crate) fn event_kinds() -> Schema {
    words(EventKind::ALL.map(EventKind::as_str))
}

/// What can happen to a member list.
pub(crate) fn membership_changes() -> Schema {
    words(MembershipChangeKind::ALL.map(MembershipChangeKind::as_str))
}
