//! Works out the sources of the catalogue over a span of pages.

use std::cell::OnceCell;
use std::sync::Arc;

use jiff::Timestamp;
use model::id::MemberId;

use super::histogram::Histogram;
use super::layout::LAYOUT;
use super::page::Page;
use super::requests::{Call, Requests};
use super::source::{CallType, PeerCounter, RequestKind, Source};

/// Pages of one member, oldest first.
#[derive(Debug)]
pub(super) struct Span<'a> {
    pages: &'a [Arc<Page>],
    latest: &'a Page,
    // Several figures need each of these, and they are the dearest to work out.
    call_rates: OnceCell<Vec<(Call<'a>, f64)>>,
    /// What each histogram of the layout observed.
    observed: Box<[OnceCell<Option<Histogram>>]>,
    /// The round trip times to all peers.
    round_trips: OnceCell<Option<Histogram>>,
}

/// By how much something grew, in how many seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Increase {
    amount: f64,
    seconds: f64,
}

impl Increase {
    fn per_second(self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.amount / self.seconds)
    }
}

/// A value and the page that it stands on.
#[derive(Clone, Copy)]
struct Reading<'a> {
    page: &'a Page,
    value: f64,
}

impl<'a> Span<'a> {
    /// `None` without a page.
    pub(super) fn of(pages: &'a [Arc<Page>]) -> Option<Self> {
        Some(Self::begin(pages, pages.last()?))
    }

    fn begin(pages: &'a [Arc<Page>], latest: &'a Page) -> Self {
        let observed = (0..LAYOUT.histograms).map(|_| OnceCell::new()).collect();
        let (call_rates, round_trips) = (OnceCell::new(), OnceCell::new());
        Self { pages, latest, call_rates, observed, round_trips }
    }

    pub(super) fn latest(&self) -> &'a Page {
        self.latest
    }

    /// Seconds from the first page to the last.
    pub(super) fn seconds(&self) -> f64 {
        self.pages.first().map_or(0.0, |first| seconds_between(first.at(), self.latest.at()))
    }

    /// The value of a figure; `None` where the pages do not tell.
    pub(super) fn evaluate(&self, source: Source) -> Option<f64> {
        let value = match source {
            Source::Gauge(metric) => self.gauge(metric)?,
            Source::Age(metric) => {
                let now = self.latest.at().as_duration().as_secs_f64();
                (now - self.gauge(metric)?).max(0.0)
            }
            Source::Difference { of, less } => (self.gauge(of)? - self.gauge(less)?).max(0.0),
            Source::Quotient { of, by } => {
                let whole = self.gauge(by).filter(|whole| *whole > 0.0)?;
                self.gauge(of)? / whole
            }
            Source::Rate(metric) => self.increase(metric)?.per_second()?,
            Source::IndexRate(metric) => self.index_rate(metric)?,
            Source::Slope(metric) => self.slope(metric)?,
            Source::Mean { histogram, unit_seconds } => {
                let count = self.increase(&format!("{histogram}_count"))?.amount;
                let sum = self.increase(&format!("{histogram}_sum"))?.amount;
                if count <= 0.0 {
                    return None;
                }
                sum / count * unit_seconds
            }
            Source::Quantile { q, .. } | Source::PeerQuantile(q) => {
                self.observed(source)?.quantile(q)?
            }
            Source::ActivePeers => {
                let mut peers = self.latest.active_peers().peekable();
                peers.peek()?;
                peers.filter(|(_, is_active)| *is_active).count() as f64
            }
            Source::PeerRate(counter) => self.peer_rate(counter)?,
            Source::Requests(kind) => self.requests(kind)?,
            Source::RequestErrorRatio => {
                let ended = self.requests(RequestKind::Ended).filter(|ended| *ended > 0.0)?;
                self.requests(RequestKind::Failed)? / ended
            }
            Source::OpenRequests(call_type) => self.latest.open_requests(call_type)?,
        };
        value.is_finite().then_some(value)
    }

    /// How many observations a quantile rests on; `None` for what is no quantile.
    pub(super) fn observations(&self, source: Source) -> Option<f64> {
        Some(self.observed(source)?.total())
    }

    /// What a histogram observed in the span.
    fn observed(&self, source: Source) -> Option<&Histogram> {
        match source {
            Source::Quantile { histogram, .. } => self.observed_by(histogram),
            Source::PeerQuantile(_) => self.round_trips.get_or_init(|| self.all_trips()).as_ref(),
            _ => None,
        }
    }

    fn all_trips(&self) -> Option<Histogram> {
        let mut all: Option<Histogram> = None;
        for peer in self.latest.peers() {
            if let Some(one) = self.round_trips(peer.remote) {
                all.get_or_insert_default().merge(&one);
            }
        }
        all
    }

    /// What a histogram observed in the span, by its name without `_bucket`.
    pub(super) fn observed_by(&self, histogram: &str) -> Option<&Histogram> {
        let index = LAYOUT.histogram(histogram)?;
        let increase = || self.histogram_increase(|page| page.histogram(index));
        self.observed[index].get_or_init(increase).as_ref()
    }

    /// The part of the span that is no longer than `seconds`, or not by much: its last step at least.
    pub(super) fn last(&self, seconds: f64) -> Self {
        let is_older = |page: &Arc<Page>| seconds_between(page.at(), self.latest.at()) >= seconds;
        let begin = self.pages.iter().rposition(is_older).unwrap_or(0);
        Self::begin(&self.pages[begin..], self.latest)
    }

    /// The round trip times to a peer that were observed in the span.
    pub(super) fn round_trips(&self, remote: MemberId) -> Option<Histogram> {
        self.histogram_increase(|page| Some(page.round_trips(remote)))
    }

    /// The increase per second of a counter of one peer.
    pub(super) fn rate_of_peer(&self, remote: MemberId, counter: PeerCounter) -> Option<f64> {
        self.increase_of(|page| Some(page.peer_counter(remote, counter)))?.per_second()
    }

    /// The calls that the latest page counts, with how many there were per second; those without any
    /// in the span are left out.
    pub(super) fn call_rates(&self) -> &[(Call<'a>, f64)] {
        self.call_rates.get_or_init(|| {
            let calls = self.latest.requests().into_iter().flat_map(Requests::calls);
            let rate = |call: &Call<'_>| {
                self.increase_of(|page| Some(page.requests()?.count(call)))?.per_second()
            };
            let rates = calls.filter_map(|call| Some((call, rate(&call)?)));
            rates.filter(|(_, rate)| *rate > 0.0).collect()
        })
    }

    fn gauge(&self, metric: &str) -> Option<f64> {
        self.latest.scalar(LAYOUT.scalar(metric)?)
    }

    /// Summed peer by peer: a sum of counters falls when a peer is removed, which is no reset.
    fn peer_rate(&self, counter: PeerCounter) -> Option<f64> {
        let peers = self.latest.peers().iter();
        peers
            .filter_map(|peer| self.rate_of_peer(peer.remote, counter))
            .reduce(|sum, rate| sum + rate)
    }

    fn requests(&self, kind: RequestKind) -> Option<f64> {
        // Without a page before the latest that counts calls too, there is no rate, not even 0.
        let zero = self.increase_of(|page| page.requests().map(|_| 0.0))?.per_second()?;
        let wanted = self.call_rates().iter().filter(|(call, _)| {
            call.kind == CallType::Unary && (kind == RequestKind::Ended || call.code.is_error())
        });
        Some(wanted.fold(zero, |sum, (_, rate)| sum + rate))
    }

    fn increase(&self, metric: &str) -> Option<Increase> {
        let index = LAYOUT.scalar(metric)?;
        self.increase_of(|page| page.scalar(index))
    }

    /// The increase of a counter over the pages that show it, the latest among them.
    ///
    /// As in Prometheus, a value that is lower than before counts from 0. A page that lacks the
    /// value is passed over.
    fn increase_of(&self, value: impl Fn(&Page) -> Option<f64>) -> Option<Increase> {
        value(self.latest)?;
        let mut amount = 0.0;
        let (first, last) = self.for_each_step(value, |old, new| {
            let is_reset = new.value < old.value || new.page.is_restarted_since(old.page);
            amount += if is_reset { new.value } else { new.value - old.value };
        })?;
        Some(Increase { amount, seconds: seconds_between(first.page.at(), last.page.at()) })
    }

    fn index_rate(&self, metric: &str) -> Option<f64> {
        let index = LAYOUT.scalar(metric)?;
        self.latest.scalar(index)?;
        let mut total = Increase { amount: 0.0, seconds: 0.0 };
        self.for_each_step(
            |page| page.scalar(index),
            |old, new| {
                let is_continued = old.value > 0.0
                    && new.value >= old.value
                    && !new.page.is_restarted_since(old.page);
                if is_continued {
                    total.amount += new.value - old.value;
                    total.seconds += seconds_between(old.page.at(), new.page.at());
                }
            },
        )?;
        total.per_second()
    }

    fn slope(&self, metric: &str) -> Option<f64> {
        let index = LAYOUT.scalar(metric)?;
        self.latest.scalar(index)?;
        let (first, last) = self.for_each_step(|page| page.scalar(index), |_, _| {})?;
        let seconds = seconds_between(first.page.at(), last.page.at());
        Increase { amount: last.value - first.value, seconds }.per_second()
    }

    /// Visits each two readings that follow one another; returns the first and the last reading, or
    /// `None` if there are not two.
    fn for_each_step(
        &self,
        value: impl Fn(&Page) -> Option<f64>,
        mut step: impl FnMut(Reading<'a>, Reading<'a>),
    ) -> Option<(Reading<'a>, Reading<'a>)> {
        let mut readings = self.pages.iter().filter_map(|page| {
            let page: &Page = page;
            value(page).map(|value| Reading { page, value })
        });
        let first = readings.next()?;
        let mut last = first;
        let mut steps = 0;
        for reading in readings {
            step(last, reading);
            last = reading;
            steps += 1;
        }
        (steps > 0).then_some((first, last))
    }

    fn histogram_increase(
        &self,
        of: impl Fn(&'a Page) -> Option<&'a Histogram>,
    ) -> Option<Histogram> {
        of(self.latest)?;
        let mut readings =
            self.pages.iter().filter_map(|page| of(page).map(|histogram| (page, histogram)));
        let (mut old_page, mut old) = readings.next()?;
        let mut increase = None;
        for (page, histogram) in readings {
            let is_restarted = page.is_restarted_since(old_page);
            increase.get_or_insert_with(Histogram::default).add_increase(
                old,
                histogram,
                is_restarted,
            );
            (old_page, old) = (page, histogram);
        }
        increase
    }
}

fn seconds_between(earlier: Timestamp, later: Timestamp) -> f64 {
    later.duration_since(earlier).as_secs_f64()
}
