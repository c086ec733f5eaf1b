//! Values: slices of one pool, so that making one costs nothing.

use bytes::Bytes;

use std::sync::Arc;

use crate::pattern::Pattern;
use crate::spec::{Content, Sizes, Spec};

/// Different values of the largest size that the pool holds.
const VARIETY: usize = 64 << 10;
/// Text that compresses like the configuration that people store.
const TEXT: &[u8] = b"{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"settings\"},\"data\":{}}";

/// Makes values; clones share the pool.
#[derive(Clone)]
pub(crate) struct Values {
    pool: Bytes,
    sizes: Sizes,
    /// Where sizes were recorded.
    pattern: Option<Arc<Pattern>>,
}

impl Values {
    pub(crate) fn new(spec: &Spec) -> Self {
        let length = spec.value_bytes.max_bytes + VARIETY;
        let pool = match spec.content {
            Content::Random => {
                let mut bytes = vec![0; length];
                fastrand::Rng::with_seed(spec.seed).fill(&mut bytes);
                bytes
            }
            Content::Compressible => TEXT.iter().copied().cycle().take(length).collect(),
        };
        Self {
            pool: pool.into(),
            sizes: spec.value_bytes,
            pattern: spec.pattern.clone().map(Arc::new),
        }
    }

    pub(crate) fn make(&self, random: &mut fastrand::Rng) -> Bytes {
        let length = match &self.pattern {
            Some(pattern) => pattern.pick_value_bytes(random).min(self.sizes.max_bytes),
            None => self.sizes.pick(random),
        };
        let start = random.usize(..=self.pool.len() - length);
        self.pool.slice(start..start + length)
    }
}
