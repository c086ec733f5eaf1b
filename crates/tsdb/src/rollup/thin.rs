//! Few samples for many, so that what is asked of the many can be told from the few.
//!
//! Of each span the last scrape stays, with its own time; of gauges also the smallest and largest
//! value, the sum and the number of values. Where a counter falls, both scrapes around the fall stay,
//! so that its growth over any time is what it was; where a series begins or ends, so do the scrapes
//! around that.

use model::series::STALE_NAN_BITS;

use crate::ABSENT;
use crate::chunk::Block;
use crate::shard::Kept;

/// Thins a block out to one scrape in `spacing_ms`; `counters` says of each column whether it is one.
pub(super) fn thin(block: &Block, counters: &[bool], spacing_ms: i64) -> Vec<(Kept, Block)> {
    let spans: Vec<&[i64]> = (block.times)
        .chunk_by(|a, b| a.div_euclid(spacing_ms) == b.div_euclid(spacing_ms))
        .collect();
    let mut ends = Vec::with_capacity(spans.len());
    for span in &spans {
        ends.push(ends.last().map_or(0, |end| end + 1) + span.len() - 1);
    }
    let mut thinned = vec![(Kept::Last, rows(block, &kept_rows(block, counters, &ends)))];
    for kept in [Kept::Min, Kept::Max, Kept::Sum, Kept::Count] {
        let gauges = block.columns.iter().zip(counters).filter(|(_, is_counter)| !**is_counter);
        let columns = gauges.map(|((shape, column), _)| (*shape, figures(column, &ends, kept)));
        let times = ends.iter().map(|row| block.times[*row]).collect();
        thinned.push((kept, Block { times, columns: columns.collect() }));
    }
    thinned
}

/// The scrapes that stay, by number, ascending.
fn kept_rows(block: &Block, counters: &[bool], ends: &[usize]) -> Vec<usize> {
    let mut kept = ends.to_vec();
    for ((_, column), is_counter) in block.columns.iter().zip(counters) {
        for (row, pair) in column.windows(2).enumerate() {
            let (before, after) = (pair[0], pair[1]);
            let (was, is) = (is_value(before), is_value(after));
            let is_fall = was && is && f64::from_bits(after) < f64::from_bits(before);
            if was && after == STALE_NAN_BITS || *is_counter && (is_fall || !was && is) {
                kept.extend([row, row + 1]);
            }
        }
    }
    kept.sort_unstable();
    kept.dedup();
    kept
}

fn is_value(bits: u64) -> bool {
    bits != ABSENT && bits != STALE_NAN_BITS
}

fn rows(block: &Block, kept: &[usize]) -> Block {
    let columns = block.columns.iter();
    let columns = columns
        .map(|(shape, column)| (*shape, kept.iter().map(|row| column[*row]).collect::<Vec<_>>()));
    Block { times: kept.iter().map(|row| block.times[*row]).collect(), columns: columns.collect() }
}

/// A figure of each span's values; absent where there is none.
fn figures(column: &[u64], ends: &[usize], kept: Kept) -> Vec<u64> {
    let mut start = 0;
    let mut figures = Vec::with_capacity(ends.len());
    for end in ends {
        let span = &column[start..=*end];
        start = end + 1;
        let values = span.iter().filter(|bits| is_value(**bits)).map(|bits| f64::from_bits(*bits));
        let figure = match kept {
            Kept::Min => {
                values.reduce(|min, value| if value < min || min.is_nan() { value } else { min })
            }
            Kept::Max => {
                values.reduce(|max, value| if value > max || max.is_nan() { value } else { max })
            }
            Kept::Sum => values.reduce(|sum, value| sum + value),
            Kept::Count | Kept::Last => Some(values.count() as f64).filter(|count| *count > 0.0),
        };
        figures.push(figure.map_or(ABSENT, f64::to_bits));
    }
    figures
}

#[cfg(test)]
mod tests {
    use model::series::is_stale;

    use super::*;

    /// A row per second, a span of ten; NaN is absent.
    fn thinned(column: &[f64], is_counter: bool) -> Vec<(Kept, Vec<(i64, f64)>)> {
        let is_absent = |value: f64| value.is_nan() && !is_stale(value);
        let bits = |value: &f64| if is_absent(*value) { ABSENT } else { value.to_bits() };
        let times = (0..column.len() as i64).map(|row| row * 1_000).collect();
        let block = Block { times, columns: vec![(7, column.iter().map(bits).collect())] };
        let thinned = thin(&block, &[is_counter], 10_000).into_iter();
        let pairs = thinned.map(|(kept, block)| {
            let column = block.columns.first().map_or(Vec::new(), |(_, column)| column.clone());
            let present = block.times.iter().zip(column).filter(|(_, bits)| *bits != ABSENT);
            (kept, present.map(|(time, bits)| (time / 1_000, f64::from_bits(bits))).collect())
        });
        pairs.collect()
    }

    #[test]
    fn a_gauge_keeps_its_last_value_and_the_figures_of_each_span() {
        let column: Vec<f64> = (0..25).map(f64::from).collect();
        assert_eq!(
            thinned(&column, false),
            [
                (Kept::Last, vec![(9, 9.0), (19, 19.0), (24, 24.0)]),
                (Kept::Min, vec![(9, 0.0), (19, 10.0), (24, 20.0)]),
                (Kept::Max, vec![(9, 9.0), (19, 19.0), (24, 24.0)]),
                (Kept::Sum, vec![(9, 45.0), (19, 145.0), (24, 110.0)]),
                (Kept::Count, vec![(9, 10.0), (19, 10.0), (24, 5.0)]),
            ]
        );
    }

    #[test]
    fn a_counter_keeps_what_is_around_a_reset_and_its_first_value() {
        let mut column: Vec<f64> = (0..30).map(f64::from).collect();
        column[..3].fill(f64::NAN);
        column.iter_mut().skip(14).for_each(|value| *value -= 14.0);
        let thinned = thinned(&column, true);
        let kept = [(3, 3.0), (9, 9.0), (13, 13.0), (14, 0.0), (19, 5.0), (29, 15.0)];
        assert_eq!(thinned[0], (Kept::Last, kept.to_vec()));
        assert!(thinned[1..].iter().all(|(_, column)| column.is_empty()));
    }

    #[test]
    fn the_end_of_a_series_stays() {
        let mut column: Vec<f64> = vec![5.0; 30];
        column[12] = f64::from_bits(STALE_NAN_BITS);
        column[13..].fill(f64::NAN);
        let last = &thinned(&column, false)[0].1;
        assert_eq!(last.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [9, 11, 12]);
    }
}
