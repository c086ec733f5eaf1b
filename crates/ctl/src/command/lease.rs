//! `lease`: granting, ending, asking about and keeping leases alive.

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;

use super::Command;
use crate::answer::{Granted, KeptAlive, Leases, Revoked, TimeToLive};
use crate::call::Call;
use crate::confirm::{DRY_RUN, Silence, YES, confirm, is_refused, is_wanted, keys, name_keys};
use crate::failure::{Failure, exit};
use crate::go;
use crate::parse::Flag;

/// `lease`.
pub(super) const LEASE: Command = Command::group(
    "lease",
    "lease <subcommand>",
    "Lease related commands",
    &[&GRANT, &KEEP_ALIVE, &LIST, &REVOKE, &TIME_TO_LIVE],
);

const GRANT: Command =
    Command::new("grant", "grant <ttl>", "Creates leases", |call| Box::pin(grant(call)));

const KEEP_ALIVE: Command = Command::new(
    "keep-alive",
    "keep-alive [options] <leaseID>",
    "Keeps leases alive (renew)",
    |call| Box::pin(keep_alive(call)),
)
.flags(&[Flag::bool("once", "extend its life once and end")]);

const LIST: Command =
    Command::new("list", "list", "List all active leases", |call| Box::pin(list(call)));

const REVOKE: Command =
    Command::new("revoke", "revoke <leaseID>", "Revokes leases", |call| Box::pin(revoke(call)))
        .long("The keys that hang on a lease are deleted with it.")
        .flags(&[DRY_RUN, YES]);

const TIME_TO_LIVE: Command =
    Command::new("timetolive", "timetolive <leaseID> [options]", "Get lease information", |call| {
        Box::pin(time_to_live(call))
    })
    .flags(&[Flag::bool("keys", "show the keys that hang on it too")]);

async fn grant(call: &mut Call<'_>) -> Result<(), Failure> {
    if call.args.len() != 1 {
        return Err(Failure::bad_args("lease grant command needs TTL argument"));
    }
    let ttl = go::int64_base(&call.arg(0), 10)
        .map_err(|why| Failure::bad_args(format!("bad TTL ({why})")))?;
    let session = call.session().await?;
    let request = pb::LeaseGrantRequest { ttl, id: 0 };
    let answer = session
        .change(&rpc::LEASE_GRANT, request)
        .await
        .map_err(|failure| within("failed to grant lease", failure))?;
    call.print(&Granted(&answer))
}

async fn revoke(call: &mut Call<'_>) -> Result<(), Failure> {
    if call.args.len() != 1 {
        return Err(Failure::bad_args("lease revoke command needs 1 argument"));
    }
    let id = id(&call.arg(0))?;
    let session = call.session().await?;
    if is_wanted(call) {
        let request = pb::LeaseTimeToLiveRequest { id, keys: true };
        let found = session.read(&rpc::LEASE_TIME_TO_LIVE, request).await;
        let (plan, is_empty) = match found {
            Ok(answer) => {
                let (count, found) = (keys(answer.keys.len() as i64), answer.keys);
                let mut plan = vec![format!("revoke lease {id:016x}, and delete {count}")];
                plan.extend(name_keys(found.iter().map(|key| &key[..]), found.len()));
                (plan, found.is_empty())
            }
            Err(failure) if is_refused(&failure) => {
                let text = format!("revoke lease {id:016x}, and delete keys that are not yours");
                (vec![text], false)
            }
            Err(failure) => return Err(failure),
        };
        // One without keys is nobody's loss.
        if (call.flags.bool("dry-run") || !is_empty)
            && !confirm(call, &plan, "Delete them?", Silence::MeansYes)?
        {
            return Ok(());
        }
    }
    let answer = session
        .change(&rpc::LEASE_REVOKE, pb::LeaseRevokeRequest { id })
        .await
        .map_err(|failure| within("failed to revoke lease", failure))?;
    call.print(&Revoked(id, &answer))
}

async fn time_to_live(call: &mut Call<'_>) -> Result<(), Failure> {
    if call.args.len() != 1 {
        return Err(Failure::bad_args("lease timetolive command needs lease ID as argument"));
    }
    let (id, keys) = (id(&call.arg(0))?, call.flags.bool("keys"));
    let session = call.session().await?;
    let request = pb::LeaseTimeToLiveRequest { id, keys };
    let answer = session
        .read_within(&rpc::LEASE_TIME_TO_LIVE, request, session.timeout)
        .await
        .map_err(|failure| failure.with_code(exit::BAD_CONNECTION))?;
    call.print(&TimeToLive(&answer, keys))
}

async fn list(call: &mut Call<'_>) -> Result<(), Failure> {
    let session = call.session().await?;
    let answer = session
        .read(&rpc::LEASE_LEASES, pb::LeaseLeasesRequest {})
        .await
        .map_err(|failure| failure.with_code(exit::BAD_CONNECTION))?;
    call.print(&Leases(&answer))
}

async fn keep_alive(call: &mut Call<'_>) -> Result<(), Failure> {
    if call.args.len() != 1 {
        return Err(Failure::bad_args("lease keep-alive command needs lease ID as argument"));
    }
    let id = id(&call.arg(0))?;
    let session = call.session().await?;
    let bad = |error: etcd::Error| Failure::from(error).with_code(exit::BAD_CONNECTION);
    if call.flags.bool("once") {
        let once = async |left| session.cluster().keep_alive_once(id, left).await;
        let answer = crate::session::persist(session.timeout, once).await.map_err(bad)?;
        if answer.ttl <= 0 {
            let text = "etcdserver: requested lease not found";
            return Err(Failure::new(exit::BAD_CONNECTION, text));
        }
        return call.print(&KeptAlive(&answer));
    }
    let mut keeper = session.cluster().keep_alive(id);
    while let Some(answer) = keeper.next().await.map_err(bad)? {
        call.print(&KeptAlive(&answer))?;
        call.flush()?;
    }
    call.say(&format!("lease {id:016x} expired or revoked."));
    Ok(())
}

/// A lease as users write it.
fn id(text: &str) -> Result<i64, Failure> {
    go::int64_base(text, 16)
        .map_err(|why| Failure::bad_args(format!("bad lease ID arg ({why}), expecting ID in Hex")))
}

fn within(what: &str, mut failure: Failure) -> Failure {
    failure.message = format!("{what} ({})", failure.message);
    failure
}
