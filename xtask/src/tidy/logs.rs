//! Log messages are constant lower-case fragments; what varies goes into fields.

use super::Problem;
use crate::project::Project;

/// The macros whose message is checked.
const MACROS: &[&str] = &["trace", "debug", "info", "warn", "error"];

pub(super) fn check(project: &Project) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in project.with_extension("rs") {
        for (at, message) in messages(&file.text) {
            if let Some(fault) = fault(message) {
                let line = file.text[..at].matches('\n').count() + 1;
                problems.push(Problem::new(&file.path, line, format!("log message {fault}")));
            }
        }
    }
    problems
}

fn fault(message: &str) -> Option<&'static str> {
    let mut characters = message.chars();
    let (first, second) = (characters.next(), characters.next());
    // A capital followed by another one is an abbreviation, such as TLS.
    if first.is_some_and(char::is_uppercase) && second.is_some_and(char::is_lowercase) {
        Some("begins with a capital; write a lower-case fragment")
    } else if message.ends_with(['.', '!']) {
        Some("ends like a sentence; write a fragment")
    } else if message.contains('{') {
        Some("is not constant; put what varies into fields")
    } else {
        None
    }
}

/// The message of each log call in `text`, with the call's place.
fn messages(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for name in MACROS {
        let opening = format!("{name}!(");
        for (at, _) in text.match_indices(&opening) {
            // Part of a longer name, or quoted.
            let is_call =
                !text[..at].ends_with(|c: char| c.is_alphanumeric() || "_\"`".contains(c));
            let line = &text[text[..at].rfind('\n').map_or(0, |newline| newline + 1)..at];
            if is_call && !line.trim_start().starts_with("//") {
                let call = arguments(&text[at + opening.len()..]);
                let message = call.into_iter().find_map(|argument| argument.strip_prefix('"'));
                found.extend(message.map(|message| (at, message.trim_end_matches('"'))));
            }
        }
    }
    found.sort_unstable();
    found
}

/// The arguments at the start of `text`, up to the parenthesis that closes the call.
fn arguments(text: &str) -> Vec<&str> {
    let mut arguments = Vec::new();
    let (mut start, mut depth) = (0, 0_u32);
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => skip_string(&mut characters),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => {
                arguments.push(text[start..at].trim());
                break;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                arguments.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    arguments
}

/// Moves past the end of a string whose opening quote has been read.
fn skip_string(characters: &mut std::str::CharIndices<'_>) {
    while let Some((_, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '"' => break,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        shown(&check(&Project::of(&[("a.rs", text)])))
    }

    #[test]
    fn a_lower_case_fragment_with_fields_is_fine() {
        let text = concat!(
            "info!(cluster = %id(a, \"X.\"), attempt, \"scrape failed\");\n",
            "tracing::warn!(error = %error, \"TLS handshake failed\");\n",
            "debug!(count);\n",
            "my_error!(\"Not a log message.\");\n",
        );
        assert!(problems(text).is_empty(), "{:?}", problems(text));
    }

    #[test]
    fn sentences_and_interpolations_are_problems() {
        let text = concat!(
            "info!(\"Started\");\n",
            "info!(\n    at,\n    \"it went well.\",\n);\n",
            "warn!(\"cannot reach {endpoint}\");\n",
        );
        assert_eq!(
            problems(text),
            [
                "a.rs:1: log message begins with a capital; write a lower-case fragment",
                "a.rs:2: log message ends like a sentence; write a fragment",
                "a.rs:6: log message is not constant; put what varies into fields",
            ]
        );
    }
}
