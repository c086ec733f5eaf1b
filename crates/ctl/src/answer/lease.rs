//! Answers about leases.

use etcd::wire::Message as _;
use etcd::wire::etcdserverpb as pb;

use super::Answer;
use crate::print::json::Object;
use crate::print::{Style, fields, json, simple};

/// A lease that was granted.
pub struct Granted<'a>(pub &'a pb::LeaseGrantResponse);

/// A lease that was ended, and its ID.
pub struct Revoked<'a>(pub i64, pub &'a pb::LeaseRevokeResponse);

/// A lease whose life was extended.
pub struct KeptAlive<'a>(pub &'a pb::LeaseKeepAliveResponse);

/// How long a lease lives, and whether its keys were asked for.
pub struct TimeToLive<'a>(pub &'a pb::LeaseTimeToLiveResponse, pub bool);

/// The leases that there are.
pub struct Leases<'a>(pub &'a pb::LeaseLeasesResponse);

impl Answer for Granted<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        let text = format!("lease {:016x} granted with TTL({}s)", self.0.id, self.0.ttl);
        simple::line(&text, out);
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let mut object = flat(self.0.header.as_ref(), out);
        object.raw("ID", self.0.id);
        object.raw("TTL", self.0.ttl);
        json::string(&self.0.error, object.member("Error"));
        object.end();
        out.push(b'\n');
        true
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::header(self.0.header.as_ref(), style, out);
        fields::lease("ID", self.0.id, style, out);
        fields::field("TTL", self.0.ttl, out);
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

impl Answer for Revoked<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        simple::line(&format!("lease {:016x} revoked", self.0), out);
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        super::header_json(self.1.header.as_ref(), out)
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::header(self.1.header.as_ref(), style, out);
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.1.encode_to_vec())
    }
}

impl Answer for KeptAlive<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        let text = format!("lease {:016x} keepalived with TTL({})", self.0.id, self.0.ttl);
        simple::line(&text, out);
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let mut object = flat(self.0.header.as_ref(), out);
        object.raw("ID", self.0.id);
        object.raw("TTL", self.0.ttl);
        object.end();
        out.push(b'\n');
        true
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::header(self.0.header.as_ref(), style, out);
        fields::lease("ID", self.0.id, style, out);
        fields::field("TTL", self.0.ttl, out);
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

impl Answer for TimeToLive<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        let Self(life, with_keys) = self;
        if life.granted_ttl == 0 && life.ttl == -1 {
            simple::line(&format!("lease {:016x} already expired", life.id), out);
            return;
        }
        let text = format!(
            "lease {:016x} granted with TTL({}s), remaining({}s)",
            life.id, life.granted_ttl, life.ttl
        );
        out.extend_from_slice(text.as_bytes());
        if *with_keys {
            out.extend_from_slice(b", attached keys([");
            out.extend_from_slice(&life.keys.join(&b' '));
            out.extend_from_slice(b"])");
        }
        out.push(b'\n');
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let mut object = flat(self.0.header.as_ref(), out);
        object.raw("id", self.0.id);
        object.raw("ttl", self.0.ttl);
        object.raw("granted-ttl", self.0.granted_ttl);
        if self.0.keys.is_empty() {
            object.raw("keys", "null");
        } else {
            json::array(&self.0.keys, object.member("keys"), |key, out| json::base64(key, out));
        }
        object.end();
        out.push(b'\n');
        true
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::header(self.0.header.as_ref(), style, out);
        fields::lease("ID", self.0.id, style, out);
        fields::field("TTL", self.0.ttl, out);
        fields::field("GrantedTTL", self.0.granted_ttl, out);
        for key in &self.0.keys {
            fields::quoted("Key", key, out);
        }
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

impl Answer for Leases<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        simple::line(&format!("found {} leases", self.0.leases.len()), out);
        for lease in &self.0.leases {
            simple::line(&format!("{:016x}", lease.id), out);
        }
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let mut object = flat(self.0.header.as_ref(), out);
        json::array(&self.0.leases, object.member("leases"), |lease, out| {
            let mut object = Object::new(out);
            object.raw("id", lease.id);
            object.end();
        });
        object.end();
        out.push(b'\n');
        true
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::header(self.0.header.as_ref(), style, out);
        for lease in &self.0.leases {
            fields::lease("ID", lease.id, style, out);
        }
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

/// An object that begins with the members of a header, as the client's own types do.
fn flat<'a>(header: Option<&pb::ResponseHeader>, out: &'a mut Vec<u8>) -> Object<'a> {
    let mut object = Object::new(out);
    if let Some(header) = header {
        json::header_members(header, &mut object);
    }
    object
}
