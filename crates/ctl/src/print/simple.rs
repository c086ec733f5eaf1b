//! The format simple: keys and values on lines of their own.

use etcd::KeyValue;

use super::Style;

/// A key and its value, each with a line end.
pub fn key_value(kv: &KeyValue, style: Style, out: &mut Vec<u8>) {
    if !style.is_value_only {
        bytes(&kv.key, style, out);
    }
    bytes(&kv.value, style, out);
}

/// Bytes as they are, or in hexadecimal, with a line end.
pub fn bytes(bytes: &[u8], style: Style, out: &mut Vec<u8>) {
    if style.is_hex {
        for byte in bytes {
            out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        }
    } else {
        out.extend_from_slice(bytes);
    }
    out.push(b'\n');
}

/// A line of text.
pub fn line(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}
