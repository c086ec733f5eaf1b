//! Prometheus' template functions, beside those of Go.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use gotmpl::{FuncMap, Result, TemplateError, Value};
use regex::Regex;

use super::{humanize, session};

/// Every function of Prometheus' templates by name.
pub(super) fn all() -> FuncMap {
    let mut functions = FuncMap::new();
    let mut add = |name: &'static str, count: usize, function: fn(&[Value]) -> Result<Value>| {
        let checked = move |args: &[Value]| {
            if args.len() == count {
                return function(args);
            }
            Err(failed(format!("function {name} takes {count} arguments, got {}", args.len())))
        };
        functions.insert(name.into(), Arc::new(checked));
    };
    add("query", 1, |args| session::query(text(&args[0])?));
    add("first", 1, |args| match list(&args[0])? {
        [first, ..] => Ok(first.clone()),
        [] => Err(failed("first() called on vector with no elements")),
    });
    add("label", 2, |args| label(&args[1], text(&args[0])?));
    add("value", 1, |args| Ok(args[0].field("Value").cloned().unwrap_or(Value::Nil)));
    add("strvalue", 1, |args| label(&args[0], "__value__"));
    add("sortByLabel", 2, |args| {
        let name = text(&args[0])?;
        let mut sorted = list(&args[1])?.to_vec();
        let key = |sample: &Value| label(sample, name).map(|value| value.to_string());
        sorted.sort_by_cached_key(|sample| key(sample).unwrap_or_default());
        Ok(Value::List(sorted.into()))
    });
    add("humanize", 1, |args| Ok(string(humanize::decimal(number(&args[0])?))));
    add("humanize1024", 1, |args| Ok(string(humanize::binary(number(&args[0])?))));
    add("humanizeDuration", 1, |args| Ok(string(humanize::duration(number(&args[0])?))));
    add("humanizePercentage", 1, |args| Ok(string(humanize::percentage(number(&args[0])?))));
    for name in ["humanizeTimestamp", "toTime"] {
        add(name, 1, |args| {
            let seconds = number(&args[0])?;
            let written = humanize::timestamp(seconds);
            written.map(string).ok_or_else(|| failed(format!("{seconds} is no Unix time")))
        });
    }
    add("title", 1, |args| Ok(string(title(text(&args[0])?))));
    add("toUpper", 1, |args| Ok(string(text(&args[0])?.to_uppercase())));
    add("toLower", 1, |args| Ok(string(text(&args[0])?.to_lowercase())));
    add("match", 2, |args| Ok(Value::Bool(regex(&args[0])?.is_match(text(&args[1])?))));
    add("reReplaceAll", 3, |args| {
        let replaced = regex(&args[0])?.replace_all(text(&args[2])?, text(&args[1])?);
        Ok(string(replaced.into_owned()))
    });
    add("safeHtml", 1, |args| Ok(string(text(&args[0])?.to_owned())));
    add("parseDuration", 1, |args| {
        let span = text(&args[0])?;
        let ms = promql::parse_duration(span).filter(|_| !span.is_empty());
        let ms = ms.ok_or_else(|| failed(format!("not a valid duration string: {span:?}")))?;
        Ok(Value::Float(ms as f64 / 1000.0))
    });
    add("stripPort", 1, |args| {
        let address = text(&args[0])?;
        Ok(string(split_port(address).map_or(address, |(host, _)| host).to_owned()))
    });
    add("stripDomain", 1, |args| Ok(string(strip_domain(text(&args[0])?))));
    add("graphLink", 1, |args| Ok(string(link(text(&args[0])?, 0))));
    add("tableLink", 1, |args| Ok(string(link(text(&args[0])?, 1))));
    add("externalURL", 0, |_| Ok(string(session::external_url())));
    add("pathPrefix", 0, |_| Ok(string(path_of(&session::external_url()).to_owned())));
    let args = |args: &[Value]| {
        let numbered = args.iter().enumerate();
        let named = numbered.map(|(index, arg)| (Arc::from(format!("arg{index}")), arg.clone()));
        Ok(Value::Map(Arc::new(named.collect::<BTreeMap<Arc<str>, Value>>())))
    };
    functions.insert("args".into(), Arc::new(args));
    super::floats::add_to(&mut functions);
    functions
}

/// The path that a page for an expression has under the external URL; tab 0 is the graph, 1 the
/// table.
pub(crate) fn link(expression: &str, tab: u8) -> String {
    format!("/graph?g0.expr={}&g0.tab={tab}", gotmpl::url_encode(expression))
}

/// An error that a template function ends with.
pub(super) fn failed(message: impl Into<String>) -> TemplateError {
    TemplateError::Exec(message.into())
}

fn string(text: String) -> Value {
    Value::String(text.into())
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().ok_or_else(|| failed(format!("expected string; found {}", value.type_name())))
}

fn list(value: &Value) -> Result<&[Value]> {
    match value {
        Value::List(list) => Ok(list),
        _ => Err(failed(format!("expected a query result; found {}", value.type_name()))),
    }
}

fn label(sample: &Value, name: &str) -> Result<Value> {
    let Some(labels) = sample.field("Labels") else {
        return Err(failed(format!("expected a sample; found {}", sample.type_name())));
    };
    Ok(labels.field(name).cloned().unwrap_or_else(|| string(String::new())))
}

fn number(value: &Value) -> Result<f64> {
    match value {
        Value::Float(number) => Ok(*number),
        Value::Int(number) => Ok(*number as f64),
        Value::Uint(number) => Ok(*number as f64),
        Value::String(text) => {
            text.parse().map_err(|_| failed(format!("parsing {text:?}: invalid syntax")))
        }
        _ => Err(failed(format!("can't convert {} to float", value.type_name()))),
    }
}

fn regex(value: &Value) -> Result<Regex> {
    Regex::new(text(value)?).map_err(|error| failed(error.to_string()))
}

/// Each word with a capital letter.
fn title(text: &str) -> String {
    let mut is_inside = false;
    let mut titled = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_inside {
            titled.push(letter);
        } else {
            titled.extend(letter.to_uppercase());
        }
        is_inside = letter.is_alphanumeric() || matches!(letter, '_' | '\'');
    }
    titled
}

fn split_port(address: &str) -> Option<(&str, &str)> {
    let (host, port) = address.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(bracketed) => Some((bracketed.strip_suffix(']')?, port)),
        None => (!host.contains(':')).then_some((host, port)),
    }
}

fn strip_domain(address: &str) -> String {
    let (host, port) =
        split_port(address).map_or((address, None), |(host, port)| (host, Some(port)));
    if host.parse::<IpAddr>().is_ok() {
        return address.to_owned();
    }
    let name = host.split('.').next().unwrap_or(host);
    port.map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |start| &rest[start..])
}
