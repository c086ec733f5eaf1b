//! Tricky lines as they must be read, and bad ones as they must be refused.

use std::fmt::Write as _;

use super::*;

/// Reads a page and writes down what was read, one line each.
fn read(page: &str, format: Format) -> String {
    let mut out = String::new();
    for line in parse(page.as_bytes(), format, Limits::default()) {
        let told = match line {
            Ok(Line::Sample(sample)) => {
                let labels: Vec<_> =
                    sample.labels.map(|(name, value)| format!("{name}={value:?}")).collect();
                let time = sample.timestamp_ms.map(|ms| format!(" @{ms}")).unwrap_or_default();
                format!("{} [{}] {:?}{time}", sample.name, labels.join(" "), sample.value)
            }
            Ok(Line::Help { name, text }) => format!("help {name} {text:?}"),
            Ok(Line::Type { name, kind }) => format!("type {name} {kind}"),
            Ok(Line::Unit { name, unit }) => format!("unit {name} {unit}"),
            Ok(Line::Eof) => "eof".to_owned(),
            Err(error) => error.to_string(),
        };
        writeln!(out, "{told}").unwrap();
    }
    out
}

fn check(format: Format, page: &str, expected: &str) {
    assert_eq!(read(page, format), expected, "{page}");
}

#[test]
fn tricky_samples_are_read() {
    for (line, expected) in [
        ("up 1", "up [] 1.0\n"),
        ("up{} 1", "up [] 1.0\n"),
        ("\t up \t 1 \t", "up [] 1.0\n"),
        ("up 1\r\n", "up [] 1.0\n"),
        ("job:rate:5m 1", "job:rate:5m [] 1.0\n"),
        ("up{a=\"1\",} 1 -5", "up [a=\"1\"] 1.0 @-5\n"),
        ("up { a = \"1\" , b = \"2\" } 1", "up [a=\"1\" b=\"2\"] 1.0\n"),
        ("up{a=\"1\"}2", "up [a=\"1\"] 2.0\n"),
        (r#"up{a="},{=\" # ",b="\\"} 1"#, "up [a=\"},{=\\\" # \" b=\"\\\\\"] 1.0\n"),
        (r#"{"my.name",a="b"} 1"#, "my.name [a=\"b\"] 1.0\n"),
        (r#"{a="b","größe"} 1"#, "größe [a=\"b\"] 1.0\n"),
        (r#"up{"my.label"="größe"} 1"#, "up [my.label=\"größe\"] 1.0\n"),
        ("up 1.4641e+06 1700000000123", "up [] 1464100.0 @1700000000123\n"),
        ("up NaN", "up [] NaN\n"),
        ("up +Inf", "up [] inf\n"),
        ("up -Inf", "up [] -inf\n"),
    ] {
        check(Format::Text, line, expected);
    }
}

#[test]
fn a_name_like_the_one_before_is_read_as_strictly() {
    let page = "a{b=\"1\"} 1\na{b=\"2\"} 2\nab{b=\"3\"} 3\na 4\na {b=\"5\"} 5\n{\"ö\",b=\"6\"} 6\nö{b=\"7\"} 7\n";
    check(
        Format::Text,
        page,
        "a [b=\"1\"] 1.0\na [b=\"2\"] 2.0\nab [b=\"3\"] 3.0\na [] 4.0\na [b=\"5\"] 5.0\nö [b=\"6\"] 6.0\nline 7, column 1: expected a metric name or `#`, found \"ö{b=\\\"7\\\"} 7\"\n",
    );
}

#[test]
fn metadata_is_read_and_comments_are_passed_over() {
    check(
        Format::Text,
        "# HELP up Is it\\nup? C:\\\\dir\n# TYPE up gauge\n#TYPE x untyped\n\n# just a note\n# UNIT up x\n# EOF\n#\n# HELP bare\n",
        "help up \"Is it\\nup? C:\\\\dir\"\ntype up gauge\ntype x unknown\nhelp bare \"\"\n",
    );
}

#[test]
fn openmetrics_has_seconds_exemplars_units_and_an_end() {
    check(
        Format::OpenMetrics,
        "# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1 1.5\n\
         b_bucket{le=\"1\"} 2 # {trace=\"x # y\"} 0.5 1.0\n# EOF\n",
        "type a_seconds counter\nunit a_seconds seconds\na_seconds_total [] 1.0 @1500\nb_bucket [le=\"1\"] 2.0\neof\n",
    );
    check(
        Format::OpenMetrics,
        "a 1\n",
        "a [] 1.0\nline 1: expected `# EOF`, found the end of the page\n",
    );
    check(Format::OpenMetrics, "", "line 0: expected `# EOF`, found the end of the page\n");
    check(
        Format::OpenMetrics,
        "# EOF\na 1\nb 1\n",
        "eof\nline 2: expected the end of the page after `# EOF`, found more\n",
    );
}

#[test]
fn a_bad_line_says_where_and_what_and_the_next_one_is_read() {
    for (line, expected) in [
        ("<html>", "column 1: expected a metric name or `#`, found \"<html>\""),
        (
            "up",
            "column 3: expected a value, such as `1`, `0.5`, `1e+06`, `NaN` or `+Inf`, found \"\"",
        ),
        (
            "up one",
            "column 4: expected a value, such as `1`, `0.5`, `1e+06`, `NaN` or `+Inf`, found \"one\"",
        ),
        ("größe 1", "column 3: expected `{` or a space, found \"öße 1\""),
        ("{} 1", "column 1: expected a metric name, found \"{} 1\""),
        ("{a=\"b\"} 1", "column 1: expected a metric name, found \"{a=\\\"b\\\"} 1\""),
        ("up{\"a\"} 1", "column 4: expected one metric name, found \"\\\"a\\\"} 1\""),
        ("up{a} 1", "column 5: expected `=` after the label name, found \"} 1\""),
        ("up{a=b} 1", "column 6: expected a label value in double quotes, found \"b} 1\""),
        ("up{a=\"b} 1", "column 11: expected `\"` at the end of the string, found \"\""),
        ("up{a=\"b\\", "column 9: expected `\"` at the end of the string, found \"\""),
        ("up{a=\"b\" c=\"d\"} 1", "column 10: expected `,` or `}`, found \"c=\\\"d\\\"} 1\""),
        ("up{a=\"b\",", "column 10: expected `}` after the labels, found \"\""),
        ("up{,} 1", "column 4: expected a label name or `}`, found \",} 1\""),
        ("up{0=\"b\"} 1", "column 4: expected a label name or `}`, found \"0=\\\"b\\\"} 1\""),
        ("up 1 soon", "column 6: expected a timestamp in milliseconds, found \"soon\""),
        ("up 1 2 3", "column 8: expected the end of the line, found \"3\""),
        ("up 1 # note", "column 6: expected the end of the line, found \"# note\""),
        (
            "# TYPE up fast",
            "column 11: expected a metric type, such as `counter` or `gauge`, found \"fast\"",
        ),
        ("# TYPE up gauge x", "column 17: expected the end of the line, found \"x\""),
        ("# HELP 0up x", "column 8: expected a metric name, found \"0up x\""),
        ("# TYPE {up} gauge", "column 8: expected a metric name, found \"{up} gauge\""),
    ] {
        check(
            Format::Text,
            &format!("a 1\n{line}\nb 2\n"),
            &format!("a [] 1.0\nline 2, {expected}\nb [] 2.0\n"),
        );
    }
}

#[test]
fn a_long_line_is_quoted_in_part() {
    let error = parse(&[b'!'; 5000], Format::Text, Limits::default()).next().unwrap().unwrap_err();
    assert!(error.to_string().len() < 120, "{error}");
}

#[test]
fn every_limit_ends_the_page() {
    let limits = Limits { body_bytes: 40, line_bytes: 20, samples: 2, labels: 1 };
    let last = |page: &str| {
        let results: Vec<_> = parse(page.as_bytes(), Format::Text, limits).collect();
        assert!(results[..results.len() - 1].iter().all(Result::is_ok), "{results:?}");
        results.last().unwrap().as_ref().unwrap_err().to_string()
    };
    assert_eq!(last(&"x".repeat(41)), "expected at most 40 bytes in a page, found 41");
    assert_eq!(
        last("a 1\naaaaaaaaaaaaaaaaaaaa 1\nb"),
        "line 2: expected at most 20 bytes in a line, found 22"
    );
    assert_eq!(
        last("a 1\nb 1\nc 1\n!"),
        "line 3: expected at most 2 samples in a page, found more"
    );
    assert_eq!(last("a{b=\"\",c=\"\"} 1\n!"), "line 1: expected at most 1 labels, found more");
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_line() {
    let results: Vec<_> = parse(b"a 1\nb\xff 2\n", Format::Text, Limits::default()).collect();
    assert_eq!(results, [Err(ParseError::NotUtf8 { line: 2 })]);
}

#[test]
fn the_series_is_the_text_up_to_the_value() {
    let series =
        |page: &'static str| match parse(page.as_bytes(), Format::Text, Limits::default()).next() {
            Some(Ok(Line::Sample(sample))) => sample.series,
            other => panic!("{other:?}"),
        };
    assert_eq!(series(" up{a=\"} \"}  1"), "up{a=\"} \"}");
    assert_eq!(series("up 1"), "up");
}
