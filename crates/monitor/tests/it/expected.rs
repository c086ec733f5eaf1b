//! What each figure of the catalogue must come to, worked out in the plainest way from the text of
//! the first and the last page of a window in which nothing restarted.

use monitor::metrics::source::{CallType, ERROR_CODES, PeerCounter, RequestKind, Source};

/// A line of a page: labels as they are written, and the value.
struct Line<'a> {
    labels: &'a str,
    value: f64,
}

impl Line<'_> {
    fn label(&self, name: &str) -> Option<&str> {
        let start = self.labels.find(&format!("{name}=\""))? + name.len() + 2;
        self.labels[start..].split('"').next()
    }
}

/// The lines of a metric.
fn lines<'a>(page: &'a str, metric: &str) -> Vec<Line<'a>> {
    let of_metric = page.lines().filter_map(|line| {
        let (labels, value) = line.strip_prefix(metric)?.rsplit_once(' ')?;
        let is_same_metric = labels.is_empty() || labels.starts_with('{');
        is_same_metric.then(|| Line { labels, value: value.parse().unwrap() })
    });
    of_metric.collect()
}

/// The sum over those lines of a metric that are wanted; `None` without a line of it.
fn sum_of(page: &str, metric: &str, is_wanted: impl Fn(&Line<'_>) -> bool) -> Option<f64> {
    let lines = lines(page, metric);
    let wanted = lines.iter().filter(|line| is_wanted(line));
    (!lines.is_empty()).then(|| wanted.map(|line| line.value).sum())
}

fn sum(page: &str, metric: &str) -> Option<f64> {
    sum_of(page, metric, |_| true)
}

/// The pages at both ends of a window.
pub(crate) struct Window<'a> {
    pub(crate) first: &'a str,
    pub(crate) last: &'a str,
    /// Between the two.
    pub(crate) seconds: f64,
    /// Unix time of the last one, seconds.
    pub(crate) end: f64,
}

impl Window<'_> {
    /// What a figure with this source must be.
    pub(crate) fn expected(&self, source: Source) -> Option<f64> {
        let gauge = |metric| sum(self.last, metric);
        match source {
            Source::Gauge(metric) => gauge(metric),
            Source::Age(metric) => Some(self.end - gauge(metric)?),
            Source::Difference { of, less } => Some((gauge(of)? - gauge(less)?).max(0.0)),
            Source::Quotient { of, by } => Some(gauge(of)? / gauge(by)?),
            Source::Rate(metric) | Source::IndexRate(metric) | Source::Slope(metric) => {
                Some(self.increase(metric)? / self.seconds)
            }
            Source::Mean { histogram, unit_seconds } => {
                let count = self.increase(&format!("{histogram}_count"))?;
                let sum = self.increase(&format!("{histogram}_sum"))?;
                (count > 0.0).then_some(sum / count * unit_seconds)
            }
            Source::Quantile { histogram, q } => self.quantile(histogram, q),
            Source::PeerQuantile(q) => {
                self.quantile("etcd_network_peer_round_trip_time_seconds", q)
            }
            Source::ActivePeers => gauge("etcd_network_active_peers"),
            Source::PeerRate(counter) => {
                // Shown once they happened; a member with peers that shows none had none.
                gauge("etcd_network_active_peers")?;
                let metric = match counter {
                    PeerCounter::SentBytes => "etcd_network_peer_sent_bytes_total",
                    PeerCounter::ReceivedBytes => "etcd_network_peer_received_bytes_total",
                    PeerCounter::SendFailures => "etcd_network_peer_sent_failures_total",
                    PeerCounter::ReceiveFailures => "etcd_network_peer_received_failures_total",
                };
                let before = sum(self.first, metric).unwrap_or(0.0);
                Some((gauge(metric).unwrap_or(0.0) - before) / self.seconds)
            }
            Source::Requests(RequestKind::Ended) => self.calls(|_| true),
            Source::Requests(RequestKind::Failed) => self.failed_calls(),
            Source::RequestErrorRatio => {
                let ended = self.calls(|_| true).filter(|ended| *ended > 0.0)?;
                Some(self.failed_calls()? / ended)
            }
            Source::OpenRequests(kind) => {
                let is_wanted = |line: &Line<'_>| {
                    (line.label("grpc_type") == Some("unary")) == (kind == CallType::Unary)
                };
                let started = sum_of(self.last, "grpc_server_started_total", is_wanted)?;
                let ended = sum_of(self.last, "grpc_server_handled_total", is_wanted)?;
                Some((started - ended).max(0.0))
            }
        }
    }

    fn increase(&self, metric: &str) -> Option<f64> {
        Some(sum(self.last, metric)? - sum(self.first, metric)?)
    }

    fn failed_calls(&self) -> Option<f64> {
        self.calls(|code| ERROR_CODES.contains(&code))
    }

    /// Unary calls per second that ended with a code that is wanted.
    fn calls(&self, is_wanted: impl Fn(&str) -> bool) -> Option<f64> {
        let ended = |page| {
            sum_of(page, "grpc_server_handled_total", |line| {
                line.label("grpc_type") == Some("unary")
                    && line.label("grpc_code").is_some_and(&is_wanted)
            })
        };
        Some((ended(self.last)? - ended(self.first)?) / self.seconds)
    }

    /// As PromQL's `histogram_quantile`.
    fn quantile(&self, histogram: &str, q: f64) -> Option<f64> {
        let metric = format!("{histogram}_bucket");
        let up_to = |page, le: &str| sum_of(page, &metric, |line| line.label("le") == Some(le));
        let all = lines(self.last, &metric);
        let mut bounds: Vec<&str> = all.iter().filter_map(|line| line.label("le")).collect();
        let value = |bound: &str| bound.parse::<f64>().unwrap();
        bounds.sort_by(|a, b| value(a).total_cmp(&value(b)));
        bounds.dedup();
        // A series of one peer is not there before its first observation.
        let increase = |le| Some(up_to(self.last, le)? - up_to(self.first, le).unwrap_or(0.0));
        let total = increase(bounds.last()?).filter(|total| *total > 0.0)?;
        let (mut below, mut lower) = (0.0, 0.0);
        for bound in bounds {
            if bound == "+Inf" {
                break;
            }
            let count = increase(bound)?;
            if count >= q * total && count > below {
                return Some(
                    lower + (value(bound) - lower) * (q * total - below) / (count - below),
                );
            }
            (below, lower) = (count, value(bound));
        }
        Some(lower)
    }
}
