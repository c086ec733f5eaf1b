//! The templates of annotations and labels: Go's text/template with Prometheus' functions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, LazyLock};

use gotmpl::parse::{DefineNode, Expr, ListNode, Node, Parser};
use gotmpl::{MissingKey, TemplateError, Value};
use model::series::Labels;

mod floats;
pub(crate) mod functions;
mod humanize;
mod names;
mod session;
#[cfg(test)]
mod tests;

/// What Prometheus puts before every template.
const VARIABLES: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
    {{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// Where a template that goes on asking for other names or queries is given up.
const MAX_LOOKUPS: usize = 100;

/// A template that is known to parse.
#[derive(Clone)]
pub struct Template {
    text: Arc<str>,
    /// None for text without any action.
    parsed: Option<Arc<gotmpl::Template>>,
}

/// Answers a query of a template, with why there is no answer as text.
pub type Lookup<'a> = dyn Fn(&str) -> Result<Vec<(Labels, f64)>, String> + 'a;

/// What a template can speak of.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// `$labels`
    pub labels: &'a Labels,
    /// `$value`
    pub value: f64,
    /// `$externalLabels`
    pub external_labels: &'a Labels,
    /// `$externalURL`
    pub external_url: &'a str,
    /// `query`
    pub query: &'a Lookup<'a>,
}

impl Template {
    /// Parses `text`; an error says what is wrong and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        static BASE: LazyLock<BTreeMap<String, gotmpl::ValueFunc>> = LazyLock::new(functions::all);
        if !text.contains("{{") {
            return Ok(Self { text: text.into(), parsed: None });
        }
        // Without a name: Go's is one that only its source knows.
        let template = gotmpl::Template::new("").missing_key(MissingKey::Error);
        let whole = format!("{VARIABLES}{text}");
        let template = template.funcs(BASE.clone()).parse(&whole);
        let template = template.map_err(|error| position(&error))?;
        let is_function = |name: &str| BASE.contains_key(name) || BUILT_IN.contains(&name);
        let (mut list, defines) =
            tree(&format!("{whole}{LAST}")).map_err(|error| position(&error))?;
        // The parser is content with an `end` too many or too few; then the last action is lost.
        if !ends_with_last(&list) {
            return Err("a block has no {{end}}, or an {{end}} or {{else}} has no block".to_owned());
        }
        names::Names::new(&is_function).check(&list)?;
        for define in &defines {
            names::Names::new(&is_function).check(&define.body)?;
        }
        list.nodes.pop();
        floats::show_in(&mut list);
        let mut template = template.add_parse_tree(MAIN, list);
        for mut define in defines {
            floats::show_in(&mut define.body);
            template = template.add_parse_tree(&define.name, define.body);
        }
        Ok(Self { text: text.into(), parsed: Some(Arc::new(template)) })
    }

    /// Text that is taken as it is, whatever it holds.
    pub(crate) fn plain(text: &str) -> Self {
        Self { text: text.into(), parsed: None }
    }

    /// The template as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text for `subject`, or why there is none.
    pub fn render(&self, subject: Subject<'_>) -> Result<String, String> {
        let Some(parsed) = &self.parsed else { return Ok(self.text.to_string()) };
        session::begin(subject.external_url);
        // Labels that are named and missing: empty, as in Go's maps of texts.
        let mut absent = BTreeSet::new();
        for _ in 0..MAX_LOOKUPS {
            let data = gotmpl::tmap! {
                "Labels" => labels_value(subject.labels, &absent),
                "ExternalLabels" => labels_value(subject.external_labels, &absent),
                "ExternalURL" => subject.external_url.to_owned(),
                "Value" => subject.value,
            };
            let error = match parsed.execute_template_to_string(MAIN, &data) {
                Ok(text) => return Ok(text),
                Err(error) => error,
            };
            if let Some(query) = session::take_wanted() {
                let answer = (subject.query)(&query);
                session::answer(query, answer.map(|samples| samples_value(&samples, &absent)));
                continue;
            }
            match error {
                TemplateError::MissingKey { key } if !absent.contains(&key) => {
                    absent.insert(key);
                    session::forget_answers();
                }
                error => return Err(format!("error executing template: {error}")),
            }
        }
        Err("error executing template: it asks for too much".to_owned())
    }

    /// The text for `subject`, or what Prometheus puts in its place when there is none.
    pub fn expand(&self, subject: Subject<'_>) -> String {
        self.render(subject).unwrap_or_else(|error| format!("<error expanding template: {error}>"))
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// Go's own functions.
const BUILT_IN: &[&str] = &[
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or",
    "print", "printf", "println", "slice", "urlquery",
];

/// The name of the text itself among the templates that it defines.
const MAIN: &str = "the text itself";

/// An action that no template has.
const LAST: &str = "{{nil \"the last action\"}}";

fn ends_with_last(list: &ListNode) -> bool {
    let Some(Node::Action(action)) = list.nodes.last() else { return false };
    let args = action.pipe.commands.first().map_or(&[][..], |command| &command.args);
    matches!(args, [Expr::Nil(_), Expr::String(_, text)] if **text == *"the last action")
}

fn tree(text: &str) -> gotmpl::Result<(ListNode, Vec<DefineNode>)> {
    Parser::new(text, "{{", "}}")?.parse()
}

/// The message with the place in the text as it was written.
fn position(error: &TemplateError) -> String {
    match error {
        TemplateError::Parse { line, col, message, .. }
        | TemplateError::Lex { line, col, message, .. } => {
            let before = if *line == 1 { VARIABLES.len() } else { 0 };
            format!("{line}:{}: {message}", col.saturating_sub(before).max(1))
        }
        other => other.to_string(),
    }
}

fn labels_value(labels: &Labels, absent: &BTreeSet<String>) -> Value {
    let text = |text: &Arc<str>| Value::String(text.clone());
    let mut map: BTreeMap<Arc<str>, Value> =
        absent.iter().map(|name| (Arc::from(name.as_str()), Value::String("".into()))).collect();
    map.extend(labels.pairs().iter().map(|(name, value)| (name.clone(), text(value))));
    Value::Map(Arc::new(map))
}

fn samples_value(samples: &[(Labels, f64)], absent: &BTreeSet<String>) -> Value {
    let sample = |(labels, value): &(Labels, f64)| {
        gotmpl::tmap! { "Labels" => labels_value(labels, absent), "Value" => *value }
    };
    Value::List(samples.iter().map(sample).collect())
}
