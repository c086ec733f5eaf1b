//! Reading the HTTP side of one member: `/metrics`, at a moment of its own `/version`, and once an hour
//! whether it serves its profiler. Its `/health` is not asked for: it tells nothing that the questions of
//! a sweep do not, and costs the member one more linearizable read.

use std::sync::Arc;
use std::time::Duration;

use etcd::{Endpoint, HttpReply, HttpTarget, Member};
use jiff::{SignedDuration, Timestamp};
use model::clock::Clock;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::metrics::page::{LIMITS, Page, PageError};
use crate::sink::{PageSink, ScrapedMember};
use crate::skew::ClockReading;

/// The profiler is asked for this seldom: a flag does not change without a restart.
const PROFILER_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// For each answer but the page: a member has it at hand, or will not give it soon.
const MAX_ANSWER_WAIT: Duration = Duration::from_secs(2);

/// The other answers are a line of JSON.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// What the HTTP side of a member said.
#[derive(Debug)]
pub struct Scrape {
    /// When `/metrics` was asked for.
    pub at: Timestamp,
    /// The numbers of `/metrics`, or why there are none.
    pub page: Result<Arc<Page>, String>,
    /// The time of day that its replies carry, in the order in which they were asked for. A page of
    /// metrics from another address does not count.
    pub clock: Vec<ClockReading>,
}

/// Whether a member serves its profiler, `/debug/pprof`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfilerAnswer {
    /// When it was asked.
    pub at: Timestamp,
    /// Whether the profiler answered.
    pub is_served: bool,
}

impl Scrape {
    /// A scrape that brought this page, and nothing else.
    #[cfg(test)]
    pub(crate) fn of_page(at: Timestamp, page: Result<Arc<Page>, String>) -> Self {
        Self { at, page, clock: Vec::new() }
    }
}

/// What is asked for apart from the page, so that the page waits for none of it: a member whose disk
/// stalls serves its page at once, and may think about anything else for many seconds.
#[derive(Debug)]
pub struct Aside {
    /// `/version`; `None` when it did not answer soon.
    pub version: Option<VersionAnswer>,
    /// Whether it serves its profiler; `None` when that was not asked, or not answered.
    pub profiler: Option<ProfilerAnswer>,
}

/// The answer of `/version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionAnswer {
    /// When it was asked for.
    pub at: Timestamp,
    /// The lowest minor version of all members; `not_decided` right after bootstrap. `None` where
    /// something else than etcd answers.
    pub cluster_version: Option<String>,
    /// The time of day that came with it.
    pub clock: Option<ClockReading>,
}

/// Where and how to scrape.
#[derive(Clone)]
pub struct Scraper {
    /// For the time of a scrape.
    pub clock: Arc<dyn Clock>,
    /// For the page; each other request has no more than two seconds of it.
    pub deadline: Duration,
    /// A base URL with `{host}`, where metrics are not on the client URL.
    pub metrics_url: Option<String>,
    /// Bounds the pages that the whole process holds at once.
    pub permits: Arc<Semaphore>,
    /// Takes the pages, too.
    pub sink: Option<Arc<dyn PageSink>>,
}

impl Scraper {
    /// Asks for the page; `of` is the member as the sink is to know it.
    pub async fn scrape(self, member: Member, of: ScrapedMember) -> Scrape {
        let permit = self.permits.acquire().await;
        let at = self.clock.now();
        let started = Instant::now();
        let mut clock = Vec::new();
        let page = self.page(&member, &of, at, &mut clock).await;
        if let (Some(sink), Err(_)) = (&self.sink, &page) {
            sink.no_page(&of, at, started.elapsed());
        }
        drop(permit);
        Scrape { at, page, clock }
    }

    /// Asks for what is not on the page; `profiler` is what the member last told of that.
    pub async fn aside(self, member: Member, profiler: Option<ProfilerAnswer>) -> Aside {
        let now = self.clock.now();
        // Also after a clock was set back.
        let age = |last: ProfilerAnswer| now.duration_since(last.at).abs();
        let is_due = profiler.is_none_or(|last| age(last) >= PROFILER_EVERY);
        Aside {
            version: self.version(&member).await,
            profiler: if is_due { self.profiler(&member).await } else { None },
        }
    }

    /// Asks for the version of the cluster, and with it for the time of day.
    async fn version(&self, member: &Member) -> Option<VersionAnswer> {
        #[derive(Deserialize)]
        struct Answer {
            etcdcluster: String,
        }
        let (at, started) = (self.clock.now(), Instant::now());
        let reply = self.small(member, "/version").await?;
        let clock = clock_reading(at, started.elapsed(), &reply);
        let answer: Option<Answer> = serde_json::from_slice(&reply.body).ok();
        let cluster_version = answer.map(|answer| answer.etcdcluster);
        Some(VersionAnswer { at, cluster_version, clock })
    }

    async fn page(
        &self,
        member: &Member,
        of: &ScrapedMember,
        at: Timestamp,
        clock: &mut Vec<ClockReading>,
    ) -> Result<Arc<Page>, String> {
        let started = Instant::now();
        let target = metrics_target(self.metrics_url.as_deref(), member.endpoint());
        let asked = target.endpoint().unwrap_or(member.endpoint());
        let reply = member
            .http_get(&target, self.deadline, LIMITS.body_bytes)
            .await
            .map_err(|error| error.to_string())?;
        let took = started.elapsed();
        if target.endpoint().is_none() {
            clock.extend(clock_reading(at, took, &reply));
        }
        if reply.status != 200 {
            return Err(format!(
                "{asked} answered {} with HTTP status {}; if metrics have a URL of their own \
                 (--listen-metrics-urls), give it as metrics_url",
                target.path(),
                reply.status
            ));
        }
        let page = match &self.sink {
            None => Page::parse(&reply.body, at),
            Some(sink) => parse_for(sink.as_ref(), of, at, took, &reply.body),
        };
        let page =
            page.map_err(|error| format!("{} of {asked} cannot be used: {error}", target.path()))?;
        Ok(Arc::new(page))
    }

    async fn small(&self, member: &Member, path: &str) -> Option<HttpReply> {
        let target = HttpTarget::of_member(path);
        let within = self.deadline.min(MAX_ANSWER_WAIT);
        member.http_get(&target, within, MAX_ANSWER_BYTES).await.ok()
    }

    /// Asks for the command line, the cheapest of the profiler's pages. Of the answer only that it came
    /// is kept.
    async fn profiler(&self, member: &Member) -> Option<ProfilerAnswer> {
        let at = self.clock.now();
        let reply = self.small(member, "/debug/pprof/cmdline").await?;
        let content_type = reply.content_type.as_deref().unwrap_or_default();
        // A proxy may answer anything with a page of its own.
        let is_served = reply.status == 200
            && content_type.starts_with("text/plain")
            && !reply.body.is_empty()
            && !reply.body.trim_ascii_start().starts_with(b"<");
        Some(ProfilerAnswer { at, is_served })
    }
}

/// Where the metrics of the member at `endpoint` are: at `metrics_url`, in which `{host}` stands for its
/// host, or with the member itself.
pub fn metrics_target(metrics_url: Option<&str>, endpoint: &Endpoint) -> HttpTarget {
    let configured = metrics_url.and_then(|template| {
        let host = endpoint.host();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        HttpTarget::parse(&template.replace("{host}", &host), "/metrics").ok()
    });
    configured.unwrap_or_else(|| HttpTarget::of_member("/metrics"))
}

fn clock_reading(sent_at: Timestamp, took: Duration, reply: &HttpReply) -> Option<ClockReading> {
    reply.date.map(|date| ClockReading { sent_at, took, date })
}

/// Parses a page, and lets the sink see each line on the way.
fn parse_for(
    sink: &dyn PageSink,
    of: &ScrapedMember,
    at: Timestamp,
    took: Duration,
    body: &[u8],
) -> Result<Page, PageError> {
    let mut page = Err(PageError::NotEtcd);
    sink.page(of, at, took, &mut |also| {
        page = Page::parse_with(body, at, also);
        page.is_ok()
    });
    page
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use etcd::{ClientConfig, Connector, Scheme};
    use model::clock::SystemClock;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::*;

    /// Serves `/metrics` at once and answers nothing else. With the first question that is not answered
    /// the time stops, so that a test waits for none.
    async fn serve_only_metrics(listener: TcpListener) {
        let mut unanswered = Vec::new();
        while let Ok((client, _)) = listener.accept().await {
            let mut client = BufReader::new(client);
            let mut request = String::new();
            client.read_line(&mut request).await.unwrap();
            if request.starts_with("GET /metrics ") {
                let page = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\netcd_server_has_leader 1\n";
                client.write_all(page.as_bytes()).await.unwrap();
            } else {
                if unanswered.is_empty() {
                    tokio::time::pause();
                }
                unanswered.push(client);
            }
        }
    }

    /// Answers everything alike; returns the address, and what was asked for.
    async fn serve_anything() -> (Endpoint, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut client = BufReader::new(client);
                let mut request = String::new();
                client.read_line(&mut request).await.unwrap();
                log.lock().unwrap().push(request.split(' ').nth(1).unwrap().to_owned());
                let answer =
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\netcd";
                client.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (Endpoint::new(Scheme::Http, "127.0.0.1", port), asked)
    }

    fn scraper() -> Scraper {
        Scraper {
            clock: Arc::new(SystemClock),
            deadline: Duration::from_mins(1),
            metrics_url: None,
            permits: Arc::new(Semaphore::new(1)),
            sink: None,
        }
    }

    #[tokio::test]
    async fn the_profiler_is_asked_for_once_an_hour() {
        let (endpoint, asked) = serve_anything().await;
        let connector = Connector::new(ClientConfig::default()).unwrap();
        let member = connector.member(endpoint);
        let profiler = scraper().aside(member.clone(), None).await.profiler.unwrap();
        assert!(profiler.is_served);
        let aged = |age: SignedDuration| ProfilerAnswer { at: profiler.at - age, ..profiler };
        let minute = SignedDuration::from_mins(1);
        for (last, is_asked) in [
            (aged(SignedDuration::ZERO), false),
            (aged(PROFILER_EVERY - minute), false),
            (aged(PROFILER_EVERY), true),
            // The clock was set back since.
            (aged(-PROFILER_EVERY - minute), true),
        ] {
            asked.lock().unwrap().clear();
            let found = scraper().aside(member.clone(), Some(last)).await.profiler;
            assert_eq!(found.is_some(), is_asked, "{last:?}");
            let both = ["/version", "/debug/pprof/cmdline"];
            let expected = if is_asked { &both[..] } else { &both[..1] };
            assert_eq!(*asked.lock().unwrap(), expected, "{last:?}");
        }
    }

    #[tokio::test]
    async fn a_page_waits_for_no_other_answer_and_those_for_two_seconds_each() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(serve_only_metrics(listener));
        let connector = Connector::new(ClientConfig::default()).unwrap();
        let member = connector.member(Endpoint::new(Scheme::Http, "127.0.0.1", port));
        let scraper = scraper();
        let of = ScrapedMember {
            cluster: "c".into(),
            labels: [].into(),
            member: "m1".into(),
            instance: "m1:2379".into(),
        };
        let scrape = scraper.clone().scrape(member.clone(), of).await;
        assert!(scrape.page.is_ok(), "{:?}", scrape.page);
        let started = Instant::now();
        let aside = scraper.aside(member, None).await;
        let took = started.elapsed();
        assert!(aside.version.is_none() && aside.profiler.is_none(), "{aside:?}");
        // Far below the deadline, also on a slow machine.
        assert!((MAX_ANSWER_WAIT * 2..Duration::from_secs(40)).contains(&took), "{took:?}");
        server.abort();
    }
}
