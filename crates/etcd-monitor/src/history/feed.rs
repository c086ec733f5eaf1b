//! From a member's page to the series of the history.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use expfmt::{Kind, Line, Sample, ScrapeCache};
use jiff::Timestamp;
use model::series::{Labels, METRIC_NAME, MatchOp, Matcher, Source as _, Want};
use monitor::sink::{PageSink, ReadPage, ScrapedMember};
use tracing::warn;
use tsdb::{Error, Level, SeriesId, Target, Tsdb};

use super::config::Config;
use super::keep::{Choice, Verdict};

/// Labels that the target has; a page's own of these names are kept as `exported_…`, as Prometheus
/// does.
const TARGET_LABELS: [&str; 4] = ["cluster", "member", "instance", "job"];

/// Series that a member may bring anew on one day, several times what it has: a page that names
/// itself anew with every scrape must not fill the memory. What is above is not kept.
const NEW_SERIES_PER_DAY: u32 = 30_000;

/// Samples that are older than this say nothing of a member's name.
const NAMES_WITHIN: Duration = Duration::from_hours(30 * 24);

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
    /// Without an identity where the series is not kept.
    known: ScrapeCache<Option<SeriesId>>,
    budget: Budget,
}

/// How many new series a member may still bring.
#[derive(Default)]
struct Budget {
    day: i64,
    used: u32,
}

impl Budget {
    /// Begins anew with each day (UTC); returns whether series were left out the day before.
    fn begin(&mut self, at: Timestamp) -> bool {
        const DAY_SECONDS: i64 = 86_400;
        let day = at.as_second().div_euclid(DAY_SECONDS);
        if self.day == day {
            return false;
        }
        let was_used_up = self.used > NEW_SERIES_PER_DAY;
        *self = Self { day, used: 0 };
        was_used_up
    }

    /// Whether one more may come.
    fn take(&mut self) -> bool {
        self.used = self.used.saturating_add(1);
        self.used <= NEW_SERIES_PER_DAY
    }
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
        let mut of = of.clone();
        if let Some(known) = known {
            let feed = known.lock().unwrap_or_else(PoisonError::into_inner);
            // What the members do not tell now, they told before.
            if of.member.is_empty() {
                of.member.clone_from(&feed.of.member);
            }
            if feed.of == of {
                drop(feed);
                return known;
            }
            self.append(&feed.target, at, &[]);
        } else if of.member.is_empty() {
            of.member = self.last_name(&of, at).unwrap_or_default();
        }
        let target = self.store.target(&target_labels(&of));
        let feed = Feed { of, target, known: ScrapeCache::default(), budget: Budget::default() };
        let feed = Arc::new(Mutex::new(feed));
        self.feeds().insert(key, Arc::clone(&feed));
        feed
    }

    /// The name that a member's newest samples have, for one that is not reached after a restart.
    fn last_name(&self, of: &ScrapedMember, at: Timestamp) -> Option<String> {
        let is = |name, value| Matcher::new(name, MatchOp::Eq, value);
        let matchers = [
            is(METRIC_NAME, "up").ok()?,
            is("cluster", &of.cluster).ok()?,
            is("instance", &of.instance).ok()?,
        ];
        let to_ms = at.as_millisecond();
        let from_ms = to_ms.saturating_sub(NAMES_WITHIN.as_millis() as i64);
        let want = Want { spacing_ms: Some(Level::Hour.spacing_ms()), ..Want::all(from_ms, to_ms) };
        let mut newest = None;
        let found = self.store.read(&matchers, want, &mut |series, _| {
            let last = series.samples.last().map(|sample| sample.at_ms);
            if let Some(name) = series.labels.get("member") {
                newest = newest.take().max(Some((last, name.to_owned())));
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = found {
            warn!(error, "the name of a member cannot be looked up in the history");
        }
        newest.map(|(_, name)| name)
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
    fn page<'b>(
        &self,
        of: &ScrapedMember,
        at: Timestamp,
        took: Duration,
        read: &mut ReadPage<'_, 'b>,
    ) {
        let feed = self.feed(of, at);
        let mut feed = feed.lock().unwrap_or_else(PoisonError::into_inner);
        let Feed { target, known, budget, .. } = &mut *feed;
        if budget.begin(at) {
            *known = ScrapeCache::default();
        }
        let was_used_up = budget.used > NEW_SERIES_PER_DAY;
        let mut samples = Vec::with_capacity(known.len() + 3);
        let mut page = known.page();
        let (mut name, mut verdict) = ("", Verdict::Drop);
        let mut family = Family::default();
        let mut count = 0_u32;
        let is_good = read(&mut |line: &Line<'b>| {
            let Line::Sample(sample) = line else { return family.take(line) };
            count += 1;
            // The series of a name follow one another.
            if sample.name != name {
                name = sample.name;
                verdict = self.choice.of(name);
            }
            if verdict.keeps(sample.value, sample.series) {
                let id = page.id(sample.series, || {
                    budget.take().then(|| {
                        self.store.describe(family.name, family.kind, &family.help);
                        self.store.series_id(&series_labels(sample))
                    })
                });
                samples.extend(id.map(|id| (id, sample.value)));
            }
        });
        if !is_good {
            return;
        }
        page.finish();
        if budget.used > NEW_SERIES_PER_DAY && !was_used_up {
            warn!(
                cluster = %of.cluster, instance = %of.instance, limit = NEW_SERIES_PER_DAY,
                "too many new series in one day, the rest of them is not kept"
            );
        }
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
    fn take(&mut self, line: &Line<'p>) {
        let (Line::Help { name, .. } | Line::Type { name, .. }) = line else { return };
        if *name != self.name {
            *self = Self { name, ..Self::default() };
        }
        match line {
            Line::Help { text, .. } => self.help.clone_from(text),
            Line::Type { kind, .. } => self.kind = *kind,
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

#[cfg(test)]
mod tests {
    use expfmt::{Format, Limits};
    use tsdb::Options;

    use super::*;

    /// Gives a page with these lines, good or not.
    fn give(feeds: &Feeds, of: &ScrapedMember, at: Timestamp, body: &str, is_good: bool) {
        feeds.page(of, at, Duration::from_millis(1), &mut |take| {
            let lines = expfmt::parse(body.as_bytes(), Format::Text, Limits::default());
            lines.for_each(|line| take(&line.unwrap()));
            is_good
        });
    }

    const BEGIN_MS: i64 = 1_700_006_400_000;

    fn of() -> ScrapedMember {
        ScrapedMember {
            cluster: "c".into(),
            labels: std::collections::BTreeMap::new(),
            member: "m1".into(),
            instance: "m1:2379".into(),
        }
    }

    #[test]
    fn series_that_are_new_with_every_scrape_end_at_the_limit_of_the_day() {
        let directory = tempfile::tempdir().unwrap();
        let store = Tsdb::open(directory.path(), Options::default()).unwrap();
        let feeds = Feeds::new(store.clone(), &Config::default());
        let scrape = |number: i64| {
            let lines = (0..10_000).map(|line| format!("etcd_a{{n=\"{number}_{line}\"}} 1\n"));
            let at = Timestamp::from_millisecond(BEGIN_MS + number * 15_000).unwrap();
            give(&feeds, &of(), at, &lines.collect::<String>(), true);
        };
        (0..5).for_each(scrape);
        store.flush();
        let count = || {
            let matcher = Matcher::new("__name__", MatchOp::Eq, "etcd_a").unwrap();
            store.select(&[matcher], BEGIN_MS, BEGIN_MS + 2 * 86_400_000).unwrap().len()
        };
        assert_eq!(count(), NEW_SERIES_PER_DAY as usize);
        scrape(86_400 / 15);
        store.flush();
        assert_eq!(count(), NEW_SERIES_PER_DAY as usize + 10_000, "the next day begins anew");
    }

    #[test]
    fn a_member_that_is_not_reached_after_a_restart_keeps_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Tsdb::open(directory.path(), tsdb::Options::default()).unwrap();
        let at = |second: i64| Timestamp::from_second(1_700_000_000 + second).unwrap();
        let named = |name: &str, instance: &str| ScrapedMember {
            cluster: "c".to_owned(),
            labels: [("zone".to_owned(), "z".to_owned())].into(),
            member: name.to_owned(),
            instance: instance.to_owned(),
        };
        let took = Duration::from_millis(1);
        let store = open();
        let feeds = Feeds::new(store.clone(), &Config::default());
        for (second, of) in
            [(0, named("old", "a:1")), (1, named("new", "a:1")), (2, named("other", "a:2"))]
        {
            give(&feeds, &of, at(second), "", true);
        }
        // It is on no list any more.
        feeds.no_page(&named("", "a:1"), at(3), took);
        store.close();
        drop((feeds, store));

        let store = open();
        let feeds = Feeds::new(store.clone(), &Config::default());
        feeds.no_page(&named("", "a:1"), at(10), took);
        feeds.no_page(&named("new", "a:1"), at(11), took);
        feeds.no_page(&named("", "a:3"), at(12), took);
        store.flush();
        let up = Matcher::new(METRIC_NAME, MatchOp::Eq, "up").unwrap();
        let found = store.select(&[up], 0, i64::MAX).unwrap();
        let samples = |name: &str| {
            let of_member = found.iter().filter(|one| one.labels.get("member") == Some(name));
            of_member.map(|one| one.samples.len()).collect::<Vec<_>>()
        };
        // The old name's last sample is a stale marker.
        assert_eq!((samples("old"), samples("new"), samples("other")), (vec![2], vec![4], vec![1]));
        assert_eq!(found.len(), 4, "a:3 has no name");
    }

    #[test]
    fn of_a_page_that_breaks_off_nothing_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let store = Tsdb::open(directory.path(), Options::default()).unwrap();
        let feeds = Feeds::new(store.clone(), &Config::default());
        let at = |second: i64| Timestamp::from_millisecond(BEGIN_MS + second * 1_000).unwrap();
        give(&feeds, &of(), at(0), "etcd_a 1\netcd_b 1\n", true);
        give(&feeds, &of(), at(1), "etcd_a 2\n", false);
        give(&feeds, &of(), at(2), "etcd_a 3\netcd_b 3\n", true);
        store.flush();
        let found = store.select(&[], 0, i64::MAX).unwrap();
        let of_etcd = found.iter().filter(|one| one.labels.to_string().contains("etcd_"));
        let values: Vec<Vec<f64>> =
            of_etcd.map(|one| one.samples.iter().map(|sample| sample.value).collect()).collect();
        assert_eq!(values, [[1.0, 3.0], [1.0, 3.0]]);
    }
}
