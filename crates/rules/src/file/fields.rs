//! Taking fields out of a mapping, with every mistake noted.

use std::time::Duration;

use super::tree::{Kind, Node};

/// A mistake before it is known to which file it belongs.
#[derive(Debug)]
pub(crate) struct Mistake {
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// The mistakes so far.
pub(crate) type Mistakes = Vec<Mistake>;

/// A mapping whose fields are taken one after the other; what is left is unknown.
pub(crate) struct Fields {
    pairs: Vec<(String, Node)>,
    asked: Vec<&'static str>,
}

/// Text with the line where it stands.
pub(crate) type Text = (String, usize);

impl Fields {
    /// The fields of `node`, which is `what`.
    pub(crate) fn of(node: Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        match node.kind {
            Kind::Map(pairs) => Some(Self { pairs, asked: Vec::new() }),
            Kind::Nothing => Some(Self { pairs: Vec::new(), asked: Vec::new() }),
            other => {
                let message = format!("{what} must be a mapping, not {}", other.describe());
                mistakes.push(Mistake { line: node.line, message });
                None
            }
        }
    }

    /// The field `name`; a field without a value counts as absent.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Node> {
        self.asked.push(name);
        let found = self.pairs.iter().position(|(key, _)| key == name)?;
        let (_, node) = self.pairs.remove(found);
        (!matches!(node.kind, Kind::Nothing)).then_some(node)
    }

    pub(crate) fn text(&mut self, name: &'static str, mistakes: &mut Mistakes) -> Option<Text> {
        let node = self.take(name)?;
        match node.kind {
            Kind::Scalar(text) => Some((text, node.line)),
            other => {
                let message = format!("{name} must be text, not {}", other.describe());
                mistakes.push(Mistake { line: node.line, message });
                None
            }
        }
    }

    /// A time span as Prometheus writes it.
    pub(crate) fn duration(
        &mut self,
        name: &'static str,
        mistakes: &mut Mistakes,
    ) -> Option<Duration> {
        let (text, line) = self.text(name, mistakes)?;
        let span = duration(&text);
        if span.is_none() {
            let message = format!(
                "{name}: {text:?} is no duration; give a number with a unit, such as 30s, 5m or 1h30m"
            );
            mistakes.push(Mistake { line, message });
        }
        span
    }

    /// A whole number, 0 or more.
    pub(crate) fn number(&mut self, name: &'static str, mistakes: &mut Mistakes) -> Option<usize> {
        let (text, line) = self.text(name, mistakes)?;
        let number = text.parse().ok();
        if number.is_none() {
            let message = format!("{name}: {text:?} is no whole number from 0");
            mistakes.push(Mistake { line, message });
        }
        number
    }

    pub(crate) fn list(&mut self, name: &'static str, mistakes: &mut Mistakes) -> Vec<Node> {
        match self.take(name) {
            None => Vec::new(),
            Some(Node { kind: Kind::List(items), .. }) => items,
            Some(Node { kind, line }) => {
                let message = format!("{name} must be a list, not {}", kind.describe());
                mistakes.push(Mistake { line, message });
                Vec::new()
            }
        }
    }

    /// A mapping from names to texts, in order of the document; no value counts as empty.
    pub(crate) fn texts(
        &mut self,
        name: &'static str,
        mistakes: &mut Mistakes,
    ) -> Vec<(String, Text)> {
        let Some(node) = self.take(name) else { return Vec::new() };
        let Some(fields) = Self::of(node, name, mistakes) else { return Vec::new() };
        let mut texts = Vec::new();
        for (key, node) in fields.pairs {
            match node.kind {
                Kind::Scalar(text) => texts.push((key, (text, node.line))),
                Kind::Nothing => texts.push((key, (String::new(), node.line))),
                other => {
                    let message = format!("{name}.{key} must be text, not {}", other.describe());
                    mistakes.push(Mistake { line: node.line, message });
                }
            }
        }
        texts
    }

    /// Notes each field that nobody asked for.
    pub(crate) fn end(self, what: &str, mistakes: &mut Mistakes) {
        for (key, node) in self.pairs {
            let near = |name: &&&str| strsim::damerau_levenshtein(name, &key) <= 2;
            let hint = match self.asked.iter().find(near) {
                Some(name) if **name != key => format!("; did you mean {name}?"),
                _ => format!("; {what} has {}", self.asked.join(", ")),
            };
            let message = format!("unknown field {key:?}{hint}");
            mistakes.push(Mistake { line: node.line, message });
        }
    }
}

/// A time span as Prometheus writes it: `0`, `30s`, `1h30m`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let ms = promql::parse_duration(text).filter(|_| !text.is_empty())?;
    u64::try_from(ms).ok().map(Duration::from_millis)
}
