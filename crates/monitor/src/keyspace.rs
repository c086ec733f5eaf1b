//! What is stored, by prefix: counted page by page on one member, within a budget, on request and
//! where `key_scan` has it done on schedule.
//!
//! Keys are read without values (before etcd 3.7 the member loads the values all the same); of a few
//! keys, spread over all, the value's size is looked at. Nothing that was read is kept but prefixes
//! and sizes.

mod conditions;
mod count;
pub(crate) mod schedule;

use std::sync::Arc;
use std::time::Duration;

use etcd::{Error, ErrorClass, GetRequest, Member, Pages};
use jiff::Timestamp;
use model::health::{Health, Role};
use tokio::time::{Instant, sleep};

use self::count::{Counter, prefix_of};
use crate::view::{ClusterView, MemberView};

/// How much a scan may take of a member.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Keys in one page.
    pub page_keys: i64,
    /// The time from the start of one page to that of the next, at least.
    pub between_pages: Duration,
    /// Keys after which the scan ends.
    pub max_keys: u64,
    /// Values whose size is looked at.
    pub sampled_values: usize,
    /// A page that takes longer means that the member is under pressure: the scan ends.
    pub slowest_page: Duration,
}

impl Default for Budget {
    /// At most 10,000 keys a second, and two million in all.
    fn default() -> Self {
        Self {
            page_keys: 1_000,
            between_pages: Duration::from_millis(100),
            max_keys: 2_000_000,
            sampled_values: 300,
            slowest_page: Duration::from_secs(1),
        }
    }
}

/// For one page, and for one value.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Between two values that are looked at.
const BETWEEN_VALUES: Duration = Duration::from_millis(10);

/// What is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct KeySpace {
    /// Who was asked.
    pub endpoint: String,
    /// When the scan began.
    pub at: Timestamp,
    /// As of which revision.
    pub revision: i64,
    /// Keys that were counted.
    pub counted: u64,
    /// Keys that there are.
    pub total: u64,
    /// Why not all were counted.
    pub cut_short: Option<String>,
    /// All keys that were counted; its name is empty.
    pub all: Prefix,
    /// Prefixes that hold many of the keys, the largest first; a prefix stands for those beneath it
    /// unless one of them holds nearly as many.
    pub prefixes: Vec<Prefix>,
    /// Sizes of values, of those that were looked at, smallest first, bytes.
    pub sizes: Vec<usize>,
    /// The prefix of the largest of them.
    pub largest: Option<(String, usize)>,
    /// The highest number of changes of a key that still exists, and its prefix.
    pub most_changed: Option<(String, i64)>,
}

/// The keys under a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// The prefix, with what is not printable escaped.
    pub name: String,
    /// How many keys.
    pub keys: u64,
    /// What they and their values have, about: the values that were looked at stand for all; `None`
    /// where none was. Earlier revisions, which etcd keeps until they are compacted, are not in it.
    pub bytes: Option<u64>,
}

/// What the scans of a cluster brought.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scans {
    /// Whether they are made by themselves.
    pub is_scheduled: bool,
    /// The last one that could be made.
    pub last: Option<Arc<KeySpace>>,
    /// Why the newest could not; `None` where it could, or was not tried yet.
    pub failed: Option<String>,
}

/// The member that minds a scan least: a healthy follower, or else any healthy member.
pub fn least_busy(view: &ClusterView) -> Option<&MemberView> {
    let healthy = || view.members.iter().filter(|member| member.health == Health::Healthy);
    healthy().find(|member| member.role == Role::Follower).or_else(|| healthy().next())
}

/// Counts the keys of `member`. Before each further page `pressure` says whether the cluster has other
/// things to do, and which: the scan then ends.
///
/// # Errors
/// The first page can't be read: no answer, or no permission.
pub async fn scan(
    member: &Member,
    budget: &Budget,
    now: Timestamp,
    pressure: impl Fn() -> Option<String>,
) -> Result<KeySpace, Error> {
    let mut count = Counter::default();
    let mut request = GetRequest { serializable: true, keys_only: true, ..GetRequest::prefix("") };
    request.limit = budget.page_keys;
    let mut ranges = Pages::new((request.key.clone(), request.range_end.clone()));
    let mut asked = ranges.next(request.limit).unwrap_or_default();
    let first = member.get(request.clone(), TIMEOUT).await?;
    let total = u64::try_from(first.count).unwrap_or_default();
    let revision = first.header.revision;
    request.revision = revision;
    let every = (total / budget.sampled_values.max(1) as u64).max(1);
    let mut page = first;
    let mut cut_short = None;
    loop {
        for kv in &page.kvs {
            count.add(&kv.key, kv.version, every);
        }
        ranges.learn(asked, request.limit, &page.kvs, page.more);
        let Some(range) = ranges.next(request.limit) else { break };
        if count.keys >= budget.max_keys {
            cut_short = Some(format!("the budget of {} keys was used up", budget.max_keys));
            break;
        }
        asked = range;
        (request.key, request.range_end) = asked.clone();
        sleep(budget.between_pages).await;
        if let Some(why) = pressure() {
            cut_short = Some(why);
            break;
        }
        let start = Instant::now();
        page = match member.get(request.clone(), TIMEOUT).await {
            Ok(page) => page,
            Err(error) => {
                cut_short = Some(match error.class() {
                    ErrorClass::Compacted => "the revision was compacted meanwhile".to_owned(),
                    _ => error.to_string(),
                });
                break;
            }
        };
        if start.elapsed() > budget.slowest_page {
            let took = start.elapsed().as_secs_f64();
            cut_short = Some(format!("a page took {took:.1} s: the member is under pressure"));
            break;
        }
    }
    let mut sizes = Vec::new();
    let mut largest: Option<(String, usize)> = None;
    for key in count.take_sample() {
        sleep(BETWEEN_VALUES).await;
        let request = GetRequest { serializable: true, revision, ..GetRequest::key(key.clone()) };
        // A key that cannot be read any more tells nothing of sizes.
        let Ok(reply) = member.get(request, TIMEOUT).await else { continue };
        for kv in reply.kvs {
            let size = kv.value.len();
            if largest.as_ref().is_none_or(|(_, before)| size > *before) {
                largest = Some((prefix_of(&key), size));
            }
            count.weigh(&key, size);
            sizes.push(size);
        }
    }
    sizes.sort_unstable();
    Ok(KeySpace {
        endpoint: member.endpoint().to_string(),
        at: now,
        revision,
        counted: count.keys,
        total,
        cut_short,
        all: count.whole(),
        prefixes: count.top(),
        sizes,
        largest,
        most_changed: count.most_changed,
    })
}
