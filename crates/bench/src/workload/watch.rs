//! watch and watch-latency: keys are written, and watchers time what they receive.
//!
//! A value begins with the moment of its sending, so that each event is timed by its own write.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use etcd::wire::mvccpb::Event;
use etcd::wire::{etcdserverpb as pb, rpc};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{Client, Done, Ground};
use crate::link::Seat;
use crate::record::{Fault, Method};

/// Bytes of the moment in a value.
const STAMP_BYTES: usize = 8;
/// Index of the events among the kinds.
const EVENT: usize = 1;
/// Longest wait for a watcher to begin.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);

/// Writes keys.
pub(super) struct Publisher {
    ground: Ground,
    seat: Seat,
}

impl Publisher {
    pub(super) fn new(ground: Ground, seat: Seat) -> Self {
        Self { ground, seat }
    }

    async fn run(&mut self) -> Done {
        let number = self.ground.keys.pick(&mut self.seat.random);
        let value = self.ground.values.make(&mut self.seat.random);
        let mut stamped = Vec::with_capacity(value.len().max(STAMP_BYTES));
        let begin = self.seat.timing.get().map_or_else(Instant::now, |timing| timing.begin);
        stamped.extend_from_slice(&(begin.elapsed().as_nanos() as u64).to_le_bytes());
        stamped.extend_from_slice(&value[value.len().min(STAMP_BYTES)..]);
        let request = pb::PutRequest {
            key: self.ground.keys.name(number),
            value: stamped.into(),
            ..pb::PutRequest::default()
        };
        let result = self.seat.call(Method::Put, &rpc::PUT, request).await;
        if result.is_ok() {
            let expected = watchers_of(number, &self.ground);
            self.seat.shard.expected.fetch_add(expected, Ordering::Relaxed);
        }
        Done::new(0, result)
    }
}

/// How many watch the key of a number.
fn watchers_of(number: u64, ground: &Ground) -> u64 {
    let (watchers, keys) = (ground.spec.watchers as u64, ground.keys.count());
    watchers / keys + u64::from(number < watchers % keys)
}

impl Client for Publisher {
    fn operate(&mut self) -> BoxFuture<'_, Done> {
        self.run().boxed()
    }

    fn seat(&self) -> &Seat {
        &self.seat
    }
}

/// Begins the watcher of a number; it goes on until `finish`.
pub(crate) async fn begin(
    ground: &Ground,
    seat: Seat,
    number: usize,
    finish: CancellationToken,
) -> Result<(), etcd::Error> {
    let key = ground.keys.name(number as u64 % ground.keys.count());
    follow(pb::WatchCreateRequest { key, ..Default::default() }, seat, receive, finish).await
}

/// Begins a watch and hands its events on until `finish`, each with the time of its coming.
pub(super) async fn follow(
    request: pb::WatchCreateRequest,
    seat: Seat,
    receive: fn(&Seat, &Event, Instant),
    finish: CancellationToken,
) -> Result<(), etcd::Error> {
    let mut watch = seat.link.cluster.watch(request);
    // Nothing in time is no reason to stop: a write may find it begun all the same.
    if let Ok(first) = timeout(BEGIN_WITHIN, watch.next()).await {
        first?;
    }
    let shard = Arc::clone(&seat.shard);
    tokio::spawn(async move {
        loop {
            let answer = tokio::select! {
                biased;
                () = finish.cancelled() => return,
                answer = watch.next() => answer,
            };
            let now = Instant::now();
            match answer {
                Ok(Some(answer)) => {
                    let count = answer.events.len() as u64;
                    shard.events.fetch_add(count, Ordering::Relaxed);
                    for event in &answer.events {
                        receive(&seat, event, now);
                    }
                }
                Ok(None) => {
                    shard.fail(Fault::new("watch_ended", "the server cancelled the watch"), 1);
                    return;
                }
                Err(error) => {
                    shard.fail(error.into(), 1);
                    if watch.is_over() {
                        return;
                    }
                }
            }
        }
    });
    Ok(())
}

fn receive(seat: &Seat, event: &Event, now: Instant) {
    let stamp = event.kv.as_ref().and_then(|kv| kv.value.first_chunk::<STAMP_BYTES>());
    let (Some(stamp), Some(timing)) = (stamp, seat.timing.get()) else { return };
    let sent = timing.begin + Duration::from_nanos(u64::from_le_bytes(*stamp));
    seat.shard.received.fetch_add(1, Ordering::Relaxed);
    seat.shard.record(timing, EVENT, sent, now, Ok(()));
}
