//! A member in three columns: ID, name, endpoint; all NULL where there is none.

use model::finding::MemberRef;
use rusqlite::Row;
use rusqlite::types::Value;

/// The values of the three columns.
pub(super) fn values(member: Option<&MemberRef>) -> [Value; 3] {
    let Some(member) = member else { return [Value::Null, Value::Null, Value::Null] };
    [
        member.id.map_or(Value::Null, |id| id.to_string().into()),
        member.name.clone().into(),
        member.endpoint.clone().into(),
    ]
}

/// The member in the three columns from `first` on; the outer `None`: they cannot be read.
#[expect(clippy::option_option, reason = "no member, and none that can be read, are not the same")]
pub(super) fn read(row: &Row<'_>, first: usize) -> Option<Option<MemberRef>> {
    let Some(name) = row.get::<_, Option<String>>(first + 1).ok()? else { return Some(None) };
    let id = match row.get::<_, Option<String>>(first).ok()? {
        Some(id) => Some(id.parse().ok()?),
        None => None,
    };
    Some(Some(MemberRef { id, name, endpoint: row.get(first + 2).ok()? }))
}
