//! The notation of series in tests: `up{job="etcd"}` with values such as `1+1x5 _x3 stale`.

use model::series::{Labels, METRIC_NAME, MatchOp, STALE_NAN};
use promql::Query;

/// The most values that one item may stand for.
const MAX_REPEATS: usize = 1_000_000;

/// The labels of `name{label="value",…}`; the metric's name among them.
pub(super) fn metric(text: &str) -> Result<Labels, String> {
    // A condition of its own makes a query even of no label at all.
    const OWN: &str = "__test__";
    let (name, rest) = text.split_once('{').unwrap_or((text, "}"));
    let query = format!("{name}{{{OWN}=\"x\",{rest}");
    let place = |error: promql::Error| match error {
        promql::Error::Parse { message, .. } => format!("{text:?}: {message}"),
        other => format!("{text:?}: {other}"),
    };
    let query = Query::parse(&query).map_err(place)?;
    let matchers = query.matchers().ok_or_else(|| format!("{text:?} is no series"))?;
    if matchers.iter().any(|matcher| matcher.op() != MatchOp::Eq) {
        return Err(format!("{text:?}: a series has labels with = only"));
    }
    let own = matchers.iter().filter(|matcher| matcher.name() != OWN);
    let mut names = std::collections::BTreeSet::new();
    if own.clone().any(|matcher| !names.insert(matcher.name())) {
        return Err(format!("{text:?}: a label is given twice"));
    }
    Ok(Labels::new(own.map(|matcher| (matcher.name(), matcher.value()))))
}

/// The labels of an input series, which has a name.
pub(super) fn named_metric(text: &str) -> Result<Labels, String> {
    let labels = metric(text)?;
    if labels.get(METRIC_NAME).is_none() {
        return Err(format!("{text:?} has no metric name"));
    }
    Ok(labels)
}

/// The values of a series, one for each interval; none where there is no sample.
pub(super) fn values(text: &str) -> Result<Vec<Option<f64>>, String> {
    let mut values = Vec::new();
    for item in text.split_ascii_whitespace() {
        expand(item, &mut values).ok_or_else(|| {
            format!(
                "bad values {item:?}, expected such as 1, 1x5, 1+2x5, 1-2x5, _, _x5, stale, Inf or NaN"
            )
        })?;
    }
    Ok(values)
}

fn expand(item: &str, values: &mut Vec<Option<f64>>) -> Option<()> {
    if item == "stale" {
        values.push(Some(STALE_NAN));
        return Some(());
    }
    if let Some(rest) = item.strip_prefix('_') {
        let count = if rest.is_empty() { 1 } else { repeats(rest.strip_prefix('x')?)? };
        values.extend(std::iter::repeat_n(None, count));
        return Some(());
    }
    let (mut value, rest) = number(item)?;
    if rest.is_empty() {
        values.push(Some(value));
        return Some(());
    }
    let (step, rest) = if rest.starts_with(['+', '-']) { number(rest)? } else { (0.0, rest) };
    for _ in 0..=repeats(rest.strip_prefix('x')?)? {
        values.push(Some(value));
        value += step;
    }
    Some(())
}

fn repeats(text: &str) -> Option<usize> {
    text.parse().ok().filter(|count| *count <= MAX_REPEATS)
}

/// A number with its sign, and what follows it.
fn number(text: &str) -> Option<(f64, &str)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    for (name, value) in [("inf", f64::INFINITY), ("nan", f64::NAN)] {
        if let Some(start) = unsigned.get(..3)
            && start.eq_ignore_ascii_case(name)
        {
            return Some((sign * value, &unsigned[3..]));
        }
    }
    let bytes = unsigned.as_bytes();
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let is_sign_of_exponent =
            matches!(byte, b'+' | b'-') && end > 0 && matches!(bytes[end - 1], b'e' | b'E');
        if !byte.is_ascii_digit() && !matches!(byte, b'.' | b'e' | b'E') && !is_sign_of_exponent {
            break;
        }
        end += 1;
    }
    let (digits, rest) = unsigned.split_at(end);
    Some((sign * digits.parse::<f64>().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spelled_out() {
        let text = |notation: &str| {
            let values = values(notation).unwrap_or_else(|error| panic!("{error}"));
            let text = |value: &Option<f64>| match value {
                None => "_".to_owned(),
                Some(value) if model::series::is_stale(*value) => "stale".to_owned(),
                Some(value) => value.to_string(),
            };
            values.iter().map(text).collect::<Vec<_>>().join(" ")
        };
        for (notation, expected) in [
            ("1 2.5 -3", "1 2.5 -3"),
            ("1x2", "1 1 1"),
            ("1+2x3 _ stale", "1 3 5 7 _ stale"),
            ("10-2x2", "10 8 6"),
            ("-2+4x1", "-2 2"),
            ("_x3 1e3", "_ _ _ 1000"),
            ("1e+2+1x1", "100 101"),
            ("0x2", "0 0 0"),
            ("NaN Inf -Inf", "NaN inf -inf"),
            ("", ""),
        ] {
            assert_eq!(text(notation), expected, "{notation}");
        }
        for notation in ["1y", "x3", "1x", "1+x3", "stalex3", "_3", "1+2", "a", "1xx2"] {
            assert!(values(notation).is_err(), "{notation}");
        }
    }

    #[test]
    fn a_series_is_read_with_or_without_labels() {
        for (text, labels) in [
            ("up", r#"{__name__="up"}"#),
            ("up{}", r#"{__name__="up"}"#),
            ("{}", "{}"),
            ("", "{}"),
            ("up{a=\"1\", b='2',}", r#"{__name__="up", a="1", b="2"}"#),
            ("{__name__=\"up\"}", r#"{__name__="up"}"#),
        ] {
            assert_eq!(metric(text).expect("a series").to_string(), labels);
        }
        for text in ["up{", "up{a!=\"1\"}", "up{a=\"1\",a=\"2\"}", "up offset 5m", "1"] {
            assert!(metric(text).is_err(), "{text}");
        }
        assert!(named_metric("{a=\"b\"}").is_err());
    }
}
