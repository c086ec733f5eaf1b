//! Who is who: targets and the labels that their series have in common.
//!
//! A series is a target (`cluster`, `member`, `instance`, `job`) and a shape (`__name__`, `le`, …).
//! A thousand members share a few hundred shapes, so names cost little, and a matcher is put to
//! targets and shapes instead of to every series.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use expfmt::Kind;
use model::series::{Labels, METRIC_NAME, MatchOp, Matcher};

use crate::target::TargetState;

/// All targets and shapes that are known, by number.
#[derive(Debug, Default)]
pub(crate) struct Catalog(RwLock<Known>);

#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Readers hold on to the list as it was.
    pub(crate) shapes: Arc<Vec<Labels>>,
    /// The shapes of each metric.
    shapes_by_name: HashMap<Arc<str>, Vec<u32>>,
    shape_numbers: HashMap<Labels, u32>,
    pub(crate) targets: Vec<Arc<TargetState>>,
    target_numbers: HashMap<Labels, u32>,
    metrics: BTreeMap<String, Metric>,
}

/// What a member says of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Its type.
    pub kind: Kind,
    /// Its meaning, in the member's words.
    pub help: String,
}

impl Catalog {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of these labels, which they keep as long as the process runs.
    pub(crate) fn shape(&self, labels: &Labels) -> u32 {
        if let Some(number) = self.read().shape_numbers.get(labels) {
            return *number;
        }
        let mut known = self.write();
        let next = known.shapes.len() as u32;
        let number = *known.shape_numbers.entry(labels.clone()).or_insert(next);
        if number == next {
            Arc::make_mut(&mut known.shapes).push(labels.clone());
            if let Some((_, name)) =
                labels.pairs().iter().find(|(label, _)| **label == *METRIC_NAME)
            {
                known.shapes_by_name.entry(Arc::clone(name)).or_default().push(number);
            }
        }
        number
    }

    /// The target of these labels, made when it is new.
    pub(crate) fn target(&self, labels: &Labels) -> Arc<TargetState> {
        let mut known = self.write();
        let next = known.targets.len() as u32;
        let number = *known.target_numbers.entry(labels.clone()).or_insert(next);
        if number == next {
            known.targets.push(Arc::new(TargetState::new(next, labels.clone())));
        }
        Arc::clone(&known.targets[number as usize])
    }

    /// Notes what a metric is.
    pub(crate) fn describe(&self, name: &str, kind: Kind, help: &str) {
        let metric = Metric { kind, help: help.to_owned() };
        if self.read().metrics.get(name) != Some(&metric) {
            self.write().metrics.insert(name.to_owned(), metric);
        }
    }

    pub(crate) fn label_names(&self) -> BTreeSet<String> {
        let known = self.read();
        let mut names = BTreeSet::new();
        for (name, _) in known.labels().flat_map(Labels::iter) {
            if !names.contains(name) {
                names.insert(name.to_owned());
            }
        }
        names
    }

    pub(crate) fn label_values(&self, name: &str) -> BTreeSet<String> {
        let known = self.read();
        known.labels().filter_map(|labels| labels.get(name)).map(str::to_owned).collect()
    }

    pub(crate) fn metrics(&self) -> BTreeMap<String, Metric> {
        self.read().metrics.clone()
    }
}

/// The ends of the names of series that a counter, a histogram or a summary has.
const SUFFIXES: [&str; 4] = ["_bucket", "_count", "_sum", "_total"];

impl Known {
    /// Of every target and of every shape.
    fn labels(&self) -> impl Iterator<Item = &Labels> {
        self.targets.iter().map(|target| &target.labels).chain(self.shapes.iter())
    }

    /// The metric that series of this name belong to.
    pub(crate) fn metric(&self, name: &str) -> Option<(&str, &Metric)> {
        let family = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix));
        let mut names = [Some(name), family].into_iter().flatten();
        let (name, metric) = names.find_map(|name| self.metrics.get_key_value(name))?;
        Some((name, metric))
    }

    /// Whether the series of a shape only grow, apart from resets.
    pub(crate) fn is_counter(&self, shape: u32) -> bool {
        let labels = self.shapes.get(shape as usize);
        let name = labels.and_then(|labels| labels.get(METRIC_NAME)).unwrap_or_default();
        let has_suffix = SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
        match self.metric(name).map_or(Kind::Unknown, |(_, metric)| metric.kind) {
            Kind::Counter => true,
            Kind::Histogram | Kind::Summary | Kind::Unknown => has_suffix,
            _ => false,
        }
    }
}

/// Which series of which targets some matchers accept.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) targets: Vec<(Arc<TargetState>, Arc<Vec<bool>>)>,
    pub(crate) shapes: Arc<Vec<Labels>>,
}

impl Known {
    /// Puts each matcher to the target where that has the label, and to the shapes where it has not.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> Selection {
        let mut accepted: HashMap<Vec<bool>, Option<Arc<Vec<bool>>>> = HashMap::new();
        let mut targets = Vec::new();
        for target in &self.targets {
            let values: Vec<_> =
                matchers.iter().map(|matcher| target.labels.get(matcher.name())).collect();
            let mut pairs = matchers.iter().zip(&values);
            if !pairs.all(|(matcher, value)| value.is_none_or(|value| matcher.matches(value))) {
                continue;
            }
            let is_left: Vec<bool> = values.iter().map(Option::is_none).collect();
            let shapes = accepted.entry(is_left).or_insert_with_key(|is_left| {
                let left = matchers.iter().zip(is_left).filter(|(_, is_left)| **is_left);
                self.accepted(&left.map(|(matcher, _)| matcher).collect::<Vec<_>>())
            });
            if let Some(shapes) = shapes {
                targets.push((Arc::clone(target), Arc::clone(shapes)));
            }
        }
        Selection { targets, shapes: Arc::clone(&self.shapes) }
    }

    /// Which shapes all `matchers` accept, by number; nothing when that is none.
    fn accepted(&self, matchers: &[&Matcher]) -> Option<Arc<Vec<bool>>> {
        let mut is_accepted = vec![false; self.shapes.len()];
        let mut any = false;
        let mut check = |number: usize| {
            let shape = &self.shapes[number];
            is_accepted[number] = matchers.iter().all(|matcher| matcher.accepts(shape));
            any |= is_accepted[number];
        };
        // Most queries name the metric, of which there are a few shapes among hundreds.
        let name = matchers.iter().find(|m| m.name() == METRIC_NAME && m.op() == MatchOp::Eq);
        match name.map(|matcher| matcher.value()).filter(|name| !name.is_empty()) {
            Some(name) => {
                let numbers = self.shapes_by_name.get(name).into_iter().flatten();
                numbers.for_each(|number| check(*number as usize));
            }
            None => (0..self.shapes.len()).for_each(check),
        }
        any.then(|| Arc::new(is_accepted))
    }
}
