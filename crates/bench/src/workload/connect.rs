//! connect: opens a connection, asks for the status over it, and lets it go.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Client, Done};
use crate::link::Seat;
use crate::record::{Fault, Method};

pub(super) struct Connect {
    seat: Seat,
}

impl Connect {
    pub(super) fn new(seat: Seat) -> Self {
        Self { seat }
    }

    async fn run(&self) -> Result<(), Fault> {
        let member = self.seat.connector.member(self.seat.link.member.endpoint().clone());
        self.seat.shard.note_sent(Method::Status);
        match member.status(self.seat.timeout).await {
            Ok(_) => Ok(()),
            Err(error) => {
                if error.is_unsent() {
                    self.seat.shard.note_unsent(Method::Status);
                }
                Err(error.into())
            }
        }
    }
}

impl Client for Connect {
    fn operate(&mut self) -> BoxFuture<'_, Done> {
        async move { Done::new(0, self.run().await) }.boxed()
    }

    fn seat(&self) -> &Seat {
        &self.seat
    }
}
