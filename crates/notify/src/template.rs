//! Templates that users write for their notifications, in Jinja (minijinja).
//!
//! A template sees the notification as `status`, `receiver`, `reason`, `group_labels`,
//! `common_labels`, `common_annotations`, `external_url`, `alerts` (also `firing` and `resolved`) and
//! so on; under Go's names (`CommonLabels`) too, so that the plain fields of Alertmanager's files
//! work: `{{ .CommonLabels.alertname }}`. What is undefined is empty.

mod context;
mod go;

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use model::config_error::ConfigError;
use model::notification::Notification;

use crate::text;

/// Templates that others may include by name, and the filters that all may use.
#[derive(Debug, Clone)]
pub struct Templates(Environment<'static>);

impl Default for Templates {
    fn default() -> Self {
        Self(environment())
    }
}

impl Templates {
    /// Templates by name, for `{% include "name" %}` and `{% import "name" as x %}`; or every one that
    /// has a syntax error, with its line.
    pub fn new(
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<ConfigError>> {
        let mut environment = environment();
        let mut errors = Vec::new();
        for (name, source) in files {
            if let Err(error) = environment.add_template_owned(name.clone(), source) {
                errors.push(ConfigError::new(name, wrong(&error)));
            }
        }
        if errors.is_empty() { Ok(Self(environment)) } else { Err(errors) }
    }

    fn render(&self, source: &str, format: Format, context: Value) -> Result<String, Error> {
        self.0.render_named_str(format.name(), source, context)
    }
}

/// What a text becomes part of, and so how values in it are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Plain,
    Html,
    Slack,
    Markdown,
    /// The inside of a JSON string; what `tojson` gives is left as it is.
    Json,
}

impl Format {
    /// A name of templates by whose ending the escaping is chosen.
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "template",
            Self::Html => "template.html",
            Self::Slack => "template.slack",
            Self::Markdown => "template.markdown",
            Self::Json => "template.within_json",
        }
    }
}

/// A template in a receiver's configuration, known to have no syntax error.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    key: String,
    source: String,
    format: Format,
}

impl Template {
    /// The template under `key`; none when there is none, or only a reference to Alertmanager's
    /// default, which ours takes the place of.
    pub(crate) fn new(
        key: &str,
        source: Option<&String>,
        format: Format,
        templates: &Templates,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Self> {
        let source = match go::translate(source?) {
            Ok(source) => source?,
            Err(message) => {
                errors.push(ConfigError::new(key, message));
                return None;
            }
        };
        match templates.0.template_from_named_str(format.name(), &source) {
            Ok(_) => Some(Self { key: key.to_owned(), source, format }),
            Err(error) => {
                errors.push(ConfigError::new(key, wrong(&error)));
                None
            }
        }
    }
}

/// Renders the templates of one notification, and remembers those that failed.
pub(crate) struct Renderer<'a> {
    templates: &'a Templates,
    notification: &'a Notification,
    context: Option<Value>,
    problems: Vec<String>,
}

impl<'a> Renderer<'a> {
    pub(crate) fn new(templates: &'a Templates, notification: &'a Notification) -> Self {
        Self { templates, notification, context: None, problems: Vec::new() }
    }

    /// The text of `template`; none when there is no such template or it fails.
    pub(crate) fn render(&mut self, template: Option<&Template>) -> Option<String> {
        let template = template?;
        let context = self.context.get_or_insert_with(|| context::of(self.notification)).clone();
        match self.templates.render(&template.source, template.format, context) {
            Ok(text) => Some(text),
            Err(error) => {
                let problem = format!("template {} failed: {}", template.key, wrong(&error));
                self.problems.push(text::clip(&problem, 300).into_owned());
                None
            }
        }
    }

    /// Remembers that a template's text could not be used.
    pub(crate) fn reject(&mut self, template: &Template, why: &str) {
        self.problems.push(format!("template {}: {why}", template.key));
    }

    /// What failed so far, as a line for the message and for the receipt.
    pub(crate) fn problems(&self) -> Option<String> {
        (!self.problems.is_empty()).then(|| self.problems.join("; "))
    }
}

fn wrong(error: &Error) -> String {
    let what = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    let what = text::one_line(&what);
    match error.line() {
        Some(line) => format!("{what} (line {line})"),
        None => what,
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|name| match name.rsplit_once('.') {
        Some((_, "html")) => AutoEscape::Html,
        Some((_, "slack")) => AutoEscape::Custom("slack".into()),
        Some((_, "markdown")) => AutoEscape::Custom("markdown".into()),
        Some((_, "within_json")) => AutoEscape::Custom("json".into()),
        _ => AutoEscape::None,
    });
    environment.set_formatter(format);
    environment.add_filter("toUpper", |text: &str| text.to_uppercase());
    environment.add_filter("toLower", |text: &str| text.to_lowercase());
    environment.add_filter("clip", |text: &str, max: usize| text::clip(text, max).into_owned());
    environment.add_filter("one_line", text::one_line);
    environment.add_filter("humanize_duration", |seconds: f64| {
        text::length(jiff::SignedDuration::from_secs(seconds as i64))
    });
    environment.add_filter("humanize_bytes", humanize_bytes);
    environment.add_filter("format_time", format_time);
    environment
}

/// Escapes values that are not marked as safe, by the format of the template.
fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let escape = match state.auto_escape() {
        AutoEscape::Custom(name) if name == "slack" => text::slack,
        AutoEscape::Custom(name) if name == "markdown" => text::markdown,
        AutoEscape::Custom(name) if name == "json" => text::within_json,
        _ => return minijinja::escape_formatter(out, state, value),
    };
    if value.is_undefined() || value.is_none() {
        return Ok(());
    }
    let text = value.to_string();
    let text = if value.is_safe() { text } else { escape(&text) };
    out.write_str(&text).map_err(Error::from)
}

fn humanize_bytes(bytes: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes;
    let mut unit = 0;
    while value.abs() >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{value} B") } else { format!("{value:.1} {}", units[unit]) }
}

fn format_time(text: &str, format: &str, zone: Option<&str>) -> Result<String, Error> {
    let wrong = |what: String| Error::new(ErrorKind::InvalidOperation, what);
    let moment: jiff::Timestamp = text.parse().map_err(|_| wrong("is no time".to_owned()))?;
    let zoned = moment
        .in_tz(zone.unwrap_or("UTC"))
        .map_err(|_| wrong("the time zone is not known".to_owned()))?;
    jiff::fmt::strtime::format(format, &zoned).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn render(source: &str, format: Format, notification: &Notification) -> String {
        let templates = Templates::default();
        let mut errors = Vec::new();
        let template =
            Template::new("text", Some(&source.to_owned()), format, &templates, &mut errors);
        assert_eq!(errors, [], "{source}");
        let mut renderer = Renderer::new(&templates, notification);
        let text = renderer.render(template.as_ref());
        text.unwrap_or_else(|| renderer.problems().expect("a text or a problem"))
    }

    #[test]
    fn templates_see_the_whole_notification() {
        for (source, expected) in [
            ("{{ status }} {{ Status }} {{ .Status }}", "firing firing firing"),
            ("{{ title }}", "Critical: prod has lost its quorum: 1 of 3 members answer (+1 more)"),
            ("{{ common_labels.cluster }} {{ group_labels.cluster }}", "prod prod"),
            (
                "{% for a in alerts %}{{ a.name }} {{ a.duration }};{% endfor %}",
                "EtcdQuorumLost 4 min 12 s;EtcdMemberDown 4 min 37 s;",
            ),
            ("{{ firing|length }} {{ resolved|length }} {{ truncated }}", "2 0 0"),
            (
                "{{ alerts[0].ends_at }} {{ alerts[0].starts_at }}",
                "0001-01-01T00:00:00Z 2026-11-28T03:12:05Z",
            ),
            ("{{ alerts[0].starts_at | format_time('%H:%M', 'Asia/Tokyo') }}", "12:12"),
            ("{{ nope }}{{ nope.deeper }}{{ alerts[9].labels.x }}", ""),
            ("{{ alerts[0].labels.alertname | clip(5) }}", "Etcd…"),
            ("{{ 1536 | humanize_bytes }} {{ 252 | humanize_duration }}", "1.5 KiB 4 min 12 s"),
            (
                "{{ range .Alerts }}{{ .Labels.alertname }}/{{ $.Status }} {{ end }}",
                "EtcdQuorumLost/firing EtcdMemberDown/firing ",
            ),
            ("{{ if eq .Status \"firing\" }}danger{{ else }}good{{ end }}", "danger"),
            (
                "{{ external_url | urlencode }} {{ common_labels | tojson }}",
                "https%3A//monitor.example {\"cluster\": \"prod\"}",
            ),
        ] {
            assert_eq!(render(source, Format::Plain, &testing::firing()), expected, "{source}");
        }
    }

    #[test]
    fn values_are_escaped_for_where_they_stand_and_the_template_is_not() {
        let source = "<b>{{ alerts[0].labels.evil | clip(25) }}</b>";
        for (format, expected) in [
            (Format::Plain, "<b><script>alert(1)</script…</b>"),
            (Format::Html, "<b>&lt;script&gt;alert(1)&lt;&#x2f;script…</b>"),
            (Format::Slack, "<b>&lt;script&gt;alert(1)&lt;/script…</b>"),
            (Format::Markdown, "<b>&lt;script&gt;alert\\(1\\)&lt;/script…</b>"),
        ] {
            assert_eq!(render(source, format, &testing::hostile()), expected);
        }
    }

    #[test]
    fn a_template_that_fails_says_why_and_where() {
        let said =
            render("a\n{{ alerts[0].labels.cluster + 1 }}", Format::Plain, &testing::firing());
        assert!(said.starts_with("template text failed: ") && said.ends_with("(line 2)"), "{said}");
    }
}
