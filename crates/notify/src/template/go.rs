//! The few forms of Go templates that stand in most of Alertmanager's files, put into Jinja.

use std::fmt::Write as _;

/// `source` as a Jinja template; none when it only refers to one of Alertmanager's defaults; an error
/// when it uses more of Go's language than plain fields.
pub(super) fn translate(source: &str) -> Result<Option<String>, String> {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{{") {
        let (before, after) = rest.split_at(start);
        let Some(end) = after.find("}}") else { break };
        let whole = &after[..end + 2];
        let inner = whole[2..end].trim_start_matches('-').trim_end_matches('-').trim();
        rest = &after[end + 2..];
        out.push_str(before);
        if is_default(inner) {
            return match (out.trim(), rest.trim()) {
                ("", "") => Ok(None),
                _ => Err(GO.to_owned()),
            };
        }
        match field(inner) {
            Some(field) => {
                let _ = write!(out, "{{{{ {field} }}}}");
            }
            None if is_go(inner) => return Err(GO.to_owned()),
            None => out.push_str(whole),
        }
    }
    out.push_str(rest);
    Ok(Some(out))
}

const GO: &str = "is a Go template, of which only plain fields such as {{ .CommonLabels.alertname }} \
    are understood here; write it in Jinja: {% for alert in alerts %}{{ alert.labels.member }}{% endfor %}";

/// `template "slack.default.title" .`
fn is_default(inner: &str) -> bool {
    inner.strip_prefix("template").is_some_and(|rest| {
        let name = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
        name.is_some_and(|name| name.contains(".default.") || name.starts_with("__"))
    })
}

/// `.CommonLabels.alertname | toUpper` without its first dot.
fn field(inner: &str) -> Option<&str> {
    let path = inner.strip_prefix('.')?;
    let is_first = path.starts_with(|c: char| c.is_ascii_uppercase());
    let is_plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "._| ".contains(c));
    (is_first && is_plain && !path.contains(" .")).then_some(path)
}

fn is_go(inner: &str) -> bool {
    let word = inner.split_whitespace().next().unwrap_or_default();
    let words =
        ["range", "if", "else", "end", "with", "template", "define", "block", "len", "printf"];
    inner.starts_with(['.', '$']) || words.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_fields_of_go_become_jinja() {
        for (go, jinja) in [
            ("plain", "plain"),
            ("a {{ .CommonLabels.alertname }} b", "a {{ CommonLabels.alertname }} b"),
            ("[{{ .Status | toUpper }}]", "[{{ Status | toUpper }}]"),
            ("{{- .Receiver -}}", "{{ Receiver }}"),
            ("{{ common_labels.cluster }}", "{{ common_labels.cluster }}"),
            ("open {{ end", "open {{ end"),
        ] {
            assert_eq!(translate(go).unwrap().as_deref(), Some(jinja), "{go}");
        }
        assert_eq!(translate(r#"{{ template "slack.default.title" . }}"#), Ok(None));
    }

    #[test]
    fn more_of_go_is_refused_with_advice() {
        for go in [
            "{{ range .Alerts }}x{{ end }}",
            "{{ if eq .Status \"firing\" }}x{{ end }}",
            "{{ template \"my.title\" . }}",
            "{{ $x := 1 }}",
            "a {{ template \"slack.default.title\" . }}",
            "{{ .Alerts.Firing | len .x }}",
        ] {
            assert!(translate(go).unwrap_err().contains("Jinja"), "{go}");
        }
    }
}
