//! Values that settings are made of: secrets given inline or by file, URLs, durations, addresses.

use std::path::PathBuf;
use std::time::Duration;

use model::config_error::ConfigError;
use model::secret::Secret;
use serde::{Deserialize, Deserializer, de};

/// A secret as it is configured: inline, or in a file that is read anew for each delivery, so that
/// it can be changed without a restart.
#[derive(Debug, Clone)]
pub(crate) enum SecretSource {
    Inline(Secret<String>),
    File(PathBuf),
}

impl SecretSource {
    /// What is given of the twins `key` and `key_file`; a mistake when both are.
    pub(crate) fn of(
        key: &str,
        inline: Option<&Secret<String>>,
        file: Option<&PathBuf>,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Self> {
        match (inline, file) {
            (Some(_), Some(_)) => {
                let message = format!("is given as well as {key}_file; give one of them");
                errors.push(ConfigError::new(key, message));
                None
            }
            (Some(inline), None) => Some(Self::Inline(inline.clone())),
            (None, Some(file)) => {
                let source = Self::File(file.clone());
                if let Err(message) = source.read() {
                    errors.push(ConfigError::new(format!("{key}_file"), message));
                }
                Some(source)
            }
            (None, None) => None,
        }
    }

    /// The secret; without the line end that editors put behind it.
    pub(crate) fn read(&self) -> Result<Secret<String>, String> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                match text.trim() {
                    "" => Err(format!("{} is empty", path.display())),
                    text => Ok(Secret::new(text.to_owned())),
                }
            }
        }
    }
}

/// Reads a duration as Prometheus and Alertmanager write it: `10s`, `1m30s`, `500ms`, `2h`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let ms = match &rest[..unit] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(number.checked_mul(ms)?))?;
        rest = &rest[unit..];
    }
    (!text.trim().is_empty()).then_some(total)
}

/// For `#[serde(deserialize_with)]`: an optional duration.
pub(super) fn duration<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(d)? else { return Ok(None) };
    let wrong =
        || de::Error::custom("is no duration; give a number with a unit, such as 10s or 1m");
    parse_duration(&text).map(Some).ok_or_else(wrong)
}

/// For `#[serde(deserialize_with)]`: text, or a number that a person forgot to quote.
pub(super) fn text_or_number<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Number(i64),
    }
    let wrong = |_| de::Error::custom("must be a number or text");
    Ok(Option::<Either>::deserialize(d).map_err(wrong)?.map(|either| match either {
        Either::Text(text) => text,
        Either::Number(number) => number.to_string(),
    }))
}

/// Splits `host:port`, with IPv6 hosts in brackets; an empty host or port is none.
pub(crate) fn split_host_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let port: u16 = port.parse().ok()?;
    (!host.is_empty() && port != 0).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_prometheus_writes_them() {
        let ms = |text| parse_duration(text).map(|duration| duration.as_millis());
        let known =
            [("10s", 10_000), ("1m30s", 90_000), ("500ms", 500), ("0", 0), ("1d", 86_400_000)];
        for (text, expected) in known {
            assert_eq!(ms(text), Some(expected), "{text}");
        }
        for wrong in ["", "10", "s", "1y2", "-1s", "1.5s", "99999999999999999999s"] {
            assert_eq!(ms(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_host_and_a_port_are_both_needed() {
        assert_eq!(split_host_port("mail:587"), Some(("mail".to_owned(), 587)));
        assert_eq!(split_host_port("[::1]:25"), Some(("::1".to_owned(), 25)));
        for wrong in ["mail", "mail:", ":25", "::1:25", "mail:0", "mail:70000"] {
            assert_eq!(split_host_port(wrong), None, "{wrong}");
        }
    }
}
