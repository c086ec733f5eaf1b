//! Who watches in a replay: as many watchers as were recorded, who receive as many events.
//!
//! Members tell how many watchers there are and how many events they send, and not who watches what. So
//! as many watch everything as each change is told to; where that is no whole number one more watches the
//! keys that get the rest of the writes; and the others watch what never changes.

use bytes::Bytes;
use etcd::prefix_end;
use etcd::wire::etcdserverpb as pb;

use crate::keys::Keys;
use crate::pattern::Pattern;

/// Most watchers of a replay.
pub(crate) const MOST: u64 = 10_000;

/// Who watches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audience {
    prefix: String,
    count: u64,
    /// Those that watch everything.
    of_all: u64,
    /// The end of what one more watches.
    some_until: Option<Bytes>,
}

impl Audience {
    /// Of a pattern whose keys are `keys` under `prefix`.
    pub(crate) fn of(pattern: &Pattern, keys: &Keys, prefix: &str) -> Self {
        let Some(watchers) = pattern.watchers else { return Self::default() };
        let count = watchers.count.min(MOST);
        let each = watchers.events_per_change.min(count as f64);
        let (of_all, rest) = (each as u64, each.fract());
        let until = keys.first_with(rest);
        let some_until = (of_all < count && until > 0).then(|| keys.name(until));
        Self { prefix: prefix.to_owned(), count, of_all, some_until }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// How many are told of a change of `key`.
    pub(crate) fn of_key(&self, key: &[u8]) -> u64 {
        self.of_all + u64::from(self.some_until.as_ref().is_some_and(|until| key < &until[..]))
    }

    /// What the watcher of a number watches.
    pub(crate) fn request(&self, number: u64) -> pb::WatchCreateRequest {
        let keys = format!("{}k", self.prefix);
        let (key, range_end) = match &self.some_until {
            _ if number < self.of_all => (keys.clone().into(), prefix_end(keys.as_bytes())),
            Some(until) if number == self.of_all => (keys.into(), until.clone()),
            // No key is called like this: the first part of all has digits.
            _ => (format!("{keys}/{number:x}").into(), Bytes::new()),
        };
        pb::WatchCreateRequest { key, range_end, ..Default::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::{Watchers, tests::sample};
    use crate::spec::{Kind, Spec};

    #[test]
    fn changes_are_told_to_as_many_as_was_recorded() {
        let mut pattern = sample();
        pattern.watchers = Some(Watchers { count: 50, events_per_change: 3.4 });
        let spec = Spec {
            kind: Kind::Mirror,
            keys: 400,
            prefix: "/p/".to_owned(),
            pattern: Some(pattern.clone()),
            ..Spec::default()
        };
        let keys = Keys::new(&spec);
        let audience = Audience::of(&pattern, &keys, "/p/");
        let mut random = fastrand::Rng::with_seed(1);
        let told: u64 =
            (0..10_000).map(|_| audience.of_key(&keys.name(keys.pick(&mut random)))).sum();
        assert!(told.abs_diff(34_000) < 400, "{told}");
        // What is said of a key is what the requests come to.
        let matching = |key: &[u8]| {
            let is_in = |request: &pb::WatchCreateRequest| {
                key == &request.key[..] || (key >= &request.key[..] && key < &request.range_end[..])
            };
            (0..50).filter(|number| is_in(&audience.request(*number))).count() as u64
        };
        for number in 0..400 {
            let key = keys.name(number);
            assert_eq!(audience.of_key(&key), matching(&key), "{key:?}");
        }
        pattern.watchers = Some(Watchers { count: 2, events_per_change: 9.0 });
        assert_eq!(Audience::of(&pattern, &keys, "/p/").of_key(b"/p/k00/1"), 2);
        pattern.watchers = None;
        assert_eq!(Audience::of(&pattern, &keys, "/p/").count(), 0);
    }
}
