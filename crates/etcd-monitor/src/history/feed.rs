//! From a member's page to the series of the history.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use expfmt::{Format, Kind, Limits, Line, Sample, ScrapeCache};
use jiff::Timestamp;
use model::series::{Labels, METRIC_NAME};
use monitor::sink::{PageSink, ScrapedMember};
use tracing::warn;
use tsdb::{Error, SeriesId, Target, Tsdb};

use super::config::Config;
use super::keep::{Choice, Verdict};

/// Labels that the target has; a page's own of these names are kept as `exported_…`, as Prometheus
/// does.
const TARGET_LABELS: [&str; 4] = ["cluster", "member", "instance", "job"];

/// By cluster and instance.
type ByInstance = HashMap<(String, String), Arc<Mutex<Feed>>>;

/// Feeds the history with the pages of all members.
pub(super) struct Feeds {
    store: Tsdb,
    choice: Choice,
    /// What Prometheus adds to each scrape.
    up: SeriesId,
    duration: SeriesId,
    samples: SeriesId,
    feeds: Mutex<ByInstance>,
    is_paused: Mutex<bool>,
}

struct Feed {
    of: ScrapedMember,
    target: Target,
    known: ScrapeCache<SeriesId>,
}

impl Feeds {
    pub(super) fn new(store: Tsdb, config: &Config) -> Self {
        let gauge = |name, help| {
            store.describe(name, Kind::Gauge, help);
            store.series_id(&Labels::new([(METRIC_NAME, name)]))
        };
        Self {
            up: gauge("up", "Whether the member gave a page of metrics."),
            duration: gauge("scrape_duration_seconds", "How long the member took to give it."),
            samples: gauge("scrape_samples_scraped", "How many samples the page had."),
            choice: Choice::new(config),
            feeds: Mutex::default(),
            is_paused: Mutex::new(false),
            store,
        }
    }

    fn feeds(&self) -> MutexGuard<'_, ByInstance> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The feed of a member. Under another name it is another target, and the old one ends.
    fn feed(&self, of: &ScrapedMember, at: Timestamp) -> Arc<Mutex<Feed>> {
        let key = (of.cluster.clone(), of.instance.clone());
        let known = self.feeds().get(&key).cloned();
        if let Some(known) = known {
            let feed = known.lock().unwrap_or_else(PoisonError::into_inner);
            if feed.of == *of {
                drop(feed);
                return known;
            }
            self.append(&feed.target, at, &[]);
        }
        let target = self.store.target(&target_labels(of));
        let feed = Feed { of: of.clone(), target, known: ScrapeCache::default() };
        let feed = Arc::new(Mutex::new(feed));
        self.feeds().insert(key, Arc::clone(&feed));
        feed
    }

    fn append(&self, target: &Target, at: Timestamp, samples: &[(SeriesId, f64)]) {
        let outcome = target.append(at.as_millisecond(), samples);
        let mut is_paused = self.is_paused.lock().unwrap_or_else(PoisonError::into_inner);
        let was_paused = std::mem::replace(&mut *is_paused, outcome.is_err());
        match outcome {
            // Said once: every member's scrapes are refused for the same reason.
            Err(error @ Error::Paused { .. }) if !was_paused => {
                warn!(%error, "scrapes are not kept");
            }
            _ => {}
        }
    }
}

impl PageSink for Feeds {
    fn page(&self, of: &ScrapedMember, at: Timestamp, took: Duration, body: &[u8]) {
        let feed = self.feed(of, at);
        let mut feed = feed.lock().unwrap_or_else(PoisonError::into_inner);
        let Feed { target, known, .. } = &mut *feed;
        let mut samples = Vec::with_capacity(known.len() + 3);
        let mut page = known.page();
        let (mut name, mut verdict) = ("", Verdict::Drop);
        let mut family = Family::default();
        let mut count = 0_u32;
        for line in expfmt::parse(body, Format::Text, Limits::default()) {
            // The page was read before: a line that is none does not come here.
            let Ok(line) = line else { continue };
            let Line::Sample(sample) = line else {
                family.take(line);
                continue;
            };
            count += 1;
            // The series of a name follow one another.
            if sample.name != name {
                name = sample.name;
                verdict = self.choice.of(name);
            }
            if verdict.keeps(sample.value, sample.series) {
                let id = page.id(sample.series, || {
                    self.store.describe(family.name, family.kind, &family.help);
                    self.store.series_id(&series_labels(&sample))
                });
                samples.push((id, sample.value));
            }
        }
        page.finish();
        samples.push((self.up, 1.0));
        samples.push((self.duration, took.as_secs_f64()));
        samples.push((self.samples, f64::from(count)));
        self.append(target, at, &samples);
    }

    fn no_page(&self, of: &ScrapedMember, at: Timestamp, took: Duration) {
        let feed = self.feed(of, at);
        let feed = feed.lock().unwrap_or_else(PoisonError::into_inner);
        let took = took.as_secs_f64();
        let samples = [(self.up, 0.0), (self.duration, took), (self.samples, 0.0)];
        self.append(&feed.target, at, &samples);
    }

    fn ended(&self, cluster: &str, instance: &str, at: Timestamp) {
        let gone = self.feeds().remove(&(cluster.to_owned(), instance.to_owned()));
        if let Some(feed) = gone {
            let feed = feed.lock().unwrap_or_else(PoisonError::into_inner);
            self.append(&feed.target, at, &[]);
        }
    }
}

/// What the lines before a metric's samples say of it.
struct Family<'p> {
    name: &'p str,
    kind: Kind,
    help: Cow<'p, str>,
}

impl Default for Family<'_> {
    fn default() -> Self {
        Self { name: "", kind: Kind::Unknown, help: Cow::Borrowed("") }
    }
}

impl<'p> Family<'p> {
    fn take(&mut self, line: Line<'p>) {
        let (Line::Help { name, .. } | Line::Type { name, .. }) = line else { return };
        if name != self.name {
            *self = Self { name, ..Self::default() };
        }
        match line {
            Line::Help { text, .. } => self.help = text,
            Line::Type { kind, .. } => self.kind = kind,
            _ => {}
        }
    }
}

fn target_labels(of: &ScrapedMember) -> Labels {
    let own = [
        ("cluster", of.cluster.as_str()),
        ("member", &of.member),
        ("instance", &of.instance),
        ("job", "etcd"),
    ];
    let more = of.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Labels::new(own.into_iter().chain(more))
}

fn series_labels(sample: &Sample<'_>) -> Labels {
    let name = (METRIC_NAME.to_owned(), sample.name.to_owned());
    let labels = sample.labels.clone().map(|(name, value)| {
        let is_taken = TARGET_LABELS.contains(&name);
        let name = if is_taken { format!("exported_{name}") } else { name.to_owned() };
        (name, value.into_owned())
    });
    Labels::new(std::iter::once(name).chain(labels))
}
