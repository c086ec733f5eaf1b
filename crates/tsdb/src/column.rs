//! The values of one series over many scrapes, bit-exact.
//!
//! A byte says how the values are kept and whether some are missing. Missing ones and stale markers
//! are kept as runs beside the values, so that a counter of a member that was restarted is still a
//! column of integers.

use model::series::STALE_NAN_BITS;
use pco::ChunkConfig;
use pco::data_types::Number;
use pco::standalone::{simple_compress, simple_decompress_into};

use crate::ABSENT;
use crate::bytes;

/// Higher levels gain nothing on such data.
const LEVEL: usize = 4;

/// Integers up to here are the same as floats.
const MAX_INTEGER: f64 = 9e15;

const EMPTY: u8 = 0;
const CONSTANT: u8 = 1;
const INTEGERS: u8 = 2;
const FLOATS: u8 = 3;
const PLAIN: u8 = 4;
const HAS_RUNS: u8 = 0x10;

/// What a run consists of.
const PRESENT: u64 = 0;
const STALE: u64 = 1;
const MISSING: u64 = 2;

/// Appends `column`, a value's bits (or [`ABSENT`]) per scrape.
pub(crate) fn encode(out: &mut Vec<u8>, column: &[u64]) {
    let is_whole = column.iter().all(|bits| kind(*bits) == PRESENT);
    let values: Vec<u64> = column.iter().copied().filter(|bits| kind(*bits) == PRESENT).collect();
    let tag = out.len();
    out.push(0);
    if !is_whole {
        put_runs(out, column);
    }
    let codec = put_values(out, &values);
    out[tag] = codec | if is_whole { 0 } else { HAS_RUNS };
}

fn kind(bits: u64) -> u64 {
    match bits {
        ABSENT => MISSING,
        STALE_NAN_BITS => STALE,
        _ => PRESENT,
    }
}

fn put_runs(out: &mut Vec<u8>, column: &[u64]) {
    let runs: Vec<&[u64]> = column.chunk_by(|a, b| kind(*a) == kind(*b)).collect();
    bytes::put(out, runs.len() as u64);
    for run in runs {
        bytes::put(out, (run.len() as u64) << 2 | kind(run[0]));
    }
}

fn put_values(out: &mut Vec<u8>, values: &[u64]) -> u8 {
    let Some(first) = values.first() else { return EMPTY };
    if values.iter().all(|bits| bits == first) {
        out.extend_from_slice(&first.to_le_bytes());
        return CONSTANT;
    }
    let config = ChunkConfig::default().with_compression_level(LEVEL);
    let integers: Option<Vec<i64>> = values.iter().map(|bits| integer(*bits)).collect();
    let (codec, packed) = if let Some(integers) = integers {
        (INTEGERS, simple_compress(&integers, &config))
    } else {
        let floats: Vec<f64> = values.iter().map(|bits| f64::from_bits(*bits)).collect();
        (FLOATS, simple_compress(&floats, &config))
    };
    match packed {
        Ok(packed) if packed.len() < values.len() * 8 => {
            out.extend_from_slice(&packed);
            codec
        }
        // A few values are smaller as they are.
        _ => {
            out.extend(values.iter().flat_map(|bits| bits.to_le_bytes()));
            PLAIN
        }
    }
}

fn integer(bits: u64) -> Option<i64> {
    let value = f64::from_bits(bits);
    let whole = value as i64;
    // Minus zero is no integer.
    (value.abs() < MAX_INTEGER && (whole as f64).to_bits() == bits).then_some(whole)
}

/// The `length` values of an encoded column; `None` when the bytes are none.
pub(crate) fn decode(mut input: &[u8], length: usize) -> Option<Vec<u64>> {
    let tag = bytes::take_byte(&mut input)?;
    if tag & HAS_RUNS == 0 {
        return values(tag, input, length);
    }
    let runs = take_runs(&mut input, length)?;
    let present = runs.iter().filter(|(kind, _)| *kind == PRESENT).map(|(_, run)| run).sum();
    let values = values(tag & !HAS_RUNS, input, present)?;
    let mut values = values.into_iter();
    let mut column = Vec::with_capacity(length);
    for (kind, run) in runs {
        match kind {
            PRESENT => column.extend(values.by_ref().take(run)),
            STALE => column.extend(std::iter::repeat_n(STALE_NAN_BITS, run)),
            _ => column.extend(std::iter::repeat_n(ABSENT, run)),
        }
    }
    (column.len() == length).then_some(column)
}

/// How many samples an encoded column of `length` values has, stale markers included; `None` when
/// the bytes are none.
pub(crate) fn count(mut input: &[u8], length: usize) -> Option<usize> {
    if bytes::take_byte(&mut input)? & HAS_RUNS == 0 {
        return Some(length);
    }
    let runs = take_runs(&mut input, length)?;
    Some(runs.iter().filter(|(kind, _)| *kind <= STALE).map(|(_, run)| run).sum())
}

fn take_runs(input: &mut &[u8], length: usize) -> Option<Vec<(u64, usize)>> {
    let mut runs = Vec::new();
    let mut total = 0_usize;
    for _ in 0..bytes::take(input)? {
        let run = bytes::take(input)?;
        let (kind, run) = (run & 3, usize::try_from(run >> 2).ok()?);
        total = total.checked_add(run).filter(|total| *total <= length)?;
        runs.push((kind, run));
    }
    Some(runs)
}

fn values(codec: u8, input: &[u8], count: usize) -> Option<Vec<u64>> {
    let values: Vec<u64> = match codec {
        EMPTY => Vec::new(),
        CONSTANT => vec![u64::from_le_bytes(input.try_into().ok()?); count],
        INTEGERS => {
            let integers = unpacked::<i64>(input, count)?;
            integers.into_iter().map(|whole| (whole as f64).to_bits()).collect()
        }
        FLOATS => unpacked::<f64>(input, count)?.into_iter().map(f64::to_bits).collect(),
        PLAIN => input.as_chunks::<8>().0.iter().map(|raw| u64::from_le_bytes(*raw)).collect(),
        _ => return None,
    };
    (values.len() == count).then_some(values)
}

/// The `count` numbers that pco packed; `None` when there are fewer or more. How many the bytes themselves
/// promise is not believed: a few of them can promise gigabytes.
fn unpacked<T: Number + Default>(input: &[u8], count: usize) -> Option<Vec<T>> {
    let mut numbers = vec![T::default(); count];
    let progress = simple_decompress_into(input, &mut numbers).ok()?;
    (progress.finished && progress.n_processed == count).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use pco::standalone::FileCompressor;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_column_of_another_length_is_none() {
        let (integers, floats) = ((0..600).map(f64::from), (0..600).map(|n| f64::from(n).sqrt()));
        for column in [integers.collect::<Vec<f64>>(), floats.collect()] {
            let column: Vec<u64> = column.into_iter().map(f64::to_bits).collect();
            let mut out = Vec::new();
            encode(&mut out, &column);
            assert!(matches!(out[0], INTEGERS | FLOATS), "{}", out[0]);
            for length in [0, 1, 256, 512, 599, 601, 768, 1_024] {
                assert_eq!(decode(&out, length), None, "{length}");
            }
            assert_eq!(decode(&out, 600), Some(column));
        }
    }

    #[test]
    fn room_is_made_for_the_numbers_that_are_expected_and_not_for_those_that_are_promised() {
        let numbers: Vec<f64> = (0..600).map(|n| f64::from(n).sqrt()).collect();
        let promising = FileCompressor::default().with_n_hint(1 << 20);
        let mut out = vec![FLOATS];
        promising.write_header(&mut out).unwrap();
        let mut chunk = promising.chunk_compressor(&numbers, &ChunkConfig::default()).unwrap();
        chunk.write(&mut out).unwrap();
        promising.write_footer(&mut out).unwrap();
        let column = decode(&out, numbers.len()).expect("a column");
        assert_eq!(column.len(), numbers.len());
        // Values are turned into bits where they were unpacked.
        assert!(column.capacity() < 2 * numbers.len(), "{}", column.capacity());
    }

    fn any_bits() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            (0..1000_i32).prop_map(|n| f64::from(n).to_bits()),
            Just(ABSENT),
            Just(STALE_NAN_BITS),
            Just((-0.0_f64).to_bits()),
            Just(f64::NAN.to_bits()),
        ]
    }

    proptest! {
        #[test]
        fn any_column_comes_back(column in proptest::collection::vec(any_bits(), 0..300)) {
            let mut out = Vec::new();
            encode(&mut out, &column);
            let present = column.iter().filter(|bits| **bits != ABSENT).count();
            prop_assert_eq!(count(&out, column.len()), Some(present));
            prop_assert_eq!(decode(&out, column.len()), Some(column));
        }

        #[test]
        fn a_counter_comes_back(start in 0..1_000_000_i64, steps in proptest::collection::vec(0..500_i64, 1..300)) {
            let counter = steps.iter().scan(start, |sum, step| { *sum += step; Some(*sum as f64) });
            let column: Vec<u64> = counter.map(f64::to_bits).collect();
            let mut out = Vec::new();
            encode(&mut out, &column);
            prop_assert_eq!(decode(&out, column.len()), Some(column));
        }
    }
}
