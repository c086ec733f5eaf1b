//! How long the space of a cluster lasts.

use std::time::Duration;

use monitor::trend::{Eta, Trend};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::names::MemberName;
use crate::wire::time::Time;

/// How long the space of a cluster lasts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Capacity {
    /// The cluster's name in the configuration.
    pub(crate) cluster: String,
    /// Each member; the one that is full first stops all writes.
    pub(crate) members: Vec<MemberCapacity>,
    /// Which keys take the space.
    pub(crate) keys: KeyCapacity,
}

/// Which keys there are, by the last scan of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyCapacity {
    /// Whether scans are made: `key_scan.enabled`.
    pub(crate) is_scheduled: bool,
    /// When the last scan began; null before the first.
    pub(crate) scanned_at: Option<Time>,
    /// Prefixes that hold a twentieth of all keys or more, the largest first. The first entry, with an
    /// empty prefix, is of all keys.
    pub(crate) prefixes: Vec<PrefixCapacity>,
    /// Why there is nothing, or less than all.
    pub(crate) why: Option<String>,
}

/// The keys under a prefix.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PrefixCapacity {
    /// The prefix, with what is not printable escaped.
    pub(crate) prefix: String,
    /// How many keys.
    pub(crate) keys: u64,
    /// What they and their values have, about: a few values stand for all. Earlier revisions, which are
    /// kept until they are compacted, are not in it. Null where no value was looked at.
    pub(crate) bytes: Option<u64>,
    /// How the number of keys grew, scan by scan; null where that can't be told.
    pub(crate) keys_growth: Option<DailyGrowth>,
    /// How their bytes did.
    pub(crate) bytes_growth: Option<DailyGrowth>,
    /// Why no growth is told, where none is.
    pub(crate) why: Option<String>,
}

/// How something grows in a day: the median of the slopes between any two scans (Theil–Sen), with the
/// band in which it may truly lie.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DailyGrowth {
    /// Most likely; negative when it shrinks.
    pub(crate) per_day: f64,
    /// Hardly less than this.
    pub(crate) low_per_day: f64,
    /// Hardly more than this.
    pub(crate) high_per_day: f64,
    /// Whether the band leaves no doubt that it grows, or that it shrinks.
    pub(crate) has_trend: bool,
    /// What the scans cover.
    pub(crate) span_seconds: f64,
    /// How many there were.
    pub(crate) scans: usize,
}

impl From<&Trend> for DailyGrowth {
    fn from(trend: &Trend) -> Self {
        const DAY: f64 = 86_400.0;
        Self {
            per_day: trend.slope.per_second * DAY,
            low_per_day: trend.slope.low * DAY,
            high_per_day: trend.slope.high * DAY,
            has_trend: trend.slope.low > 0.0 || trend.slope.high < 0.0,
            span_seconds: trend.span.as_secs_f64(),
            scans: trend.samples,
        }
    }
}

/// How long the space of one member lasts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberCapacity {
    /// Whose.
    pub(crate) member: MemberName,
    /// Size of the database file; null while the member does not answer.
    pub(crate) db_size_bytes: Option<u64>,
    /// What of it is in use.
    pub(crate) db_size_in_use_bytes: Option<u64>,
    /// The size at which writes are refused.
    pub(crate) quota_bytes: Option<u64>,
    /// The file as part of the quota.
    pub(crate) quota_used_ratio: Option<f64>,
    /// How what is in use grew since the last defragmentation; null where that can't be told.
    pub(crate) trend: Option<Growth>,
    /// When the quota is reached; null where it is not certain to grow.
    pub(crate) until_quota: Option<UntilQuota>,
    /// Why there is no time, where there is none.
    pub(crate) why: Option<String>,
}

/// How something grows: the median of the slopes between any two samples (Theil–Sen), with the band
/// in which it may truly lie.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Growth {
    /// Most likely; negative when it shrinks.
    pub(crate) bytes_per_second: f64,
    /// Hardly less than this.
    pub(crate) low_bytes_per_second: f64,
    /// Hardly more than this.
    pub(crate) high_bytes_per_second: f64,
    /// What the samples cover.
    pub(crate) span_seconds: f64,
    /// How many there were.
    pub(crate) samples: usize,
}

/// When the quota is reached, from now on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UntilQuota {
    /// At the fastest growth of the band.
    pub(crate) earliest_seconds: f64,
    /// At the most likely growth.
    pub(crate) likely_seconds: f64,
    /// At the slowest growth of the band; null when that is longer than anybody plans.
    pub(crate) latest_seconds: Option<f64>,
}

impl From<&Trend> for Growth {
    fn from(trend: &Trend) -> Self {
        Self {
            bytes_per_second: trend.slope.per_second,
            low_bytes_per_second: trend.slope.low,
            high_bytes_per_second: trend.slope.high,
            span_seconds: trend.span.as_secs_f64(),
            samples: trend.samples,
        }
    }
}

impl From<&Eta> for UntilQuota {
    fn from(eta: &Eta) -> Self {
        /// A century.
        const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);
        let seconds = |time: Duration| time.min(LONGEST).as_secs_f64();
        Self {
            earliest_seconds: seconds(eta.earliest),
            likely_seconds: seconds(eta.likely),
            latest_seconds: (eta.latest < LONGEST).then(|| seconds(eta.latest)),
        }
    }
}
