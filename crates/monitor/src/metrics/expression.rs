//! Each figure as a PromQL expression over the members' own series, for any time in the history.

use std::fmt::Write as _;
use std::time::Duration;

use super::source::{
    ACTIVE_PEERS, CallType, ERROR_CODES, HANDLED, ROUND_TRIP, RequestKind, STARTED, Source,
};

/// What tells the members of a figure apart.
const BY: &str = "by (cluster, member, instance)";

/// Whose figure, and over which window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    matchers: String,
    window: Duration,
    interval: Duration,
}

impl Scope {
    /// All members, with scrapes that are `interval` apart; rates over a window that fits the
    /// `step` between two values.
    ///
    /// Of a window of four intervals the counters can lose two scrapes and still have a rate.
    pub fn new(interval: Duration, step: Duration) -> Self {
        Self { matchers: String::new(), window: step.max(4 * interval), interval }
    }

    /// Only the series with this label.
    #[must_use]
    pub fn with(mut self, label: &str, value: &str) -> Self {
        if !self.matchers.is_empty() {
            self.matchers.push(',');
        }
        write!(self.matchers, "{label}=\"").expect("invariant: a string takes all text");
        for char in value.chars() {
            match char {
                '\\' | '"' => self.matchers.extend(['\\', char]),
                '\n' => self.matchers.push_str("\\n"),
                other => self.matchers.push(other),
            }
        }
        self.matchers.push('"');
        self
    }

    /// The selector of a metric's series.
    pub fn select(&self, metric: &str) -> String {
        self.select_with(metric, "")
    }

    fn select_with(&self, metric: &str, more: &str) -> String {
        let comma = if self.matchers.is_empty() || more.is_empty() { "" } else { "," };
        match format!("{}{comma}{more}", self.matchers) {
            none if none.is_empty() => metric.to_owned(),
            matchers => format!("{metric}{{{matchers}}}"),
        }
    }

    fn rate(&self, metric: &str, more: &str) -> String {
        format!("rate({}[{}])", self.select_with(metric, more), duration(self.window))
    }

    fn seconds(&self) -> f64 {
        self.window.as_secs_f64()
    }
}

/// As PromQL writes it: `1m`, `90s`, `1500ms`.
fn duration(of: Duration) -> String {
    let ms = of.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let fitting = units.into_iter().find(|(size, _)| ms > 0 && ms.is_multiple_of(*size));
    fitting.map_or_else(|| format!("{ms}ms"), |(size, unit)| format!("{}{unit}", ms / size))
}

impl Source {
    /// The expression that comes to the same over the history; it gives one series to a member.
    ///
    /// Where nothing was observed, it has no value or one that is no number.
    pub fn promql(self, scope: &Scope) -> String {
        let select = |metric: &str| scope.select(metric);
        match self {
            Self::Gauge(metric) => select(metric),
            Self::Age(metric) => {
                let gauge = select(metric);
                format!("clamp_min(timestamp({gauge}) - {gauge}, 0)")
            }
            Self::Difference { of, less } => {
                format!("clamp_min({} - {}, 0)", select(of), select(less))
            }
            Self::Quotient { of, by } => format!("{} / ({} > 0)", select(of), select(by)),
            Self::Rate(metric) => scope.rate(metric, ""),
            Self::IndexRate(metric) => {
                // Not a rate: that would count a restart from 0. Without the zeros, what is between
                // the ends of a window does not matter.
                let (window, seconds) = (duration(scope.window), scope.seconds());
                let step = duration(scope.interval.max(scope.window / 8));
                format!(
                    "clamp_min(delta(({} > 0)[{window}:{step}]) / {seconds}, 0)",
                    select(metric)
                )
            }
            Self::Slope(metric) => {
                let (window, seconds) = (duration(scope.window), scope.seconds());
                format!("delta({}[{window}]) / {seconds}", select(metric))
            }
            Self::Mean { histogram, unit_seconds } => {
                let sum = scope.rate(&format!("{histogram}_sum"), "");
                let count = scope.rate(&format!("{histogram}_count"), "");
                let unit = if unit_seconds == 1.0 { "" } else { &format!(" * {unit_seconds}") };
                format!("{sum} / ({count} > 0){unit}")
            }
            Self::Quantile { histogram, q } => quantile(scope, histogram, q),
            Self::PeerQuantile(q) => quantile(scope, ROUND_TRIP, q),
            Self::ActivePeers => format!("sum {BY} ({} > bool 0)", select(ACTIVE_PEERS)),
            Self::PeerRate(counter) => {
                let rate = scope.rate(counter.metric(), "");
                format!("sum {BY} ({rate}) or 0 * sum {BY} ({})", select(ACTIVE_PEERS))
            }
            Self::Requests(RequestKind::Ended) => ended(scope),
            Self::Requests(RequestKind::Failed) => failed(scope),
            Self::RequestErrorRatio => {
                format!("({}) / (({}) > 0)", failed(scope), ended(scope))
            }
            Self::OpenRequests(call) => {
                let operator = if call == CallType::Unary { "=" } else { "!=" };
                let kind = format!("grpc_type{operator}\"unary\"");
                let of = |metric: &str| or_zero(scope, &scope.select_with(metric, &kind));
                format!("clamp_min(({}) - ({}), 0)", of(STARTED), of(HANDLED))
            }
        }
    }
}

fn quantile(scope: &Scope, histogram: &str, q: f64) -> String {
    let rate = scope.rate(&format!("{histogram}_bucket"), "");
    format!("histogram_quantile({q}, sum by (cluster, member, instance, le) ({rate}))")
}

fn ended(scope: &Scope) -> String {
    or_zero(scope, &scope.rate(HANDLED, "grpc_type=\"unary\""))
}

fn failed(scope: &Scope) -> String {
    let codes = format!("grpc_type=\"unary\",grpc_code=~\"{}\"", ERROR_CODES.join("|"));
    or_zero(scope, &scope.rate(HANDLED, &codes))
}

/// The sum of what counts calls. Those counters are kept from their first call on, so that none of
/// them is a 0 where the member was scraped.
fn or_zero(scope: &Scope, counters: &str) -> String {
    format!("sum {BY} ({counters}) or 0 * sum {BY} ({} == 1)", scope.select("up"))
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::{CATALOGUE, FigureId};
    use super::*;

    fn promql(figure: &str, scope: &Scope) -> String {
        FigureId::named(figure).unwrap().spec().source.promql(scope)
    }

    #[test]
    fn a_figure_is_an_expression_for_some_members_over_a_window() {
        let scope = Scope::new(Duration::from_secs(15), Duration::from_mins(5));
        let scope = scope.with("cluster", "a\"b").with("member", "m1");
        for (figure, expected) in [
            ("db_size_bytes", r#"etcd_mvcc_db_total_size_in_bytes{cluster="a\"b",member="m1"}"#),
            ("cpu_ratio", r#"rate(process_cpu_seconds_total{cluster="a\"b",member="m1"}[5m])"#),
            (
                "proposals_applied_per_second",
                r#"clamp_min(delta((etcd_server_proposals_applied_total{cluster="a\"b",member="m1"} > 0)[5m:37500ms]) / 300, 0)"#,
            ),
            (
                "requests_per_second",
                r#"sum by (cluster, member, instance) (rate(grpc_server_handled_total{cluster="a\"b",member="m1",grpc_type="unary"}[5m])) or 0 * sum by (cluster, member, instance) (up{cluster="a\"b",member="m1"} == 1)"#,
            ),
        ] {
            assert_eq!(promql(figure, &scope), expected);
        }
    }

    #[test]
    fn a_window_has_at_least_four_scrapes() {
        let seconds = Duration::from_secs;
        for (interval, step, window) in [(15, 1, "1m"), (15, 61, "61s"), (2, 2, "8s")] {
            let scope = Scope::new(seconds(interval), seconds(step));
            let expected = format!("delta(etcd_mvcc_db_total_size_in_bytes[{window}]) / ");
            let found = promql("db_growth_bytes_per_second", &scope);
            assert!(found.starts_with(&expected), "{found}");
        }
    }

    #[test]
    fn every_figure_names_its_members() {
        let scope = Scope::new(Duration::from_secs(15), Duration::from_secs(15));
        let scope = scope.with("cluster", "east");
        for spec in CATALOGUE {
            let expression = spec.source.promql(&scope);
            let selectors = expression.matches("cluster=\"east\"").count();
            assert_eq!(expression.matches('{').count(), selectors, "{expression}");
            assert!(selectors > 0, "{expression}");
        }
    }
}
