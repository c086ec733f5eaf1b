//! The format json: byte for byte as Go's `encoding/json` writes etcd's structures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use etcd::KeyValue;
use etcd::wire::etcdserverpb::ResponseHeader;

/// An object under way; empty members are left out unless a method says otherwise.
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> Object<'a> {
    /// Opens an object.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    /// Goes on with an object that was opened before and has members.
    pub fn resume(out: &'a mut Vec<u8>) -> Self {
        Self { out, is_empty: false }
    }

    /// Closes it.
    pub fn end(self) {
        self.out.push(b'}');
    }

    /// Begins a member, whose value the caller writes.
    pub fn member(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        string(name, self.out);
        self.out.push(b':');
        self.out
    }

    /// A number, if it is not 0.
    pub fn uint(&mut self, name: &str, value: u64) {
        if value != 0 {
            self.number(name, value);
        }
    }

    /// A number, if it is not 0.
    pub fn int(&mut self, name: &str, value: i64) {
        if value != 0 {
            self.number(name, value);
        }
    }

    fn number(&mut self, name: &str, value: impl itoa::Integer) {
        let mut text = itoa::Buffer::new();
        self.member(name).extend_from_slice(text.format(value).as_bytes());
    }

    /// A number or truth value, always.
    pub fn raw(&mut self, name: &str, value: impl std::fmt::Display) {
        let text = value.to_string();
        self.member(name).extend_from_slice(text.as_bytes());
    }

    /// A truth value, if it holds.
    pub fn bool(&mut self, name: &str, value: bool) {
        if value {
            self.raw(name, true);
        }
    }

    /// A text, if it is not empty.
    pub fn text(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            string(value, self.member(name));
        }
    }

    /// Bytes in base64, if there are any.
    pub fn bytes(&mut self, name: &str, value: &[u8]) {
        if !value.is_empty() {
            base64(value, self.member(name));
        }
    }

    /// An array, if it has elements; `write` writes one.
    pub fn array<T>(&mut self, name: &str, items: &[T], write: impl FnMut(&T, &mut Vec<u8>)) {
        if !items.is_empty() {
            array(items, self.member(name), write);
        }
    }

    /// The header of an answer, if it has one.
    pub fn header(&mut self, name: &str, value: Option<&ResponseHeader>) {
        if let Some(value) = value {
            header(value, self.member(name));
        }
    }
}

/// An array; `write` writes one element.
pub fn array<T>(items: &[T], out: &mut Vec<u8>, mut write: impl FnMut(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// The header of an answer.
pub fn header(header: &ResponseHeader, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    header_members(header, &mut object);
    object.end();
}

/// The members of a header, for answers that hold them without an object around.
pub fn header_members(header: &ResponseHeader, object: &mut Object<'_>) {
    object.uint("cluster_id", header.cluster_id);
    object.uint("member_id", header.member_id);
    object.int("revision", header.revision);
    object.uint("raft_term", header.raft_term);
}

/// A key with all that is known of it.
///
/// There may be millions, so it does without what [`Object`] does for each name.
pub fn key_value(kv: &KeyValue, out: &mut Vec<u8>) {
    let start = out.len();
    let mut text = itoa::Buffer::new();
    let numbers: [(&[u8], i64); 3] = [
        (b",\"create_revision\":", kv.create_revision),
        (b",\"mod_revision\":", kv.mod_revision),
        (b",\"version\":", kv.version),
    ];
    let bytes = |name: &[u8], value: &[u8], out: &mut Vec<u8>| {
        if !value.is_empty() {
            out.extend_from_slice(name);
            base64(value, out);
        }
    };
    let mut number = |name: &[u8], value: i64, out: &mut Vec<u8>| {
        if value != 0 {
            out.extend_from_slice(name);
            out.extend_from_slice(text.format(value).as_bytes());
        }
    };
    bytes(b",\"key\":", &kv.key, out);
    for (name, value) in numbers {
        number(name, value, out);
    }
    bytes(b",\"value\":", &kv.value, out);
    number(b",\"lease\":", kv.lease, out);
    match out.get_mut(start) {
        // The first member's comma.
        Some(first) => *first = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
}

/// Bytes as a string in base64.
pub fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let at = out.len();
    let size = base64::encoded_len(bytes.len(), true).unwrap_or(0);
    out.resize(at + size, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[at..]);
    out.truncate(at + written.expect("invariant: the room was measured"));
    out.push(b'"');
}

/// A string, with the characters escaped that Go escapes.
pub fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for letter in text.chars() {
        match letter {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\x08' => out.extend_from_slice(b"\\b"),
            '\x0c' => out.extend_from_slice(b"\\f"),
            // Safe inside HTML, which is Go's default.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                out.extend_from_slice(format!("\\u{:04x}", letter as u32).as_bytes());
            }
            _ => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_go_does() {
        let mut out = Vec::new();
        string("a<b>&\"\\\n\u{2028}\u{e9}\x01", &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "\"a\\u003cb\\u003e\\u0026\\\"\\\\\\n\\u2028\u{e9}\\u0001\"");
    }

    #[test]
    fn empty_members_are_left_out() {
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        object.uint("zero", 0);
        object.uint("id", u64::MAX);
        object.bytes("key", b"foo");
        object.bool("more", false);
        object.array("list", &[1, 2], |item, out| out.extend(item.to_string().bytes()));
        object.end();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "{\"id\":18446744073709551615,\"key\":\"Zm9v\",\"list\":[1,2]}");
    }
}
