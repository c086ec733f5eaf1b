//! From columns of blocks to the samples of one series.

use std::ops::{Range, RangeInclusive};

use model::series::{Figure, Sample};

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
}

impl Column<'_> {
    /// The places of those within `span`.
    fn within(&self, span: &RangeInclusive<i64>) -> Range<usize> {
        let from = self.times.partition_point(|time| time < span.start());
        from..self.times.partition_point(|time| time <= span.end()).max(from)
    }

    /// Those within `span`.
    pub(crate) fn samples(&self, span: &RangeInclusive<i64>) -> impl Iterator<Item = Sample> {
        let within = self.within(span);
        let pairs = self.times[within.clone()].iter().zip(&self.bits[within]);
        let present = pairs.filter(|(_, bits)| **bits != ABSENT);
        present.map(|(at_ms, bits)| Sample { at_ms: *at_ms, value: f64::from_bits(*bits) })
    }
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

/// Appends the samples that a series has in `span`, given all its columns of one file.
pub(crate) fn append(
    out: &mut Vec<Sample>,
    columns: &[Column<'_>],
    figure: Figure,
    span: &RangeInclusive<i64>,
) {
    let of = |kept: Kept| columns.iter().filter(move |column| column.kept == kept);
    let chosen = kept_for(figure)[0];
    let has_figure = of(chosen).next().is_some();
    let figures = of(if has_figure { chosen } else { Kept::Last });
    out.reserve(figures.map(|column| column.within(span).len()).sum());
    if !has_figure {
        out.extend(of(Kept::Last).flat_map(|column| column.samples(span)));
    } else if figure == Figure::Mean {
        let mut counts = of(Kept::Count).flat_map(|column| column.samples(span)).peekable();
        for sum in of(Kept::Sum).flat_map(|column| column.samples(span)) {
            while counts.next_if(|count| count.at_ms < sum.at_ms).is_some() {}
            if let Some(count) = counts.next_if(|count| count.at_ms == sum.at_ms) {
                out.push(Sample { value: sum.value / count.value, ..sum });
            }
        }
    } else {
        out.extend(of(chosen).flat_map(|column| column.samples(span)));
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
    use super::*;

    fn column(kept: Kept, values: &[f64]) -> Column<'static> {
        let bits = values.iter().map(|v| if v.is_nan() { ABSENT } else { v.to_bits() }).collect();
        Column { kept, times: &[10, 20, 30], bits }
    }

    fn check(columns: &[Column<'_>], figure: Figure, expected: &[(i64, f64)]) {
        let mut out = Vec::new();
        append(&mut out, columns, figure, &(15..=40));
        let found: Vec<_> = out.iter().map(|sample| (sample.at_ms, sample.value)).collect();
        assert_eq!(found, expected, "{figure:?}");
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
