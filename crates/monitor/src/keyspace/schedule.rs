//! When the keys of a cluster are counted: on schedule, one scan at a time, never under pressure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etcd::{Endpoint, Member};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, info};

use super::{Budget, KeySpace, least_busy, scan};
use crate::config::KeyScan;
use crate::consistency::{pressure, unwell};
use crate::record::Record;

/// A scan that could not be made is tried again after this time.
const RETRY: Duration = Duration::from_mins(1);

/// The schedule of one cluster's scans.
pub(crate) struct ScanSchedule {
    config: KeyScan,
    next: Option<Instant>,
    running: JoinSet<Result<KeySpace, String>>,
}

impl ScanSchedule {
    /// A schedule that begins `phase` from now.
    pub(crate) fn new(config: &KeyScan, phase: Duration, record: &Record) -> Self {
        record.update_key_scans(|known| known.is_scheduled = config.enabled);
        Self {
            config: config.clone(),
            next: config.enabled.then(|| Instant::now() + phase),
            running: JoinSet::new(),
        }
    }

    /// When the next scan is due; `None` while one runs, or none is scheduled.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.next.filter(|_| self.running.is_empty())
    }

    /// What the next scan that ends brings; for ever while none runs.
    pub(crate) async fn ended(&mut self) -> Option<Result<KeySpace, String>> {
        match self.running.join_next().await {
            Some(Ok(outcome)) => Some(outcome),
            Some(Err(_)) => Some(Err("the scan broke off; the log says why".to_owned())),
            None => std::future::pending().await,
        }
    }

    /// Begins a scan, unless the cluster is not fit for it.
    pub(crate) fn begin(&mut self, record: &Arc<Record>, connections: &BTreeMap<Endpoint, Member>) {
        let view = record.view();
        let obstacle = {
            let record = Arc::clone(record);
            move || {
                let view = record.view();
                unwell(&view).or_else(|| pressure(&view, &record.metrics()))
            }
        };
        let endpoint = least_busy(&view).and_then(|member| member.endpoint.as_deref());
        let member = connections.iter().find(|(known, _)| Some(&*known.to_string()) == endpoint);
        match (obstacle(), member) {
            (Some(why), _) => self.finish(record, Err(why)),
            (None, None) => self.finish(record, Err("no member is healthy".to_owned())),
            (None, Some((_, member))) => {
                let budget = Budget { max_keys: self.config.max_keys, ..Budget::default() };
                let (member, now) = (member.clone(), record.clock().now());
                self.running.spawn(async move {
                    let found = scan(&member, &budget, now, obstacle).await;
                    found.map_err(|error| error.to_string())
                });
            }
        }
    }

    /// Takes what came of a scan, and says when the next one is due.
    pub(crate) fn finish(&mut self, record: &Record, outcome: Result<KeySpace, String>) {
        let cluster = &record.config().name;
        let wait = match &outcome {
            Ok(found) => {
                debug!(%cluster, keys = found.counted, cut_short = ?found.cut_short, "keys counted");
                self.config.interval
            }
            Err(why) => {
                if record.key_scans().failed.as_ref() != Some(why) {
                    info!(%cluster, %why, "the keys could not be counted");
                }
                RETRY.min(self.config.interval)
            }
        };
        self.next = Some(Instant::now() + wait);
        record.update_key_scans(|known| match outcome {
            Ok(found) => {
                known.last = Some(Arc::new(found));
                known.failed = None;
            }
            Err(why) => known.failed = Some(why),
        });
    }
}
