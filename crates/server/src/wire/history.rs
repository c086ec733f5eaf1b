//! A figure over time, in answers: as JSON, and as CSV for spreadsheets.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::names::MemberName;
use crate::wire::time::Time;

/// A figure or a series of a cluster's members over time, as far back as the history goes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct History {
    /// The cluster's name in the configuration.
    pub(crate) cluster: String,
    /// The figure, or the name of etcd's series.
    pub(crate) metric: String,
    /// What one of it is; null for etcd's series.
    pub(crate) unit: Option<&'static str>,
    /// Seconds between two points.
    pub(crate) step_seconds: f64,
    /// The same in PromQL, for `/prometheus/api/v1/query_range`.
    pub(crate) promql: String,
    /// By member.
    pub(crate) series: Vec<Series>,
}

/// What one member shows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Series {
    /// Whose.
    pub(crate) member: MemberName,
    /// What tells several series of a member apart; empty for a figure.
    pub(crate) labels: BTreeMap<String, String>,
    /// Oldest first; moments without a value are left out.
    pub(crate) points: Vec<Point>,
}

/// The value at one moment.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Point {
    /// When.
    pub(crate) at: Time,
    /// The value then.
    pub(crate) value: f64,
}

impl Point {
    /// A point of a moment in milliseconds; `None` for what JSON cannot say.
    pub(crate) fn new(at_ms: i64, value: f64) -> Option<Self> {
        let at = Timestamp::from_millisecond(at_ms).ok()?;
        value.is_finite().then_some(Self { at: Time(at), value })
    }
}

impl History {
    /// One line to a point. The labels have a column where there are any, which there never are for
    /// a figure.
    pub(crate) fn to_csv(&self) -> String {
        let has_labels = self.series.iter().any(|series| !series.labels.is_empty());
        let column = if has_labels { "labels," } else { "" };
        let mut out = format!("time,cluster,member,{column}value\r\n");
        let cluster = field(&self.cluster);
        for series in &self.series {
            let member = field(&series.member.name);
            let labels: Vec<_> =
                series.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
            let labels = if has_labels { field(&labels.join(",")) + "," } else { String::new() };
            for Point { at: Time(at), value } in &series.points {
                write!(out, "{at:.3},{cluster},{member},{labels}{value}\r\n")
                    .expect("invariant: a string takes all text");
            }
        }
        out
    }
}

/// A field as RFC 4180 has it.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(labels: &[(&str, &str)]) -> History {
        let member = MemberName { id: None, name: "a, \"b\"".to_owned(), endpoint: None };
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let points = [(0, 1.5), (1_500, f64::NAN), (2_000, 3.0)];
        let points = points.into_iter().filter_map(|(at, value)| Point::new(at, value)).collect();
        History {
            cluster: "prod".to_owned(),
            metric: "db_size_bytes".to_owned(),
            unit: None,
            step_seconds: 1.0,
            promql: String::new(),
            series: vec![Series { member, labels, points }],
        }
    }

    #[test]
    fn a_table_has_one_line_to_a_point() {
        assert_eq!(
            history(&[]).to_csv(),
            "time,cluster,member,value\r\n\
             1970-01-01T00:00:00.000Z,prod,\"a, \"\"b\"\"\",1.5\r\n\
             1970-01-01T00:00:02.000Z,prod,\"a, \"\"b\"\"\",3\r\n"
        );
        let with_labels = history(&[("To", "x"), ("le", "1")]).to_csv();
        assert!(with_labels.starts_with("time,cluster,member,labels,value\r\n"), "{with_labels}");
        assert!(with_labels.contains(r#","To=""x"",le=""1""",1.5"#), "{with_labels}");
    }
}
