//! Templates and what they give.

use super::*;

fn render(text: &str) -> String {
    let labels = Labels::new([("instance", "etcd-1.example.org:2379"), ("job", "etcd")]);
    let external_labels = Labels::new([("region", "eu")]);
    let query = |text: &str| match text {
        "up" => Ok(vec![
            (Labels::new([("member", "m2")]), 1.0),
            (Labels::new([("member", "m1"), ("zone", "a")]), 0.0),
        ]),
        "none" => Ok(Vec::new()),
        _ => Err("no such series".to_owned()),
    };
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error) => return format!("parse: {error}"),
    };
    template.expand(Subject {
        labels: &labels,
        value: 1234.5678,
        external_labels: &external_labels,
        external_url: "http://monitor.example.org/etcd",
        query: &query,
    })
}

#[test]
fn templates_give_what_prometheus_gives() {
    for (template, text) in [
        ("plain } text {", "plain } text {"),
        (
            "{{ $labels.job }} {{ .Labels.job }} {{ $value }} {{ .Value }}",
            "etcd etcd 1234.5678 1234.5678",
        ),
        ("{{ $externalLabels.region }} {{ .ExternalURL }}", "eu http://monitor.example.org/etcd"),
        ("<{{ $labels.nothing }}>", "<>"),
        (
            "{{ if $labels.nothing }}a{{ else if eq $labels.job \"etcd\" }}b{{ else }}c{{ end }}",
            "b",
        ),
        ("{{ with $labels.nothing }}a{{ else }}b{{ end }}", "b"),
        (
            "{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}",
            "instance=etcd-1.example.org:2379;job=etcd;",
        ),
        (
            "{{ range query \"up\" | sortByLabel \"member\" }}{{ .Labels.member }}{{ .Labels.zone }}={{ .Value }} {{ end }}",
            "m1a=0 m2=1 ",
        ),
        (
            "{{ query \"up\" | first | label \"member\" }} {{ query \"up\" | first | value }}",
            "m2 1",
        ),
        ("{{ with query \"none\" }}{{ . | first | value }}{{ else }}nothing{{ end }}", "nothing"),
        ("{{- /* a comment */ -}}  x  {{- \"y\" -}}  z", "xyz"),
        (
            "{{ $x := $value }}{{ printf \"%.1f\" $x }} {{ $value | printf \"%.0f\" }}",
            "1234.6 1235",
        ),
        (
            "{{ $value | humanize }} {{ humanize1024 2048.0 }} {{ humanizeDuration 90 }} {{ humanizePercentage 0.5 }}",
            "1.235k 2ki 1m 30s 50%",
        ),
        ("{{ \"1.5\" | humanize }} {{ humanizeTimestamp 0 }}", "1.5 1970-01-01 00:00:00 +0000 UTC"),
        (
            "{{ stripPort $labels.instance }} {{ stripDomain $labels.instance }} {{ stripPort \"[::1]:80\" }}",
            "etcd-1.example.org etcd-1:2379 ::1",
        ),
        (
            "{{ title \"etcd is down\" }} {{ toUpper \"a\" }} {{ toLower \"B\" }}",
            "Etcd Is Down A b",
        ),
        (
            "{{ match \"^e.*\" $labels.job }} {{ reReplaceAll \"(.*):.*\" \"$1\" $labels.instance }}",
            "true etcd-1.example.org",
        ),
        (
            "{{ len $labels }} {{ index $labels \"job\" }} {{ print 1 2 }} {{ not true }} {{ and 1 0 }}",
            "2 etcd 1 2 false 0",
        ),
        ("{{ gt $value 3.0 }} {{ lt $value 3.0 }} {{ ne 1 2 }}", "true false true"),
        (
            "{{ graphLink \"up > 0\" }} {{ tableLink \"up\" }}",
            "/graph?g0.expr=up+%3E+0&g0.tab=0 /graph?g0.expr=up&g0.tab=1",
        ),
        ("{{ externalURL }} {{ pathPrefix }}", "http://monitor.example.org/etcd /etcd"),
        ("{{ parseDuration \"1h30m\" }} {{ safeHtml \"<\" }}", "5400 <"),
        ("{{ with args 1 \"b\" }}{{ .arg0 }}{{ .arg1 }}{{ end }}", "1b"),
        ("{{ define \"x\" }}[{{ . }}]{{ end }}{{ template \"x\" $value }}", "[1234.5678]"),
    ] {
        assert_eq!(render(template), text, "{template}");
    }
}

#[test]
fn what_fails_is_seen_in_the_text() {
    for (template, part) in [
        ("{{ query \"bad(\" }}", "<error expanding template: error executing template: "),
        ("{{ query \"bad(\" }}", "no such series"),
        ("{{ query \"none\" | first }}", "first() called on vector with no elements"),
        ("{{ .Nothing }}", "Nothing"),
        ("{{ humanize \"x\" }}", "invalid syntax"),
        ("{{ match \"(\" \"a\" }}", "regex"),
        ("{{ title 1 }}", "expected string"),
        ("{{ nothing }}", "parse: function \"nothing\" not defined"),
        ("{{ $nothing }}", "parse: undefined variable \"$nothing\""),
        ("{{ range $labels }}{{ $x := 1 }}{{ end }}{{ $x }}", "parse: undefined variable"),
        ("{{ $labels.job", "parse: 1:"),
        ("{{ if true }}", "parse: a block has no"),
        ("{{ if true }}a{{ else }}b", "parse: a block has no"),
        ("a {{ else }} b", "parse: a block has no"),
        ("a {{ end }} b", "parse: a block has no"),
    ] {
        let text = render(template);
        assert!(text.contains(part), "{template}: {text}");
    }
}
