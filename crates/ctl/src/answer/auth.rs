//! Answers about users, roles, and whether they count.

use bytes::Bytes;
use etcd::prefix_end;
use etcd::wire::Message;
use etcd::wire::authpb::Permission;
use etcd::wire::authpb::permission::Type;
use etcd::wire::etcdserverpb as pb;

use super::Answer;
use crate::print::json::Object;
use crate::print::{Style, fields, json, simple};

/// An answer that holds only a header, and what the simple format says of it.
pub struct Empty<'a, M> {
    /// The line of the simple format.
    pub text: String,
    /// Its header.
    pub header: Option<&'a pb::ResponseHeader>,
    /// The message as it came.
    pub message: &'a M,
}

/// Whether users and roles count.
pub struct AuthState<'a>(pub &'a pb::AuthStatusResponse);

/// The users that there are.
pub struct Users<'a>(pub &'a pb::AuthUserListResponse);

/// The roles that there are.
pub struct Roles<'a>(pub &'a pb::AuthRoleListResponse);

/// One user: name and roles.
pub struct UserShown<'a>(pub &'a str, pub &'a pb::AuthUserGetResponse);

/// One role: name and rights.
pub struct RoleShown<'a>(pub &'a str, pub &'a pb::AuthRoleGetResponse);

impl<M: Message> Answer for Empty<'_, M> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        simple::line(&self.text, out);
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        super::header_json(self.header, out)
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::header(self.header, style, out);
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.message.encode_to_vec())
    }
}

impl Answer for AuthState<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        simple::line(&format!("Authentication Status: {}", self.0.enabled), out);
        simple::line(&format!("AuthRevision: {}", self.0.auth_revision), out);
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let mut object = Object::new(out);
        object.header("header", self.0.header.as_ref());
        object.bool("enabled", self.0.enabled);
        object.uint("authRevision", self.0.auth_revision);
        object.end();
        out.push(b'\n');
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

impl Answer for Users<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        self.0.users.iter().for_each(|user| simple::line(user, out));
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        names(self.0.header.as_ref(), "users", &self.0.users, out)
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

impl Answer for Roles<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        self.0.roles.iter().for_each(|role| simple::line(role, out));
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        names(self.0.header.as_ref(), "roles", &self.0.roles, out)
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::header(self.0.header.as_ref(), style, out);
        out.extend_from_slice(b"\"Roles\" :");
        for role in &self.0.roles {
            out.push(b' ');
            out.extend_from_slice(crate::go::quote(role.as_bytes()).as_bytes());
        }
        out.push(b'\n');
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

impl Answer for UserShown<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        simple::line(&format!("User: {}", self.0), out);
        let mut words = vec!["Roles:"];
        words.extend(self.1.roles.iter().map(String::as_str));
        simple::line(&words.join(" "), out);
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        names(self.1.header.as_ref(), "roles", &self.1.roles, out)
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.1.encode_to_vec())
    }
}

impl Answer for RoleShown<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        simple::line(&format!("Role {}", self.0), out);
        for (title, wanted) in [("KV Read:", Type::Read), ("KV Write:", Type::Write)] {
            simple::line(title, out);
            let fits = |permission: &&Permission| {
                [wanted, Type::Readwrite].contains(&permission.perm_type())
            };
            for permission in self.1.perm.iter().filter(fits) {
                range(permission, out);
            }
        }
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let mut object = Object::new(out);
        object.header("header", self.1.header.as_ref());
        object.array("perm", &self.1.perm, |permission, out| {
            let mut object = Object::new(out);
            object.int("permType", permission.perm_type.into());
            object.bytes("key", &permission.key);
            object.bytes("range_end", &permission.range_end);
            object.end();
        });
        object.end();
        out.push(b'\n');
        true
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::header(self.1.header.as_ref(), style, out);
        for permission in &self.1.perm {
            // Two blanks, as etcdctl prints here.
            let kind = permission.perm_type().as_str_name();
            fields::field("PermType", format_args!(" {kind}"), out);
            fields::quoted("Key", &permission.key, out);
            fields::quoted("RangeEnd", &permission.range_end, out);
        }
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.1.encode_to_vec())
    }
}

fn range(permission: &Permission, out: &mut Vec<u8>) {
    let (key, end): (&Bytes, &Bytes) = (&permission.key, &permission.range_end);
    out.push(b'\t');
    if end.is_empty() {
        out.extend_from_slice(key);
        out.push(b'\n');
        return;
    }
    out.push(b'[');
    out.extend_from_slice(key);
    if end.as_ref() == b"\0" {
        out.extend_from_slice(b", <open ended>");
    } else {
        out.extend_from_slice(b", ");
        out.extend_from_slice(end);
        out.push(b')');
    }
    if prefix_end(key) == end {
        out.extend_from_slice(b" (prefix ");
        out.extend_from_slice(key);
        out.push(b')');
    }
    out.push(b'\n');
}

fn names(
    header: Option<&pb::ResponseHeader>,
    name: &str,
    names: &[String],
    out: &mut Vec<u8>,
) -> bool {
    let mut object = Object::new(out);
    object.header("header", header);
    object.array(name, names, |name, out| json::string(name, out));
    object.end();
    out.push(b'\n');
    true
}
