//! Where pages of metrics go besides the figures: a store of their series.

use std::collections::BTreeMap;
use std::time::Duration;

use expfmt::Line;
use jiff::Timestamp;

/// Whose page it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScrapedMember {
    /// The cluster's name.
    pub cluster: String,
    /// Labels that are added to everything said about the cluster.
    pub labels: BTreeMap<String, String>,
    /// The member's name in the member list; empty while no list has it.
    pub member: String,
    /// The endpoint that was asked, `host:port`.
    pub instance: String,
}

/// Reads a page of metrics: hands each line to its argument, and says whether the page is good.
pub type ReadPage<'r, 'b> = dyn FnMut(&mut dyn FnMut(&Line<'b>)) -> bool + 'r;

/// Takes the pages of members' `/metrics`. Called from the tasks that scrape, so it must be quick.
pub trait PageSink: Send + Sync {
    /// A page that was asked for at `at` and took `took`. Its lines come from `read`, which must be
    /// called once; when that says no, the page is none and nothing of it counts.
    fn page(&self, of: &ScrapedMember, at: Timestamp, took: Duration, read: &mut ReadPage<'_, '_>);

    /// The member was asked at `at` and gave no page.
    fn no_page(&self, of: &ScrapedMember, at: Timestamp, took: Duration);

    /// An endpoint is no longer watched since `at`.
    fn ended(&self, cluster: &str, instance: &str, at: Timestamp);
}
