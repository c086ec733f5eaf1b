//! `defrag`: gives free pages back to the disk.

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use tokio::time::Instant;

use super::Command;
use super::endpoint::{CLUSTER, Target, targets};
use crate::call::Call;
use crate::compat::Compat;
use crate::failure::{Failure, error_text, exit};
use crate::go;
use crate::session::{Session, persist};

/// `defrag`.
pub(super) const DEFRAG: Command = Command::new(
    "defrag",
    "defrag",
    "Defragments the storage of the etcd members with given endpoints",
    |call| Box::pin(run(call)),
)
.flags(&[CLUSTER]);

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let session = call.session()?;
    let targets = targets(call, &session).await?;
    one_after_the_other(call, &session, &targets).await
}

/// As etcdctl does it: in the order given, whatever becomes of each.
async fn one_after_the_other(
    call: &mut Call<'_>,
    session: &Session,
    targets: &[Target],
) -> Result<(), Failure> {
    let mut has_failed = false;
    for target in targets {
        let start = Instant::now();
        let outcome = persist(session.timeout, async |left| {
            target.member.call(&rpc::DEFRAGMENT, pb::DefragmentRequest {}, left).await
        })
        .await;
        let (endpoint, compat) = (&target.text, call.compat);
        let took = if compat >= Compat::V3_6 {
            format!(". took {}", go::show_duration(start.elapsed()))
        } else {
            String::new()
        };
        match outcome {
            Ok(_) => call.say(&format!("Finished defragmenting etcd member[{endpoint}]{took}")),
            Err(error) => {
                let why = error_text(&error);
                let dot = if took.is_empty() { "" } else { "." };
                let text =
                    format!("Failed to defragment etcd member[{endpoint}]{took}{dot} ({why})");
                call.io.complain(&text);
                has_failed = true;
            }
        }
        call.flush()?;
    }
    if has_failed { Err(Failure::silent(exit::ERROR)) } else { Ok(()) }
}
