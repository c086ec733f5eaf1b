//! lease-expiry: leases that nobody keeps alive, each with a key, and how late the server ends them.
//!
//! A value begins with the moments at which its lease may end at the earliest, counted from the
//! sending of the grant, and at which it is to have ended, counted from the answer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use etcd::wire::mvccpb::event::EventType;
use etcd::wire::{etcdserverpb as pb, mvccpb, rpc};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Client, Done, Ground, watch};
use crate::link::Seat;
use crate::record::{Fault, Method, Timing};

/// Index of the ends among the kinds.
const EXPIRY: usize = 1;
/// Bytes of the two moments in a value.
const STAMP_BYTES: usize = 16;

/// Grants leases and attaches keys to them.
pub(super) struct Granter {
    ground: Ground,
    seat: Seat,
}

impl Granter {
    pub(super) fn new(ground: Ground, seat: Seat) -> Self {
        Self { ground, seat }
    }

    async fn run(&mut self) -> Done {
        let ttl = self.ground.spec.time_to_live();
        let begin = self.seat.timing.get().map_or_else(Instant::now, |timing| timing.begin);
        let earliest = begin.elapsed();
        let ttl = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
        let request = pb::LeaseGrantRequest { ttl, id: 0 };
        let granted = match self.seat.call(Method::LeaseGrant, &rpc::LEASE_GRANT, request).await {
            Ok(granted) => granted,
            Err(fault) => return Done::new(0, Err::<(), _>(fault)),
        };
        // The server may give more than it was asked for.
        let lives = Duration::from_secs(granted.ttl.unsigned_abs());
        let mut value = Vec::with_capacity(STAMP_BYTES);
        for moment in [earliest + lives, begin.elapsed() + lives] {
            value.extend_from_slice(&(moment.as_nanos() as u64).to_le_bytes());
        }
        let key = format!("{}k/e/{:016x}", self.ground.spec.prefix, granted.id);
        let request = pb::PutRequest {
            key: key.into(),
            value: value.into(),
            lease: granted.id,
            ..Default::default()
        };
        let result = self.seat.call(Method::Put, &rpc::PUT, request).await;
        if result.is_ok() {
            self.seat.shard.expected.fetch_add(1, Ordering::Relaxed);
        }
        Done::new(0, result)
    }
}

impl Client for Granter {
    fn operate(&mut self) -> BoxFuture<'_, Done> {
        self.run().boxed()
    }

    fn seat(&self) -> &Seat {
        &self.seat
    }
}

/// Begins to watch for the keys' ends; goes on until `finish`.
pub(crate) async fn begin(
    ground: &Ground,
    seat: Seat,
    finish: CancellationToken,
) -> Result<(), etcd::Error> {
    let key = format!("{}k/e/", ground.spec.prefix);
    let request = pb::WatchCreateRequest {
        range_end: etcd::prefix_end(key.as_bytes()),
        key: key.into(),
        prev_kv: true,
        ..Default::default()
    };
    watch::follow(request, seat, receive, finish).await
}

fn receive(seat: &Seat, event: &mvccpb::Event, now: Instant) {
    let (true, Some(before), Some(timing)) =
        (event.r#type == i32::from(EventType::Delete), &event.prev_kv, seat.timing.get())
    else {
        return;
    };
    seat.shard.received.fetch_add(1, Ordering::Relaxed);
    if let Some((due, result)) = judged(&before.value, timing, now) {
        seat.shard.record(timing, EXPIRY, due, now, result);
    }
}

/// When an end was due, and what is wrong with one that came before it could.
fn judged(value: &[u8], timing: &Timing, now: Instant) -> Option<(Instant, Result<(), Fault>)> {
    let (earliest, rest) = value.split_first_chunk::<8>()?;
    let due = rest.first_chunk::<8>()?;
    let moment = |bytes: &[u8; 8]| timing.begin + Duration::from_nanos(u64::from_le_bytes(*bytes));
    let result = if now < moment(earliest) {
        Err(Fault::new("early_expiry", "a lease ended before its time to live was over"))
    } else {
        Ok(())
    };
    Some((moment(due), result))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_late_by_the_answer_and_early_by_the_sending() {
        let begin = Instant::now();
        let timing = Timing { begin, measure: begin, end: None };
        let moments = [Duration::from_secs(5), Duration::from_secs(6)];
        let value: Vec<u8> =
            moments.iter().flat_map(|moment| (moment.as_nanos() as u64).to_le_bytes()).collect();
        let at = |seconds: f64| judged(&value, &timing, begin + Duration::from_secs_f64(seconds));
        let (due, result) = at(6.5).unwrap();
        assert_eq!(due, begin + moments[1]);
        assert!(result.is_ok() && at(5.5).unwrap().1.is_ok());
        assert_eq!(at(4.9).unwrap().1.unwrap_err().kind, "early_expiry");
        assert!(judged(b"short", &timing, begin).is_none());
    }
}
