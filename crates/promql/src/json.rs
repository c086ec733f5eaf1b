//! Writes values in JSON as Prometheus does, straight from where they are: a large answer is never held
//! twice, and writing it is a good part of what a query of many points takes.

use std::io::Write as _;

use model::series::{Labels, Sample};

use crate::value::Value;

/// Writes `resultType` and `result`, the first `limit` series of it; tells whether those were all.
pub fn result(out: &mut Vec<u8>, value: &Value, limit: Option<usize>) -> bool {
    let kind = match value {
        Value::Scalar(_) => "scalar",
        Value::String(..) => "string",
        Value::Vector(_) => "vector",
        Value::Matrix(_) => "matrix",
    };
    out.extend_from_slice(b"{\"resultType\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"result\":");
    let is_whole = match value {
        Value::Scalar(sample) => {
            out.push(b'[');
            seconds(out, sample.at_ms);
            out.extend_from_slice(b",\"");
            // Alone among the values, a scalar never has an exponent.
            plain(out, sample.value);
            out.extend_from_slice(b"\"]");
            true
        }
        Value::String(at_ms, string) => {
            out.push(b'[');
            seconds(out, *at_ms);
            out.push(b',');
            text(out, string);
            out.push(b']');
            true
        }
        Value::Vector(rows) => array(out, limit, rows.iter(), |out, (row, sample)| {
            out.extend_from_slice(b"{\"metric\":");
            labels(out, row);
            out.extend_from_slice(b",\"value\":");
            point(out, *sample);
            out.push(b'}');
        }),
        Value::Matrix(series) => {
            let moments = Moments::of(series.first().map_or(&[], |first| &first.samples));
            array(out, limit, series.iter(), |out, one| {
                out.extend_from_slice(b"{\"metric\":");
                labels(out, &one.labels);
                out.extend_from_slice(b",\"values\":[");
                moments.write(out, &one.samples);
                out.extend_from_slice(b"]}");
            })
        }
    };
    out.push(b'}');
    is_whole
}

/// Writes an array of the first `limit` items, each by `write`, and tells whether that was all.
pub fn array<T>(
    out: &mut Vec<u8>,
    limit: Option<usize>,
    mut items: impl Iterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T),
) -> bool {
    out.push(b'[');
    for (index, item) in items.by_ref().take(limit.unwrap_or(usize::MAX)).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
    items.next().is_none()
}

/// Writes an object of the labels.
pub fn labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        text(out, name);
        out.push(b':');
        text(out, value);
    }
    out.push(b'}');
}

/// How points of some moments begin: series of one answer share their moments, and are many.
struct Moments {
    /// Each with where its text ends.
    known: Vec<(i64, usize)>,
    text: Vec<u8>,
}

impl Moments {
    fn of(samples: &[Sample]) -> Self {
        let mut moments = Self { known: Vec::with_capacity(samples.len()), text: Vec::new() };
        for Sample { at_ms, .. } in samples {
            moment(&mut moments.text, *at_ms);
            moments.known.push((*at_ms, moments.text.len()));
        }
        moments
    }

    /// Writes points, whatever their moments; the known ones in order are the fastest.
    fn write(&self, out: &mut Vec<u8>, samples: &[Sample]) {
        let mut next = 0;
        for (index, sample) in samples.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            while self.known.get(next).is_some_and(|(at_ms, _)| *at_ms < sample.at_ms) {
                next += 1;
            }
            match self.known.get(next) {
                Some((at_ms, end)) if *at_ms == sample.at_ms => {
                    let start = next.checked_sub(1).map_or(0, |before| self.known[before].1);
                    out.extend_from_slice(&self.text[start..*end]);
                }
                _ => moment(out, sample.at_ms),
            }
            value(out, sample.value);
        }
    }
}

fn point(out: &mut Vec<u8>, sample: Sample) {
    moment(out, sample.at_ms);
    value(out, sample.value);
}

/// The begin of a point, up to its value.
fn moment(out: &mut Vec<u8>, at_ms: i64) {
    out.push(b'[');
    if at_ms < 0 {
        out.push(b'-');
    }
    let at = at_ms.unsigned_abs();
    integer(out, at / 1_000);
    if !at.is_multiple_of(1_000) {
        write(out, format_args!(".{:03}", at % 1_000));
    }
    out.extend_from_slice(b",\"");
}

/// The value of a point, and its end.
fn value(out: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    if size != 0.0 && size.is_finite() && !(1e-6..1e21).contains(&size) {
        exponent(out, value);
    } else {
        plain(out, value);
    }
    out.extend_from_slice(b"\"]");
}

/// The moment of a scalar or a string: without zeros at the end, unlike that of a sample.
fn seconds(out: &mut Vec<u8>, at_ms: i64) {
    write(out, format_args!("{}", at_ms as f64 / 1_000.0));
}

/// As Go's `strconv` in format `f`.
fn plain(out: &mut Vec<u8>, value: f64) {
    match value {
        f64::INFINITY => out.extend_from_slice(b"+Inf"),
        f64::NEG_INFINITY => out.extend_from_slice(b"-Inf"),
        // Nearly all are like these two, and writing them is a good part of a small query's time.
        value if (1.0..1e15).contains(&value) && value.fract() == 0.0 => integer(out, value as u64),
        // From 2^48 on a value may lie half way between two shortest decimals.
        value if (1e-4..1e12).contains(&value) => {
            out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
        }
        value => write(out, format_args!("{value}")),
    }
}

fn integer(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// As Go's `strconv` in format `e`: the exponent has a sign and two digits at least.
fn exponent(out: &mut Vec<u8>, value: f64) {
    let written = format!("{value:e}");
    let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
    write(out, format_args!("{digits}e{sign}{exponent:0>2}"));
}

/// Writes a string.
pub fn text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("invariant: a vector takes all bytes");
}

fn write(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("invariant: a vector takes all bytes");
}

#[cfg(test)]
mod tests {
    use crate::storage::Series;

    use super::*;

    fn written(value: &Value) -> String {
        let mut out = Vec::new();
        assert!(result(&mut out, value, None));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_fast_ways_write_what_the_standard_library_does() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200_000 {
            let value = match random.u8(..3) {
                0 => f64::from(random.u32(..)),
                1 => random.f64() * 10_f64.powi(random.i32(-7..18)),
                _ => f64::from_bits(random.u64(..)),
            };
            if value.is_finite() {
                let mut out = Vec::new();
                plain(&mut out, value);
                assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
            }
        }
    }

    #[test]
    fn numbers_and_times_are_those_of_prometheus() {
        for (at_ms, value, expected) in [
            (1_500, 1.0, r#"[1.500,"1"]"#),
            (-1_001, -0.0, r#"[-1.001,"-0"]"#),
            (2_000, f64::NAN, r#"[2,"NaN"]"#),
            (0, f64::NEG_INFINITY, r#"[0,"-Inf"]"#),
            (0, f64::INFINITY, r#"[0,"+Inf"]"#),
            (0, 1e20, r#"[0,"100000000000000000000"]"#),
            (0, 1e21, r#"[0,"1e+21"]"#),
            (0, -1.5e300, r#"[0,"-1.5e+300"]"#),
            (0, 0.000_001, r#"[0,"0.000001"]"#),
            (0, 1.25e-7, r#"[0,"1.25e-07"]"#),
            (0, 5e-324, r#"[0,"5e-324"]"#),
        ] {
            let mut out = Vec::new();
            point(&mut out, Sample { at_ms, value });
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        let scalar = Value::Scalar(Sample { at_ms: 1_500, value: 1e21 });
        assert_eq!(
            written(&scalar),
            r#"{"resultType":"scalar","result":[1.5,"1000000000000000000000"]}"#
        );
    }

    #[test]
    fn series_are_written_with_their_own_moments_whichever_the_first_one_has() {
        let series = |moments: &[i64]| Series {
            labels: Labels::default(),
            samples: moments.iter().map(|at_ms| Sample { at_ms: *at_ms, value: 1.0 }).collect(),
        };
        let all = [&[2_000, 4_500][..], &[1_000, 2_000, 3_000, 4_500, 6_000], &[], &[4_500]];
        let value = Value::Matrix(all.into_iter().map(series).collect());
        let points = |texts: &[&str]| {
            let points: Vec<_> = texts.iter().map(|text| format!("[{text},\"1\"]")).collect();
            format!("{{\"metric\":{{}},\"values\":[{}]}}", points.join(","))
        };
        let expected = [
            points(&["2", "4.500"]),
            points(&["1", "2", "3", "4.500", "6"]),
            points(&[]),
            points(&["4.500"]),
        ];
        let written = written(&value);
        assert!(written.contains(&expected.join(",")), "{written}");
    }
}
