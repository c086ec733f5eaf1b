//! The stream of a member's database file.

use std::time::Duration;

use bytes::Bytes;
use etcd_proto::etcdserverpb::SnapshotResponse;
use tokio::time::timeout;
use tonic::Streaming;

use crate::classify;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorClass, Failure};

/// A part of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotChunk {
    /// The bytes; the last 32 of the whole stream are the SHA-256 of all before.
    pub bytes: Bytes,
    /// How many are still to come.
    pub remaining_bytes: u64,
    /// Version of the storage format (3.6 and later).
    pub version: Option<String>,
}

/// A snapshot under way.
#[derive(Debug)]
pub struct Snapshot {
    endpoint: Endpoint,
    stream: Streaming<SnapshotResponse>,
}

impl Snapshot {
    pub(crate) fn new(endpoint: Endpoint, stream: Streaming<SnapshotResponse>) -> Self {
        Self { endpoint, stream }
    }

    /// The next part, which must come within `deadline`; `None` after the last.
    pub async fn next(&mut self, deadline: Duration) -> Result<Option<SnapshotChunk>, Error> {
        let part = timeout(deadline, self.stream.message()).await.unwrap_or_else(|_| {
            Err(tonic::Status::deadline_exceeded(format!("no data within {deadline:?}")))
        });
        match part {
            Ok(part) => Ok(part.map(|part| SnapshotChunk {
                bytes: part.blob,
                remaining_bytes: part.remaining_bytes,
                version: Some(part.version).filter(|version| !version.is_empty()),
            })),
            Err(status) => {
                let failure = if status.code() == tonic::Code::DeadlineExceeded {
                    Failure::new(ErrorClass::Deadline, status.message().to_owned())
                } else {
                    classify::status(&status)
                };
                Err(Error::new(&self.endpoint, "Snapshot", failure))
            }
        }
    }
}
