//! Reading very many keys at one revision, page by page, from one member that is not hurt by it.

use std::time::Duration;

use bytes::Bytes;
use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use etcd::{Error, ErrorClass, GetRequest, KeyRange, KeyValue, Member, Pages};
use futures::future::join_all;
use tokio::time::{Instant, sleep, sleep_until};

use crate::failure::{Failure, error_text};
use crate::go;
use crate::operate::census::MAX_LAG;
use crate::session::{Session, is_future, is_passing};

mod page;

use page::PageSize;

/// Rest before a member is asked again.
const REST: Duration = Duration::from_millis(200);
/// How often a member is asked how it is.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Shortest limit for one page.
const PAGE_LIMIT: Duration = Duration::from_secs(10);

/// What to read, and how gently.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the keys begin with; empty for all.
    pub prefix: Bytes,
    /// At which revision; 0 for the newest.
    pub revision: i64,
    /// Whether values are left out.
    pub keys_only: bool,
    /// Most keys of one page.
    pub page_keys: i64,
    /// Most keys in a second; 0 for no limit.
    pub max_rate: i64,
    /// A member that takes longer to say how it is has enough to do.
    pub max_latency: Duration,
    /// How long to wait for a member that has enough to do, or for any that answers.
    pub patience: Duration,
}

/// A member that is read from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its connection.
    pub member: Member,
    /// Its number.
    pub id: u64,
    /// `follower`, `leader` or `learner`; `member` if it does not say.
    pub role: &'static str,
}

impl Source {
    /// How it is named to people, such as `http://10.0.0.1:2379 (follower 8e9e05c52164694d)`.
    pub fn shown(&self) -> String {
        format!("{} ({} {:x})", self.member.endpoint(), self.role, self.id)
    }
}

/// Keys under way.
#[derive(Debug)]
pub struct Scan {
    options: Options,
    /// In the order to ask them.
    sources: Vec<Source>,
    at: usize,
    pages: Pages,
    revision: i64,
    cluster_id: u64,
    /// What one member alone says of the newest revision may be old.
    is_unconfirmed: bool,
    done: u64,
    total: Option<u64>,
    page: PageSize,
    page_limit: Duration,
    /// When the next page may be asked for.
    not_before: Instant,
    looked: Instant,
}

impl Scan {
    /// Finds the member to read from and the revision; reads no key yet.
    pub async fn open(session: &Session, options: Options) -> Result<Self, Failure> {
        let GetRequest { key, range_end, .. } = GetRequest::prefix(options.prefix.clone());
        let (newest, is_unconfirmed) = newest(session, &key).await?;
        let sources = sources(session).await;
        if sources.is_empty() {
            return Err(Failure::error("no member says how it is; name other --endpoints"));
        }
        let revision = if options.revision > 0 { options.revision } else { newest.revision };
        let now = Instant::now();
        Ok(Self {
            sources,
            at: 0,
            pages: Pages::new((key, range_end)),
            revision,
            cluster_id: newest.cluster_id,
            is_unconfirmed,
            done: 0,
            total: None,
            page: PageSize::new(options.page_keys),
            page_limit: session.timeout.max(PAGE_LIMIT),
            not_before: now,
            looked: now,
            options,
        })
    }

    /// The revision that all keys are read at.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The cluster that is read.
    pub fn cluster_id(&self) -> u64 {
        self.cluster_id
    }

    /// The member that is read from; another takes its place when it is lost.
    pub fn source(&self) -> &Source {
        &self.sources[self.at]
    }

    /// Keys that were read.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Keys that there are, once the first page is there.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// What a reader should know of the revision, if anything.
    pub fn note(&self) -> Option<&'static str> {
        let text = "no quorum confirms the revision: it is the newest that one member knows";
        (self.is_unconfirmed && self.options.revision == 0).then_some(text)
    }

    /// How many keys there are, by one request that reads none.
    pub async fn count(&mut self, tell: &mut dyn FnMut(&str)) -> Result<u64, Failure> {
        let all = GetRequest::prefix(self.options.prefix.clone());
        let all = (all.key, all.range_end);
        let reply = self.ask(|scan| scan.request(all.clone(), 0, true), tell).await?;
        Ok(reply.count.max(0).cast_unsigned())
    }

    /// The next keys; `None` behind the last. `tell` hears what delays it.
    pub async fn next(
        &mut self,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Option<Vec<KeyValue>>, Failure> {
        let limit = self.page.keys();
        let Some(range) = self.pages.next(limit) else { return Ok(None) };
        sleep_until(self.not_before).await;
        self.wait_while_pressed(tell).await?;
        let start = Instant::now();
        let reply = self.ask(|scan| scan.request(range.clone(), limit, false), tell).await?;
        let bytes: usize = reply.kvs.iter().map(|kv| kv.key.len() + kv.value.len()).sum();
        self.page.learn(reply.kvs.len(), bytes, start.elapsed());
        if self.options.max_rate > 0 {
            let pace = reply.kvs.len() as f64 / self.options.max_rate as f64;
            self.not_before = start + Duration::from_secs_f64(pace);
        }
        self.total.get_or_insert(reply.count.max(0).cast_unsigned());
        self.done += reply.kvs.len() as u64;
        self.pages.learn(range, limit, &reply.kvs, reply.more);
        Ok(Some(reply.kvs))
    }

    fn request(
        &self,
        (key, range_end): KeyRange,
        limit: i64,
        count_only: bool,
    ) -> pb::RangeRequest {
        pb::RangeRequest {
            key,
            range_end,
            limit,
            revision: self.revision,
            serializable: true,
            keys_only: self.options.keys_only && !count_only,
            count_only,
            ..pb::RangeRequest::default()
        }
    }

    /// Asks the member, and another when it is lost.
    async fn ask(
        &mut self,
        request: impl Fn(&Self) -> pb::RangeRequest,
        tell: &mut dyn FnMut(&str),
    ) -> Result<pb::RangeResponse, Failure> {
        let end = Instant::now() + self.options.patience;
        loop {
            let source = self.source().clone();
            let asked = source.member.call(&rpc::RANGE, request(self), self.page_limit).await;
            let error = match asked {
                Ok(reply) => return Ok(reply),
                Err(error)
                    if !(is_passing(&error) || is_future(&error)) || Instant::now() >= end =>
                {
                    return Err(self.failed(error));
                }
                Err(error) => error,
            };
            if error.class() == ErrorClass::Deadline {
                self.page.shrink();
            }
            self.at = (self.at + 1) % self.sources.len();
            // A member that has not got there yet is asked again when it has.
            if !is_future(&error) {
                let (text, next) = (error_text(&error), self.source().member.endpoint());
                tell(&format!("{}: {text}; going on at {next}", source.member.endpoint()));
            }
            sleep(REST).await;
        }
    }

    /// Rests while the member has more to do than is good for it; gives up when that does not end.
    async fn wait_while_pressed(&mut self, tell: &mut dyn FnMut(&str)) -> Result<(), Failure> {
        if self.looked.elapsed() < LOOK_EVERY {
            return Ok(());
        }
        let end = Instant::now() + self.options.patience;
        let mut is_told = false;
        while let Some(pressure) = self.pressure().await {
            let source = self.source().shown();
            if Instant::now() >= end {
                let patience = go::show_duration(self.options.patience);
                let text = format!("stopped to spare {source}: it {pressure}, for {patience}");
                return Err(self.with_progress(Failure::error(text)).with_detail(
                    "read from another member by --endpoints, or allow more by --max-latency",
                ));
            }
            if !is_told {
                tell(&format!("{source} {pressure}: resting"));
                is_told = true;
            }
            self.page.shrink();
            sleep(LOOK_EVERY).await;
        }
        self.looked = Instant::now();
        Ok(())
    }

    /// Why the member should be spared; one that does not answer is for [`Self::ask`] to replace.
    async fn pressure(&self) -> Option<String> {
        let start = Instant::now();
        let status = self.source().member.call(&rpc::STATUS, pb::StatusRequest {}, self.page_limit);
        let status = status.await.ok()?;
        let (took, allowed) = (start.elapsed(), self.options.max_latency);
        if took > allowed {
            let (took, allowed) = (took.as_secs_f64(), go::show_duration(allowed));
            return Some(format!("takes {took:.1} s to say how it is, more than {allowed}"));
        }
        // Servers of 3.4 and later say both.
        let lag = status.raft_index.saturating_sub(status.raft_applied_index);
        (lag > MAX_LAG).then(|| format!("is {lag} entries behind"))
    }

    fn failed(&self, error: Error) -> Failure {
        let is_compacted = error.class() == ErrorClass::Compacted;
        let failure = self.with_progress(error.into());
        if is_compacted && self.done > 0 {
            return failure.with_detail(
                "the revision was compacted meanwhile: begin again, at times without compaction or \
                 with a higher --max-rate",
            );
        }
        failure
    }

    /// The failure with how far it came.
    fn with_progress(&self, failure: Failure) -> Failure {
        let (done, revision) = (self.done, self.revision);
        let total = self.total.map(|total| format!(" of {total}")).unwrap_or_default();
        failure.with_detail(format!("{done}{total} keys were read at revision {revision}"))
    }
}

/// A header with the newest revision, and whether only one member says so, as there is no quorum.
async fn newest(session: &Session, key: &Bytes) -> Result<(pb::ResponseHeader, bool), Failure> {
    // One key is asked for, as a range would be counted.
    let request = |serializable| pb::RangeRequest {
        key: key.clone(),
        keys_only: true,
        serializable,
        ..pb::RangeRequest::default()
    };
    let header = |reply: pb::RangeResponse| reply.header.unwrap_or_default();
    match session.read(&rpc::RANGE, request(false)).await {
        Ok(reply) => Ok((header(reply), false)),
        Err(failure) => {
            let reply = session.read(&rpc::RANGE, request(true)).await.map_err(|_| failure)?;
            Ok((header(reply), true))
        }
    }
}

/// Members that answer: followers first, then the leader, then learners.
async fn sources(session: &Session) -> Vec<Source> {
    let asked = session.members().iter().map(|member| async move {
        let request = pb::StatusRequest {};
        let status = match member.call(&rpc::STATUS, request, session.timeout).await {
            Ok(status) => status,
            // It answers, if not to this user: keys may be what this user may read.
            Err(error) if error.server_said().is_some() => {
                return Some((1, Source { member: member.clone(), id: 0, role: "member" }));
            }
            Err(_) => return None,
        };
        let id = status.header.map_or(0, |header| header.member_id);
        let (rank, role) = match () {
            () if status.is_learner => (2, "learner"),
            () if status.leader == id => (1, "leader"),
            () => (0, "follower"),
        };
        Some((rank, Source { member: member.clone(), id, role }))
    });
    let mut found: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, source)| source).collect()
}
