//! What the last page of a member says, where one may judge from it.
//!
//! A page that was read before a member ceased to answer, or one that is several intervals old, tells
//! of other times: nothing is concluded from it.

use std::time::Duration;

use etcd::ErrorClass;
use jiff::Timestamp;
use model::finding::Evidence;
use model::health::Role;
use model::id::MemberId;

use super::Window;
use crate::metrics::figures::Figures;
use crate::metrics::page::Page;
use crate::sweep::{MemberSweep, Outcome};
use crate::view::MemberView;

/// So many intervals may pass without a page before the last one is stale.
const STALE_AFTER_SCRAPES: u32 = 3;

/// And so long beyond them, since a scrape takes time.
const STALE_AFTER: Duration = Duration::from_secs(5);

/// The last page of a member, not stale.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    /// The member, which is listed.
    pub(super) member: &'a MemberView,
    /// Its ID.
    pub(super) id: MemberId,
    /// What it said.
    pub(super) said: &'a MemberSweep,
    /// The page.
    pub(super) page: &'a Page,
    /// What its last pages amount to, when there was more than one.
    pub(super) figures: Option<&'a Figures>,
}

impl<'a> Window<'a> {
    /// The members of the list whose last page tells of now: they answer, or at least the page came
    /// after their last Status did. A member whose disk stalls goes on serving its page.
    pub(super) fn readings(&self) -> impl Iterator<Item = Reading<'a>> {
        self.readings_where(|_, _, _| false)
    }

    /// As [`Self::readings`], and of members that answer too late now, but answered about when their
    /// page came: one whose disk stalls does so now and then, so that a page is hardly ever the last
    /// that was heard of it. A process that is gone refuses instead, or its next page does not come.
    pub(super) fn readings_of_stalled(&self) -> impl Iterator<Item = Reading<'a>> {
        let within = self.scrape_interval + STALE_AFTER;
        self.readings_where(move |member, said, page| {
            let is_late = match said.status.outcome() {
                Outcome::Late(_) => true,
                Outcome::Failed(error) => error.class() == ErrorClass::Deadline,
                Outcome::Answered(_) | Outcome::NotYet => false,
            };
            let since = |seen: Timestamp| page.at().duration_since(seen).unsigned_abs();
            is_late && member.last_seen.is_some_and(|seen| since(seen) <= within)
        })
    }

    /// Those whose last page tells of now, or of which `is_there_too` says that they are there.
    fn readings_where(
        &self,
        is_there_too: impl Fn(&MemberView, &MemberSweep, &Page) -> bool,
    ) -> impl Iterator<Item = Reading<'a>> {
        let listed =
            self.members().filter(|(member, _)| member.is_listed && member.role != Role::Unstarted);
        listed.filter_map(move |(member, said)| {
            let page: &Page = said.scrape.as_ref()?.page.as_ref().ok()?;
            let is_there = member.is_reachable == Some(true)
                || member.last_seen.is_some_and(|seen| page.at() > seen)
                || is_there_too(member, said, page);
            if !is_there || !self.is_fresh(page.at()) {
                return None;
            }
            let is_of_window =
                |figures: &&Figures| self.is_fresh(figures.at) && !figures.window.is_zero();
            let figures = said.figures.as_deref().filter(is_of_window);
            Some(Reading { member, id: member.id?, said, page, figures })
        })
    }

    /// The members of the list that answer.
    pub(super) fn answering(&self) -> impl Iterator<Item = (&'a MemberView, &'a MemberSweep)> {
        self.members().filter(|(member, _)| {
            member.is_listed
                && member.id.is_some()
                && member.is_reachable == Some(true)
                && member.role != Role::Unstarted
        })
    }

    /// Whether a page that was read at `at` tells of now.
    pub(super) fn is_fresh(&self, at: Timestamp) -> bool {
        let age = self.newest().at().duration_since(at);
        age.unsigned_abs() <= self.scrape_interval * STALE_AFTER_SCRAPES + STALE_AFTER
    }
}

impl Reading<'_> {
    /// A gauge of the page; absent where it is no number that such a gauge can have.
    pub(super) fn gauge(&self, metric: &str) -> Option<f64> {
        self.page.gauge(metric).filter(|value| value.is_finite() && *value >= 0.0)
    }

    /// Where it is asked, for commands.
    pub(super) fn endpoint(&self) -> String {
        self.said.endpoint.to_string()
    }

    /// Something that its page says.
    pub(super) fn evidence(&self, observed: impl Into<String>) -> Evidence {
        Evidence {
            at: self.page.at(),
            source: format!("{} /metrics", self.said.endpoint),
            observed: observed.into(),
        }
    }

    /// Something that its last Status says.
    pub(super) fn status_evidence(&self, observed: impl Into<String>) -> Evidence {
        let call = self.said.status.last.as_ref();
        Evidence {
            at: call.map_or(self.page.at(), |call| call.sent_at),
            source: format!("{} Status", self.said.endpoint),
            observed: observed.into(),
        }
    }
}

/// A number of bytes as people say it.
pub(super) fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes, "bytes");
    for larger in UNITS {
        if value.abs() < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    if unit == "bytes" || value >= 100.0 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// A time in seconds as people say it.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.001 => format!("{:.1} ms", s * 1_000.0),
        s if s < 1.0 => format!("{:.0} ms", s * 1_000.0),
        s if s < 10.0 => format!("{s:.1} s"),
        s => format!("{s:.0} s"),
    }
}

/// A part of a whole, in percent.
pub(super) fn percent(part: f64) -> String {
    if part < 0.1 { format!("{:.1} %", part * 100.0) } else { format!("{:.0} %", part * 100.0) }
}

/// Names as people list them.
pub(super) fn names<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_with_the_digits_that_matter() {
        assert_eq!(
            [512.0, 2048.0, 1.5 * 1024.0 * 1024.0, 300e6].map(bytes),
            ["512 bytes", "2.0 KiB", "1.5 MiB", "286 MiB"]
        );
        assert_eq!([0.0004, 0.032, 1.024, 90.0].map(seconds), ["0.4 ms", "32 ms", "1.0 s", "90 s"]);
        assert_eq!([0.012, 0.85].map(percent), ["1.2 %", "85 %"]);
    }
}
