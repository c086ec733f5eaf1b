//! A member whose packets are lost now and then, or come through slowly.

use std::process::Command;

use super::command::run;
use super::fault::Fault;
use super::network::INTERFACE;
use super::partition::drop_packets;
use crate::{Error, Member};

/// How much may be sent at once before the limit counts: the least that works for whole packets
/// which the kernel has not cut yet.
const BURST_BYTES: u32 = 64 << 10;

/// How long a packet may wait for its turn before it is dropped.
const LATENCY: &str = "400ms";

impl Member {
    /// Loses `percent` of the packets that come in, and of those that go out, at random.
    ///
    /// # Errors
    /// As [`Self::cut_off`].
    pub fn lose_packets(&self, percent: u8) -> Result<Fault, Error> {
        let what = format!("{} loses {percent}% of packets", self.name());
        let some = [format!("numgen random mod 100 < {percent}")];
        drop_packets(self.namespace()?, what, &some, &some)
    }

    /// Lets through at most `bits_per_second` in each direction. A member has one such limit at a
    /// time.
    ///
    /// # Errors
    /// As [`Self::cut_off`]; also when it already has a limit.
    pub fn limit_bandwidth(&self, bits_per_second: u64) -> Result<Fault, Error> {
        let namespace = self.namespace()?.clone();
        let rate = format!("{bits_per_second}bit");
        let burst = BURST_BYTES.to_string();
        let tail = ["root", "tbf", "rate", &rate, "burst", &burst, "latency", LATENCY];
        let add = |device| [&["qdisc", "add", "dev", device], &tail[..]].concat();
        namespace.run("tc", &add(INTERFACE), "")?;
        let inner = {
            let namespace = namespace.clone();
            Fault::new(format!("{} sends slowly", self.name()), move || {
                if namespace.exists() {
                    namespace.run("tc", &["qdisc", "delete", "dev", INTERFACE, "root"], "")?;
                }
                Ok(())
            })
        };
        // What goes out of the outer end comes in at the member's.
        run(Command::new("tc").args(add(namespace.outer_link())), "")?;
        let what = format!("{} has {bits_per_second} bit/s", self.name());
        Ok(Fault::new(what, move || {
            inner.heal()?;
            if namespace.exists() {
                let outer = ["qdisc", "delete", "dev", namespace.outer_link(), "root"];
                run(Command::new("tc").args(outer), "")?;
            }
            Ok(())
        }))
    }
}
