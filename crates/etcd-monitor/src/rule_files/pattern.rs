//! Files by a pattern, as test files name their rule files.

use std::io;
use std::path::{Path, PathBuf};

/// The files that `pattern` names, in order; it is relative to `base`. `*` and `?` stand for parts of
/// a file's name, not for directories. A plain name is given back whether or not there is such a file.
pub(super) fn files(base: &Path, pattern: &str) -> io::Result<Vec<PathBuf>> {
    let whole = base.join(pattern);
    let name = whole.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    if !name.contains(['*', '?']) {
        return Ok(vec![whole]);
    }
    let dir = whole.parent().unwrap_or(base);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|file| matches(&name, file)) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn matches(pattern: &str, name: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return name.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    let mut letters = name.chars();
    match first {
        '*' => {
            let mut ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.any(|at| matches(rest, &name[at..]))
        }
        '?' => letters.next().is_some() && matches(rest, letters.as_str()),
        _ => letters.next() == Some(first) && matches(rest, letters.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_parts_of_a_name() {
        for (pattern, name, expected) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("r?les*", "rules.yaml", true),
            ("*", "", true),
            ("?", "", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXbY", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
