//! `diff`: what changed in a value from one revision to another.

use etcd::KeyValue;
use etcd::wire::etcdserverpb::RangeRequest;
use etcd::wire::rpc;
use similar::TextDiff;

use super::Command;
use crate::call::Call;
use crate::decode;
use crate::failure::{Failure, exit};
use crate::go;
use crate::session::Session;

/// `diff`.
pub(super) const DIFF: Command = Command::new(
    "diff",
    "diff <key> <revision> [revision]",
    "Prints what changed in a value from one revision to another",
    |call| Box::pin(run(call)),
)
.long(
    "\
Without a second revision, compares with what is there now. JSON and Kubernetes' objects are compared
as 'get --decode auto' shows them. Ends with 1 when there is a difference, as diff does.",
)
.ours();

/// Unchanged lines around a change.
const CONTEXT: usize = 3;

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let (key, revisions) = match call.args.as_slice() {
        [key, revisions @ ..] if (1..=2).contains(&revisions.len()) => (key.clone(), revisions),
        _ => return Err(Failure::bad_args("diff needs a key and one or two revisions")),
    };
    let number = |word: &Vec<u8>| {
        go::int64_base(&String::from_utf8_lossy(word), 10).map_err(Failure::bad_args)
    };
    let from = number(&revisions[0])?;
    let to = revisions.get(1).map_or(Ok(0), number)?;
    let session = call.session().await?;
    let old = at(&session, &key, from).await?;
    let new = at(&session, &key, to).await?;
    if old.as_ref().map(|kv| &kv.value) == new.as_ref().map(|kv| &kv.value) {
        return Ok(());
    }
    let (old_text, new_text) = (shown(old.as_ref()), shown(new.as_ref()));
    let diff = TextDiff::from_lines(&old_text, &new_text);
    let key = go::quote(&key);
    let (from, to) = (name(&key, from, old.as_ref()), name(&key, to, new.as_ref()));
    let mut unified = diff.unified_diff();
    let text = unified.context_radius(CONTEXT).header(&from, &to).to_string();
    call.say(text.trim_end());
    Err(Failure::silent(exit::ERROR))
}

async fn at(session: &Session, key: &[u8], revision: i64) -> Result<Option<KeyValue>, Failure> {
    let request = RangeRequest { key: key.to_vec().into(), revision, ..RangeRequest::default() };
    Ok(session.read(&rpc::RANGE, request).await?.kvs.into_iter().next())
}

/// The value as lines, readable where that can be.
fn shown(kv: Option<&KeyValue>) -> String {
    let Some(kv) = kv else { return String::new() };
    if let Some(text) = decode::readable(&kv.value) {
        return text + "\n";
    }
    match std::str::from_utf8(&kv.value) {
        Ok(text) if text.ends_with('\n') => text.to_owned(),
        Ok(text) => format!("{text}\n"),
        Err(_) => go::quote(&kv.value) + "\n",
    }
}

fn name(key: &str, revision: i64, kv: Option<&KeyValue>) -> String {
    let when = match revision {
        0 => "now".to_owned(),
        revision => format!("at revision {revision}"),
    };
    match kv {
        Some(kv) => {
            format!("{key} {when} (version {}, written by {})", kv.version, kv.mod_revision)
        }
        None => format!("{key} {when} (not there)"),
    }
}
