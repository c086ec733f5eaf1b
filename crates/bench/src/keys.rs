//! The key space: names of keys, and which is used next.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::pattern::{Pattern, Rank, Shape as RecordedShape};
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
    /// What of them is written, by number.
    groups: Arc<[Group]>,
}

/// Keys that look alike: those whose numbers begin with `first`.
struct Shape {
    first: u64,
    depth: usize,
    bytes: usize,
}

/// Keys of a shape that are written as often as each other.
#[derive(Debug, Clone, Copy)]
struct Group {
    first: u64,
    /// At least one.
    count: u64,
    /// Share of the writes that go to it and to those before it; 1 for the last.
    up_to: f64,
}

impl Keys {
    pub(crate) fn new(spec: &Spec) -> Self {
        let zipf = (spec.distribution == Distribution::Zipf && spec.keys > 2)
            .then(|| Zipf::new(spec.keys));
        let (shapes, groups) = match &spec.pattern {
            Some(pattern) if spec.kind == Kind::Mirror => shapes(pattern, spec.keys),
            _ => Default::default(),
        };
        Self {
            prefix: spec.prefix.as_str().into(),
            count: spec.keys,
            bytes: spec.key_bytes,
            distribution: spec.distribution,
            next: Arc::default(),
            zipf,
            shapes: shapes.into(),
            groups: groups.into(),
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The number of the key to use next.
    pub(crate) fn pick(&self, random: &mut fastrand::Rng) -> u64 {
        if let Some(last) = self.groups.last() {
            let chance = random.f64();
            let place = self.groups.partition_point(|group| group.up_to <= chance);
            let group = self.groups.get(place).unwrap_or(last);
            return group.first + random.u64(..group.count);
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

    /// The number for which those below it get about this `share` of the writes of a pattern.
    pub(crate) fn first_with(&self, share: f64) -> u64 {
        let place = self.groups.partition_point(|group| group.up_to <= share);
        let Some(group) = self.groups.get(place) else { return self.count };
        let before = place.checked_sub(1).map_or(0.0, |before| self.groups[before].up_to);
        let part = (share - before) / (group.up_to - before);
        group.first + (group.count as f64 * part).round() as u64
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

/// So many keys as their shapes share them; each shape has one at least. And what of them is written.
fn shapes(pattern: &Pattern, keys: u64) -> (Vec<Shape>, Vec<Group>) {
    let all: f64 = pattern.shapes.iter().map(|shape| shape.share).sum();
    let writes: f64 = pattern.shapes.iter().map(|shape| shape.write_share).sum();
    let mut first = 0;
    let mut groups: Vec<Group> = Vec::new();
    let last = pattern.shapes.len() - 1;
    let shape = |(place, shape): (usize, &crate::pattern::Shape)| {
        let share = if all > 0.0 { shape.share / all } else { 0.0 };
        let wanted = ((share * keys as f64) as u64).max(1).min(keys.saturating_sub(first));
        let count = if place == last { keys.saturating_sub(first) } else { wanted };
        let written = if writes > 0.0 { shape.write_share / writes } else { share };
        groups.extend(ranked(shape, first, count, written));
        let laid = Shape { first, depth: shape.depth, bytes: shape.bytes };
        first += count;
        laid
    };
    let shapes = pattern.shapes.iter().enumerate().map(shape).collect();
    // Until here their shares are their own.
    let all: f64 = groups.iter().map(|group| group.up_to).sum();
    let mut up_to = 0.0;
    for group in &mut groups {
        up_to += group.up_to / all;
        group.up_to = up_to;
    }
    (shapes, groups)
}

/// The `count` keys of a shape from `first` on by how often they are written, who get the share `written`
/// of all writes. Where fewer keys are left than were written, each stands for several.
fn ranked(shape: &RecordedShape, first: u64, count: u64, written: f64) -> Vec<Group> {
    let evenly = [Rank { keys: count, share: 1.0 }];
    let ranks = if shape.writes.is_empty() { &evenly[..] } else { &shape.writes };
    let keys: u64 = ranks.iter().map(|rank| rank.keys).sum();
    let all: f64 = ranks.iter().map(|rank| rank.share).sum();
    let scale = (count as f64 / keys.max(1) as f64).min(1.0);
    let (mut passed, mut groups) = (0, Vec::<Group>::new());
    for rank in ranks {
        let start = (passed as f64 * scale) as u64;
        passed += rank.keys;
        let end = ((passed as f64 * scale) as u64).clamp(start, count);
        let share = if all > 0.0 { written * rank.share / all } else { 0.0 };
        match groups.last_mut() {
            _ if share <= 0.0 => {}
            // What has no key of its own goes to the one before.
            Some(before) if end == start => before.up_to += share,
            _ if end > start => {
                groups.push(Group { first: first + start, count: end - start, up_to: share });
            }
            _ if count > 0 => groups.push(Group { first, count: 1, up_to: share }),
            _ => {}
        }
    }
    groups
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
    fn keys_of_a_pattern_are_written_as_often_as_those_that_were_recorded() {
        let mut pattern = crate::pattern::tests::sample();
        let rank = |keys, share| Rank { keys, share };
        pattern.shapes[0].writes = vec![rank(1, 0.5), rank(1, 0.25), rank(2, 0.25)];
        pattern.shapes[1].writes = vec![rank(1, 0.5), rank(1, 0.1), rank(998, 0.4)];
        let spec = |keys| Spec {
            kind: Kind::Mirror,
            keys,
            pattern: Some(pattern.clone()),
            ..Spec::default()
        };
        let shares = |keys| {
            let keys = Keys::new(&spec(keys));
            let mut random = fastrand::Rng::with_seed(3);
            let mut counts = vec![0_u32; keys.count() as usize];
            for _ in 0..100_000 {
                counts[keys.pick(&mut random) as usize] += 1;
            }
            counts.into_iter().map(|n| f64::from(n) / 100_000.0).collect::<Vec<_>>()
        };
        let close = |share: f64, wanted: f64| (share - wanted).abs() < 0.01;
        // 300 keys of the first shape, four of them written, and 100 that stand for 1,000.
        let told = shares(400);
        assert!(close(told[0], 0.1) && close(told[1], 0.05) && close(told[3], 0.025), "{told:?}");
        assert_eq!(told[4..300].iter().sum::<f64>(), 0.0);
        let of_second: f64 = told[300..].iter().sum();
        assert!(close(told[300], 0.48) && close(of_second, 0.8), "{told:?}");
        // A key space of one key for each shape.
        let told = shares(2);
        assert!(close(told[0], 0.2) && close(told[1], 0.8), "{told:?}");
        let keys = Keys::new(&spec(400));
        for share in [0.0, 0.05, 0.3, 0.9, 1.0] {
            let first = keys.first_with(share);
            let below = |number: &u64| *number < first;
            let mut random = fastrand::Rng::with_seed(4);
            let got = (0..10_000).map(|_| keys.pick(&mut random)).filter(below).count();
            // One key of the first shape has a tenth of all, which cannot be parted.
            assert!((got as f64 / 1e4 - share).abs() < 0.26, "{share}: {got}");
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
