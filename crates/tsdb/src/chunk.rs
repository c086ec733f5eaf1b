//! A block of scrapes of one target, column by column: what is kept for good.
//!
//! ```text
//! head length u32 │ head, crc32 │ column, crc32 │ column, crc32 │ …
//! head: format │ scrapes │ times (delta of delta) │ columns │ (series number delta, length) …
//! ```
//!
//! A reader takes the head and the columns that it wants, and nothing else.

use std::collections::BTreeMap;

use crate::{ABSENT, bytes, column};

const FORMAT: u8 = 1;

/// Bytes that tell how long the head is.
pub(crate) const PREFIX: usize = 4;

/// Scrapes of one target, in order of time, with one column of values per series.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) times: Vec<i64>,
    /// Series numbers, ascending, and a value's bits per time.
    pub(crate) columns: Vec<(u32, Vec<u64>)>,
}

impl Block {
    /// Brings the scrapes into order of time; of two at the same time the first stays.
    pub(crate) fn sort(&mut self) {
        if self.times.is_sorted_by(|a, b| a < b) {
            return;
        }
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        order.sort_by_key(|index| self.times[*index]);
        order.dedup_by_key(|index| self.times[*index]);
        self.times = order.iter().map(|index| self.times[*index]).collect();
        for (_, column) in &mut self.columns {
            *column = order.iter().map(|index| column[*index]).collect();
        }
    }

    /// All scrapes of some blocks of one target.
    pub(crate) fn join(blocks: Vec<Self>) -> Self {
        let length = blocks.iter().map(|block| block.times.len()).sum();
        let mut columns: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        let mut times = Vec::with_capacity(length);
        for block in blocks {
            for (series, values) in block.columns {
                let column = columns.entry(series).or_insert_with(|| Vec::with_capacity(length));
                column.resize(times.len(), ABSENT);
                column.extend_from_slice(&values);
            }
            times.extend_from_slice(&block.times);
        }
        let mut columns: Vec<_> = columns.into_iter().collect();
        for (_, column) in &mut columns {
            column.resize(length, ABSENT);
        }
        let mut joined = Self { times, columns };
        joined.sort();
        joined
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut head = vec![FORMAT];
        bytes::put(&mut head, self.times.len() as u64);
        let (mut last, mut step) = (0, 0);
        for time in &self.times {
            bytes::put_signed(&mut head, time - last - step);
            (step, last) = (time - last, *time);
        }
        bytes::put(&mut head, self.columns.len() as u64);
        let mut body = Vec::new();
        let mut previous = 0;
        for (series, values) in &self.columns {
            let start = body.len();
            column::encode(&mut body, values);
            bytes::seal(&mut body, start);
            bytes::put(&mut head, u64::from(series - previous));
            bytes::put(&mut head, (body.len() - start) as u64);
            previous = *series;
        }
        bytes::seal(&mut head, 0);
        let mut out = Vec::with_capacity(PREFIX + head.len() + body.len());
        out.extend_from_slice(&(head.len() as u32).to_le_bytes());
        out.append(&mut head);
        out.append(&mut body);
        out
    }
}

/// What the head of a block says.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) times: Vec<i64>,
    /// Series number, and place within the block.
    pub(crate) columns: Vec<(u32, std::ops::Range<usize>)>,
}

impl Head {
    /// Reads a head, its checksum included, without the prefix.
    pub(crate) fn decode(sealed: &[u8]) -> Option<Self> {
        let mut input = bytes::unseal(sealed)?;
        if bytes::take_byte(&mut input)? != FORMAT {
            return None;
        }
        let (mut last, mut step) = (0_i64, 0_i64);
        let count = bytes::take(&mut input)?;
        // A time takes a byte at least.
        let mut times = Vec::with_capacity(input.len().min(usize::try_from(count).ok()?));
        for _ in 0..count {
            step = step.checked_add(bytes::take_signed(&mut input)?)?;
            last = last.checked_add(step)?;
            times.push(last);
        }
        let (mut series, mut place) = (0_u32, PREFIX + sealed.len());
        let count = bytes::take(&mut input)?;
        // A column takes two bytes at least.
        let mut columns = Vec::with_capacity((input.len() / 2).min(usize::try_from(count).ok()?));
        for _ in 0..count {
            series = series.checked_add(u32::try_from(bytes::take(&mut input)?).ok()?)?;
            let end = place.checked_add(usize::try_from(bytes::take(&mut input)?).ok()?)?;
            columns.push((series, place..end));
            place = end;
        }
        Some(Self { times, columns })
    }

    /// Reads a column, its checksum included.
    pub(crate) fn column(&self, sealed: &[u8]) -> Option<Vec<u64>> {
        column::decode(bytes::unseal(sealed)?, self.times.len())
    }
}

/// Reads a whole block; `None` when a checksum is wrong.
pub(crate) fn decode(blob: &[u8]) -> Option<Block> {
    let (length, rest) = blob.split_first_chunk::<PREFIX>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let head = Head::decode(rest.get(..length)?)?;
    let mut columns = Vec::with_capacity(head.columns.len());
    for (series, place) in &head.columns {
        columns.push((*series, head.column(blob.get(place.clone())?)?));
    }
    Some(Block { times: head.times, columns })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> Block {
        let times = vec![1_700_000_000_000, 1_700_000_015_002, 1_700_000_029_999];
        let columns = vec![(3, vec![1, 2, 3]), (7, vec![ABSENT, 0, 9]), (900, vec![5, 5, 5])];
        Block { times, columns }
    }

    #[test]
    fn a_block_comes_back() {
        let read = decode(&block().encode()).expect("a block");
        assert_eq!(read.times, block().times);
        assert_eq!(read.columns, block().columns);
    }

    #[test]
    fn any_flipped_bit_is_seen() {
        let whole = block().encode();
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&damaged).is_none(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(decode(&whole[..length]).is_none(), "cut to {length} bytes");
        }
    }

    #[test]
    fn scrapes_are_put_in_order_and_the_first_of_equals_stays() {
        let mut block = Block { times: vec![20, 10, 20], columns: vec![(1, vec![2, 1, 3])] };
        block.sort();
        assert_eq!((block.times, block.columns), (vec![10, 20], vec![(1, vec![1, 2])]));
    }
}
