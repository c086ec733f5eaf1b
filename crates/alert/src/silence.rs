//! Silences: who may make which, and which alerts they cover.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use model::series::{Labels, Matcher};
use model::silence::Silence;

use crate::matcher;

/// How long a silence that is over can still be looked up, as in Alertmanager.
const KEPT_AFTER_END: SignedDuration = SignedDuration::from_hours(120);

/// The largest number of silences that are not over: what must be compared with each alert.
const MAX_SILENCES: usize = 10_000;

/// Why a silence was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    /// It would cover everything, or names nothing.
    #[error(
        "a silence needs a matcher that an absent label does not satisfy, such as cluster=\"a\""
    )]
    NoMatcher,
    /// It ends before it starts.
    #[error("the end of the silence is not after its start")]
    EndBeforeStart,
    /// It is over already.
    #[error("the end of the silence is in the past")]
    EndInPast,
    /// There is none of this ID.
    #[error("there is no silence {0}")]
    Unknown(String),
    /// There are too many.
    #[error("there are {MAX_SILENCES} silences already; expire some of them")]
    TooMany,
}

/// What became of a silence at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceState {
    /// It has not begun.
    Pending,
    /// It is in force.
    Active,
    /// It is over.
    Expired,
}

impl SilenceState {
    /// That of `silence` at `now`.
    pub fn of(silence: &Silence, now: Timestamp) -> Self {
        if now < silence.starts_at {
            Self::Pending
        } else if silence.is_active(now) {
            Self::Active
        } else {
            Self::Expired
        }
    }

    /// The name in APIs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Expired => "expired",
        }
    }
}

/// All silences.
#[derive(Debug, Default)]
pub struct Silences {
    all: BTreeMap<String, Silence>,
    /// Grows with every change: what was found with an older one is stale.
    version: u64,
}

impl Silences {
    /// These silences.
    pub fn new(silences: Vec<Silence>) -> Self {
        let all = silences.into_iter().map(|silence| (silence.id.clone(), silence)).collect();
        Self { all, version: 1 }
    }

    /// Every silence, in order of the IDs.
    pub fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.all.values()
    }

    /// The silence of this ID.
    pub fn get(&self, id: &str) -> Option<&Silence> {
        self.all.get(id)
    }

    /// Which state of the silences this is.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Makes a silence, or changes the one of the same ID. As in Alertmanager, one whose matchers
    /// change, or whose start though it has begun, is ended, and a new one is made with `new_id`.
    ///
    /// Returns what changed: the last one is the silence that is in place now.
    pub fn set(
        &mut self,
        mut silence: Silence,
        new_id: String,
        now: Timestamp,
    ) -> Result<Vec<Silence>, SilenceError> {
        if silence.matchers.iter().all(|matcher| matcher.matches("")) {
            return Err(SilenceError::NoMatcher);
        }
        if silence.ends_at <= silence.starts_at {
            return Err(SilenceError::EndBeforeStart);
        }
        if silence.ends_at <= now {
            return Err(SilenceError::EndInPast);
        }
        let known = match silence.id.as_str() {
            "" => None,
            id => Some(
                self.all.get(id).cloned().ok_or_else(|| SilenceError::Unknown(id.to_owned()))?,
            ),
        };
        silence.updated_at = now;
        let mut changed = Vec::new();
        match known {
            Some(known) if is_same_silence(&known, &silence, now) => {}
            known => {
                let going_on = |s: &&Silence| s.ends_at > now;
                if self.all.values().filter(going_on).count() >= MAX_SILENCES {
                    return Err(SilenceError::TooMany);
                }
                if let Some(mut known) = known.filter(|known| known.ends_at > now) {
                    end(&mut known, now);
                    changed.push(known);
                }
                silence.id = new_id;
                silence.starts_at = silence.starts_at.max(now);
            }
        }
        changed.push(silence);
        for silence in &changed {
            self.all.insert(silence.id.clone(), silence.clone());
        }
        self.version += 1;
        Ok(changed)
    }

    /// Ends a silence now. One that is over stays as it is.
    pub fn expire(&mut self, id: &str, now: Timestamp) -> Result<Silence, SilenceError> {
        let known = self.all.get_mut(id).ok_or_else(|| SilenceError::Unknown(id.to_owned()))?;
        if known.ends_at > now {
            end(known, now);
            self.version += 1;
        }
        Ok(known.clone())
    }

    /// Forgets those that ended long ago; returns their IDs.
    pub(crate) fn forget(&mut self, now: Timestamp) -> Vec<String> {
        let is_old = |silence: &Silence| now.duration_since(silence.ends_at) >= KEPT_AFTER_END;
        let old: Vec<_> =
            self.all.values().filter(|silence| is_old(silence)).map(|s| s.id.clone()).collect();
        for id in &old {
            self.all.remove(id);
        }
        old
    }

    /// The IDs of the silences, pending ones included, that an alert with `labels` is covered by.
    pub(crate) fn covering(&self, labels: &Labels, now: Timestamp) -> Vec<String> {
        let covering = self.all.values().filter(|silence| {
            silence.ends_at > now && silence.matchers.iter().all(|matcher| matcher.accepts(labels))
        });
        covering.map(|silence| silence.id.clone()).collect()
    }

    /// Those of `ids` that are in force.
    pub(crate) fn active<'i>(
        &self,
        ids: &'i [String],
        now: Timestamp,
    ) -> impl Iterator<Item = &'i String> {
        ids.iter().filter(move |id| self.all.get(*id).is_some_and(|silence| silence.is_active(now)))
    }
}

fn end(silence: &mut Silence, now: Timestamp) {
    silence.starts_at = silence.starts_at.min(now);
    silence.ends_at = now;
    silence.updated_at = now;
}

/// Whether `new` may take the place of `known` under the same ID.
fn is_same_silence(known: &Silence, new: &Silence, now: Timestamp) -> bool {
    let same = |(a, b): (&Matcher, &Matcher)| matcher::same(a, b);
    known.matchers.len() == new.matchers.len()
        && known.matchers.iter().zip(&new.matchers).all(same)
        && match SilenceState::of(known, now) {
            SilenceState::Active => known.starts_at.as_second() == new.starts_at.as_second(),
            SilenceState::Pending => new.starts_at >= now,
            SilenceState::Expired => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a moment")
    }

    fn silence(id: &str, matchers: &str, from: i64, to: i64) -> Silence {
        Silence {
            id: id.to_owned(),
            matchers: matcher::parse_all(matchers).expect("matchers"),
            starts_at: at(from),
            ends_at: at(to),
            updated_at: at(0),
            created_by: "ann".to_owned(),
            comment: String::new(),
        }
    }

    fn ids(changed: &[Silence]) -> Vec<&str> {
        changed.iter().map(|silence| silence.id.as_str()).collect()
    }

    #[test]
    fn a_silence_is_changed_in_place_unless_it_becomes_another() {
        let mut all = Silences::default();
        let mut set = |silence, new_id: &str, now| all.set(silence, new_id.to_owned(), at(now));
        let made = set(silence("", "a=1", 0, 100), "s1", 10).expect("made");
        assert_eq!((ids(&made), made[0].starts_at), (vec!["s1"], at(10)), "never in the past");
        let longer = set(silence("s1", "a=1", 10, 200), "s2", 20).expect("changed");
        assert_eq!(ids(&longer), ["s1"]);
        let other = set(silence("s1", "a=2", 10, 200), "s2", 20).expect("another");
        assert_eq!(ids(&other), ["s1", "s2"]);
        assert_eq!(other[0].ends_at, at(20));
        let unknown = SilenceError::Unknown("s9".to_owned());
        assert_eq!(set(silence("s9", "a=1", 0, 100), "x", 20).unwrap_err(), unknown);
        assert_eq!(ids(&set(silence("s1", "a=1", 10, 300), "s3", 40).expect("again")), ["s3"]);
        assert_eq!(all.iter().count(), 3);
    }

    #[test]
    fn what_would_silence_nothing_or_everything_is_refused() {
        let mut all = Silences::default();
        let mut error = |silence| all.set(silence, "x".to_owned(), at(50)).unwrap_err();
        assert_eq!(error(silence("", "", 0, 100)), SilenceError::NoMatcher);
        assert_eq!(error(silence("", "a=~\".*\"", 0, 100)), SilenceError::NoMatcher);
        assert_eq!(error(silence("", "a=1", 100, 100)), SilenceError::EndBeforeStart);
        assert_eq!(error(silence("", "a=1", 0, 50)), SilenceError::EndInPast);
    }

    #[test]
    fn one_that_is_over_covers_nothing_and_is_forgotten_after_five_days() {
        let mut all =
            Silences::new(vec![silence("s1", "a=1", 0, 100), silence("s2", "a=~1", 60, 90)]);
        let labels = Labels::new([("a", "1")]);
        let covering = all.covering(&labels, at(50));
        assert_eq!(covering, ["s1", "s2"]);
        assert_eq!(all.active(&covering, at(50)).collect::<Vec<_>>(), ["s1"]);
        assert_eq!(all.active(&covering, at(70)).count(), 2);
        let before = all.version();
        assert_eq!(all.expire("s1", at(70)).expect("ended").ends_at, at(70));
        assert_ne!(all.version(), before);
        assert_eq!(all.active(&covering, at(70)).collect::<Vec<_>>(), ["s2"]);
        assert!(all.forget(at(70 + 119 * 3_600)).is_empty());
        assert_eq!(all.forget(at(70 + 120 * 3_600)), ["s1"]);
    }
}
