//! The last pages of a member: enough for rates and quantiles over about a minute.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::engine::Span;
use super::figures::Figures;
use super::page::Page;

/// The span that is kept, if the pages are that old: with a scrape every 15 s, four steps. It is
/// the shortest over which a quantile of a disk's latencies means something.
pub const SPAN: Duration = Duration::from_mins(1);

/// Pages closer together than this are not both kept: the span needs no more than a dozen.
const MIN_STEP: SignedDuration = SignedDuration::from_secs(5);

/// The last pages of a member, oldest first.
#[derive(Debug, Clone, Default)]
pub struct PageWindow {
    pages: Vec<Arc<Page>>,
}

impl PageWindow {
    /// Adds the newest page and drops those that are no longer needed.
    ///
    /// The page before it always stays, however old, so that a second page always gives rates. A
    /// page that is not younger than the last (the clock was set back) begins the window anew.
    pub fn push(&mut self, page: Arc<Page>) {
        if self.pages.last().is_some_and(|last| page.at() <= last.at()) {
            self.pages.clear();
        }
        if let [.., before, last] = self.pages.as_slice()
            && last.at().duration_since(before.at()) < MIN_STEP
        {
            self.pages.pop();
        }
        let kept_from = page.at().saturating_sub(SPAN).unwrap_or(Timestamp::MIN);
        self.pages.push(page);
        // The youngest page that is old enough is where the span begins.
        let begin = self.pages.iter().rposition(|page| page.at() <= kept_from).unwrap_or(0);
        self.pages.drain(..begin.min(self.pages.len().saturating_sub(2)));
    }

    /// What the pages come to; `None` before the first.
    pub fn figures(&self) -> Option<Figures> {
        Span::of(&self.pages).as_ref().map(Figures::over)
    }

    /// The newest page.
    pub fn latest(&self) -> Option<&Arc<Page>> {
        self.pages.last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(seconds: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let mut window = PageWindow::default();
        for second in seconds {
            let at = Timestamp::from_second(1_700_000_000 + second).unwrap();
            window.push(Arc::new(Page::parse(b"etcd_server_has_leader 1", at).unwrap()));
        }
        window.pages.iter().map(|page| page.at().as_second() - 1_700_000_000).collect()
    }

    #[test]
    fn a_minute_is_kept_and_always_the_page_before() {
        assert_eq!(pushed([]), [0_i64; 0]);
        assert_eq!(pushed([0]), [0]);
        assert_eq!(pushed([0, 15, 30, 45]), [0, 15, 30, 45]);
        assert_eq!(pushed([0, 15, 30, 45, 60, 75, 90]), [30, 45, 60, 75, 90]);
        assert_eq!(pushed([0, 15, 30, 46, 61, 76]), [15, 30, 46, 61, 76]);
        assert_eq!(pushed([0, 600, 1200]), [600, 1200]);
    }

    #[test]
    fn frequent_scrapes_do_not_pile_up() {
        let kept = pushed(0..600);
        assert!(kept.len() <= 14, "{kept:?}");
        assert_eq!(kept.last(), Some(&599));
        assert!(kept[0] <= 539, "{kept:?}");
    }

    #[test]
    fn a_clock_that_was_set_back_begins_anew() {
        assert_eq!(pushed([100, 115, 50, 65]), [50, 65]);
        assert_eq!(pushed([100, 100]), [100]);
    }
}
