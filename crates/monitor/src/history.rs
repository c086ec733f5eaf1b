//! The figures of one member over the last hour, in memory.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use crate::metrics::catalogue::{CATALOGUE, FigureId};
use crate::metrics::figures::Figures;

/// How far back the history goes.
pub const SPAN: SignedDuration = SignedDuration::from_hours(1);

/// Moments kept: one in half a minute. At the default interval that is every second scrape, and a
/// thousand members need 30 MB; every scrape would need twice that.
const MAX_MOMENTS: usize = 120;

/// The figures of one member over the last hour.
///
/// Values are kept as `f32`, seven digits, and only where they differ from the moment before: most
/// figures of a member are absent or stand still.
#[derive(Debug, Clone, Default)]
pub struct History {
    moments: VecDeque<Moment>,
    /// The values just before the first moment: what is left of those that are gone.
    base: Values,
    /// The values at the last moment.
    last: Values,
}

/// The figures of one scrape: which changed, and to what.
#[derive(Debug, Clone)]
struct Moment {
    at: Timestamp,
    /// One bit per figure.
    changed: u128,
    values: Box<[f32]>,
}

/// All figures, by the order of the catalogue; NaN is absent.
#[derive(Debug, Clone)]
struct Values(Box<[f32]>);

impl Default for Values {
    fn default() -> Self {
        Self(vec![f32::NAN; CATALOGUE.len()].into())
    }
}

impl Values {
    fn of(figures: &Figures) -> Self {
        let values = FigureId::all().map(|id| figures.value(id));
        Self(values.map(|value| value.map_or(f32::NAN, |value| value as f32)).collect())
    }
}

impl History {
    /// Adds the figures of a scrape. Those that come less than half a minute after the ones before
    /// are left out; those that are not younger (the clock was set back) begin the history anew.
    pub fn push(&mut self, figures: &Figures) {
        // A little less than the step, for a scrape that comes early.
        let step = SPAN / MAX_MOMENTS as i32 - SignedDuration::from_secs(1);
        let at = figures.at;
        if let Some(last) = self.moments.back() {
            if at <= last.at {
                *self = Self::default();
            } else if at.duration_since(last.at) < step {
                return;
            }
        }
        let values = Values::of(figures);
        self.moments.push_back(Moment::between(&self.last, &values, at));
        self.last = values;
        let oldest = at.saturating_sub(SPAN).unwrap_or(Timestamp::MIN);
        while self.moments.len() > MAX_MOMENTS
            || self.moments.front().is_some_and(|moment| moment.at < oldest)
        {
            if let Some(gone) = self.moments.pop_front() {
                gone.apply(&mut self.base);
            }
        }
    }

    /// Time and value of the figure of this name from `from` up to `to`, oldest first; moments at
    /// which it was absent are left out.
    pub fn range(&self, figure: &str, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, f64)> {
        let Some(id) = FigureId::named(figure) else { return Vec::new() };
        let mut value = self.base.0[id.index()];
        let mut points = Vec::new();
        for moment in &self.moments {
            value = moment.value(id.index()).unwrap_or(value);
            if !value.is_nan() && (from..=to).contains(&moment.at) {
                points.push((moment.at, widened(value)));
            }
        }
        points
    }
}

impl Moment {
    fn between(before: &Values, after: &Values, at: Timestamp) -> Self {
        let mut changed = 0;
        let mut values = Vec::new();
        for (index, (old, new)) in before.0.iter().zip(&after.0).enumerate() {
            if old.to_bits() != new.to_bits() {
                changed |= 1 << index;
                values.push(*new);
            }
        }
        Self { at, changed, values: values.into() }
    }

    /// The value of a figure if it changed here.
    fn value(&self, index: usize) -> Option<f32> {
        let bit = 1 << index;
        // The value's place is the number of figures before it that changed too.
        let place = (self.changed & (bit - 1)).count_ones() as usize;
        (self.changed & bit != 0).then(|| self.values[place])
    }

    fn apply(&self, values: &mut Values) {
        for (index, value) in values.0.iter_mut().enumerate() {
            *value = self.value(index).unwrap_or(*value);
        }
    }
}

/// The shortest decimal that is this `f32`, as a `f64`: 0.1 and not 0.10000000149.
fn widened(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::metrics::page::Page;
    use crate::metrics::window::PageWindow;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn history(seconds: impl Iterator<Item = i64>) -> History {
        let mut history = History::default();
        for second in seconds {
            let body = format!("etcd_mvcc_db_total_size_in_bytes {second}\n");
            let mut window = PageWindow::default();
            window.push(Arc::new(Page::parse(body.as_bytes(), at(second)).unwrap()));
            history.push(&window.figures().unwrap());
        }
        history
    }

    #[test]
    fn an_hour_is_kept_and_an_absent_figure_has_no_points() {
        let history = history((0..250).map(|index| index * 30));
        let points = history.range("db_size_bytes", at(0), at(10_000));
        assert_eq!(points.len(), MAX_MOMENTS);
        assert_eq!(points.last(), Some(&(at(7_470), 7_470.0)));
        assert!(history.range("quota_bytes", at(0), at(10_000)).is_empty());
        assert!(history.range("no_such_figure", at(0), at(10_000)).is_empty());
    }

    #[test]
    fn a_figure_that_stands_still_or_goes_away_is_told_as_it_was() {
        let bodies = ["0.1", "0.1", "7", "NaN", "NaN", "7", "7"];
        let mut history = History::default();
        for (index, value) in bodies.iter().cycle().take(700).enumerate() {
            let body =
                format!("etcd_server_has_leader 1\netcd_mvcc_db_open_read_transactions {value}\n");
            let second = index as i64 * 30;
            let mut window = PageWindow::default();
            window.push(Arc::new(Page::parse(body.as_bytes(), at(second)).unwrap()));
            history.push(&window.figures().unwrap());
        }
        let from = at(20_970 - 6 * 30);
        let points = history.range("open_read_transactions", from, at(40_000));
        let expected = [(0, 0.1), (1, 0.1), (2, 7.0), (5, 7.0), (6, 7.0)];
        let expected =
            expected.map(|(step, value)| (from + SignedDuration::from_secs(30 * step), value));
        assert_eq!(points, expected);
        assert_eq!(history.range("has_leader", at(0), at(40_000)).len(), MAX_MOMENTS);
    }

    #[test]
    fn a_clock_that_was_set_back_begins_anew() {
        let history = history([1_000, 1_030, 500, 530].into_iter());
        let points = history.range("db_size_bytes", at(0), at(10_000));
        assert_eq!(points, [(at(500), 500.0), (at(530), 530.0)]);
    }

    #[test]
    fn frequent_scrapes_are_thinned_out() {
        let points = history(0..3_600).range("db_size_bytes", at(0), at(10_000));
        assert!((110..=MAX_MOMENTS).contains(&points.len()), "{}", points.len());
    }
}
