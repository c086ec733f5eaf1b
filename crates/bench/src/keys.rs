//! The key space: names of keys, and which is used next.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::pattern::Pattern;
use crate::spec::{Distribution, Kind, Spec};

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
    shapes: Arc<[Shape]>,
}

/// Keys that look alike: those whose numbers begin with `first`.
struct Shape {
    first: u64,
    count: u64,
    depth: usize,
    bytes: usize,
    /// Share of the writes that go to it and to those before it.
    up_to: f64,
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
            shapes: match &spec.pattern {
                Some(pattern) if spec.kind == Kind::Mirror => shapes(pattern, spec.keys),
                _ => Arc::default(),
            },
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The number of the key to use next.
    pub(crate) fn pick(&self, random: &mut fastrand::Rng) -> u64 {
        if !self.shapes.is_empty() {
            return self.pick_of_shapes(random);
        }
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

    fn pick_of_shapes(&self, random: &mut fastrand::Rng) -> u64 {
        let chance = random.f64();
        let shape = self.shapes.iter().find(|shape| chance < shape.up_to && shape.count > 0);
        match shape.or_else(|| self.shapes.iter().rfind(|shape| shape.count > 0)) {
            Some(shape) => shape.first + random.u64(..shape.count),
            None => random.u64(..self.count),
        }
    }

    /// The key of a number that looks as its shape does.
    fn name_of_shape(&self, number: u64) -> Option<Bytes> {
        let place = self.shapes.partition_point(|shape| shape.first <= number).checked_sub(1)?;
        let shape = &self.shapes[place];
        let mut name = format!("{}k{place:02x}", self.prefix);
        // The prefix has parts of its own, and the last one is the number.
        let own = self.prefix.split('/').filter(|part| !part.is_empty()).count() + 2;
        for _ in own..shape.depth {
            name.push_str("/a");
        }
        name.push('/');
        let width = shape.bytes.saturating_sub(name.len());
        let number = number - shape.first;
        // Writing to text cannot fail.
        let _ = write!(name, "{number:0width$}");
        Some(name.into())
    }

    /// The key of a number.
    pub(crate) fn name(&self, number: u64) -> Bytes {
        if let Some(name) = self.name_of_shape(number) {
            return name;
        }
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

/// So many keys as their shapes share them; each shape has one at least.
fn shapes(pattern: &Pattern, keys: u64) -> Arc<[Shape]> {
    let all: f64 = pattern.shapes.iter().map(|shape| shape.share).sum();
    let writes: f64 = pattern.shapes.iter().map(|shape| shape.write_share).sum();
    let (mut first, mut up_to) = (0, 0.0);
    let last = pattern.shapes.len() - 1;
    let shape = |(place, shape): (usize, &crate::pattern::Shape)| {
        let share = if all > 0.0 { shape.share / all } else { 0.0 };
        let wanted = ((share * keys as f64) as u64).max(1).min(keys.saturating_sub(first));
        let count = if place == last { keys.saturating_sub(first) } else { wanted };
        up_to += if writes > 0.0 { shape.write_share / writes } else { share };
        let laid = Shape { first, count, depth: shape.depth, bytes: shape.bytes, up_to };
        first += count;
        laid
    };
    pattern.shapes.iter().enumerate().map(shape).collect()
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
    fn keys_of_a_pattern_look_as_those_that_were_recorded() {
        let pattern = Some(crate::pattern::tests::sample());
        let prefix = "/p/".to_owned();
        let spec = Spec { kind: Kind::Mirror, keys: 400, prefix, pattern, ..Spec::default() };
        let keys = Keys::new(&spec);
        let names: std::collections::BTreeSet<_> = (0..400).map(|n| keys.name(n)).collect();
        assert_eq!(names.len(), 400);
        let (first, last) = (keys.name(0), keys.name(399));
        assert_eq!((first.len(), last.len()), (48, 20), "{first:?} {last:?}");
        let depth =
            |name: &Bytes| name.split(|b| *b == b'/').filter(|part| !part.is_empty()).count();
        assert_eq!((depth(&first), depth(&last)), (4, 3), "{first:?} {last:?}");
        assert!(names.iter().all(|name| is_ours(&name[3..])), "{first:?}");
        assert!((0..399).all(|n| keys.name(n) < keys.name(n + 1)), "ranges are runs of numbers");
        let mut random = fastrand::Rng::with_seed(1);
        let to_second = (0..10_000).filter(|_| keys.pick(&mut random) >= 300).count();
        assert!(to_second.abs_diff(8_000) < 200, "{to_second}");
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
