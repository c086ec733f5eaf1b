//! The format fields: one `"Name" : value` on each line.

use std::fmt::Display;

use etcd::KeyValue;
use etcd::wire::etcdserverpb::ResponseHeader;

use super::Style;
use crate::compat::Compat;
use crate::go;

/// One field.
pub fn field(name: &str, value: impl Display, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\"{name}\" : {value}\n").as_bytes());
}

/// One field of bytes, quoted.
pub fn quoted(name: &str, value: &[u8], out: &mut Vec<u8>) {
    field(name, go::quote(value), out);
}

/// One identifier of a member or cluster: in hexadecimal from 3.6 on, if so wanted.
pub fn id(name: &str, id: u64, style: Style, out: &mut Vec<u8>) {
    if style.is_hex && style.compat >= Compat::V3_6 {
        field(name, format_args!("{id:x}"), out);
    } else {
        field(name, id, out);
    }
}

/// One lease, likewise.
pub fn lease(name: &str, id: i64, style: Style, out: &mut Vec<u8>) {
    if style.is_hex && style.compat >= Compat::V3_6 {
        field(name, format_args!("{id:016x}"), out);
    } else {
        field(name, id, out);
    }
}

/// The header of an answer.
pub fn header(header: Option<&ResponseHeader>, style: Style, out: &mut Vec<u8>) {
    let header = header.copied().unwrap_or_default();
    id("ClusterID", header.cluster_id, style, out);
    id("MemberID", header.member_id, style, out);
    if header.revision > 0 || style.compat < Compat::V3_6 {
        field("Revision", header.revision, out);
    }
    field("RaftTerm", header.raft_term, out);
}

/// A key with all that is known of it.
pub fn key_value(prefix: &str, kv: &KeyValue, style: Style, out: &mut Vec<u8>) {
    quoted(&format!("{prefix}Key"), &kv.key, out);
    field(&format!("{prefix}CreateRevision"), kv.create_revision, out);
    field(&format!("{prefix}ModRevision"), kv.mod_revision, out);
    field(&format!("{prefix}Version"), kv.version, out);
    quoted(&format!("{prefix}Value"), &kv.value, out);
    lease(&format!("{prefix}Lease"), kv.lease, style, out);
}
