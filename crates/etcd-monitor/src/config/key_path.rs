//! The place of a value in a configuration file, and getting there.

use std::fmt;

use serde_json::Value;

/// The place of a value: `clusters[1].tls.cert_file`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeyPath(Vec<Step>);

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl KeyPath {
    /// One level down, into a mapping.
    pub(super) fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    /// One level down, into a list.
    pub(super) fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    /// One level up; `None` at the root.
    pub(super) fn parent(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        Some(Self(above.to_vec()))
    }

    /// The value at this place.
    pub(super) fn get<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(root, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.get(index),
        })
    }

    /// Takes the value at this place out. In a list an empty value stays, so that the others keep
    /// their numbers.
    pub(super) fn remove(&self, root: &mut Value) {
        let Some((last, above)) = self.0.split_last() else {
            *root = Value::Object(serde_json::Map::new());
            return;
        };
        let parent = above.iter().try_fold(root, |value, step| match step {
            Step::Key(key) => value.get_mut(key),
            Step::Index(index) => value.get_mut(index),
        });
        match (parent, last) {
            (Some(Value::Object(mapping)), Step::Key(key)) => {
                mapping.remove(key);
            }
            (Some(Value::Array(list)), Step::Index(index)) if *index < list.len() => {
                let is_mapping_expected = list.iter().any(Value::is_object);
                list[*index] = if is_mapping_expected {
                    Value::Object(serde_json::Map::new())
                } else {
                    Value::String(String::new())
                };
            }
            _ => {}
        }
    }
}

impl From<&serde_path_to_error::Path> for KeyPath {
    fn from(path: &serde_path_to_error::Path) -> Self {
        use serde_path_to_error::Segment;
        let steps = path.iter().filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } | Segment::Enum { variant: key } => Some(Step::Key(key.clone())),
            Segment::Unknown => None,
        });
        Self(steps.collect())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if !is_plain(key) => write!(f, "[{key:?}]")?,
                Step::Key(key) if depth == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

/// Whether a key can stand in a path without quotes.
fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_reads_as_people_write_it() {
        let cluster = KeyPath::default().key("clusters").index(1);
        assert_eq!(cluster.key("tls").key("cert_file").to_string(), "clusters[1].tls.cert_file");
        assert_eq!(
            cluster.key("endpoint_map").key("http://a:1").to_string(),
            r#"clusters[1].endpoint_map["http://a:1"]"#
        );
    }

    #[test]
    fn removing_from_a_list_keeps_the_numbers_of_the_others() {
        let mut value = json!({"endpoints": ["a", 2, "c"], "log": {"level": 1}});
        KeyPath::default().key("endpoints").index(1).remove(&mut value);
        KeyPath::default().key("log").key("level").remove(&mut value);
        assert_eq!(value, json!({"endpoints": ["a", "", "c"], "log": {}}));
    }
}
