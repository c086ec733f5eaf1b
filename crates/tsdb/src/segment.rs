//! The latest scrapes of one target in memory, each as its difference from the one before.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::chunk::Block;
use crate::{ABSENT, row};

/// Scrapes of one target that are not yet a block on disk.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Unique within the store.
    pub(crate) number: u64,
    /// Days since 1970 of all its scrapes.
    pub(crate) day: i64,
    /// Which series stands at which place of a row.
    pub(crate) slots: Vec<u32>,
    pub(crate) times: Vec<i64>,
    /// The last row.
    pub(crate) last: Vec<u64>,
    rows: Vec<u8>,
    ends: Vec<u32>,
    /// Rows that are on disk; readers see these.
    committed: AtomicUsize,
}

impl Segment {
    pub(crate) fn new(number: u64, day: i64) -> Self {
        Self {
            number,
            day,
            slots: Vec::new(),
            times: Vec::new(),
            last: Vec::new(),
            rows: Vec::new(),
            ends: Vec::new(),
            committed: AtomicUsize::new(0),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// Adds an encoded row that leads to `next`.
    pub(crate) fn push(&mut self, at_ms: i64, row: &[u8], next: &[u64]) {
        if self.rows.capacity() - self.rows.len() < row.len() {
            // By a quarter: doubling would leave a third of a thousand members' rows empty.
            self.rows.reserve_exact(row.len().max(self.rows.len() / 4));
        }
        self.rows.extend_from_slice(row);
        self.ends.push(self.rows.len() as u32);
        self.times.push(at_ms);
        self.last.clear();
        self.last.extend_from_slice(next);
    }

    /// Adds a row that was read from disk, with the series that it brought; false when it is none.
    pub(crate) fn replay(&mut self, at_ms: i64, added: &[u32], row: &[u8]) -> bool {
        let mut next = self.last.clone();
        next.resize(self.slots.len() + added.len(), ABSENT);
        if row::apply(row, &mut next).is_none() {
            return false;
        }
        self.slots.extend_from_slice(added);
        self.push(at_ms, row, &next);
        self.commit(self.len());
        true
    }

    /// The first `rows` rows are on disk.
    pub(crate) fn commit(&self, rows: usize) {
        self.committed.fetch_max(rows, Ordering::Release);
    }

    /// A copy of what readers may see from `from_ms` on, to be decoded without holding a lock; none
    /// when that is nothing.
    pub(crate) fn committed(&self, from_ms: i64) -> Option<Rows> {
        let count = self.committed.load(Ordering::Acquire).min(self.len());
        let times = &self.times[..count];
        // A clock that was set back leaves them out of order.
        let is_sorted = times.is_sorted();
        let first = if is_sorted { times.partition_point(|time| *time < from_ms) } else { 0 };
        if first == count {
            return None;
        }
        let mut last = self.last.clone();
        for row in (count..self.len()).rev() {
            // It was encoded here, or read with its checksum.
            let _ = row::apply(self.row(row), &mut last);
        }
        let (start, end) = (self.start(first), self.start(count));
        Some(Rows {
            day: self.day,
            slots: self.slots.clone(),
            times: times[first..].to_vec(),
            rows: self.rows[start..end].to_vec(),
            starts: (first..count).map(|row| self.start(row) - start).collect(),
            last,
        })
    }

    /// Where a row begins.
    fn start(&self, row: usize) -> usize {
        if row == 0 { 0 } else { self.ends[row - 1] as usize }
    }

    fn row(&self, row: usize) -> &[u8] {
        &self.rows[self.start(row)..self.start(row + 1)]
    }

    /// Everything, on disk or not.
    pub(crate) fn all(&self) -> Rows {
        Rows {
            day: self.day,
            slots: self.slots.clone(),
            times: self.times.clone(),
            rows: self.rows.clone(),
            starts: (0..self.len()).map(|row| self.start(row)).collect(),
            last: self.last.clone(),
        }
    }
}

/// Encoded rows on their way to columns.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Days since 1970 UTC, of all of them.
    pub(crate) day: i64,
    slots: Vec<u32>,
    times: Vec<i64>,
    rows: Vec<u8>,
    starts: Vec<usize>,
    /// What the last row leads to.
    last: Vec<u64>,
}

impl Rows {
    /// The columns of the series that `wanted` names by the number that it gives them, over the
    /// scrapes of a span of time.
    pub(crate) fn block(
        self,
        span: &RangeInclusive<i64>,
        wanted: impl Fn(u32) -> Option<u32>,
    ) -> Block {
        let chosen: Vec<(usize, u32)> = (self.slots.iter().enumerate())
            .filter_map(|(slot, series)| Some((slot, wanted(*series)?)))
            .collect();
        let times: Vec<i64> =
            self.times.iter().copied().filter(|time| span.contains(time)).collect();
        let mut columns: Vec<(u32, Vec<u64>)> =
            chosen.iter().map(|(_, number)| (*number, Vec::with_capacity(times.len()))).collect();
        // From the last one back: a difference leads both ways, and most readers want the latest.
        let (mut state, mut end) = (self.last, self.rows.len());
        let mut left = times.len();
        for (time, start) in self.times.iter().zip(&self.starts).rev() {
            if span.contains(time) {
                for ((slot, _), (_, column)) in chosen.iter().zip(&mut columns) {
                    column.push(state[*slot]);
                }
                left -= 1;
            }
            if left == 0 {
                break;
            }
            // A row that is none cannot be: it was encoded here, or read with its checksum.
            let _ = row::apply(&self.rows[*start..end], &mut state);
            end = *start;
        }
        for (_, column) in &mut columns {
            column.reverse();
        }
        columns.sort_by_key(|(number, _)| *number);
        let mut block = Block { times, columns };
        block.sort();
        block
    }
}
