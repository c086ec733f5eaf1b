//! What stands on the lines of a file of keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Version of the form of the lines.
pub(super) const FORMAT: u32 = 1;
/// What a header and a trailer begin with, as we write them.
pub(super) const HEADER_START: &[u8] = b"{\"etcd_export\":";
pub(super) const TRAILER_START: &[u8] = b"{\"etcd_export_end\":";

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the form of the lines.
    #[serde(rename = "etcd_export")]
    pub format: u32,
    /// The cluster that the keys are of, in hexadecimal.
    pub cluster_id: String,
    /// The revision at which they were read.
    pub revision: i64,
    /// What all of them begin with, as text or in base64; empty for all keys.
    #[serde(flatten)]
    prefix: Prefix,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Prefix {
    #[serde(rename = "prefix")]
    Text(String),
    #[serde(rename = "prefix_base64")]
    Base64(String),
}

impl Header {
    /// Of the keys of a cluster that begin with `prefix`.
    pub fn new(cluster_id: u64, revision: i64, prefix: &[u8]) -> Self {
        let prefix = match std::str::from_utf8(prefix) {
            Ok(text) => Prefix::Text(text.to_owned()),
            Err(_) => Prefix::Base64(STANDARD.encode(prefix)),
        };
        Self { format: FORMAT, cluster_id: format!("{cluster_id:x}"), revision, prefix }
    }

    /// What all keys begin with, for people.
    pub fn prefix(&self) -> &str {
        match &self.prefix {
            Prefix::Text(text) | Prefix::Base64(text) => text,
        }
    }
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// Version of the form of the lines.
    #[serde(rename = "etcd_export_end")]
    pub format: u32,
    /// How many keys there are.
    pub keys: u64,
    /// The SHA-256 of all lines before this one, line ends included, in hexadecimal.
    pub sha256: String,
}

/// A key with all that is known of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyLine {
    /// The key.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
    /// The revision that created it.
    pub create_revision: i64,
    /// The revision that wrote it last.
    pub mod_revision: i64,
    /// How often it was written since it was created.
    pub version: i64,
    /// The lease that it hangs on; 0 for none.
    pub lease: i64,
    /// For how long that lease was granted; 0 when it was gone already.
    pub lease_ttl_seconds: i64,
}

/// The same as JSON: bytes as text where they are UTF-8, else in base64 under another name.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
    #[serde(default)]
    create_revision: i64,
    #[serde(default)]
    mod_revision: i64,
    #[serde(default)]
    version: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease_ttl_seconds: Option<i64>,
}

impl KeyLine {
    /// Appends the line, with its end.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut raw = Raw {
            create_revision: self.create_revision,
            mod_revision: self.mod_revision,
            version: self.version,
            lease: (self.lease != 0).then(|| format!("{:x}", self.lease)),
            lease_ttl_seconds: (self.lease != 0).then_some(self.lease_ttl_seconds),
            ..Raw::default()
        };
        (raw.key, raw.key_base64) = text_or_base64(&self.key);
        (raw.value, raw.value_base64) = text_or_base64(&self.value);
        serde_json::to_writer(&mut *out, &raw).expect("invariant: a vector takes everything");
        out.push(b'\n');
    }

    /// Reads a line; the error names the member that is wrong.
    pub(super) fn read(line: &[u8]) -> Result<Self, String> {
        let raw: Raw = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let lease = match &raw.lease {
            None => 0,
            Some(text) => i64::from_str_radix(text, 16)
                .map_err(|_| format!("lease {text:?} is no number in hexadecimal"))?,
        };
        let key = bytes("key", raw.key, raw.key_base64)?;
        if key.is_empty() {
            return Err("the key is empty".to_owned());
        }
        Ok(Self {
            key,
            value: bytes("value", raw.value, raw.value_base64)?,
            create_revision: raw.create_revision,
            mod_revision: raw.mod_revision,
            version: raw.version,
            lease,
            lease_ttl_seconds: raw.lease_ttl_seconds.unwrap_or(0),
        })
    }
}

fn text_or_base64(bytes: &[u8]) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(STANDARD.encode(bytes))),
    }
}

fn bytes(name: &str, text: Option<String>, base64: Option<String>) -> Result<Vec<u8>, String> {
    match (text, base64) {
        (Some(text), None) => Ok(text.into_bytes()),
        (None, Some(text)) => {
            STANDARD.decode(text).map_err(|error| format!("{name}_base64: {error}"))
        }
        _ => Err(format!("give either {name} or {name}_base64")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_every_byte_and_says_in_which_form() {
        let line = KeyLine {
            key: b"/a\n\"\xc3\xa9".to_vec(),
            value: b"\xff\x00".to_vec(),
            create_revision: 2,
            mod_revision: 7,
            version: 3,
            lease: 0x7fff,
            lease_ttl_seconds: 60,
        };
        let mut out = Vec::new();
        line.write(&mut out);
        let text = "{\"key\":\"/a\\n\\\"\u{e9}\",\"value_base64\":\"/wA=\",\"create_revision\":2,\
                    \"mod_revision\":7,\"version\":3,\"lease\":\"7fff\",\"lease_ttl_seconds\":60}\n";
        assert_eq!(String::from_utf8(out.clone()).unwrap(), text);
        assert_eq!(KeyLine::read(&out).unwrap(), line);
    }

    #[test]
    fn a_wrong_line_is_refused_with_the_member_that_is_wrong() {
        for (line, part) in [
            (r#"{"value":"v"}"#, "key"),
            (r#"{"key":"","value":"v"}"#, "empty"),
            (r#"{"key":"k"}"#, "value or value_base64"),
            (r#"{"key":"k","value":"v","value_base64":"dg=="}"#, "either value"),
            (r#"{"key":"k","value_base64":"%"}"#, "value_base64: "),
            (r#"{"key":"k","value":"v","lease":"xyz"}"#, "lease \"xyz\""),
            (r#"{"key":"k","value":"v","ttl":1}"#, "unknown field `ttl`"),
            ("{", "EOF"),
        ] {
            let error = KeyLine::read(line.as_bytes()).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
