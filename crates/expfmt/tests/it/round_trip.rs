//! What the writer writes, the reader reads back; what anybody writes never makes it panic.

use expfmt::{Encoder, Format, Kind, Limits, Line, parse};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

type OwnedLabels = Vec<(String, String)>;

#[derive(Debug, Clone)]
struct Family {
    name: String,
    kind: Kind,
    help: String,
    samples: Vec<(OwnedLabels, f64, Option<i64>)>,
}

/// One line of a page, owned, as both sides tell it.
#[derive(Debug, PartialEq)]
enum Told {
    Help(String, String),
    Type(String, Kind),
    Sample { name: String, labels: OwnedLabels, bits: u64, timestamp_ms: Option<i64> },
    Eof,
}

fn labels() -> impl Strategy<Value = OwnedLabels> {
    btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,9}", any::<String>(), 0..5)
        .prop_map(|labels| labels.into_iter().collect())
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_map(|value| if value.is_nan() { f64::NAN } else { value }),
        any::<u32>().prop_map(f64::from),
        Just(f64::INFINITY),
    ]
}

fn family() -> impl Strategy<Value = Family> {
    let timestamp = proptest::option::of(-4_000_000_000_000_i64..4_000_000_000_000);
    let kind = prop_oneof![Just(Kind::Gauge), Just(Kind::Unknown), Just(Kind::Counter)];
    (
        "[a-zA-Z_:][a-zA-Z0-9_:]{0,9}",
        kind,
        any::<String>(),
        vec((labels(), value(), timestamp), 0..5),
    )
        .prop_map(|(name, kind, help, mut samples)| {
            if kind == Kind::Counter {
                for (_, value, _) in &mut samples {
                    *value = if value.is_nan() { 0.0 } else { value.abs() };
                }
            }
            Family { name, kind, help, samples }
        })
}

fn write(families: &[Family], format: Format) -> String {
    let mut page = Encoder::new(format);
    for (position, family) in families.iter().enumerate() {
        let name = unique_name(family, position);
        let mut writing = page.family(&name, family.kind, &family.help);
        for (labels, value, timestamp_ms) in &family.samples {
            let labels: Vec<_> = labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            match timestamp_ms {
                Some(timestamp_ms) => writing.sample_at(&labels, *value, *timestamp_ms),
                None => writing.sample(&labels, *value),
            };
        }
    }
    page.finish().expect("the families are valid")
}

fn unique_name(family: &Family, position: usize) -> String {
    format!("{}_{position}", family.name)
}

/// What a reader should tell about these families.
fn expected(families: &[Family], format: Format) -> Vec<Told> {
    let mut told = Vec::new();
    for (position, family) in families.iter().enumerate() {
        let base = unique_name(family, position);
        let suffix = if family.kind == Kind::Counter { "_total" } else { "" };
        let metadata_name =
            if format == Format::Text { format!("{base}{suffix}") } else { base.clone() };
        if !family.help.is_empty() {
            told.push(Told::Help(metadata_name.clone(), family.help.clone()));
        }
        told.push(Told::Type(metadata_name, family.kind));
        told.extend(family.samples.iter().map(|(labels, value, timestamp_ms)| Told::Sample {
            name: format!("{base}{suffix}"),
            labels: labels.clone(),
            bits: value.to_bits(),
            timestamp_ms: *timestamp_ms,
        }));
    }
    if format == Format::OpenMetrics {
        told.push(Told::Eof);
    }
    told
}

fn read(page: &str, format: Format) -> Vec<Told> {
    parse(page.as_bytes(), format, Limits::default())
        .map(|line| match line.expect("the page is valid") {
            Line::Help { name, text } => Told::Help(name.to_owned(), text.into_owned()),
            Line::Type { name, kind } => Told::Type(name.to_owned(), kind),
            Line::Sample(sample) => Told::Sample {
                name: sample.name.to_owned(),
                labels: sample.labels.map(|(k, v)| (k.to_owned(), v.into_owned())).collect(),
                bits: sample.value.to_bits(),
                timestamp_ms: sample.timestamp_ms,
            },
            Line::Eof => Told::Eof,
            unit @ Line::Unit { .. } => panic!("no unit was written: {unit:?}"),
        })
        .collect()
}

/// Takes everything out of a page, as a careless consumer would.
fn exhaust(body: &[u8], format: Format) {
    for line in parse(body, format, Limits::default()) {
        match line {
            Ok(Line::Sample(sample)) => {
                assert!(sample.labels.count() <= Limits::default().labels);
                assert!(sample.series.len() >= sample.name.len());
            }
            Ok(_) => {}
            Err(error) => assert!(error.to_string().len() < 500),
        }
    }
}

proptest! {
    #[test]
    fn what_the_writer_writes_the_reader_reads(families in vec(family(), 0..4)) {
        for format in [Format::Text, Format::OpenMetrics] {
            let page = write(&families, format);
            prop_assert_eq!(read(&page, format), expected(&families, format), "{}", page);
        }
    }

    #[test]
    fn a_histogram_reads_back_with_its_last_bucket(
        steps in vec((0.001..1e6_f64, 0..1000_u64), 0..6), above in 0..5_u64, sum: f64,
    ) {
        let (mut bound, mut count) = (0.0, 0);
        let buckets: Vec<_> = steps.iter().map(|(width, more)| {
            bound += width;
            count += more;
            (bound, count)
        }).collect();
        let total = count + above;
        for format in [Format::Text, Format::OpenMetrics] {
            let mut page = Encoder::new(format);
            page.family("took", Kind::Histogram, "").histogram(&[("a", "b")], &buckets, sum, total);
            let page = page.finish().unwrap();
            let mut read = Vec::new();
            for line in parse(page.as_bytes(), format, Limits::default()) {
                if let Line::Sample(sample) = line.unwrap() && sample.name == "took_bucket" {
                    let bound: f64 = sample.labels.get("le").unwrap().parse().unwrap();
                    read.push((bound, sample.value as u64));
                }
            }
            let infinity = [(f64::INFINITY, total)];
            prop_assert!(buckets.iter().chain(&infinity).eq(&read), "{}", page);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in vec(any::<u8>(), 0..200)) {
        exhaust(&body, Format::Text);
        exhaust(&body, Format::OpenMetrics);
    }

    #[test]
    fn arbitrary_text_of_the_right_alphabet_never_panics(
        body in r#"([a-c_:é]{0,3}|[{}",=#\\ \n]|HELP|TYPE|UNIT|EOF|gauge|[0-9.e+-]{1,4}|NaN){0,40}"#,
    ) {
        exhaust(body.as_bytes(), Format::Text);
        exhaust(body.as_bytes(), Format::OpenMetrics);
    }

    #[test]
    fn a_page_cut_anywhere_never_panics(families in vec(family(), 1..3), cut: prop::sample::Index) {
        let page = write(&families, Format::OpenMetrics);
        exhaust(&page.as_bytes()[..cut.index(page.len())], Format::OpenMetrics);
    }
}
