//! Answers about the members of a cluster.

use etcd::wire::Message as _;
use etcd::wire::etcdserverpb as pb;

use super::Answer;
use crate::compat::Compat;
use crate::print::json::Object;
use crate::print::{Style, Table, fields, json, simple};

/// The members that there are.
pub struct Members<'a>(pub &'a pb::MemberListResponse);

/// A member that was added, with what its first start needs.
pub struct MemberAdded<'a> {
    /// What the server answered.
    pub answer: &'a pb::MemberAddResponse,
    /// Its name, which the cluster does not know yet.
    pub name: &'a str,
    /// Where it is reached, as it was given.
    pub peer_urls: &'a str,
    /// All members, the new one included.
    pub members: &'a [pb::Member],
}

/// A member that was removed, updated or promoted.
pub struct MemberChanged<'a, M> {
    /// The member.
    pub id: u64,
    /// What stands between the two IDs, such as `removed from`.
    pub what: &'static str,
    /// What the server answered.
    pub message: &'a M,
    /// Its header.
    pub header: Option<&'a pb::ResponseHeader>,
    /// The members as they are now.
    pub members: &'a [pb::Member],
    /// Whether JSON has IDs in hexadecimal with `--hex` (3.7 and later).
    pub has_hex: bool,
}

impl Answer for Members<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        for member in &self.0.members {
            simple::line(&row(member).join(", "), out);
        }
    }

    fn json(&self, style: Style, out: &mut Vec<u8>) -> bool {
        let is_hex = style.is_hex && style.compat >= Compat::V3_5;
        let style = Style { is_hex, ..style };
        members_line(self.0.header.as_ref(), None, &self.0.members, style, out);
        true
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::header(self.0.header.as_ref(), style, out);
        for member in &self.0.members {
            fields::id("ID", member.id, style, out);
            fields::quoted("Name", member.name.as_bytes(), out);
            for url in &member.peer_urls {
                fields::quoted("PeerURL", url.as_bytes(), out);
            }
            for url in &member.client_urls {
                fields::quoted("ClientURL", url.as_bytes(), out);
            }
            fields::field("IsLearner", member.is_learner, out);
            out.push(b'\n');
        }
        true
    }

    fn table(&self, _style: Style) -> Option<Table> {
        let header = ["ID", "Status", "Name", "Peer Addrs", "Client Addrs", "Is Learner"];
        let rows = self.0.members.iter().map(row).collect();
        Some(Table { header: header.map(str::to_owned).to_vec(), rows })
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

fn row(member: &pb::Member) -> Vec<String> {
    vec![
        format!("{:x}", member.id),
        if member.name.is_empty() { "unstarted" } else { "started" }.to_owned(),
        member.name.clone(),
        member.peer_urls.join(","),
        member.client_urls.join(","),
        member.is_learner.to_string(),
    ]
}

impl Answer for MemberAdded<'_> {
    fn simple(&self, style: Style, out: &mut Vec<u8>) {
        let added = self.answer.member.clone().unwrap_or_default();
        let cluster = self.answer.header.map_or(0, |header| header.cluster_id);
        let is_learner = added.is_learner && style.compat >= Compat::V3_6;
        let role = if is_learner { " as learner" } else { "" };
        simple::line(&format!("Member {:16x} added{role} to cluster {cluster:16x}", added.id), out);
        let name = |member: &pb::Member| {
            if member.id == added.id { self.name.to_owned() } else { member.name.clone() }
        };
        let pairs = self.members.iter().flat_map(|member| {
            let name = name(member);
            member.peer_urls.iter().map(move |url| format!("{name}={url}"))
        });
        let initial = pairs.collect::<Vec<_>>().join(",");
        out.push(b'\n');
        simple::line(&format!("ETCD_NAME={:?}", self.name), out);
        simple::line(&format!("ETCD_INITIAL_CLUSTER=\"{initial}\""), out);
        let urls = self.peer_urls;
        simple::line(&format!("ETCD_INITIAL_ADVERTISE_PEER_URLS=\"{urls}\""), out);
        simple::line("ETCD_INITIAL_CLUSTER_STATE=\"existing\"", out);
    }

    fn json(&self, mut style: Style, out: &mut Vec<u8>) -> bool {
        style.is_hex &= style.compat >= Compat::V3_7;
        let member = self.answer.member.as_ref();
        members_line(self.answer.header.as_ref(), member, &self.answer.members, style, out);
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.answer.encode_to_vec())
    }
}

impl<M: etcd::wire::Message> Answer for MemberChanged<'_, M> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        let cluster = self.header.map_or(0, |header| header.cluster_id);
        let text = format!("Member {:16x} {} cluster {cluster:16x}", self.id, self.what);
        simple::line(&text, out);
    }

    fn json(&self, mut style: Style, out: &mut Vec<u8>) -> bool {
        style.is_hex &= self.has_hex && style.compat >= Compat::V3_7;
        members_line(self.header, None, self.members, style, out);
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.message.encode_to_vec())
    }
}

/// A line of JSON with a header and members.
fn members_line(
    header: Option<&pb::ResponseHeader>,
    added: Option<&pb::Member>,
    members: &[pb::Member],
    style: Style,
    out: &mut Vec<u8>,
) {
    let mut object = Object::new(out);
    if let Some(header) = header {
        let out = object.member("header");
        if style.is_hex { hex_header(header, out) } else { json::header(header, out) }
    }
    if let Some(added) = added {
        member(added, style, object.member("member"));
    }
    // Without hexadecimal numbers Go leaves an empty list out.
    if style.is_hex || !members.is_empty() {
        json::array(members, object.member("members"), |one, out| member(one, style, out));
    }
    object.end();
    out.push(b'\n');
}

fn hex_header(header: &pb::ResponseHeader, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    object.text("cluster_id", &format!("{:x}", header.cluster_id));
    object.text("member_id", &format!("{:x}", header.member_id));
    object.int("revision", header.revision);
    object.uint("raft_term", header.raft_term);
    object.end();
}

fn member(member: &pb::Member, style: Style, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    if style.is_hex {
        object.text("ID", &format!("{:x}", member.id));
    } else {
        object.uint("ID", member.id);
    }
    object.text("name", &member.name);
    let urls = |url: &String, out: &mut Vec<u8>| json::string(url, out);
    object.array("peerURLs", &member.peer_urls, urls);
    let is_misspelt = style.is_hex && style.compat == Compat::V3_5;
    let name = if is_misspelt { "clientURLS" } else { "clientURLs" };
    object.array(name, &member.client_urls, urls);
    object.bool("isLearner", member.is_learner);
    object.end();
}
