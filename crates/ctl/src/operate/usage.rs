//! Where the keys are and what they take, added up while they come: never all of them in memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use backup::{KeyFigure, MAX_PREFIXES, Top, prefixes_of};
use etcd::KeyValue;

/// How many keys, and bytes of them and their values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Keys.
    pub keys: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

impl Sum {
    fn add(&mut self, kv: &KeyValue) {
        self.keys += 1;
        self.bytes += (kv.key.len() + kv.value.len()) as u64;
    }
}

/// Sums by prefix.
#[derive(Debug)]
pub struct ByPrefix {
    /// Length of what all keys begin with; parts count from there.
    skip: usize,
    separator: u8,
    depth: usize,
    /// Whether each prefix above is a sum of its own too.
    is_nested: bool,
    sums: BTreeMap<Vec<u8>, Sum>,
    /// Everything.
    pub total: Sum,
    /// What did not fit.
    pub other: Sum,
}

/// A prefix and what lies under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The whole prefix.
    pub prefix: Vec<u8>,
    /// Everything that begins so.
    pub sum: Sum,
    /// Longer prefixes, the largest first.
    pub children: Vec<Self>,
}

impl ByPrefix {
    /// Keys begin with `skip` bytes that are no part; `depth` parts behind them make a prefix, and
    /// with `is_nested` each part on the way is one too.
    pub fn new(skip: usize, separator: u8, depth: usize, is_nested: bool) -> Self {
        let (total, other) = (Sum::default(), Sum::default());
        Self { skip, separator, depth, is_nested, sums: BTreeMap::new(), total, other }
    }

    /// Adds a key.
    pub fn add(&mut self, kv: &KeyValue) {
        self.total.add(kv);
        let rest = kv.key.get(self.skip..).unwrap_or_default();
        let mut parts = prefixes_of(rest, self.separator).take(self.depth);
        if self.is_nested {
            for part in parts {
                let end = self.skip + part.len();
                add(&mut self.sums, &mut self.other, &kv.key[..end], kv);
            }
            return;
        }
        let end = parts.by_ref().last().map_or(0, <[u8]>::len) + self.skip;
        add(&mut self.sums, &mut self.other, &kv.key[..end.min(kv.key.len())], kv);
    }

    /// How many prefixes there are.
    pub fn len(&self) -> usize {
        self.sums.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    /// Prefixes, the largest first, by bytes or by keys.
    pub fn sorted(&self, by_bytes: bool) -> Vec<(&[u8], Sum)> {
        let mut sorted: Vec<_> =
            self.sums.iter().map(|(prefix, sum)| (prefix.as_slice(), *sum)).collect();
        sorted.sort_by_key(|(_, sum)| Reverse(if by_bytes { sum.bytes } else { sum.keys }));
        sorted
    }

    /// Nested prefixes, the largest first.
    pub fn tree(&self, by_bytes: bool) -> Vec<Node> {
        let mut sums = self.sums.iter().peekable();
        let mut nodes = Vec::new();
        // In order, what lies under a prefix stands directly behind it.
        while let Some((prefix, sum)) = sums.next() {
            let node = Node { prefix: prefix.clone(), sum: *sum, children: Vec::new() };
            nodes.push(Self::filled(node, &mut sums, by_bytes));
        }
        sort(&mut nodes, by_bytes);
        nodes
    }

    fn filled<'a>(
        mut node: Node,
        sums: &mut std::iter::Peekable<impl Iterator<Item = (&'a Vec<u8>, &'a Sum)>>,
        by_bytes: bool,
    ) -> Node {
        while let Some((prefix, sum)) = sums.next_if(|(prefix, _)| prefix.starts_with(&node.prefix))
        {
            let child = Node { prefix: prefix.clone(), sum: *sum, children: Vec::new() };
            node.children.push(Self::filled(child, sums, by_bytes));
        }
        sort(&mut node.children, by_bytes);
        node
    }
}

fn sort(nodes: &mut [Node], by_bytes: bool) {
    nodes.sort_by_key(|node| Reverse(if by_bytes { node.sum.bytes } else { node.sum.keys }));
}

fn add(sums: &mut BTreeMap<Vec<u8>, Sum>, other: &mut Sum, prefix: &[u8], kv: &KeyValue) {
    if let Some(sum) = sums.get_mut(prefix) {
        sum.add(kv);
    } else if sums.len() < MAX_PREFIXES {
        sums.entry(prefix.to_vec()).or_default().add(kv);
    } else {
        other.add(kv);
    }
}

/// What the most of something is looked for by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Bytes of the value.
    Size,
    /// How often the key was written since it was created.
    Versions,
    /// How many keys hang on a lease.
    Lease,
}

impl By {
    /// Reads what users write.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "size" => Self::Size,
            "versions" => Self::Versions,
            "lease" => Self::Lease,
            _ => return None,
        })
    }
}

/// The keys with the most, or the leases with the most keys.
#[derive(Debug)]
pub struct Most {
    by: By,
    count: usize,
    top: Top,
    leases: HashMap<i64, LeaseUse>,
    /// Everything.
    pub total: Sum,
    /// Keys of leases that did not fit.
    pub other_keys: u64,
}

/// What hangs on a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseUse {
    /// How many keys.
    pub keys: u64,
    /// The first of them.
    pub first: Vec<u8>,
}

impl Most {
    /// Looks for so many.
    pub fn new(by: By, count: usize) -> Self {
        let (total, leases) = (Sum::default(), HashMap::new());
        Self { by, count, top: Top::new(count), leases, total, other_keys: 0 }
    }

    /// Takes account of a key.
    pub fn add(&mut self, kv: &KeyValue) {
        self.total.add(kv);
        let has_room = self.leases.len() < MAX_PREFIXES;
        match self.by {
            By::Size => self.top.offer(kv.value.len() as u64, &kv.key, kv.mod_revision),
            By::Versions => self.top.offer(kv.version.cast_unsigned(), &kv.key, kv.mod_revision),
            By::Lease if kv.lease == 0 => {}
            By::Lease => match self.leases.get_mut(&kv.lease) {
                Some(lease) => lease.keys += 1,
                None if has_room => {
                    let first = kv.key.to_vec();
                    self.leases.insert(kv.lease, LeaseUse { keys: 1, first });
                }
                None => self.other_keys += 1,
            },
        }
    }

    /// The keys, most first; none when it was about leases.
    pub fn keys(&mut self) -> Vec<KeyFigure> {
        std::mem::replace(&mut self.top, Top::new(0)).finish()
    }

    /// The leases, most keys first, and how many there are in all.
    pub fn leases(&mut self) -> (Vec<(i64, LeaseUse)>, usize) {
        let mut leases: Vec<_> = self.leases.drain().collect();
        let all = leases.len();
        leases.sort_by(|(id, lease), (other_id, other)| {
            other.keys.cmp(&lease.keys).then(id.cmp(other_id))
        });
        leases.truncate(self.count);
        (leases, all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kv(key: &str, size: usize) -> KeyValue {
        let value = vec![b'v'; size].into();
        KeyValue { key: key.to_owned().into(), value, ..KeyValue::default() }
    }

    #[test]
    fn parts_count_behind_what_all_keys_begin_with() {
        let mut sums = ByPrefix::new(3, b'/', 1, false);
        for key in ["/a/x/1", "/a/x/2", "/a/y/z/1", "/a/k"] {
            sums.add(&kv(key, 10));
        }
        let found: Vec<_> =
            sums.sorted(false).into_iter().map(|(prefix, sum)| (prefix, sum.keys)).collect();
        assert_eq!(found, [(&b"/a/x/"[..], 2), (b"/a/", 1), (b"/a/y/", 1)]);
        assert_eq!(sums.total, Sum { keys: 4, bytes: 24 + 40 });
    }

    #[test]
    fn a_tree_has_the_largest_first_and_sums_of_all_below() {
        let mut sums = ByPrefix::new(0, b'/', 2, true);
        for (key, size) in [("/a/x/1", 1), ("/a/y/1", 9), ("/a/k", 1), ("/b/k", 100), ("plain", 1)]
        {
            sums.add(&kv(key, size));
        }
        let tree = sums.tree(true);
        let names: Vec<&[u8]> = tree.iter().map(|node| &node.prefix[..]).collect();
        assert_eq!(names, [&b"/b/"[..], b"/a/"]);
        assert_eq!(tree[1].sum.keys, 3);
        let names: Vec<&[u8]> = tree[1].children.iter().map(|node| &node.prefix[..]).collect();
        assert_eq!(names, [&b"/a/y/"[..], b"/a/x/"]);
        assert_eq!(sums.total.keys, 5);
    }

    #[test]
    fn leases_are_counted_by_their_keys() {
        let mut most = Most::new(By::Lease, 1);
        for (key, lease) in [("a", 7), ("b", 8), ("c", 8), ("d", 0)] {
            most.add(&KeyValue { lease, ..kv(key, 1) });
        }
        let (leases, all) = most.leases();
        assert_eq!(leases, [(8, LeaseUse { keys: 2, first: b"b".to_vec() })]);
        assert_eq!(all, 2);
    }
}
