//! `history`: every change of a key that the cluster still remembers.

use std::fmt::Write as _;
use std::time::Duration;

use etcd::KeyValue;
use etcd::wire::etcdserverpb::{RangeRequest, WatchCreateRequest, WatchResponse};
use etcd::wire::mvccpb::Event;
use etcd::wire::mvccpb::event::EventType;
use etcd::wire::rpc;
use tokio::time::{Instant, timeout};

use super::Command;
use crate::answer::{Answer, end_of_watch, event_type};
use crate::call::Call;
use crate::failure::Failure;
use crate::go;
use crate::parse::Flag;
use crate::print::json::Object;
use crate::print::{Style, json, simple};
use crate::session::Session;

/// `history`.
pub(super) const HISTORY: Command = Command::new(
    "history",
    "history [options] <key>",
    "Prints every change of a key since the last compaction",
    |call| Box::pin(run(call)),
)
.flags(&[Flag::bool("keys-only", "no values").ours()])
.ours();

/// Rest before the watch is asked again whether it has told everything.
const ASK_AGAIN: Duration = Duration::from_millis(100);

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let [key] = call.args.as_slice() else {
        return Err(Failure::bad_args("history needs one key"));
    };
    let (key, keys_only) = (key.clone(), call.flags.bool("keys-only"));
    let session = call.session().await?;
    let events = events(&session, &key).await?;
    for event in events {
        call.print(&Change { event, keys_only })?;
    }
    Ok(())
}

/// All events of the key, oldest first; the state at the compaction counts as one.
async fn events(session: &Session, key: &[u8]) -> Result<Vec<Event>, Failure> {
    let (now, last) = state(session, key, 0).await?;
    let last = last.map(|kv| kv.mod_revision);
    let mut found = Vec::new();
    match follow(session, key, 1, now, last, &mut found).await? {
        None => Ok(found),
        Some(compacted) => {
            found.clear();
            let (_, kept) = state(session, key, compacted).await?;
            let from = compacted + 1;
            let kept =
                kept.map(|kv| Event { r#type: EventType::Put as i32, kv: Some(kv), prev_kv: None });
            found.extend(kept);
            if let Some(again) = follow(session, key, from, now, last, &mut found).await? {
                let text = format!("revision {again} was compacted meanwhile; try again");
                return Err(Failure::error(text));
            }
            Ok(found)
        }
    }
}

/// The newest revision, and the key at `revision`.
async fn state(
    session: &Session,
    key: &[u8],
    revision: i64,
) -> Result<(i64, Option<KeyValue>), Failure> {
    let request = RangeRequest { key: key.to_vec().into(), revision, ..RangeRequest::default() };
    let reply = session.read(&rpc::RANGE, request).await?;
    let now = reply.header.as_ref().map_or(0, |header| header.revision);
    Ok((now, reply.kvs.into_iter().next()))
}

/// Collects events from revision `from` on until `now`; answers where to begin if `from` is
/// compacted. `last` is the key's last change, if the key is there.
async fn follow(
    session: &Session,
    key: &[u8],
    from: i64,
    now: i64,
    last: Option<i64>,
    found: &mut Vec<Event>,
) -> Result<Option<i64>, Failure> {
    if from > now || last.is_some_and(|last| last < from) {
        return Ok(None);
    }
    let create = WatchCreateRequest {
        key: key.to_vec().into(),
        start_revision: from,
        ..WatchCreateRequest::default()
    };
    let mut watch = session.cluster().watch(create);
    let end = Instant::now() + session.timeout;
    loop {
        let answer = match timeout(ASK_AGAIN, watch.next()).await {
            Ok(Ok(Some(answer))) => answer,
            Ok(Ok(None)) => return Err(Failure::error("the server ended the watch")),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) if Instant::now() >= end => {
                return Err(Failure::error("context deadline exceeded")
                    .with_detail("the history did not come in time; give more --command-timeout"));
            }
            Err(_) => {
                watch.request_progress();
                continue;
            }
        };
        if answer.compact_revision != 0 {
            return Ok(Some(answer.compact_revision));
        }
        if answer.canceled {
            return Err(Failure::error(end_of_watch(&answer)));
        }
        if take(answer, now, last, found) {
            return Ok(None);
        }
    }
}

/// Keeps the events of one answer; answers whether that was all.
fn take(answer: WatchResponse, now: i64, last: Option<i64>, found: &mut Vec<Event>) -> bool {
    let revision = answer.header.as_ref().map_or(0, |header| header.revision);
    let is_progress = answer.events.is_empty() && !answer.created;
    for event in answer.events {
        let changed = event.kv.as_ref().map_or(0, |kv| kv.mod_revision);
        if changed <= now {
            found.push(event);
        }
        if last.is_some_and(|last| changed >= last) {
            return true;
        }
    }
    is_progress && revision >= now
}

/// One change, on a line of its own.
struct Change {
    event: Event,
    keys_only: bool,
}

impl Answer for Change {
    fn simple(&self, style: Style, out: &mut Vec<u8>) {
        let kv = self.event.kv.clone().unwrap_or_default();
        let what = event_type(&self.event);
        let mut line = format!("{} {what}", kv.mod_revision);
        if what == "PUT" {
            let _ = write!(line, " version {}", kv.version);
            if kv.lease != 0 {
                let _ = write!(line, " lease {:x}", kv.lease);
            }
            if !self.keys_only {
                let value = if style.is_hex { hex(&kv.value) } else { go::quote(&kv.value) };
                line.push(' ');
                line.push_str(&value);
            }
        }
        simple::line(&line, out);
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let mut object = Object::new(out);
        object.int("type", self.event.r#type.into());
        if let Some(kv) = &self.event.kv {
            json::key_value(kv, object.member("kv"));
        }
        object.end();
        out.push(b'\n');
        true
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\x{byte:02x}");
        text
    })
}
