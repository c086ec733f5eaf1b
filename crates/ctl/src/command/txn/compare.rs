//! One comparison of a transaction, such as `mod("key") > "0"`.

use etcd::wire::etcdserverpb::Compare;
use etcd::wire::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};

use crate::go;

/// Reads a comparison; errors have etcdctl's text.
pub(super) fn read(line: &[u8]) -> Result<Compare, String> {
    let shown = String::from_utf8_lossy(line);
    let Some(at) = line.iter().position(|byte| *byte == b'(') else {
        return Err(format!("malformed comparison: {shown}"));
    };
    let target = String::from_utf8_lossy(&line[..at]).into_owned();
    let (key, operator, value) = parts(&line[at + 1..]);
    let (Some(key), Some(operator), Some(value)) = (&key, &operator, &value) else {
        let quote = |part: Option<Vec<u8>>| go::quote(&part.unwrap_or_default());
        let operator = operator.unwrap_or_default();
        return Err(format!(
            "malformed comparison: {shown}; got {target}({}) {operator} {}",
            quote(key),
            quote(value)
        ));
    };
    let number = |radix| {
        let text = String::from_utf8_lossy(value);
        go::int64_base(&text, radix).map_err(|_| format!("invalid txn compare request: {shown}"))
    };
    let (target, union) = match target.as_str() {
        "ver" | "version" => (CompareTarget::Version, TargetUnion::Version(number(10)?)),
        "c" | "create" => (CompareTarget::Create, TargetUnion::CreateRevision(number(10)?)),
        "m" | "mod" => (CompareTarget::Mod, TargetUnion::ModRevision(number(10)?)),
        "val" | "value" => (CompareTarget::Value, TargetUnion::Value(value.clone().into())),
        "lease" => (CompareTarget::Lease, TargetUnion::Lease(number(16)?)),
        _ => return Err(format!("malformed comparison: {shown} (unknown target {target})")),
    };
    let result = match operator.as_str() {
        "=" => CompareResult::Equal,
        "!=" => CompareResult::NotEqual,
        ">" => CompareResult::Greater,
        "<" => CompareResult::Less,
        // etcdctl crashes here.
        _ => {
            return Err(format!(
                "malformed comparison: {shown} (unknown operator {operator}; give =, !=, < or >)"
            ));
        }
    };
    Ok(Compare {
        result: result as i32,
        target: target as i32,
        key: key.clone().into(),
        target_union: Some(union),
        ..Compare::default()
    })
}

/// What stands behind the parenthesis: key, operator and value, as far as they can be read.
fn parts(text: &[u8]) -> (Option<Vec<u8>>, Option<String>, Option<Vec<u8>>) {
    let Ok((key, rest)) = go::scan_quoted(text.trim_ascii_start()) else {
        return (None, None, None);
    };
    let Some(rest) = rest.strip_prefix(b")") else { return (Some(key), None, None) };
    // Go wants a space where its pattern has one.
    if !rest.first().is_some_and(u8::is_ascii_whitespace) {
        return (Some(key), None, None);
    }
    let rest = rest.trim_ascii_start();
    let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
    if end == 0 {
        return (Some(key), None, None);
    }
    let operator = String::from_utf8_lossy(&rest[..end]).into_owned();
    let value = go::scan_quoted(rest[end..].trim_ascii_start()).ok().map(|(value, _)| value);
    (Some(key), Some(operator), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_and_operator_is_read() {
        let compare = read(br#"mod("key1") > "0""#).unwrap();
        assert_eq!(compare.target, CompareTarget::Mod as i32);
        assert_eq!(compare.result, CompareResult::Greater as i32);
        assert_eq!(compare.target_union, Some(TargetUnion::ModRevision(0)));
        assert_eq!(compare.key, "key1");
        for line in ["c(\"a\") = \"1\"", "ver(\"a\") < \"1\"", "val(\"a\") != \"x\""] {
            read(line.as_bytes()).unwrap();
        }
        let compare = read(br#"lease("a\x00") = "694d""#).unwrap();
        assert_eq!(compare.target_union, Some(TargetUnion::Lease(0x694d)));
        assert_eq!(&compare.key[..], b"a\0");
    }

    #[test]
    fn mistakes_are_told_as_etcdctl_does() {
        let table = [
            ("foo", "malformed comparison: foo"),
            ("foo(\"a\") = \"1\"", "malformed comparison: foo(\"a\") = \"1\" (unknown target foo)"),
            ("mod(\"a\") = \"x\"", "invalid txn compare request: mod(\"a\") = \"x\""),
            ("mod(a) = 1", "malformed comparison: mod(a) = 1; got mod(\"\")  \"\""),
            ("mod(\"a\")>\"1\"", "malformed comparison: mod(\"a\")>\"1\"; got mod(\"a\")  \"\""),
        ];
        for (line, text) in table {
            assert_eq!(read(line.as_bytes()).unwrap_err(), text);
        }
    }
}
