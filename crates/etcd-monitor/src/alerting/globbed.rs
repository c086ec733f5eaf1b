//! Files by a pattern: `*` in the last part of a path stands for anything.

use std::fs;
use std::path::{Path, PathBuf};

/// The files that `pattern` names, in order of their names. Without a `*` it is the file itself,
/// whether it is there or not.
pub(crate) fn globbed(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let name = pattern.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let directory = pattern.parent().unwrap_or(Path::new(""));
    if directory.to_string_lossy().contains('*') {
        return Err(format!("{}: only the name of a file may have a *", pattern.display()));
    }
    if !name.contains('*') {
        return Ok(vec![pattern.to_owned()]);
    }
    let looked = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let entries = fs::read_dir(looked)
        .map_err(|error| format!("{} cannot be read: {error}", looked.display()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| is_match(&name, &entry.file_name().to_string_lossy()))
        .map(|entry| directory.join(entry.file_name()))
        .collect();
    found.sort();
    Ok(found)
}

fn is_match(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_in_a_name() {
        for (pattern, name, is_so) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "acb", false),
            ("etcd.yaml", "etcd.yaml", true),
            ("etcd.yaml", "etcd.yaml2", false),
        ] {
            assert_eq!(is_match(pattern, name), is_so, "{pattern} {name}");
        }
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("b.yaml"), "").unwrap();
        fs::write(directory.path().join("a.yaml"), "").unwrap();
        let found = globbed(&directory.path().join("*.yaml")).unwrap();
        let names: Vec<_> = found.iter().filter_map(|path| path.file_name()).collect();
        assert_eq!(names, ["a.yaml", "b.yaml"]);
        assert!(globbed(Path::new("/a*/b")).is_err());
    }
}
