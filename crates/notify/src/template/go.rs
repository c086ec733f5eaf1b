//! The forms of Go templates that stand in most of Alertmanager's files, put into Jinja: fields, `if`
//! with `eq` or `ne`, `else`, `range` over alerts, `end`, and references to Alertmanager's defaults.

use std::fmt::Write as _;

/// `source` as a Jinja template; none when it only refers to one of Alertmanager's defaults; an error
/// when it uses more of Go's language than is understood.
pub(super) fn translate(source: &str) -> Result<Option<String>, String> {
    let mut out = String::with_capacity(source.len());
    let mut open = Vec::new();
    let mut rest = source;
    while let Some(start) = rest.find("{{") {
        let (before, after) = rest.split_at(start);
        let Some(end) = after.find("}}") else { break };
        let whole = &after[..end + 2];
        let (left, inner) = cut(&whole[2..end], true);
        let (right, inner) = cut(inner, false);
        rest = &after[end + 2..];
        out.push_str(before);
        if is_default(inner) {
            return match (out.trim(), rest.trim()) {
                ("", "") => Ok(None),
                _ => Err(GO.to_owned()),
            };
        }
        if let Some(statement) = statement(inner, &mut open) {
            let _ = write!(out, "{{%{left} {} {right}%}}", statement?);
        } else if let Some(field) = field(inner, &open) {
            let _ = write!(out, "{{{{{left} {field} {right}}}}}");
        } else if is_go(inner) {
            return Err(GO.to_owned());
        } else {
            out.push_str(whole);
        }
    }
    out.push_str(rest);
    if open.is_empty() {
        Ok(Some(out))
    } else {
        Err("has an {{ if }} or {{ range }} without {{ end }}".to_owned())
    }
}

const GO: &str = "uses more of Go's template language than is understood here (fields, if, else, \
    range over alerts, end); write it in Jinja: \
    {% for alert in alerts %}{{ alert.labels.member }}{% endfor %}";

/// What is to be closed by an `end`.
enum Open {
    If,
    /// With the variable that the dot stands for within it.
    Range(String),
}

/// The mark that takes away blanks beside a tag, and the tag without it.
fn cut(tag: &str, is_left: bool) -> (&'static str, &str) {
    let stripped = if is_left { tag.strip_prefix('-') } else { tag.trim_end().strip_suffix('-') };
    match stripped {
        Some(inner) => ("-", inner.trim()),
        None => ("", tag.trim()),
    }
}

/// `template "slack.default.title" .`
fn is_default(inner: &str) -> bool {
    inner.strip_prefix("template").is_some_and(|rest| {
        let name = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
        name.is_some_and(|name| name.contains(".default.") || name.starts_with("__"))
    })
}

/// A Jinja statement for Go's; none when `inner` is no statement.
fn statement(inner: &str, open: &mut Vec<Open>) -> Option<Result<String, String>> {
    let (word, rest) = inner.split_once(' ').unwrap_or((inner, ""));
    let rest = rest.trim();
    let wrong = || Some(Err(GO.to_owned()));
    match (word, rest) {
        ("if", _) => {
            let Some(condition) = condition(rest, open) else { return wrong() };
            open.push(Open::If);
            Some(Ok(format!("if {condition}")))
        }
        ("else", "") => Some(Ok("else".to_owned())),
        ("else", rest) => match rest.strip_prefix("if ").and_then(|rest| condition(rest, open)) {
            Some(condition) => Some(Ok(format!("elif {condition}"))),
            None => wrong(),
        },
        ("range", _) => {
            let Some(list) = path(rest, open).filter(|_| rest.contains("Alerts")) else {
                return wrong();
            };
            let name = format!("item{}", open.len());
            let statement = format!("for {name} in {list}");
            open.push(Open::Range(name));
            Some(Ok(statement))
        }
        ("end", "") => match open.pop() {
            Some(Open::If) => Some(Ok("endif".to_owned())),
            Some(Open::Range(_)) => Some(Ok("endfor".to_owned())),
            None => Some(Err("has an {{ end }} without a beginning".to_owned())),
        },
        _ => None,
    }
}

/// `eq .Status "firing"`, `ne …` or a field that must not be empty.
fn condition(text: &str, open: &[Open]) -> Option<String> {
    let (word, rest) = text.split_once(' ').unwrap_or(("", text));
    let operator = match word {
        "eq" => "==",
        "ne" => "!=",
        "" => return path(text.trim(), open),
        _ => return None,
    };
    let (left, right) = rest.trim().split_once(' ')?;
    Some(format!("{} {operator} {}", operand(left, open)?, operand(right.trim(), open)?))
}

fn operand(text: &str, open: &[Open]) -> Option<String> {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    match inner {
        Some(inner) => (!inner.contains(['"', '\\'])).then(|| text.to_owned()),
        None => path(text, open),
    }
}

/// `.CommonLabels.alertname | toUpper` as Jinja has it.
fn field(inner: &str, open: &[Open]) -> Option<String> {
    let mut parts = inner.split('|').map(str::trim);
    let mut out = path(parts.next()?, open)?;
    for filter in parts {
        let filter = match filter {
            "len" => "length",
            "toUpper" | "toLower" | "title" => filter,
            "trimSpace" => "trim",
            _ => return None,
        };
        let _ = write!(out, " | {filter}");
    }
    Some(out)
}

/// `.Labels.x`: of the whole, or of the alert that a `range` is at; `$.X` is always of the whole.
fn path(text: &str, open: &[Open]) -> Option<String> {
    let (is_whole, path) = match text.strip_prefix("$.") {
        Some(path) => (true, path),
        None => (false, text.strip_prefix('.')?),
    };
    let is_first = path.starts_with(|c: char| c.is_ascii_uppercase());
    if !is_first || !path.chars().all(|c| c.is_ascii_alphanumeric() || "._".contains(c)) {
        return None;
    }
    let path = match path {
        "Alerts.Firing" => "firing",
        "Alerts.Resolved" => "resolved",
        path => path,
    };
    let item = open.iter().rev().find_map(|open| match open {
        Open::Range(item) => Some(item),
        Open::If => None,
    });
    Some(match item.filter(|_| !is_whole) {
        Some(item) => format!("{item}.{path}"),
        None => path.to_owned(),
    })
}

fn is_go(inner: &str) -> bool {
    let word = inner.split_whitespace().next().unwrap_or_default();
    let words = ["with", "template", "define", "block", "len", "printf", "join", "index"];
    inner.starts_with(['.', '$']) || (words.contains(&word) && inner.contains(['.', '"']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_most_files_of_alertmanager_have_becomes_jinja() {
        for (go, jinja) in [
            ("plain", "plain"),
            ("a {{ .CommonLabels.alertname }} b", "a {{ CommonLabels.alertname }} b"),
            ("[{{ .Status | toUpper }}]", "[{{ Status | toUpper }}]"),
            ("{{- .Receiver -}}", "{{- Receiver -}}"),
            ("{{ .Alerts.Firing | len }}", "{{ firing | length }}"),
            ("{{ common_labels.cluster }}", "{{ common_labels.cluster }}"),
            ("{% if x %}{{ join(a, b) }}{% endif %}", "{% if x %}{{ join(a, b) }}{% endif %}"),
            ("open {{ end", "open {{ end"),
            (
                "{{ if eq .Status \"firing\" }}danger{{ else }}good{{ end }}",
                "{% if Status == \"firing\" %}danger{% else %}good{% endif %}",
            ),
            (
                "{{ range .Alerts }}{{ if .Labels.member }}{{ .Annotations.summary }} {{ $.Status }}{{ end }}{{ end }}",
                "{% for item0 in Alerts %}{% if item0.Labels.member %}{{ item0.Annotations.summary }} {{ Status }}{% endif %}{% endfor %}",
            ),
        ] {
            assert_eq!(translate(go).unwrap().as_deref(), Some(jinja), "{go}");
        }
        assert_eq!(translate(r#"{{ template "slack.default.title" . }}"#), Ok(None));
    }

    #[test]
    fn more_of_go_is_refused_with_advice() {
        for go in [
            "{{ range .CommonLabels.SortedPairs }}x{{ end }}",
            "{{ range $i, $a := .Alerts }}x{{ end }}",
            "{{ if and .A .B }}x{{ end }}",
            "{{ template \"my.title\" . }}",
            "{{ $x := 1 }}",
            "a {{ template \"slack.default.title\" . }}",
            "{{ .Labels.x | reReplaceAll \"a\" \"b\" }}",
        ] {
            assert!(translate(go).unwrap_err().contains("Jinja"), "{go}");
        }
        assert!(translate("{{ range .Alerts }}x").unwrap_err().contains("without"));
        assert!(translate("{{ end }}").unwrap_err().contains("without"));
    }
}
