//! The key space: names of keys, and which is used next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::spec::{Distribution, Spec};

/// Exponent of Zipf's law, as in YCSB.
const ZIPF: f64 = 0.99;

/// All keys of a benchmark; clones share what is sequential.
#[derive(Clone)]
pub(crate) struct Keys {
    prefix: Arc<str>,
    count: u64,
    bytes: usize,
    distribution: Distribution,
    next: Arc<AtomicU64>,
    zipf: Option<Zipf>,
}

impl Keys {
    pub(crate) fn new(spec: &Spec) -> Self {
        let zipf = (spec.distribution == Distribution::Zipf && spec.keys > 2)
            .then(|| Zipf::new(spec.keys));
        Self {
            prefix: spec.prefix.as_str().into(),
            count: spec.keys,
            bytes: spec.key_bytes,
            distribution: spec.distribution,
            next: Arc::default(),
            zipf,
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The number of the key to use next.
    pub(crate) fn pick(&self, random: &mut fastrand::Rng) -> u64 {
        match self.distribution {
            Distribution::Uniform => random.u64(..self.count),
            Distribution::Sequential => self.next.fetch_add(1, Ordering::Relaxed) % self.count,
            Distribution::Hot => {
                let hot = (self.count / 5).max(1);
                if hot == self.count || random.f64() < 0.8 {
                    random.u64(..hot)
                } else {
                    random.u64(hot..self.count)
                }
            }
            Distribution::Zipf => match &self.zipf {
                Some(zipf) => zipf.pick(random.f64()),
                None => random.u64(..self.count),
            },
        }
    }

    /// The key of a number.
    pub(crate) fn name(&self, number: u64) -> Bytes {
        let mut name = Vec::with_capacity(self.prefix.len() + self.bytes);
        name.extend_from_slice(self.prefix.as_bytes());
        name.push(b'k');
        let digits = self.bytes - 1;
        let start = name.len();
        name.resize(start + digits, b'0');
        let mut rest = number;
        for place in name[start..].iter_mut().rev() {
            if rest == 0 {
                break;
            }
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        name.into()
    }
}

/// Whether `key`, without the prefix, is one that a benchmark writes.
pub(crate) fn is_ours(key: &[u8]) -> bool {
    let name = key.strip_prefix(b"k").or_else(|| key.strip_prefix(b"lock/"));
    name.is_some_and(|name| {
        !name.is_empty() && name.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'/')
    })
}

/// Picks by Zipf's law, after Gray and others, 'Quickly generating billion-record synthetic
/// databases'.
#[derive(Clone, Copy)]
struct Zipf {
    count: f64,
    zeta: f64,
    alpha: f64,
    eta: f64,
}

impl Zipf {
    fn new(count: u64) -> Self {
        let zeta = |n: u64| (1..=n).map(|rank| (rank as f64).powf(-ZIPF)).sum::<f64>();
        let (all, two, n) = (zeta(count), zeta(2), count as f64);
        let eta = (1.0 - (2.0 / n).powf(1.0 - ZIPF)) / (1.0 - two / all);
        Self { count: n, zeta: all, alpha: 1.0 / (1.0 - ZIPF), eta }
    }

    fn pick(self, chance: f64) -> u64 {
        let scaled = chance * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + 0.5_f64.powf(ZIPF) {
            return 1;
        }
        let rank = self.count * (self.eta * chance - self.eta + 1.0).powf(self.alpha);
        (rank as u64).min(self.count as u64 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(distribution: Distribution) -> Vec<f64> {
        let keys = Keys::new(&Spec { keys: 100, distribution, ..Spec::default() });
        let mut random = fastrand::Rng::with_seed(5);
        let mut counts = vec![0_u32; 100];
        for _ in 0..100_000 {
            counts[keys.pick(&mut random) as usize] += 1;
        }
        counts.into_iter().map(|count| f64::from(count) / 100_000.0).collect()
    }

    #[test]
    fn keys_have_their_length_and_order() {
        let keys = Keys::new(&Spec { prefix: "p/".into(), key_bytes: 6, ..Spec::default() });
        assert_eq!(keys.name(0), "p/k00000");
        assert_eq!(keys.name(9_999), "p/k09999");
        assert!(is_ours(b"k09999") && is_ours(b"lock/01/7ab"));
        for other in [&b"k"[..], b"config", b"key", b"lock/x", b"lock/"] {
            assert!(!is_ours(other), "{other:?}");
        }
    }

    #[test]
    fn distributions_are_what_they_are_called() {
        let uniform = shares(Distribution::Uniform);
        assert!(uniform.iter().all(|share| (share - 0.01).abs() < 0.003), "{uniform:?}");
        let sequential = shares(Distribution::Sequential);
        assert!(sequential.iter().all(|share| *share == 0.01), "{sequential:?}");
        let hot: f64 = shares(Distribution::Hot)[..20].iter().sum();
        assert!((hot - 0.8).abs() < 0.01, "{hot}");
        let zipf = shares(Distribution::Zipf);
        // Of 100 keys the first has 1/zeta(100) = 19 %, half of that the second.
        assert!((zipf[0] - 0.19).abs() < 0.01 && (zipf[1] - 0.096).abs() < 0.01, "{zipf:?}");
    }
}
