//! What Prometheus' API answers, as documented for its version 2.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::series::{Labels, Sample, Series};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The body of any answer, good or bad.
#[derive(Debug, Deserialize)]
pub(super) struct Body<'a> {
    /// Kept as it came, for those who want it so; with `success` only.
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) warnings: Vec<String>,
    #[serde(default)]
    pub(super) infos: Vec<String>,
    /// The kind of `error`.
    #[serde(default, rename = "errorType")]
    pub(super) error_type: Option<String>,
    /// Why there is no answer.
    #[serde(default)]
    pub(super) error: Option<String>,
}

/// The value of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A number without labels.
    Scalar(Sample),
    /// A text, at a moment in milliseconds.
    String(i64, String),
    /// Series with one sample each.
    Vector(Vec<Series>),
    /// Series with many samples each.
    Matrix(Vec<Series>),
}

impl Answer {
    /// Reads the `data` of an answer.
    pub fn read(data: &str) -> Result<Self, serde_json::Error> {
        Ok(match serde_json::from_str(data)? {
            Data::Scalar(point) => Self::Scalar(point.sample()?),
            Data::String((at, text)) => Self::String(milliseconds(at), text.into_owned()),
            Data::Vector(elements) => Self::Vector(series(elements)?),
            Data::Matrix(elements) => Self::Matrix(series(elements)?),
        })
    }

    /// The series, where the answer consists of such.
    pub fn series(&self) -> &[Series] {
        match self {
            Self::Scalar(_) | Self::String(..) => &[],
            Self::Vector(series) | Self::Matrix(series) => series,
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Vector(series) | Self::Matrix(series) if series.is_empty())
    }
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data<'a> {
    #[serde(borrow)]
    Scalar(Point<'a>),
    #[serde(borrow)]
    String((f64, Cow<'a, str>)),
    #[serde(borrow)]
    Vector(Vec<Element<'a>>),
    #[serde(borrow)]
    Matrix(Vec<Element<'a>>),
}

/// One series of a vector or a matrix; one with a native histogram has neither field.
#[derive(Deserialize)]
struct Element<'a> {
    #[serde(borrow)]
    metric: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(borrow, default)]
    value: Option<Point<'a>>,
    #[serde(borrow, default)]
    values: Vec<Point<'a>>,
}

/// Seconds, and the number as text, since JSON has no NaN.
#[derive(Deserialize)]
struct Point<'a>(f64, #[serde(borrow)] Cow<'a, str>);

impl Point<'_> {
    fn sample(&self) -> Result<Sample, serde_json::Error> {
        let value = self
            .1
            .parse()
            .map_err(|_| serde::de::Error::custom(format_args!("{:?} is no number", self.1)))?;
        Ok(Sample { at_ms: milliseconds(self.0), value })
    }
}

/// The API's times are seconds.
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1_000.0).round() as i64
}

fn series(elements: Vec<Element<'_>>) -> Result<Vec<Series>, serde_json::Error> {
    let of_element = |element: Element<'_>| {
        let points = element.value.iter().chain(&element.values);
        let samples = points.map(Point::sample).collect::<Result<_, _>>()?;
        let labels = Labels::new(element.metric.iter().map(|(name, value)| (&**name, &**value)));
        Ok(Series { labels, samples })
    };
    elements.into_iter().map(of_element).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(data: &str) -> String {
        match Answer::read(data) {
            Ok(Answer::Scalar(sample)) => format!("scalar {}@{}", sample.value, sample.at_ms),
            Ok(Answer::String(at_ms, text)) => format!("string {text}@{at_ms}"),
            Ok(answer @ (Answer::Vector(_) | Answer::Matrix(_))) => {
                let series = answer.series().iter().map(|series| {
                    let samples = series.samples.iter();
                    let samples =
                        samples.map(|sample| format!(" {}@{}", sample.value, sample.at_ms));
                    format!("{}{}", series.labels, samples.collect::<String>())
                });
                series.collect::<Vec<_>>().join("; ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_type_of_result_is_read() {
        for (data, expected) in [
            (
                r#"{"resultType":"scalar","result":[1795487400.25,"1.5"]}"#,
                "scalar 1.5@1795487400250",
            ),
            (r#"{"resultType":"string","result":[1,"a \"b\""]}"#, "string a \"b\"@1000"),
            (
                r#"{"resultType":"vector","result":[
                    {"metric":{"__name__":"up","job":"x"},"value":[1,"NaN"]},
                    {"metric":{},"value":[1.5,"-Inf"]}]}"#,
                r#"{__name__="up", job="x"} NaN@1000; {} -inf@1500"#,
            ),
            (
                r#"{"resultType":"matrix","result":[{"metric":{"a":"b"},
                    "values":[[1,"1"],[2,"+Inf"],[3,"1e-9"]]}]}"#,
                r#"{a="b"} 1@1000 inf@2000 0.000000001@3000"#,
            ),
            (r#"{"result":[],"resultType":"matrix"}"#, ""),
            (r#"{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}"#, "{}"),
            (r#"{"resultType":"scalar","result":[1,"x"]}"#, "\"x\" is no number"),
        ] {
            assert_eq!(shown(data), expected);
        }
        assert!(shown(r#"{"resultType":"streams","result":[]}"#).contains("unknown variant"));
    }
}
