//! The loads of `check`: many clients that write as etcdctl's do, and what came of it.

mod figures;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use etcd::{Cluster, Error};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

pub use figures::Figures;

use crate::failure::error_text;
use crate::session::Session;

/// Longest time for one write.
const WRITE_LIMIT: Duration = Duration::from_mins(1);

/// How late a timer may be.
const TIMER: Duration = Duration::from_millis(5);

/// How much to write, and how.
#[derive(Debug, Clone)]
pub struct Load {
    /// What all keys begin with.
    pub prefix: Bytes,
    /// Bytes of a key behind the prefix; all but the first ten are 0.
    pub key_bytes: usize,
    /// Bytes of a value, all of them 0.
    pub value_bytes: usize,
    /// Clients, each with connections of its own and one write at a time.
    pub clients: usize,
    /// When writes are due.
    pub pace: Pace,
}

/// When writes are due.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// So many a second, for a time.
    Rate(f64, Duration),
    /// So many, as fast as they are taken.
    Count(u64),
}

/// One write.
#[derive(Debug)]
struct Sample {
    /// From when it was due, waiting for a free client included.
    due: Duration,
    /// From when it was sent.
    sent: Duration,
    error: Option<String>,
}

/// What came of a load.
#[derive(Debug)]
pub struct Outcome {
    /// From the moment when each write was sent, as etcdctl counts.
    pub sent: Figures,
    /// From the moment when each write was due.
    pub due: Figures,
    /// From the first write to the end of the last.
    pub took: Duration,
    /// How often each error came.
    pub errors: BTreeMap<String, u64>,
}

impl Outcome {
    /// Successful writes in a second.
    pub fn rate(&self) -> f64 {
        self.sent.count() as f64 / self.took.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl Load {
    /// Does it; `tell` hears now and then how many writes are done.
    pub async fn run(&self, session: &Session, mut tell: impl FnMut(u64)) -> Outcome {
        let (jobs, waiting) = queue_for(self.clients);
        let waiting = Arc::new(tokio::sync::Mutex::new(waiting));
        let (results, mut done) = mpsc::channel(self.clients.max(16));
        let value = Bytes::from(vec![0; self.value_bytes]);
        for index in 0..self.clients {
            let client = client(session, index);
            let (waiting, results) = (Arc::clone(&waiting), results.clone());
            let (prefix, value, size) = (self.prefix.clone(), value.clone(), self.key_bytes);
            tokio::spawn(async move {
                loop {
                    let Some(due) = waiting.lock().await.recv().await else { break };
                    let sample = write(&client, key(&prefix, size), value.clone(), due).await;
                    if results.send(sample).await.is_err() {
                        break;
                    }
                }
            });
        }
        drop(results);
        let start = Instant::now();
        let pace = self.pace;
        let feeding = tokio::spawn(async move { feed(jobs, pace, start).await });
        let mut outcome = Outcome {
            sent: Figures::default(),
            due: Figures::default(),
            took: Duration::ZERO,
            errors: BTreeMap::new(),
        };
        let mut count = 0;
        while let Some(sample) = done.recv().await {
            count += 1;
            match sample.error {
                None => {
                    outcome.sent.add(sample.sent);
                    outcome.due.add(sample.due);
                }
                Some(text) => *outcome.errors.entry(text).or_default() += 1,
            }
            tell(count);
        }
        outcome.took = start.elapsed();
        feeding.abort();
        outcome
    }
}

/// A queue as long as there are clients: more than that would only wait in it.
fn queue_for(clients: usize) -> (mpsc::Sender<Instant>, mpsc::Receiver<Instant>) {
    mpsc::channel(clients.max(1))
}

async fn feed(jobs: mpsc::Sender<Instant>, pace: Pace, start: Instant) {
    match pace {
        Pace::Count(count) => {
            for _ in 0..count {
                if jobs.send(Instant::now()).await.is_err() {
                    return;
                }
            }
        }
        Pace::Rate(rate, time) => {
            let step = Duration::from_secs_f64(1.0 / rate);
            // Time that was lost is not made up for, apart from what the timer is too coarse for.
            let mut due = start;
            while due < start + time {
                sleep_until(due).await;
                if start.elapsed() >= time || jobs.send(due).await.is_err() {
                    return;
                }
                due = (due + step).max(Instant::now().checked_sub(step + TIMER).unwrap_or(start));
            }
        }
    }
}

/// A client with connections of its own; they begin at different endpoints.
fn client(session: &Session, index: usize) -> Cluster {
    let mut endpoints = session.endpoints().to_vec();
    let shift = index % endpoints.len().max(1);
    endpoints.rotate_left(shift);
    session.connector().cluster(endpoints)
}

async fn write(client: &Cluster, key: Bytes, value: Bytes, due: Instant) -> Sample {
    let sent = Instant::now();
    let put = pb::PutRequest { key, value, ..pb::PutRequest::default() };
    let outcome: Result<_, Error> = client.change(&rpc::PUT, put, WRITE_LIMIT).await;
    Sample {
        due: due.elapsed(),
        sent: sent.elapsed(),
        error: outcome.err().map(|error| error_text(&error)),
    }
}

/// A random number at the beginning, then zeros, as etcdctl's keys.
fn key(prefix: &[u8], size: usize) -> Bytes {
    let mut key = Vec::with_capacity(prefix.len() + size);
    key.extend_from_slice(prefix);
    let mut rest = fastrand::u64(..);
    let end = prefix.len() + size;
    while rest >= 0x80 && key.len() < end {
        key.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    key.push(rest as u8);
    key.resize(end, 0);
    key.into()
}
