//! What the numbers of an answer measure, as the names of metrics and the expression tell.

use model::series::{METRIC_NAME, MatchOp, Matcher};

use crate::syntax::ast::{Aggregate, AggregateOp, Binary, BinaryOp, Expr, Kind, Selector};
use crate::syntax::parser;

/// What a number measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// An amount of data.
    Bytes,
    /// Data over time.
    BytesPerSecond,
    /// A time span.
    Seconds,
    /// Events over time.
    PerSecond,
    /// A part of a whole, where 1 is all of it.
    Ratio,
    /// A point in time, in seconds of Unix time.
    Timestamp,
}

/// The units of the answers to one query.
#[derive(Debug, Clone)]
pub struct Units(Option<Expr>);

impl Units {
    /// Those of `query`; nothing can be told about one that is not PromQL.
    pub fn new(query: &str) -> Self {
        Self(parser::parse(query).ok())
    }

    /// The unit of a series with this metric name, if it has one; `None` for plain numbers and for
    /// what cannot be told.
    pub fn of(&self, metric: Option<&str>) -> Option<Unit> {
        Reader { metric }.of(self.0.as_ref()?).unit()
    }
}

/// What an expression measures on its way to a unit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Measure {
    Unknown,
    /// A literal, which takes on the unit of what it is added to.
    Literal,
    Moment,
    Ratio,
    Of(Dimension),
    /// Counts whose `le` label has this dimension.
    Bucket(Dimension),
}

/// Exponents: (1, -1) is bytes per second.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Dimension {
    bytes: i8,
    seconds: i8,
}

const COUNT: Dimension = Dimension { bytes: 0, seconds: 0 };
const BYTES: Dimension = Dimension { bytes: 1, seconds: 0 };
const SECONDS: Dimension = Dimension { bytes: 0, seconds: 1 };

impl Dimension {
    fn times(self, other: Self) -> Option<Self> {
        Some(Self {
            bytes: self.bytes.checked_add(other.bytes)?,
            seconds: self.seconds.checked_add(other.seconds)?,
        })
    }

    fn inverse(self) -> Self {
        Self { bytes: self.bytes.saturating_neg(), seconds: self.seconds.saturating_neg() }
    }
}

impl Measure {
    fn unit(self) -> Option<Unit> {
        match self {
            Self::Moment => Some(Unit::Timestamp),
            Self::Ratio => Some(Unit::Ratio),
            Self::Of(Dimension { bytes, seconds }) => match (bytes, seconds) {
                (1, 0) => Some(Unit::Bytes),
                (1, -1) => Some(Unit::BytesPerSecond),
                (0, 1) => Some(Unit::Seconds),
                (0, -1) => Some(Unit::PerSecond),
                _ => None,
            },
            Self::Unknown | Self::Literal | Self::Bucket(_) => None,
        }
    }

    fn of(dimension: Option<Dimension>) -> Self {
        dimension.map_or(Self::Unknown, Self::Of)
    }

    fn per_second(self) -> Self {
        match self {
            Self::Of(dimension) => Self::of(dimension.times(SECONDS.inverse())),
            Self::Bucket(_) => self,
            _ => Self::Unknown,
        }
    }

    /// Of the difference of two such numbers.
    fn difference(self) -> Self {
        if self == Self::Moment { Self::Of(SECONDS) } else { self }
    }
}

/// Reads measures off an expression for one series of its answer.
struct Reader<'a> {
    /// What a selector without a name has selected for this series.
    metric: Option<&'a str>,
}

impl Reader<'_> {
    fn of(&self, expr: &Expr) -> Measure {
        match &expr.kind {
            Kind::Number(_) => Measure::Literal,
            Kind::String(_) => Measure::Unknown,
            Kind::Selector(selector) | Kind::Range { selector, .. } => self.selected(selector),
            Kind::Subquery(subquery) => self.of(&subquery.expr),
            Kind::Negate(inner) | Kind::Paren(inner) => self.of(inner),
            Kind::Binary(binary) => self.combined(binary),
            Kind::Aggregate(aggregate) => self.aggregated(aggregate),
            Kind::Call { function, args } => self.called(function.name, args),
        }
    }

    fn selected(&self, selector: &Selector) -> Measure {
        let mut matchers = selector.matchers.iter();
        let name =
            matchers.find(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Eq);
        name.map(Matcher::value).or(self.metric).map_or(Measure::Unknown, named)
    }

    fn combined(&self, binary: &Binary) -> Measure {
        use Measure::{Bucket, Literal, Moment, Of, Ratio, Unknown};
        let (left, right) = (self.of(&binary.left), self.of(&binary.right));
        if binary.op.is_comparison() {
            return match (binary.returns_bool, left) {
                (true, _) => Unknown,
                (false, Literal) => right,
                (false, left) => left,
            };
        }
        match binary.op {
            BinaryOp::And | BinaryOp::Unless | BinaryOp::Mod => left,
            BinaryOp::Sub if left == right => left.difference(),
            BinaryOp::Add if left == Moment && right == Moment => Unknown,
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Or => match (left, right) {
                (Moment, Of(SECONDS)) => Moment,
                (left, Literal) => left,
                (Literal, right) => right,
                (left, right) if left == right => left,
                _ => Unknown,
            },
            // A literal factor changes the unit to one that nobody named: bits, milliseconds.
            BinaryOp::Mul => match (left, right) {
                (Of(left), Of(right)) => Measure::of(left.times(right)),
                (Ratio, other) | (other, Ratio) if matches!(other, Of(_) | Ratio) => other,
                _ => Unknown,
            },
            BinaryOp::Div => match (left, right) {
                (Of(left), Of(right)) if left == right && left != COUNT => Ratio,
                (Of(left), Of(right)) => Measure::of(left.times(right.inverse())),
                (Bucket(_), Of(_) | Bucket(_)) => Ratio,
                _ => Unknown,
            },
            _ => Unknown,
        }
    }

    fn aggregated(&self, aggregate: &Aggregate) -> Measure {
        let inner = self.of(&aggregate.expr);
        match aggregate.op {
            AggregateOp::Count | AggregateOp::Group | AggregateOp::CountValues => {
                Measure::Of(COUNT)
            }
            AggregateOp::Sum if inner == Measure::Moment => Measure::Unknown,
            AggregateOp::Stdvar => Measure::Unknown,
            AggregateOp::Stddev => inner.difference(),
            AggregateOp::Sum
            | AggregateOp::Avg
            | AggregateOp::Min
            | AggregateOp::Max
            | AggregateOp::Topk
            | AggregateOp::Bottomk
            | AggregateOp::Quantile => inner,
        }
    }

    fn called(&self, function: &str, args: &[Expr]) -> Measure {
        let argument = |index: usize| args.get(index).map_or(Measure::Unknown, |arg| self.of(arg));
        match function {
            "abs" | "ceil" | "floor" | "round" | "clamp" | "clamp_max" | "clamp_min" | "sort"
            | "sort_desc" | "label_replace" | "label_join" | "scalar" | "vector"
            | "avg_over_time" | "last_over_time" | "max_over_time" | "min_over_time"
            | "sum_over_time" | "holt_winters" | "predict_linear" => argument(0),
            "quantile_over_time" => argument(1),
            "delta" | "idelta" | "increase" | "stddev_over_time" => argument(0).difference(),
            "rate" | "irate" | "deriv" => argument(0).per_second(),
            "histogram_quantile" => match argument(1) {
                Measure::Bucket(dimension) => Measure::Of(dimension),
                _ => Measure::Unknown,
            },
            "time" | "timestamp" => Measure::Moment,
            "changes" | "resets" | "count_over_time" | "present_over_time" => Measure::Of(COUNT),
            _ => Measure::Unknown,
        }
    }
}

fn named(name: &str) -> Measure {
    if let Some(histogram) = name.strip_suffix("_bucket") {
        return match named(histogram) {
            Measure::Of(dimension) => Measure::Bucket(dimension),
            _ => Measure::Unknown,
        };
    }
    let total = name.strip_suffix("_total");
    let base = total.or_else(|| name.strip_suffix("_sum")).unwrap_or(name);
    let ends_with = |suffix| base.ends_with(suffix);
    if ends_with("timestamp_seconds") || ends_with("start_time_seconds") {
        Measure::Moment
    } else if ends_with("_bytes") {
        Measure::Of(BYTES)
    } else if ends_with("_seconds") {
        Measure::Of(SECONDS)
    } else if ends_with("_ratio") {
        Measure::Ratio
    } else if total.is_some() || name.ends_with("_count") {
        Measure::Of(COUNT)
    } else {
        Measure::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_follows_the_expression() {
        use Unit::{Bytes, BytesPerSecond, PerSecond, Ratio, Seconds, Timestamp};
        for (query, unit) in [
            ("a_bytes", Some(Bytes)),
            ("etcd_mvcc_db_total_size_in_bytes{member=\"m1\"} offset 1h", Some(Bytes)),
            ("max by (cluster) (-a_bytes)", Some(Bytes)),
            ("a_bytes > 1000", Some(Bytes)),
            ("1000 < a_bytes", Some(Bytes)),
            ("a_bytes > bool 1000", None),
            ("a_bytes - b_bytes", Some(Bytes)),
            ("a_bytes / b_bytes", Some(Ratio)),
            ("1 - a_bytes / b_bytes", Some(Ratio)),
            ("a_bytes * 8", None),
            ("a_bytes / 1024", None),
            ("a_bytes + b_seconds", None),
            ("a_bytes or vector(0)", Some(Bytes)),
            ("count(a_bytes)", None),
            ("rate(a_bytes_total[5m])", Some(BytesPerSecond)),
            ("deriv(a_bytes[5m])", Some(BytesPerSecond)),
            ("increase(a_bytes_total[5m])", Some(Bytes)),
            ("max_over_time(rate(a_bytes_total[5m])[1h:])", Some(BytesPerSecond)),
            ("rate(a_total[5m])", Some(PerSecond)),
            ("rate(a_total[5m]) / rate(b_total[5m])", Some(Ratio)),
            ("a_total", None),
            ("rate(a_seconds_total[5m])", None),
            ("rate(a_seconds_sum[5m]) / rate(a_seconds_count[5m])", Some(Seconds)),
            ("rate(a_bytes_sum[5m]) / rate(a_bytes_count[5m])", Some(Bytes)),
            ("rate(a_seconds_count[5m])", Some(PerSecond)),
            ("a_seconds_bucket", None),
            ("rate(a_seconds_bucket[5m])", None),
            ("histogram_quantile(0.99, sum by (le) (rate(a_seconds_bucket[5m])))", Some(Seconds)),
            ("histogram_quantile(0.99, a_seconds)", None),
            ("quantile_over_time(0.5, a_seconds[1h])", Some(Seconds)),
            ("process_start_time_seconds", Some(Timestamp)),
            ("time() - process_start_time_seconds", Some(Seconds)),
            ("process_start_time_seconds + 5", Some(Timestamp)),
            ("time() + time()", None),
            ("a_hit_ratio", Some(Ratio)),
            ("up", None),
            ("sum(up) / count(up)", None),
            ("{__name__=~\".*_bytes\"}", None),
            ("\"a_bytes\"", None),
            ("sum(a_bytes", None),
        ] {
            assert_eq!(Units::new(query).of(None), unit, "{query}");
        }
    }

    #[test]
    fn a_selector_without_a_name_takes_that_of_the_series() {
        for (query, unit) in [
            ("{job=\"etcd\"}", Some(Unit::Bytes)),
            ("topk(3, {__name__=~\".*_total\"})", Some(Unit::Bytes)),
            ("max by (__name__) (rate({job=\"etcd\"}[5m]))", Some(Unit::BytesPerSecond)),
            ("count by (__name__) ({job=\"etcd\"})", None),
            ("a_seconds", Some(Unit::Seconds)),
        ] {
            assert_eq!(Units::new(query).of(Some("a_bytes_total")), unit, "{query}");
        }
    }
}
