//! Objects of Kubernetes as its API server stores them: an envelope, metadata, and the rest by number.

use std::fmt::Write as _;

use super::wire::{self, Value};

/// The text of an object, in the manner of YAML; `None` when the bytes are no envelope.
///
/// Metadata has names, as every object has the same; what is special to a kind is shown by the
/// numbers of its fields, which stand in Kubernetes' `generated.proto` files.
pub(super) fn readable(envelope: &[u8]) -> Option<String> {
    let envelope = wire::fields(envelope)?;
    let kind = wire::fields(wire::bytes(&envelope, 1)?)?;
    let mut text = String::new();
    let _ = writeln!(text, "apiVersion: {}", wire::text(&kind, 1));
    let _ = writeln!(text, "kind: {}", wire::text(&kind, 2));
    let content_type = wire::text(&envelope, 4);
    if !content_type.is_empty() {
        let _ = writeln!(text, "contentType: {content_type}");
    }
    let object = wire::fields(wire::bytes(&envelope, 2).unwrap_or_default())?;
    match wire::bytes(&object, 1).and_then(wire::fields) {
        Some(metadata) if is_metadata(&metadata) => {
            text.push_str("metadata:\n");
            show_metadata(&metadata, &mut text);
            let rest: Vec<_> = object.into_iter().filter(|(number, _)| *number != 1).collect();
            if !rest.is_empty() {
                text.push_str("fields:\n");
                wire::dump(&rest, 1, &mut text);
            }
        }
        _ => {
            text.push_str("fields:\n");
            wire::dump(&object, 1, &mut text);
        }
    }
    text.truncate(text.trim_end().len());
    Some(text)
}

/// Whether these look like the metadata of an object: a name, and a UID where it is stored.
fn is_metadata(fields: &[(u32, Value<'_>)]) -> bool {
    let is_text =
        |number| wire::bytes(fields, number).is_some_and(|b| std::str::from_utf8(b).is_ok());
    is_text(1) && fields.iter().all(|(number, _)| (1..=17).contains(number))
}

fn show_metadata(fields: &[(u32, Value<'_>)], text: &mut String) {
    for (number, value) in fields {
        let name = match number {
            1 => "name",
            2 => "generateName",
            3 => "namespace",
            4 => "selfLink",
            5 => "uid",
            6 => "resourceVersion",
            7 => "generation",
            8 => "creationTimestamp",
            9 => "deletionTimestamp",
            10 => "deletionGracePeriodSeconds",
            11 => "labels",
            12 => "annotations",
            13 => "ownerReferences",
            14 => "finalizers",
            // 17 is who wrote which field: long, and of no use here.
            _ => continue,
        };
        match value {
            Value::Bytes(bytes) if !bytes.is_empty() => show_field(*number, name, bytes, text),
            Value::Number(value) if *value != 0 => {
                let _ = writeln!(text, "  {name}: {value}");
            }
            _ => {}
        }
    }
}

fn show_field(number: u32, name: &str, bytes: &[u8], text: &mut String) {
    let nested = wire::fields(bytes).unwrap_or_default();
    let _ = match number {
        8 | 9 => writeln!(text, "  {name}: {}", time(&nested)),
        // Maps are repeated messages of a key and a value.
        11 | 12 => {
            let head = format!("  {name}:\n");
            if !text.contains(&head) {
                text.push_str(&head);
            }
            writeln!(text, "    {}: {}", wire::text(&nested, 1), wire::text(&nested, 2))
        }
        13 => writeln!(text, "  {name}: {} {}", wire::text(&nested, 1), wire::text(&nested, 3)),
        _ => writeln!(text, "  {name}: {}", String::from_utf8_lossy(bytes)),
    };
}

/// Seconds since 1970 as a date in UTC.
fn time(fields: &[(u32, Value<'_>)]) -> String {
    let seconds = fields.iter().find_map(|(number, value)| match value {
        Value::Number(seconds) if *number == 1 => Some(*seconds as i64),
        _ => None,
    });
    let seconds = seconds.unwrap_or_default();
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |t| t.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, bytes.len() as u8][..], bytes].concat()
    }

    #[test]
    fn an_object_shows_its_kind_its_metadata_and_the_rest_by_number() {
        let kind = [field(1, b"v1"), field(2, b"ConfigMap")].concat();
        let label = [field(1, b"app"), field(2, b"web")].concat();
        let metadata = [
            field(1, b"settings"),
            field(2, b""),
            field(3, b"default"),
            field(5, b"8b1c"),
            vec![0x38, 0],
            field(8, &[0x08, 0x80, 0xa8, 0xd6, 0xb9, 0x07]),
            field(11, &label),
        ]
        .concat();
        let data = [field(1, b"key"), field(2, b"some value")].concat();
        let object = [field(1, &metadata), field(2, &data)].concat();
        let envelope = [field(1, &kind), field(2, &object), field(3, b""), field(4, b"")].concat();
        let expected = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: default
  uid: 8b1c
  creationTimestamp: 2033-05-18T03:33:20Z
  labels:
    app: web
fields:
  2:
    1: key
    2: some value";
        assert_eq!(
            readable(&envelope).unwrap(),
            expected.replace("2033-05-18T03:33:20Z", &time(&[(1, Value::Number(2_000_000_000))]))
        );
        assert_eq!(readable(b"\xff\xff"), None);
    }
}
