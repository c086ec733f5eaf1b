//! Pages of metrics in either format.

use expfmt::{Format, Limits, Line, ScrapeCache};

/// Takes the bytes as a page in either format, with small limits and with the usual ones.
pub fn pages(bytes: &[u8]) {
    let small = Limits { body_bytes: 4_096, line_bytes: 128, samples: 16, labels: 4 };
    for format in [Format::Text, Format::OpenMetrics] {
        for limits in [small, Limits::default()] {
            read(bytes, format, limits);
        }
    }
}

fn read(bytes: &[u8], format: Format, limits: Limits) {
    let mut cache = ScrapeCache::default();
    let (mut samples, mut next) = (0, 0_u32);
    // The same page twice: the second time every series is known.
    for is_second in [false, true] {
        let mut page = cache.page();
        for line in expfmt::parse(bytes, format, limits) {
            let line = match line {
                Ok(line) => line,
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    continue;
                }
            };
            let Line::Sample(sample) = line else { continue };
            samples += usize::from(!is_second);
            assert!(sample.series.len() <= limits.line_bytes);
            assert!(sample.labels.clone().count() <= limits.labels);
            let first = sample.labels.clone().next();
            for (name, value) in sample.labels.clone() {
                assert!(sample.labels.get(name).is_some(), "{name} = {value}");
            }
            if let Some((name, value)) = first {
                assert_eq!(sample.labels.get(name), Some(value), "of a repeated name the first");
            }
            let mut is_new = false;
            page.id(sample.series, || {
                is_new = true;
                next += 1;
                next
            });
            assert!(!(is_second && is_new), "{} is new the second time", sample.series);
        }
        page.finish();
    }
    assert!(samples <= limits.samples);
}
