//! Requests about keys, and their answers.

use bytes::Bytes;
use etcd_proto::etcdserverpb::{RangeRequest, RangeResponse};

use crate::answer::{Header, KeyValue};

/// Which keys to read, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GetRequest {
    /// The key, or the first of a range.
    pub key: Bytes,
    /// First key after the range; empty for one key, `\0` for all keys from `key` on.
    pub range_end: Bytes,
    /// Most keys to answer; 0 for no limit.
    pub limit: i64,
    /// State to read from; 0 for the newest.
    pub revision: i64,
    /// Answer from the member's own state, which may be old, without asking a quorum.
    pub serializable: bool,
    /// Leave the values out.
    pub keys_only: bool,
    /// Answer only how many keys there are.
    pub count_only: bool,
}

impl GetRequest {
    /// One key.
    pub fn key(key: impl Into<Bytes>) -> Self {
        Self { key: key.into(), ..Self::default() }
    }

    /// Every key that starts with `prefix`; all keys if it is empty.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let prefix = prefix.into();
        let range_end = prefix_end(&prefix);
        let key = if prefix.is_empty() { Bytes::from_static(b"\0") } else { prefix };
        Self { key, range_end, ..Self::default() }
    }
}

/// The end of the range of all keys that start with `prefix`.
pub fn prefix_end(prefix: &[u8]) -> Bytes {
    let Some(last) = prefix.iter().rposition(|byte| *byte < 0xff) else {
        return Bytes::from_static(b"\0");
    };
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    end.into()
}

impl From<GetRequest> for RangeRequest {
    fn from(get: GetRequest) -> Self {
        Self {
            key: get.key,
            range_end: get.range_end,
            limit: get.limit,
            revision: get.revision,
            serializable: get.serializable,
            keys_only: get.keys_only,
            count_only: get.count_only,
            ..Self::default()
        }
    }
}

/// The keys that were read.
#[derive(Debug, Clone, PartialEq)]
pub struct GetReply {
    /// Who answered.
    pub header: Header,
    /// The keys, in order.
    pub kvs: Vec<KeyValue>,
    /// Whether the limit cut the answer short.
    pub more: bool,
    /// Keys in the range, whatever the limit.
    pub count: i64,
}

impl From<RangeResponse> for GetReply {
    fn from(range: RangeResponse) -> Self {
        Self { header: range.header.into(), kvs: range.kvs, more: range.more, count: range.count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_no_key_can_start_with_it() {
        assert_eq!(prefix_end(b"a"), "b");
        assert_eq!(prefix_end(b"a\xff\xff"), "b");
        assert_eq!(prefix_end(b"\xff"), "\0");
        assert_eq!(prefix_end(b""), "\0");
        assert_eq!(GetRequest::prefix("").key, "\0");
    }
}
