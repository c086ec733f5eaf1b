//! Answers about keys: read, written, deleted, all of these in a transaction.

use etcd::wire::Message as _;
use etcd::wire::etcdserverpb as pb;
use etcd::wire::etcdserverpb::response_op::Response;

use super::Answer;
use crate::compat::Compat;
use crate::print::json::Object;
use crate::print::{Style, fields, json, simple};

/// Keys that were read.
pub struct Got<'a>(pub &'a pb::RangeResponse);

/// A key that was written.
pub struct Written<'a>(pub &'a pb::PutResponse);

/// Keys that were deleted.
pub struct Deleted<'a>(pub &'a pb::DeleteRangeResponse);

/// A transaction that was made, either way.
pub struct Transacted<'a>(pub &'a pb::TxnResponse);

impl Answer for Got<'_> {
    fn simple(&self, style: Style, out: &mut Vec<u8>) {
        for kv in &self.0.kvs {
            simple::key_value(kv, style, out);
        }
    }

    fn json(&self, style: Style, out: &mut Vec<u8>) -> bool {
        line(self, style, out)
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::header(self.0.header.as_ref(), style, out);
        for kv in &self.0.kvs {
            fields::key_value("", kv, style, out);
        }
        fields::field("More", self.0.more, out);
        fields::field("Count", self.0.count, out);
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

impl Answer for Written<'_> {
    fn simple(&self, style: Style, out: &mut Vec<u8>) {
        simple::line("OK", out);
        if let Some(kv) = &self.0.prev_kv {
            simple::key_value(kv, style, out);
        }
    }

    fn json(&self, style: Style, out: &mut Vec<u8>) -> bool {
        line(self, style, out)
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::header(self.0.header.as_ref(), style, out);
        if let Some(kv) = &self.0.prev_kv {
            fields::key_value("Prev", kv, style, out);
        }
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

impl Answer for Deleted<'_> {
    fn simple(&self, style: Style, out: &mut Vec<u8>) {
        simple::line(&self.0.deleted.to_string(), out);
        for kv in &self.0.prev_kvs {
            simple::key_value(kv, style, out);
        }
    }

    fn json(&self, style: Style, out: &mut Vec<u8>) -> bool {
        line(self, style, out)
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::header(self.0.header.as_ref(), style, out);
        fields::field("Deleted", self.0.deleted, out);
        for kv in &self.0.prev_kvs {
            fields::key_value("Prev", kv, style, out);
        }
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

impl Answer for Transacted<'_> {
    fn simple(&self, style: Style, out: &mut Vec<u8>) {
        simple::line(if self.0.succeeded { "SUCCESS" } else { "FAILURE" }, out);
        for response in responses(self.0) {
            out.push(b'\n');
            match response {
                Response::ResponseRange(range) => Got(range).simple(style, out),
                Response::ResponsePut(put) => Written(put).simple(style, out),
                Response::ResponseDeleteRange(range) => Deleted(range).simple(style, out),
                Response::ResponseTxn(txn) => Transacted(txn).simple(style, out),
            }
        }
    }

    fn json(&self, style: Style, out: &mut Vec<u8>) -> bool {
        line(self, style, out)
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::header(self.0.header.as_ref(), style, out);
        fields::field("Succeeded", self.0.succeeded, out);
        for response in responses(self.0) {
            match response {
                Response::ResponseRange(range) => Got(range).fields(style, out),
                Response::ResponsePut(put) => Written(put).fields(style, out),
                Response::ResponseDeleteRange(range) => Deleted(range).fields(style, out),
                Response::ResponseTxn(txn) => Transacted(txn).fields(style, out),
            };
        }
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

fn responses(txn: &pb::TxnResponse) -> impl Iterator<Item = &Response> {
    txn.responses.iter().filter_map(|op| op.response.as_ref())
}

/// An answer whose JSON may also stand inside another's.
trait Nested {
    fn object(&self, style: Style, out: &mut Vec<u8>);
}

fn line(answer: &impl Nested, style: Style, out: &mut Vec<u8>) -> bool {
    answer.object(style, out);
    out.push(b'\n');
    true
}

impl Nested for Got<'_> {
    fn object(&self, _style: Style, out: &mut Vec<u8>) {
        let mut object = Object::new(out);
        object.header("header", self.0.header.as_ref());
        object.array("kvs", &self.0.kvs, json::key_value);
        object.bool("more", self.0.more);
        object.int("count", self.0.count);
        object.end();
    }
}

impl Nested for Written<'_> {
    fn object(&self, _style: Style, out: &mut Vec<u8>) {
        let mut object = Object::new(out);
        object.header("header", self.0.header.as_ref());
        if let Some(kv) = &self.0.prev_kv {
            json::key_value(kv, object.member("prev_kv"));
        }
        object.end();
    }
}

impl Nested for Deleted<'_> {
    fn object(&self, _style: Style, out: &mut Vec<u8>) {
        let mut object = Object::new(out);
        object.header("header", self.0.header.as_ref());
        object.int("deleted", self.0.deleted);
        object.array("prev_kvs", &self.0.prev_kvs, json::key_value);
        object.end();
    }
}

impl Nested for Transacted<'_> {
    fn object(&self, style: Style, out: &mut Vec<u8>) {
        let mut object = Object::new(out);
        object.header("header", self.0.header.as_ref());
        object.bool("succeeded", self.0.succeeded);
        object.array("responses", &self.0.responses, |op, out| {
            let mut outer = Object::new(out);
            match &op.response {
                Some(response) => {
                    let mut inner = Object::new(outer.member("Response"));
                    response_member(response, style, &mut inner);
                    inner.end();
                }
                None => outer.raw("Response", "null"),
            }
            outer.end();
        });
        object.end();
    }
}

/// The one member of a response; 3.4 names it otherwise.
fn response_member(response: &Response, style: Style, object: &mut Object<'_>) {
    let is_old = style.compat < Compat::V3_5;
    let name = |old, new| if is_old { old } else { new };
    match response {
        Response::ResponseRange(range) => {
            Got(range).object(style, object.member(name("ResponseRange", "response_range")));
        }
        Response::ResponsePut(put) => {
            Written(put).object(style, object.member(name("ResponsePut", "response_put")));
        }
        Response::ResponseDeleteRange(range) => {
            let name = name("ResponseDeleteRange", "response_delete_range");
            Deleted(range).object(style, object.member(name));
        }
        Response::ResponseTxn(txn) => {
            Transacted(txn).object(style, object.member(name("ResponseTxn", "response_txn")));
        }
    }
}
