//! The quota of a member's database: at which size it refuses writes.

use crate::sweep::MemberSweep;

/// What `--quota-backend-bytes=0`, the default, means.
const DEFAULT_BYTES: u64 = 2 << 30;

/// The quota of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// So many bytes.
    Bytes(u64),
    /// It was switched off, by a negative number.
    Off,
    /// The member has not told.
    Unknown,
}

impl Quota {
    /// What the member tells of it: its Status from 3.6 on, else its metrics. A Status without it is
    /// that of an older version, or of a member that has none.
    pub fn of(said: &MemberSweep) -> Self {
        if let Some(bytes) = said.status.answer().and_then(|status| status.db_size_quota_bytes) {
            return Self::Bytes(bytes);
        }
        let page = said.scrape.as_ref().and_then(|scrape| scrape.page.as_ref().ok());
        match page.and_then(|page| page.quota_bytes()) {
            Some(bytes) if bytes < 0.0 => Self::Off,
            Some(0.0) => Self::Bytes(DEFAULT_BYTES),
            Some(bytes) if bytes.is_finite() => Self::Bytes(bytes as u64),
            _ => Self::Unknown,
        }
    }

    /// The number of bytes, where there is one.
    pub fn bytes(self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes.max(1)),
            Self::Off | Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use etcd::{Endpoint, Scheme};
    use jiff::Timestamp;

    use super::*;
    use crate::metrics::page::Page;
    use crate::scrape::Scrape;

    fn told(line: &str) -> Quota {
        let at = Timestamp::UNIX_EPOCH;
        let text = format!("etcd_server_has_leader 1\n{line}\n");
        let page = Ok(Arc::new(Page::parse(text.as_bytes(), at).unwrap()));
        let endpoint = Endpoint::parse("m1:2379", Scheme::Http).unwrap();
        let scrape = Some(Arc::new(Scrape::of_page(at, page)));
        Quota::of(&MemberSweep { scrape, ..MemberSweep::of(endpoint) })
    }

    #[test]
    fn zero_is_the_default_negative_is_off_and_nonsense_is_unknown() {
        let quota = |value: &str| told(&format!("etcd_server_quota_backend_bytes {value}"));
        assert_eq!(quota("8.589934592e+09"), Quota::Bytes(8 << 30));
        assert_eq!(quota("0"), Quota::Bytes(2 << 30));
        assert_eq!(quota("-1"), Quota::Off);
        assert_eq!(quota("-Inf"), Quota::Off);
        assert_eq!(quota("NaN"), Quota::Unknown);
        assert_eq!(quota("+Inf"), Quota::Unknown);
        assert_eq!(told(""), Quota::Unknown);
        assert_eq!(quota("0.5").bytes(), Some(1), "nothing is divided by zero");
    }
}
