//! The answer of a range in parts, as 3.7 and later send it.

use std::time::Duration;

use etcd_proto::etcdserverpb::{RangeResponse, RangeStreamResponse};
use prost::Message as _;

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::messages::Messages;
use crate::rpc;
use crate::unary::garbled;

/// A range under way.
#[derive(Debug)]
pub struct RangeStream {
    endpoint: Endpoint,
    messages: Messages,
}

impl RangeStream {
    pub(crate) fn new(endpoint: Endpoint, messages: Messages) -> Self {
        Self { endpoint, messages }
    }

    /// The next part, which must come within `deadline`; `None` after the last.
    ///
    /// All parts merge to the answer of a plain range: the keys in order, the rest in the last.
    pub async fn next(&mut self, deadline: Duration) -> Result<Option<RangeResponse>, Error> {
        let error = |failure| Error::new(&self.endpoint, rpc::RANGE_STREAM.name, failure);
        let Some(message) = self.messages.next(deadline).await.map_err(error)? else {
            return Ok(None);
        };
        let part =
            RangeStreamResponse::decode(message).map_err(|e| error(garbled(&e.to_string())))?;
        Ok(Some(part.range_response.unwrap_or_default()))
    }
}
