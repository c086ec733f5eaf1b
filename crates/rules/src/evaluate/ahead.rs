//! Rules that tell of each cluster by itself, evaluated ahead of the others: the history is read
//! once for all of them, cluster by cluster, so that no more than some clusters' series are held.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::series::{METRIC_NAME, MatchOp, Matcher};
use promql::{Ask, Asked, Cancel, Engine, Query, Series, Storage, StorageError, Value, Want};
use tokio::time::Instant;

use super::context::Point;
use crate::file::{Group, Rule};

/// The label whose values are evaluated one after the other.
const APART: &str = "cluster";

/// So many samples, or somewhat more, are evaluated at once: some megabytes with their labels.
const SAMPLES_AT_ONCE: usize = 100_000;

/// What a series costs beside its samples, in samples.
const SERIES_IN_SAMPLES: usize = 16;

/// Rules that look further back read their series one by one: held together they would be too many.
const LONGEST: Duration = Duration::from_hours(4);

/// A rule by the places of its group and of itself.
pub(super) type Place = (usize, usize);

/// What rules yielded ahead.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    found: HashMap<Place, Found>,
}

/// What one rule yielded.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) points: Vec<Point>,
    /// Without reading.
    pub(super) time: Duration,
}

/// A rule that is to be evaluated ahead.
struct Candidate<'a> {
    place: Place,
    query: &'a Query,
    at_ms: i64,
}

/// Whether a rule of `group` may be evaluated before those above it.
pub(super) fn is_possible(rule: &Rule, group: &Group) -> bool {
    rule.query.keeps_apart(APART)
        && asks_of(&rule.query, &Engine::default(), 0).is_ok_and(|asks| {
            asks.iter().all(|ask| name_of(&ask.matchers).is_some_and(|name| !gives(group, name)))
        })
}

/// Whether rules of `group` give series of this name.
fn gives(group: &Group, name: &str) -> bool {
    let is_alerts = matches!(name, "ALERTS" | "ALERTS_FOR_STATE");
    group.rules.iter().any(|rule| match &rule.alert {
        Some(_) => is_alerts,
        None => rule.name == name,
    })
}

fn name_of(matchers: &[Matcher]) -> Option<&str> {
    let is_name = |matcher: &&Matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Eq;
    matchers.iter().find(is_name).map(Matcher::value)
}

impl Ahead {
    /// Evaluates `rules`, each for its moment. What fails is left out, to fail in its turn.
    pub(super) fn evaluate<'a>(
        rules: impl Iterator<Item = (Place, &'a Rule, i64)>,
        engine: &Engine,
        storage: &dyn Storage,
        cancel: &Cancel,
    ) -> Self {
        let mut asks: Vec<Ask> = Vec::new();
        let mut candidates = Vec::new();
        for (place, rule, at_ms) in rules {
            let query = &rule.query;
            let Ok(own) = asks_of(query, engine, at_ms) else { continue };
            let longest_ms = LONGEST.as_millis() as i64;
            if own.iter().all(|ask| ask.want.from_ms >= at_ms.saturating_sub(longest_ms)) {
                for ask in own {
                    unite(&mut asks, ask);
                }
                candidates.push(Candidate { place, query, at_ms });
            }
        }
        // One rule alone is read for by itself as well.
        if candidates.len() < 2 {
            return Self::default();
        }
        let found = candidates.iter().map(|candidate| (candidate.place, Found::default()));
        let mut ahead = Self { found: found.collect() };
        let mut part = Part::new(&asks);
        let read = storage.read_apart(&asks, APART, &mut |found| {
            part.add(found);
            if part.samples >= SAMPLES_AT_ONCE {
                ahead.evaluate_part(&candidates, engine, &part, cancel);
                part.clear();
            }
            if cancel.is_canceled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if read.is_err() || cancel.is_canceled() {
            return Self::default();
        }
        ahead.evaluate_part(&candidates, engine, &part, cancel);
        ahead
    }

    fn evaluate_part(
        &mut self,
        candidates: &[Candidate<'_>],
        engine: &Engine,
        part: &Part<'_>,
        cancel: &Cancel,
    ) {
        for Candidate { place, query, at_ms } in candidates {
            let Some(found) = self.found.get_mut(place) else { continue };
            let begun = Instant::now();
            match engine.instant(part, query, *at_ms, cancel) {
                Ok(Value::Vector(rows)) => {
                    let rows = rows.into_iter();
                    found.points.extend(rows.map(|(labels, sample)| (labels, sample.value)));
                    found.time += begun.elapsed();
                }
                _ => drop(self.found.remove(place)),
            }
        }
    }

    /// What the rule at `place` yielded, if it was evaluated.
    pub(super) fn take(&mut self, place: Place) -> Option<Found> {
        self.found.remove(&place)
    }
}

/// What evaluation of `query` will ask for.
fn asks_of(query: &Query, engine: &Engine, at_ms: i64) -> Result<Vec<Ask>, promql::Error> {
    let asked = Asking::default();
    engine.instant(&asked, query, at_ms, &Cancel::default())?;
    Ok(asked.0.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Adds an ask, or widens the one for the same series.
fn unite(asks: &mut Vec<Ask>, ask: Ask) {
    let Some(known) = asks.iter_mut().find(|known| is_same(&known.matchers, &ask.matchers)) else {
        asks.push(ask);
        return;
    };
    let (one, other) = (known.want, ask.want);
    known.want = Want {
        from_ms: one.from_ms.min(other.from_ms),
        to_ms: one.to_ms.max(other.to_ms),
        is_last: one.is_last && other.is_last && one.to_ms == other.to_ms,
        ..Want::all(0, 0)
    };
}

fn is_same(one: &[Matcher], other: &[Matcher]) -> bool {
    let is_equal = |(one, other): (&Matcher, &Matcher)| {
        (one.name(), one.op(), one.value()) == (other.name(), other.op(), other.value())
    };
    one.len() == other.len() && one.iter().zip(other).all(is_equal)
}

/// A storage without series that notes what it is asked for.
#[derive(Default)]
struct Asking(Mutex<Vec<Ask>>);

impl Storage for Asking {
    fn read(
        &self,
        matchers: &[Matcher],
        want: Want,
        _: &mut dyn FnMut(Series, i64) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        let mut asks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asks.push(Ask { matchers: matchers.to_vec(), want });
        Ok(())
    }
}

/// The series of some clusters.
struct Part<'a> {
    asks: &'a [Ask],
    /// The places of asks by the metric's name.
    by_name: HashMap<&'a str, Vec<usize>>,
    /// By the places of asks.
    found: Vec<Vec<(Series, i64)>>,
    samples: usize,
}

impl<'a> Part<'a> {
    fn new(asks: &'a [Ask]) -> Self {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, ask) in asks.iter().enumerate() {
            by_name.entry(name_of(&ask.matchers).unwrap_or_default()).or_default().push(place);
        }
        Self { asks, by_name, found: asks.iter().map(|_| Vec::new()).collect(), samples: 0 }
    }

    fn add(&mut self, found: Vec<Asked>) {
        for Asked { ask, series, spacing_ms } in found {
            self.samples += series.samples.len() + SERIES_IN_SAMPLES;
            self.found[ask].push((series, spacing_ms));
        }
    }

    fn clear(&mut self) {
        self.found.iter_mut().for_each(Vec::clear);
        self.samples = 0;
    }
}

impl Storage for Part<'_> {
    fn read(
        &self,
        matchers: &[Matcher],
        want: Want,
        take: &mut dyn FnMut(Series, i64) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        let name = name_of(matchers).unwrap_or_default();
        let places = self.by_name.get(name).into_iter().flatten();
        let mut fitting = places.filter(|place| is_same(&self.asks[**place].matchers, matchers));
        let Some(place) = fitting.next() else {
            return Err(format!("series of {name} were not read").into());
        };
        for (series, spacing_ms) in &self.found[*place] {
            let Series { labels, samples } = series;
            let from_ms = want.from_ms.saturating_sub(*spacing_ms);
            let to = samples.partition_point(|sample| sample.at_ms <= want.to_ms);
            let from = samples[..to].partition_point(|sample| sample.at_ms < from_ms);
            let from = if want.is_last { from.max(to.saturating_sub(1)) } else { from };
            if from < to {
                let series = Series { labels: labels.clone(), samples: samples[from..to].to_vec() };
                if take(series, *spacing_ms).is_break() {
                    break;
                }
            }
        }
        Ok(())
    }
}
