//! The format protobuf: the answer's own bytes, without a line end.

use crate::answer::Answer;

pub(super) fn print(answer: &impl Answer, out: &mut Vec<u8>) -> bool {
    let Some(bytes) = answer.protobuf() else { return false };
    out.extend_from_slice(&bytes);
    true
}
