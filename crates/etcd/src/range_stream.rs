//! The answer of a range in parts, as 3.7 and later send it.

use std::time::Duration;

use etcd_proto::etcdserverpb::{RangeResponse, RangeStreamResponse};
use tokio::time::timeout;
use tonic::Streaming;

use crate::classify;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorClass, Failure};
use crate::rpc;

/// A range under way.
#[derive(Debug)]
pub struct RangeStream {
    endpoint: Endpoint,
    stream: Streaming<RangeStreamResponse>,
}

impl RangeStream {
    pub(crate) fn new(endpoint: Endpoint, stream: Streaming<RangeStreamResponse>) -> Self {
        Self { endpoint, stream }
    }

    /// The next part, which must come within `deadline`; `None` after the last.
    ///
    /// All parts merge to the answer of a plain range: the keys in order, the rest in the last.
    pub async fn next(&mut self, deadline: Duration) -> Result<Option<RangeResponse>, Error> {
        let overdue = |_| {
            let text = format!("no data within {deadline:?}");
            Err(Failure::new(ErrorClass::Deadline, text))
        };
        let part = timeout(deadline, self.stream.message())
            .await
            .map_or_else(overdue, |part| part.map_err(|status| classify::status(&status)))
            .map_err(|failure| Error::new(&self.endpoint, rpc::RANGE_STREAM.name, failure))?;
        Ok(part.map(|part| part.range_response.unwrap_or_default()))
    }
}
