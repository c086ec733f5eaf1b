//! From columns of blocks to the samples of one series.

use std::ops::{Range, RangeInclusive};

use model::series::{Figure, Sample, Windows};

use crate::ABSENT;
use crate::shard::Kept;

/// The values of one series in one block.
#[derive(Debug)]
pub(crate) struct Column<'a> {
    pub(crate) kept: Kept,
    /// The block's times, in order.
    pub(crate) times: &'a [i64],
    /// A value's bits per time.
    pub(crate) bits: Vec<u64>,
    /// The places of those that are wanted, in order.
    pub(crate) wanted: &'a [Range<usize>],
}

impl Column<'_> {
    /// Those that are wanted.
    pub(crate) fn samples(&self) -> impl Iterator<Item = Sample> {
        let wanted = self.wanted.iter().cloned();
        let pairs = wanted.flat_map(|places| {
            self.times[places.clone()].iter().copied().zip(self.bits[places].iter().copied())
        });
        let present = pairs.filter(|(_, bits)| *bits != ABSENT);
        present.map(|(at_ms, bits)| Sample { at_ms, value: f64::from_bits(bits) })
    }
}

/// The places of those of a block's `times` that lie within `span`.
pub(crate) fn within(times: &[i64], span: &RangeInclusive<i64>) -> Range<usize> {
    let from = times.partition_point(|time| time < span.start());
    from..times.partition_point(|time| time <= span.end()).max(from)
}

/// The places of those of a block's `times` that lie within `span` and one of `windows`, the last of which
/// ends at `end_ms`.
pub(crate) fn within_windows(
    times: &[i64],
    span: &RangeInclusive<i64>,
    windows: Windows,
    end_ms: i64,
) -> Vec<Range<usize>> {
    let Range { start: mut at, end } = within(times, span);
    let mut found = Vec::new();
    while at < end {
        let before_end = end_ms.saturating_sub(times[at]);
        let window_end = end_ms - before_end / windows.step_ms * windows.step_ms;
        let window_start = window_end.saturating_sub(windows.length_ms);
        let rest = &times[at..end];
        // One at least, also where a clock that was set back left times out of order.
        if times[at] < window_start {
            at += rest.partition_point(|time| *time < window_start).max(1);
        } else {
            let count = rest.partition_point(|time| *time <= window_end).max(1);
            found.push(at..at + count);
            at += count;
        }
    }
    found
}

/// What coarser blocks must hold for a figure; each first, where a series has it, else the last
/// samples, which counters have alone.
pub(crate) fn kept_for(figure: Figure) -> &'static [Kept] {
    match figure {
        Figure::Last => &[Kept::Last],
        Figure::Min => &[Kept::Min, Kept::Last],
        Figure::Max => &[Kept::Max, Kept::Last],
        Figure::Sum => &[Kept::Sum, Kept::Last],
        Figure::Mean => &[Kept::Sum, Kept::Count, Kept::Last],
    }
}

/// Appends the samples that are wanted of a series, given all its columns of one file.
pub(crate) fn append(out: &mut Vec<Sample>, columns: &[Column<'_>], figure: Figure) {
    let of = |kept: Kept| columns.iter().filter(move |column| column.kept == kept);
    let chosen = kept_for(figure)[0];
    let has_figure = of(chosen).next().is_some();
    let figures = of(if has_figure { chosen } else { Kept::Last });
    out.reserve(figures.flat_map(|column| column.wanted).map(Range::len).sum());
    if !has_figure {
        out.extend(of(Kept::Last).flat_map(Column::samples));
    } else if figure == Figure::Mean {
        let mut counts = of(Kept::Count).flat_map(Column::samples).peekable();
        for sum in of(Kept::Sum).flat_map(Column::samples) {
            while counts.next_if(|count| count.at_ms < sum.at_ms).is_some() {}
            if let Some(count) = counts.next_if(|count| count.at_ms == sum.at_ms) {
                out.push(Sample { value: sum.value / count.value, ..sum });
            }
        }
    } else {
        out.extend(of(chosen).flat_map(Column::samples));
    }
}

/// Brings samples of several files and of memory into order; of two at one time the first stays.
pub(crate) fn put_in_order(samples: &mut Vec<Sample>) {
    if !samples.is_sorted_by(|a, b| a.at_ms < b.at_ms) {
        samples.sort_by_key(|sample| sample.at_ms);
        samples.dedup_by_key(|sample| sample.at_ms);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column(kept: Kept, values: &[f64]) -> Column<'static> {
        let bits = values.iter().map(|v| if v.is_nan() { ABSENT } else { v.to_bits() }).collect();
        Column { kept, times: &[10, 20, 30], bits, wanted: &[1..2, 2..3] }
    }

    fn check(columns: &[Column<'_>], figure: Figure, expected: &[(i64, f64)]) {
        let mut out = Vec::new();
        append(&mut out, columns, figure);
        let found: Vec<_> = out.iter().map(|sample| (sample.at_ms, sample.value)).collect();
        assert_eq!(found, expected, "{figure:?}");
    }

    proptest! {
        #[test]
        fn windows_hold_what_lies_in_them_and_nothing_else(
            steps in proptest::collection::vec(1..20_i64, 0..60),
            span in (-20..300_i64, 0..300_i64),
            step_ms in 1..80_i64,
            length_ms in 0..80_i64,
            after in 0..40_i64,
        ) {
            let times: Vec<i64> =
                steps.iter().scan(0, |time, step| { *time += step; Some(*time) }).collect();
            let (from, to) = (span.0, span.0 + span.1);
            let end_ms = to + after;
            let Some(windows) = Windows::apart(step_ms, length_ms) else { return Ok(()) };
            let is_wanted = |time: &i64| {
                (from..=to).contains(time) && (end_ms - time) % step_ms <= length_ms
            };
            let expected: Vec<i64> = times.iter().copied().filter(is_wanted).collect();
            let found = within_windows(&times, &(from..=to), windows, end_ms);
            let found: Vec<i64> = found.into_iter().flat_map(|places| times[places].to_vec()).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn times_out_of_order_are_an_end_too() {
        let windows = Windows::apart(30, 10).unwrap();
        let times = [50, 20, 90, 10, 0, 60, 55];
        let found = within_windows(&times, &(0..=100), windows, 100);
        assert!(found.iter().all(|places| places.start < places.end && places.end <= times.len()));
    }

    #[test]
    fn a_gauge_answers_with_the_figure_and_a_counter_with_its_last_samples() {
        let gauge = [
            column(Kept::Last, &[1.0, 2.0, 3.0]),
            column(Kept::Max, &[4.0, 5.0, 6.0]),
            column(Kept::Sum, &[8.0, f64::NAN, 12.0]),
            column(Kept::Count, &[2.0, 2.0, 3.0]),
        ];
        check(&gauge, Figure::Last, &[(20, 2.0), (30, 3.0)]);
        check(&gauge, Figure::Max, &[(20, 5.0), (30, 6.0)]);
        check(&gauge, Figure::Sum, &[(30, 12.0)]);
        check(&gauge, Figure::Mean, &[(30, 4.0)]);
        check(&gauge[..1], Figure::Max, &[(20, 2.0), (30, 3.0)]);
    }
}
