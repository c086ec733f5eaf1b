//! Which keys the members have otherwise: all of them read every key at one revision, side by side,
//! until the budget is used up.
//!
//! Values are compared and then forgotten; of a key that differs its name is kept, when each member
//! says that it was changed, and which members have the same value.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use etcd::{Error, GetReply, GetRequest, KeyValue, Member};
use futures::future::try_join_all;
use tokio::time::{Instant, sleep};

/// How long it may take: what hashes have shown already waits for it.
const WITHIN: Duration = Duration::from_secs(10);

/// For one page; what the time of the whole leaves, at most.
const PAGE_WITHIN: Duration = Duration::from_secs(5);

/// Between two pages.
const BETWEEN_PAGES: Duration = Duration::from_millis(10);

/// Keys of the first page and of the largest one; the size of a page that is aimed at, bytes.
const FIRST_PAGE: i64 = 16;
const MAX_PAGE: i64 = 500;
const PAGE_BYTES: usize = 1 << 20;

/// Keys that are named.
pub const MAX_NAMED: usize = 10;

/// A longer name is cut.
const MAX_NAME: usize = 200;

/// What comparing keys brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// At which revision.
    pub revision: i64,
    /// Keys that were compared.
    pub compared: u64,
    /// The first that differ, [`MAX_NAMED`] at most.
    pub differing: Vec<DifferingKey>,
    /// Why not all were compared.
    pub cut_short: Option<String>,
}

/// A key that not all members have alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DifferingKey {
    /// Its name, with what is not printable escaped.
    pub name: String,
    /// What members have it like one another: the largest such group first. A group that does not have
    /// the key has no revision.
    pub groups: Vec<(Vec<String>, Option<i64>)>,
}

/// Compares the keys of `members`, named, at `revision`. Before each page `pressure` says whether the
/// cluster has other things to do, and which.
pub(super) async fn run(
    members: &[(String, Member)],
    revision: i64,
    pressure: impl Fn() -> Option<String>,
) -> Audit {
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    let mut audit = Audit { revision, ..Audit::default() };
    let end = Instant::now() + WITHIN;
    let mut request = GetRequest { serializable: true, revision, ..GetRequest::prefix("") };
    request.limit = FIRST_PAGE;
    loop {
        let left = end.saturating_duration_since(Instant::now()).min(PAGE_WITHIN);
        audit.cut_short = if left.is_zero() {
            Some(format!("it took more than {} s", WITHIN.as_secs()))
        } else {
            pressure()
        };
        if audit.cut_short.is_some() {
            return audit;
        }
        let pages =
            try_join_all(members.iter().map(|(_, member)| member.get(request.clone(), left)));
        let pages: Result<Vec<GetReply>, Error> = pages.await;
        let pages = match pages {
            Ok(pages) => pages,
            Err(error) => {
                audit.cut_short = Some(error.to_string());
                return audit;
            }
        };
        let (compared, last) = compare(&names, &pages, &mut audit.differing);
        audit.compared += compared;
        let Some(last) = last else { return audit };
        if audit.differing.len() >= MAX_NAMED {
            audit.cut_short = Some(format!("{MAX_NAMED} keys that differ are enough"));
            return audit;
        }
        let size = pages.iter().map(|page| page.kvs.iter().map(|kv| kv.value.len()).sum()).max();
        request.limit = next_limit(request.limit, size.unwrap_or(0));
        request.key = [&last[..], b"\0"].concat().into();
        sleep(BETWEEN_PAGES).await;
    }
}

/// As many keys as make a page of the size that is aimed at, and not many more than the last one had.
fn next_limit(limit: i64, size: usize) -> i64 {
    let each = (size as i64 / limit.max(1)).max(1);
    (PAGE_BYTES as i64 / each).clamp(1, MAX_PAGE).min(limit * 4)
}

/// Compares pages that begin with the same key, up to where the shortest of them ends. Returns how many
/// keys that were, and after which one to go on; `None` when that was all.
fn compare(
    names: &[&str],
    pages: &[GetReply],
    differing: &mut Vec<DifferingKey>,
) -> (u64, Option<Bytes>) {
    let ends = pages.iter().filter(|page| page.more).filter_map(|page| page.kvs.last());
    let last = ends.map(|kv| kv.key.clone()).min();
    let mut keys: BTreeMap<&[u8], Vec<Option<&KeyValue>>> = BTreeMap::new();
    for (index, page) in pages.iter().enumerate() {
        for kv in page.kvs.iter().filter(|kv| last.as_ref().is_none_or(|last| kv.key <= *last)) {
            let of_members = keys.entry(&kv.key).or_insert_with(|| vec![None; pages.len()]);
            of_members[index] = Some(kv);
        }
    }
    for (key, of_members) in &keys {
        if differing.len() < MAX_NAMED {
            differing.extend(differs(names, key, of_members));
        }
    }
    (keys.len() as u64, last)
}

fn differs(names: &[&str], key: &[u8], of_members: &[Option<&KeyValue>]) -> Option<DifferingKey> {
    let is_alike = |a: Option<&KeyValue>, b: Option<&KeyValue>| match (a, b) {
        (Some(a), Some(b)) => a.mod_revision == b.mod_revision && a.value == b.value,
        (a, b) => a.is_none() && b.is_none(),
    };
    let mut groups: Vec<(Option<&KeyValue>, Vec<String>)> = Vec::new();
    for (name, kv) in names.iter().zip(of_members) {
        match groups.iter_mut().find(|(of_group, _)| is_alike(*of_group, *kv)) {
            Some((_, group)) => group.push((*name).to_owned()),
            None => groups.push((*kv, vec![(*name).to_owned()])),
        }
    }
    for (_, group) in &mut groups {
        group.sort();
    }
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.len()));
    let groups: Vec<_> =
        groups.into_iter().map(|(kv, group)| (group, kv.map(|kv| kv.mod_revision))).collect();
    let mut name: String = key.escape_ascii().to_string();
    if name.len() > MAX_NAME {
        // Escaped, it is ASCII.
        name.truncate(MAX_NAME);
        name.push('…');
    }
    (groups.len() > 1).then_some(DifferingKey { name, groups })
}

impl std::fmt::Display for DifferingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "key {:?}: ", self.name)?;
        let mut before = Vec::new();
        for (index, (members, revision)) in self.groups.iter().enumerate() {
            let separator = if index > 0 { "; " } else { "" };
            let members = members.join(", ");
            match revision {
                None => write!(f, "{separator}{members}: not there")?,
                Some(at) => {
                    let other = if before.contains(at) { ", another value" } else { "" };
                    write!(f, "{separator}{members}: changed at revision {at}{other}")?;
                    before.push(*at);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use etcd::wire::etcdserverpb::RangeResponse;

    use super::*;

    const NAMES: [&str; 3] = ["m1", "m2", "m3"];

    fn page(keys: &[(&str, i64, &str)], more: bool) -> GetReply {
        let kv = |(key, mod_revision, value): &(&str, i64, &str)| KeyValue {
            key: Bytes::copy_from_slice(key.as_bytes()),
            value: Bytes::copy_from_slice(value.as_bytes()),
            mod_revision: *mod_revision,
            ..KeyValue::default()
        };
        RangeResponse { kvs: keys.iter().map(kv).collect(), more, ..RangeResponse::default() }
            .into()
    }

    fn told(pages: &[GetReply]) -> (Vec<String>, u64, Option<Bytes>) {
        let mut differing = Vec::new();
        let (compared, last) = compare(&NAMES, pages, &mut differing);
        (differing.iter().map(ToString::to_string).collect(), compared, last)
    }

    #[test]
    fn members_that_have_the_same_keys_differ_in_nothing() {
        let same = || page(&[("a", 2, "x"), ("b", 3, "y")], false);
        assert_eq!(told(&[same(), same(), same()]), (vec![], 2, None));
    }

    #[test]
    fn a_key_that_differs_is_named_with_who_has_what_but_no_value() {
        let wrong = page(&[("a", 2, "secret"), ("c", 5, "z")], false);
        let right = || page(&[("a", 2, "x"), ("b", 3, "y"), ("c", 4, "z")], false);
        let (told, ..) = told(&[right(), wrong, right()]);
        assert_eq!(
            told,
            [
                r#"key "a": m1, m3: changed at revision 2; m2: changed at revision 2, another value"#,
                r#"key "b": m1, m3: changed at revision 3; m2: not there"#,
                r#"key "c": m1, m3: changed at revision 4; m2: changed at revision 5"#,
            ]
        );
    }

    #[test]
    fn pages_that_end_elsewhere_are_compared_as_far_as_all_of_them_go() {
        let full = || page(&[("a", 2, ""), ("b", 3, "")], true);
        let lacks = page(&[("a", 2, ""), ("c", 4, "")], true);
        let (differing, compared, last) = told(&[full(), lacks, full()]);
        assert_eq!((differing.len(), compared), (1, 2), "b is not there on m2");
        assert_eq!(last.unwrap(), "b");
    }

    #[test]
    fn pages_grow_while_values_are_small_and_shrink_when_they_are_not() {
        assert_eq!(next_limit(16, 16 * 100), 64);
        assert_eq!(next_limit(400, 400 * 100), MAX_PAGE);
        assert_eq!(next_limit(16, 16 << 20), 1);
        assert_eq!(next_limit(16, 0), 64);
    }
}
