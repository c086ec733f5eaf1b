//! What is told of many kept runs at once, and which of them belong to one series.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use crate::error::Error;
use crate::outcome::{Ended, Origin, Outcome};
use crate::spec::Kind;
use crate::store::Store;

/// The main figures of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Its name among the kept results.
    pub id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// Who had it made.
    pub origin: Origin,
    /// What the cluster is called here, where that is known.
    pub cluster: Option<String>,
    /// The cluster's own ID, hexadecimal.
    pub cluster_id: Option<String>,
    /// The kind of load.
    pub kind: Kind,
    /// How it ended.
    pub ended: Ended,
    /// The measured time, seconds.
    pub seconds: f64,
    /// Operations each second.
    pub throughput: f64,
    /// Operations that succeeded.
    pub succeeded: u64,
    /// Operations that failed.
    pub failed: u64,
    /// Quantiles of the latency, seconds.
    pub p50_seconds: Option<f64>,
    /// 99th percentile.
    pub p99_seconds: Option<f64>,
    /// 99.9th percentile.
    pub p999_seconds: Option<f64>,
    /// The highest.
    pub max_seconds: Option<f64>,
    /// Why this program, and not etcd, was the limit, if it was.
    pub limit: Option<String>,
    /// The members' versions, each once.
    pub versions: Vec<String>,
    /// What is equal for runs that can be compared: the cluster, and what was done to it.
    pub series: String,
    /// The figures that it is compared by.
    pub(crate) figures: BTreeMap<&'static str, f64>,
}

impl Summary {
    /// The main figures of `outcome`.
    pub fn of(outcome: &Outcome) -> Self {
        let latencies = outcome.latencies();
        let quantile = |q| latencies.quantile(q).map(|latency| latency.as_secs_f64());
        let mut versions: Vec<_> = outcome.members.iter().map(|m| m.version.clone()).collect();
        versions.sort();
        versions.dedup();
        // Random choices and what is only a limit do not make another load.
        let spec = crate::Spec { seed: 0, max_quota_ratio: 0.0, ..outcome.spec.clone() };
        let of = outcome.cluster_id.clone().or_else(|| outcome.cluster.clone());
        let what = serde_json::to_string(&spec).unwrap_or_default();
        Self {
            id: outcome.id.clone(),
            started_at: outcome.started_at,
            origin: outcome.origin,
            cluster: outcome.cluster.clone(),
            cluster_id: outcome.cluster_id.clone(),
            kind: outcome.spec.kind,
            ended: outcome.ended.clone(),
            seconds: outcome.seconds,
            throughput: outcome.throughput,
            succeeded: outcome.primary().map(|operation| operation.succeeded).sum(),
            failed: outcome.failed(),
            p50_seconds: quantile(0.5),
            p99_seconds: quantile(0.99),
            p999_seconds: quantile(0.999),
            max_seconds: quantile(1.0),
            limit: outcome.generator.limit.clone(),
            versions,
            series: format!("{}|{what}", of.unwrap_or_default()),
            figures: crate::compare::figures(outcome),
        }
    }

    /// Whether its figures are those of etcd under the whole load.
    pub fn is_telling(&self) -> bool {
        self.ended == Ended::Complete && self.limit.is_none() && self.succeeded > 0
    }
}

/// The kept results, of which each is read once.
#[derive(Debug)]
pub struct Index {
    store: Store,
    known: Mutex<BTreeMap<String, Arc<Summary>>>,
}

impl Index {
    /// Of the results in `store`.
    pub fn new(store: Store) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// Where they are kept.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// All of them, oldest first, and what is wrong with files that cannot be read. Reads the disk.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn all(&self) -> Result<(Vec<Arc<Summary>>, Vec<Error>), Error> {
        let names = self.store.list()?;
        let mut known = self.known.lock().expect("invariant: no holder of this lock panics");
        known.retain(|name, _| names.binary_search(name).is_ok());
        let mut broken = Vec::new();
        for name in names {
            if known.contains_key(&name) {
                continue;
            }
            match self.store.read(&name) {
                Ok(outcome) => drop(known.insert(name, Arc::new(Summary::of(&outcome)))),
                Err(error) => broken.push(error),
            }
        }
        let mut all: Vec<_> = known.values().cloned().collect();
        all.sort_by_key(|summary| summary.started_at);
        Ok((all, broken))
    }
}
