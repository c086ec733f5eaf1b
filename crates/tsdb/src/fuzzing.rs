//! What fuzzers call: the decoders with any bytes, as they would come from a damaged disk whose
//! checksums happen to be right.

use crate::chunk::{self, Block, Head};
use crate::{ABSENT, bytes, column, row};

/// Longest column that is tried: more than a block holds.
const MAX_SCRAPES: usize = 1_024;

/// Takes the bytes as a block, as the head of one, as a column and as a row.
pub fn decode(input: &[u8]) {
    let _ = chunk::decode(input);
    let mut sealed = input.to_vec();
    bytes::seal(&mut sealed, 0);
    let _ = Head::decode(&sealed);
    if let Some((length, rest)) = input.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)) % MAX_SCRAPES;
        let column = column::decode(rest, length);
        assert!(column.is_none_or(|column| column.len() == length));
    }
    let _ = row::apply(input, &mut [0; 64]);
}

/// Makes values of the bytes, and checks that they come back from a block and from rows.
pub fn write_and_read(input: &[u8]) {
    let Some((columns, input)) = input.split_first() else { return };
    let columns = 1 + usize::from(columns % 8);
    let values: Vec<u64> = values(input).take(MAX_SCRAPES).collect();
    let scrapes = values.len() / columns;
    let block = Block {
        times: (0..scrapes as i64).map(|scrape| scrape * 15_000).collect(),
        columns: (0..columns)
            .map(|column| (column as u32, values[column * scrapes..][..scrapes].to_vec()))
            .collect(),
    };
    let read = chunk::decode(&block.encode()).expect("a block that was just written");
    assert!(read.times == block.times && read.columns == block.columns, "{block:?}");

    let (mut last, mut state) = (vec![ABSENT; columns], vec![ABSENT; columns]);
    for next in values.chunks_exact(columns) {
        let mut encoded = Vec::new();
        row::encode(&mut encoded, &last, next);
        assert!(row::apply(&encoded, &mut state).is_some() && state == next, "{next:?}");
        last.copy_from_slice(next);
    }
}

/// Small numbers, hundredths, differences from the last one, and any bits.
fn values(mut input: &[u8]) -> impl Iterator<Item = u64> {
    let mut last = 0_i64;
    std::iter::from_fn(move || {
        let kind = bytes::take_byte(&mut input)?;
        Some(match kind % 6 {
            0 => f64::from_bits(u64::from(bytes::take_byte(&mut input)?)).to_bits(),
            1 => {
                last = last.wrapping_add(bytes::take_signed(&mut input)?) % (1 << 52);
                (last as f64).to_bits()
            }
            2 => (bytes::take_signed(&mut input)? as f64 / 100.0).to_bits(),
            3 => u64::from_le_bytes(*bytes::take_slice(&mut input, 8)?.first_chunk()?),
            4 => ABSENT,
            _ => model::series::STALE_NAN_BITS,
        })
    })
}
