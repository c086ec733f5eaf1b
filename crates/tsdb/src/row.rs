//! One scrape as its difference from the scrape before: most series do not move.
//!
//! For every slot that changed: how many slots were passed over, then one byte with the number of
//! zero bytes on top (high four bits) and of bytes that follow (low four), then those bytes of the
//! exclusive or of the two values, highest first.

use crate::bytes;

/// Appends the difference of `next` from `last`; they are of the same length.
pub(crate) fn encode(out: &mut Vec<u8>, last: &[u64], next: &[u64]) {
    let mut passed = 0;
    for (last, next) in last.iter().zip(next) {
        let change = last ^ next;
        if change == 0 {
            passed += 1;
            continue;
        }
        bytes::put(out, passed);
        passed = 0;
        let leading = change.leading_zeros() / 8;
        let trailing = change.trailing_zeros() / 8;
        let length = 8 - leading - trailing;
        out.push((leading << 4 | length) as u8);
        let change = (change >> (trailing * 8)).to_be_bytes();
        out.extend_from_slice(&change[8 - length as usize..]);
    }
}

/// Makes `state` the next row; `None` when the bytes are no row of so many slots.
pub(crate) fn apply(mut row: &[u8], state: &mut [u64]) -> Option<()> {
    let mut slot = 0_usize;
    while !row.is_empty() {
        slot = slot.checked_add(usize::try_from(bytes::take(&mut row)?).ok()?)?;
        let control = bytes::take_byte(&mut row)?;
        let (leading, length) = (u32::from(control >> 4), u32::from(control & 0xf));
        let trailing = 8_u32.checked_sub(leading + length)?;
        let change = bytes::take_slice(&mut row, length as usize)?;
        let change = change.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        *state.get_mut(slot)? ^= change.checked_shl(trailing * 8)?;
        slot += 1;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_row_comes_back(rows in proptest::collection::vec(any::<[u64; 5]>(), 1..20)) {
            let (mut last, mut state) = ([0; 5], [0; 5]);
            for row in rows {
                let mut out = Vec::new();
                encode(&mut out, &last, &row);
                prop_assert_eq!(apply(&out, &mut state), Some(()));
                prop_assert_eq!(state, row);
                last = row;
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = apply(&bytes, &mut [0; 9]);
        }
    }
}
