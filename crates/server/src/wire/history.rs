//! A figure over time, in answers.

use monitor::record::MemberSeries;
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::names::MemberName;
use crate::wire::time::Time;

/// A figure of a cluster's members over time; the monitor keeps an hour.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct History {
    /// The cluster's name in the configuration.
    pub(crate) cluster: String,
    /// The figure.
    pub(crate) metric: String,
    /// What one of it is.
    pub(crate) unit: &'static str,
    /// By member.
    pub(crate) series: Vec<Series>,
}

/// The figure of one member.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Series {
    /// Whose.
    pub(crate) member: MemberName,
    /// Oldest first; moments without the figure are left out.
    pub(crate) points: Vec<Point>,
}

/// The figure at one moment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Point {
    /// When.
    pub(crate) at: Time,
    /// The figure then.
    pub(crate) value: f64,
}

impl From<MemberSeries> for Series {
    fn from(series: MemberSeries) -> Self {
        let points = series.points.into_iter().map(|(at, value)| Point { at: Time(at), value });
        Self { member: MemberName::from(&series.member), points: points.collect() }
    }
}
