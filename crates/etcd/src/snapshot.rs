//! The stream of a member's database file.

use std::time::Duration;

use bytes::{Buf as _, Bytes};
use prost::DecodeError;
use prost::encoding::{self, DecodeContext, WireType};

use crate::endpoint::Endpoint;
use crate::error::{Error, Failure};
use crate::messages::{Messages, Pieces};
use crate::rpc;
use crate::unary::garbled;

/// A part of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotChunk {
    /// The bytes, in the pieces that they came in; the last 32 of the whole stream are the SHA-256 of
    /// all before.
    pub pieces: Vec<Bytes>,
    /// How many are still to come.
    pub remaining_bytes: u64,
    /// Version of the storage format (3.6 and later).
    pub version: Option<String>,
}

impl SnapshotChunk {
    /// How many bytes of the file it has.
    pub fn bytes(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// Reads a `SnapshotResponse`, whose blob stays where it is.
    fn decode(mut message: Pieces) -> Result<Self, Failure> {
        let wrong = |error: DecodeError| garbled(&error.to_string());
        let mut chunk = Self::default();
        while message.has_remaining() {
            let (tag, wire_type) = encoding::decode_key(&mut message).map_err(wrong)?;
            match (tag, wire_type) {
                (2, WireType::Varint) => {
                    chunk.remaining_bytes = encoding::decode_varint(&mut message).map_err(wrong)?;
                }
                (3, WireType::LengthDelimited) => {
                    let length = encoding::decode_varint(&mut message).map_err(wrong)?;
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    if length > message.remaining() {
                        return Err(garbled("its blob ends behind it"));
                    }
                    chunk.pieces = message.split_to(length).into_iter().collect();
                }
                (4, _) => {
                    let version = chunk.version.get_or_insert_default();
                    encoding::string::merge(
                        wire_type,
                        version,
                        &mut message,
                        DecodeContext::default(),
                    )
                    .map_err(wrong)?;
                }
                _ => encoding::skip_field(wire_type, tag, &mut message, DecodeContext::default())
                    .map_err(wrong)?,
            }
        }
        Ok(chunk)
    }
}

/// A snapshot under way.
#[derive(Debug)]
pub struct Snapshot {
    endpoint: Endpoint,
    messages: Messages,
}

impl Snapshot {
    pub(crate) fn new(endpoint: Endpoint, messages: Messages) -> Self {
        Self { endpoint, messages }
    }

    /// The next part, which must come within `deadline`; `None` after the last.
    pub async fn next(&mut self, deadline: Duration) -> Result<Option<SnapshotChunk>, Error> {
        let next = self.messages.next(deadline).await;
        next.and_then(|message| message.map(SnapshotChunk::decode).transpose())
            .map_err(|failure| Error::new(&self.endpoint, rpc::SNAPSHOT.name, failure))
    }
}

#[cfg(test)]
mod tests {
    use etcd_proto::etcdserverpb::{ResponseHeader, SnapshotResponse};
    use prost::Message as _;

    use super::*;

    #[test]
    fn a_part_is_read_as_it_is_declared() {
        let response = SnapshotResponse {
            header: Some(ResponseHeader { revision: 7, ..ResponseHeader::default() }),
            remaining_bytes: 300,
            blob: Bytes::from_static(b"of the file"),
            version: "3.6.0".to_owned(),
        };
        let message = response.encode_to_vec();
        for size in 1..message.len() {
            let chunk = SnapshotChunk::decode(Pieces::cut(&message, size)).unwrap();
            assert_eq!(chunk.pieces.concat(), b"of the file");
            assert_eq!((chunk.bytes(), chunk.remaining_bytes), (11, 300));
            assert_eq!(chunk.version.as_deref(), Some("3.6.0"));
        }
        for length in 1..message.len() {
            // Cut between two fields it is a message too.
            if let Err(failure) = SnapshotChunk::decode(Pieces::cut(&message[..length], 5)) {
                assert!(failure.message.starts_with("the answer is garbled"), "{failure:?}");
            }
        }
        assert_eq!(SnapshotChunk::decode(Pieces::default()).unwrap(), SnapshotChunk::default());
    }
}
