//! Reading a configuration file into a tree of values.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use model::config_error::ConfigError;
use serde_json::{Map, Value};

/// The largest configuration file that is read, bytes. A cluster takes about 200 bytes, so this is
/// room for thousands.
pub const MAX_BYTES: u64 = 4 << 20;

/// The values of a configuration file. The document's root is a mapping; an empty file is an empty one.
pub(super) fn read(path: &Path) -> Result<Value, ConfigError> {
    let bytes = read_bytes(path).map_err(|message| ConfigError::new("", message))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
        ConfigError::new("", format!("is not UTF-8 text (line {line}); save it as UTF-8"))
    })?;
    parse(text)
}

/// The bytes of a file that is no larger than [`MAX_BYTES`].
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let describe = |error: std::io::Error| format!("cannot be read: {error}");
    let file = File::open(path).map_err(describe)?;
    if file.metadata().map_err(describe)?.is_dir() {
        return Err("is a directory; give the file in it".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(describe)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!(
            "is larger than {} MiB; split the clusters among several monitors",
            MAX_BYTES >> 20
        ));
    }
    Ok(bytes)
}

fn parse(text: &str) -> Result<Value, ConfigError> {
    // Snippets would repeat the text around a mistake, secrets included.
    let options = serde_saphyr::options! { with_snippet: false };
    let value: Value = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        // This part speaks to programmers.
        let hint = ", set DuplicateKeyPolicy in Options if acceptable";
        let message = error.without_snippet().to_string().replace(hint, "");
        ConfigError::new("", format!("is not accepted as YAML: {message}"))
    })?;
    match value {
        Value::Null => Ok(Value::Object(Map::new())),
        Value::Object(_) => Ok(value),
        _ => Err(ConfigError::new("", "is not a mapping; begin with a key such as clusters:")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_an_empty_mapping() {
        assert_eq!(parse("# nothing\n"), Ok(Value::Object(Map::new())));
    }

    #[test]
    fn a_syntax_error_says_where_without_repeating_the_text() {
        let error =
            parse("clusters:\n  - name: a\n    password: hunter2\n   bad: [\n").unwrap_err();
        assert!(error.message.contains("line"), "{error}");
        assert!(!error.message.contains("hunter2"), "{error}");
    }
}
