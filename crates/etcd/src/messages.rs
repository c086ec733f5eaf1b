//! The messages of a server that answers a call with many, in the pieces that they came in: putting
//! each together would copy every byte of a database once more.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::time::timeout;

use crate::channel::Channel;
use crate::error::{ErrorClass, Failure};
use crate::unary::{self, Answering, PREFIX_BYTES};

/// What a server sends on one stream; the call ends when it is dropped.
pub(crate) struct Messages {
    channel: Channel,
    answering: Answering,
    /// What came and was not asked for yet.
    pieces: Pieces,
    limit: usize,
}

impl Messages {
    /// A message over `limit` bytes is an error.
    pub(crate) fn new(channel: Channel, answering: Answering, limit: usize) -> Self {
        Self { channel, answering, pieces: Pieces::default(), limit }
    }

    /// The next message, which must come within `deadline`; `None` after the last.
    pub(crate) async fn next(&mut self, deadline: Duration) -> Result<Option<Pieces>, Failure> {
        timeout(deadline, self.message()).await.unwrap_or_else(|_| {
            let text = format!("no data within {deadline:?}");
            Err(Failure::new(ErrorClass::Deadline, text))
        })
    }

    /// Nothing is lost when it is dropped early.
    async fn message(&mut self) -> Result<Option<Pieces>, Failure> {
        loop {
            if let Some(message) = self.pieces.take_message(self.limit)? {
                return Ok(Some(message));
            }
            match self.answering.body.data().await {
                Some(Ok(piece)) => {
                    let _ = self.answering.body.flow_control().release_capacity(piece.len());
                    self.pieces.push(piece);
                }
                Some(Err(error)) => return Err(self.answering.broken(&self.channel, &error)),
                None => break,
            }
        }
        match unary::end(&mut self.answering.body).await {
            Ok(Ok(())) if self.pieces.has_remaining() => {
                Err(unary::garbled("it ends within a message"))
            }
            Ok(ended) => ended.map(|()| None),
            Err(error) => Err(self.answering.broken(&self.channel, &error)),
        }
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Messages").field(self.channel.endpoint()).finish()
    }
}

/// Bytes in a row, in as many pieces as they came in.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// None of them is empty.
    pieces: VecDeque<Bytes>,
    length: usize,
}

impl Pieces {
    /// `bytes` in pieces of `size`.
    #[cfg(test)]
    pub(crate) fn cut(bytes: &[u8], size: usize) -> Self {
        let mut pieces = Self::default();
        bytes.chunks(size).for_each(|piece| pieces.push(Bytes::copy_from_slice(piece)));
        pieces
    }

    fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.length += piece.len();
            self.pieces.push_back(piece);
        }
    }

    /// The first `length` bytes, which must be there.
    pub(crate) fn split_to(&mut self, length: usize) -> Self {
        let mut taken = Self::default();
        while taken.length < length {
            let piece = self.take_piece(length - taken.length);
            taken.push(piece);
        }
        taken
    }

    /// As many of the first `most` bytes as lie together.
    fn take_piece(&mut self, most: usize) -> Bytes {
        let first = self.pieces.front_mut().expect("invariant: so many bytes are there");
        let piece = if first.len() > most {
            first.split_to(most)
        } else {
            self.pieces.pop_front().expect("invariant: there is a first one")
        };
        self.length -= piece.len();
        piece
    }

    /// The message at the beginning, if it is whole.
    fn take_message(&mut self, limit: usize) -> Result<Option<Self>, Failure> {
        if self.length < PREFIX_BYTES {
            return Ok(None);
        }
        let (is_compressed, length) = unary::prefix(self.peek());
        if is_compressed {
            return Err(unary::garbled("it is compressed, which was not asked for"));
        }
        if length > limit {
            return Err(unary::out_of_range(format!(
                "a message has {length} bytes, more than {limit}"
            )));
        }
        if self.length < PREFIX_BYTES + length {
            return Ok(None);
        }
        self.advance(PREFIX_BYTES);
        Ok(Some(self.split_to(length)))
    }

    /// What stands before a message.
    fn peek(&self) -> [u8; PREFIX_BYTES] {
        let mut bytes = self.pieces.iter().flatten().copied();
        std::array::from_fn(|_| bytes.next().unwrap_or_default())
    }
}

impl IntoIterator for Pieces {
    type Item = Bytes;
    type IntoIter = std::collections::vec_deque::IntoIter<Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.pieces.into_iter()
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.length
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&[], |first| &first[..])
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.length, "advanced by {count} of {} bytes", self.length);
        while count > 0 {
            count -= self.take_piece(count).len();
        }
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        assert!(length <= self.length, "took {length} of {} bytes", self.length);
        if length == 0 {
            return Bytes::new();
        }
        let mut taken = self.split_to(length);
        if taken.pieces.len() == 1 {
            return taken.take_piece(length);
        }
        taken.pieces.into_iter().collect::<Vec<_>>().concat().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three messages and what stands before them, cut into pieces of `size` bytes.
    fn cut(size: usize) -> Pieces {
        Pieces::cut(b"\0\0\0\0\x0a0123456789\0\0\0\0\0\0\0\0\0\x02ab", size)
    }

    #[test]
    fn messages_are_the_same_however_they_are_cut() {
        for size in 1..30 {
            let mut pieces = cut(size);
            let mut next =
                || pieces.take_message(10).unwrap().map(|mut m| m.copy_to_bytes(m.length));
            assert_eq!(next().unwrap(), "0123456789", "{size}");
            assert_eq!(next().unwrap(), "", "{size}");
            assert_eq!(next().unwrap(), "ab", "{size}");
            assert_eq!(next(), None, "{size}");
        }
    }

    #[test]
    fn a_message_is_read_across_its_pieces_and_lies_where_it_came() {
        let mut pieces = cut(7);
        let mut message = pieces.take_message(10).unwrap().unwrap();
        assert_eq!((message.remaining(), message.chunk()), (10, &b"01"[..]));
        assert_eq!(message.get_u32(), u32::from_be_bytes(*b"0123"));
        let second = message.chunk().as_ptr();
        assert_eq!(message.copy_to_bytes(3).as_ptr(), second, "not copied");
        assert_eq!(message.copy_to_bytes(3), "789");
        assert!(!message.has_remaining());
    }

    #[test]
    fn what_is_too_large_or_compressed_is_refused_and_what_is_not_whole_awaited() {
        let error = cut(4).take_message(9).unwrap_err();
        assert_eq!(error.message, "a message has 10 bytes, more than 9");
        let mut half = Pieces::default();
        half.push(Bytes::from_static(b"\0\0\0\0\x02a"));
        assert!(half.take_message(9).unwrap().is_none());
        half.push(Bytes::from_static(b"b"));
        assert_eq!(half.take_message(9).unwrap().unwrap().chunk(), b"a");
        let mut compressed = Pieces::default();
        compressed.push(Bytes::from_static(b"\x01\0\0\0\0"));
        assert!(compressed.take_message(9).unwrap_err().message.contains("compressed"));
    }
}
