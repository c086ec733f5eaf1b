//! The kinds of load: what one client does again and again.

mod connect;
pub(crate) mod expiry;
mod keyed;
mod lease;
mod lock;
pub(crate) mod mirror;
mod stm;
mod txn;
pub(crate) mod watch;

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::audience::Audience;
use crate::keys::Keys;
use crate::link::Seat;
use crate::pattern::Pattern;
use crate::record::Fault;
use crate::spec::{Kind, Spec};
use crate::values::Values;

/// What became of one operation.
pub(crate) struct Done {
    /// Index into [`kinds`].
    pub(crate) kind: usize,
    pub(crate) result: Result<(), Fault>,
}

impl Done {
    pub(crate) fn new<T>(kind: usize, result: Result<T, Fault>) -> Self {
        Self { kind, result: result.map(drop) }
    }
}

/// One client.
pub(crate) trait Client: Send {
    /// Does one operation.
    fn operate(&mut self) -> BoxFuture<'_, Done>;

    fn seat(&self) -> &Seat;
}

/// What the operations of a kind of load are called.
pub(crate) fn kinds(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Put => &["put"],
        Kind::Get => &["get"],
        Kind::Range => &["range"],
        Kind::Mixed => &["get", "put"],
        Kind::TxnPut => &["txn"],
        Kind::TxnMixed => &["txn-read", "txn-write"],
        Kind::Stm => &["stm"],
        Kind::Delete => &["put", "delete"],
        Kind::Watch | Kind::WatchLatency => &["put", "event"],
        Kind::Lease => &["grant", "keepalive", "revoke"],
        Kind::Lock => &["acquire", "release"],
        Kind::Connect => &["connect"],
        Kind::LeaseExpiry => &["grant", "expiry"],
        Kind::Mirror => &["get", "put", "delete", "txn", "grant", "keepalive"],
    }
}

/// Whether it is something that watchers receive, and no operation.
pub(crate) fn is_event(name: &str) -> bool {
    matches!(name, "event" | "expiry")
}

/// What all clients of a run share.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) spec: Arc<Spec>,
    pub(crate) keys: Keys,
    pub(crate) values: Values,
    pub(crate) pattern: Option<Arc<Pattern>>,
    /// Who watches in a replay.
    pub(crate) audience: Arc<Audience>,
}

impl Ground {
    pub(crate) fn new(spec: &Spec) -> Self {
        let keys = Keys::new(spec);
        let pattern = spec.pattern.as_ref().filter(|_| spec.kind == Kind::Mirror);
        let audience = pattern.map(|pattern| Audience::of(pattern, &keys, &spec.prefix));
        Self {
            spec: Arc::new(spec.clone()),
            audience: audience.unwrap_or_default().into(),
            keys,
            values: Values::new(spec),
            pattern: spec.pattern.clone().map(Arc::new),
        }
    }

    /// A client in `seat`.
    pub(crate) fn client(&self, seat: Seat) -> Box<dyn Client> {
        let ground = self.clone();
        match self.spec.kind {
            Kind::Put | Kind::Get | Kind::Range | Kind::Mixed | Kind::Delete => {
                Box::new(keyed::Keyed::new(ground, seat))
            }
            Kind::TxnPut | Kind::TxnMixed => Box::new(txn::Txn::new(ground, seat)),
            Kind::Stm => Box::new(stm::Stm::new(ground, seat)),
            Kind::Watch | Kind::WatchLatency => Box::new(watch::Publisher::new(ground, seat)),
            Kind::Lease => Box::new(lease::Lease::new(seat)),
            Kind::Lock => Box::new(lock::Lock::new(ground, seat)),
            Kind::Connect => Box::new(connect::Connect::new(seat)),
            Kind::LeaseExpiry => Box::new(expiry::Granter::new(ground, seat)),
            Kind::Mirror => {
                let pattern = self.pattern.clone().expect("invariant: validated with its kind");
                Box::new(mirror::Mirror::new(ground, pattern, seat))
            }
        }
    }
}
