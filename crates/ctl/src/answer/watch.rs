//! Answers of a watch: events, progress, its end.

use etcd::wire::Message as _;
use etcd::wire::etcdserverpb as pb;
use etcd::wire::mvccpb::Event;
use etcd::wire::mvccpb::event::EventType;

use super::Answer;
use crate::compat::Compat;
use crate::go;
use crate::print::json::Object;
use crate::print::{Style, fields, json, simple};

/// One answer of a watch.
pub struct Watched<'a>(pub &'a pb::WatchResponse);

/// The kind of an event as etcdctl prints it.
pub fn event_type(event: &Event) -> &'static str {
    if event.r#type == EventType::Delete as i32 { "DELETE" } else { "PUT" }
}

impl Answer for Watched<'_> {
    fn simple(&self, style: Style, out: &mut Vec<u8>) {
        for event in &self.0.events {
            simple::line(event_type(event), out);
            for kv in [&event.prev_kv, &event.kv].into_iter().flatten() {
                simple::key_value(kv, style, out);
            }
        }
    }

    fn json(&self, style: Style, out: &mut Vec<u8>) -> bool {
        let mut object = Object::new(out);
        let header = self.0.header.unwrap_or_default();
        json::header(&header, object.member("Header"));
        let is_new = style.compat >= Compat::V3_7;
        if is_new && self.0.events.is_empty() {
            object.raw("Events", "null");
        } else {
            events(&self.0.events, object.member("Events"));
        }
        object.raw("CompactRevision", self.0.compact_revision);
        object.raw("Canceled", self.0.canceled);
        object.raw("Created", self.0.created);
        if is_new {
            json::string(&self.0.cancel_reason, object.member("CancelReason"));
        }
        object.end();
        out.push(b'\n');
        true
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::header(self.0.header.as_ref(), style, out);
        for event in &self.0.events {
            fields::field("Type", event_type(event), out);
            if let Some(kv) = &event.prev_kv {
                fields::key_value("Prev", kv, style, out);
            }
            if let Some(kv) = &event.kv {
                fields::key_value("", kv, style, out);
            }
        }
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        let answer = pb::WatchResponse {
            header: self.0.header,
            events: self.0.events.clone(),
            compact_revision: self.0.compact_revision,
            canceled: self.0.canceled,
            created: self.0.created,
            ..pb::WatchResponse::default()
        };
        Some(answer.encode_to_vec())
    }
}

fn events(events: &[Event], out: &mut Vec<u8>) {
    json::array(events, out, |event, out| {
        let mut object = Object::new(out);
        object.int("type", event.r#type.into());
        if let Some(kv) = &event.kv {
            json::key_value(kv, object.member("kv"));
        }
        if let Some(kv) = &event.prev_kv {
            json::key_value(kv, object.member("prev_kv"));
        }
        object.end();
    });
}

/// Why the server ended a watch, in etcdctl's words.
pub fn end_of_watch(answer: &pb::WatchResponse) -> String {
    if answer.compact_revision != 0 {
        return "etcdserver: mvcc: required revision has been compacted".to_owned();
    }
    match answer.cancel_reason.as_str() {
        "" => "etcdserver: mvcc: required revision is a future revision".to_owned(),
        reason if reason.starts_with("etcdserver: ") => reason.to_owned(),
        reason => format!("rpc error: code = FailedPrecondition desc = {reason}"),
    }
}

/// The variables that a command which a watch runs gets with one event.
pub fn event_variables(
    header: Option<&pb::ResponseHeader>,
    event: &Event,
) -> [(&'static str, String); 4] {
    let kv = event.kv.clone().unwrap_or_default();
    [
        ("ETCD_WATCH_REVISION", header.map_or(0, |header| header.revision).to_string()),
        ("ETCD_WATCH_EVENT_TYPE", go::quote(event_type(event).as_bytes())),
        ("ETCD_WATCH_KEY", go::quote(&kv.key)),
        ("ETCD_WATCH_VALUE", go::quote(&kv.value)),
    ]
}
