//! Speed of reading and writing a page in the shape of an etcd member's: 1,290 series, 150 kB.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use expfmt::{Encoder, Format, Kind, Limits, Line, ScrapeCache, parse};

fn main() {
    divan::main();
}

/// As on a member of etcd 3.5: 820 series of `grpc_server_*` (a counter for each method and code,
/// with long label sets), 30 histograms, the rest single counters and gauges.
fn etcd_page() -> String {
    const CODES: [&str; 17] = [
        "OK",
        "Canceled",
        "Unknown",
        "InvalidArgument",
        "DeadlineExceeded",
        "NotFound",
        "AlreadyExists",
        "PermissionDenied",
        "ResourceExhausted",
        "FailedPrecondition",
        "Aborted",
        "OutOfRange",
        "Unimplemented",
        "Internal",
        "Unavailable",
        "DataLoss",
        "Unauthenticated",
    ];
    const METHODS: usize = 41;
    let mut page = Encoder::new(Format::Text);
    let mut handled = page.family(
        "grpc_server_handled_total",
        Kind::Counter,
        "Total number of RPCs completed on the server, regardless of success or failure.",
    );
    let methods: Vec<_> = (0..METHODS).map(|method| format!("LeaseTimeMethod{method}")).collect();
    for method in &methods {
        for code in CODES {
            let labels = [
                ("grpc_code", code),
                ("grpc_method", method),
                ("grpc_service", "etcdserverpb.Maintenance"),
                ("grpc_type", "unary"),
            ];
            handled.sample(&labels, if code == "OK" { 48_213.0 } else { 0.0 });
        }
    }
    for name in ["started", "msg_received", "msg_sent"] {
        let name = format!("grpc_server_{name}_total");
        let mut family = page.family(&name, Kind::Counter, "Total number of RPC messages.");
        for method in &methods {
            let labels = [
                ("grpc_method", method.as_str()),
                ("grpc_service", "etcdserverpb.Maintenance"),
                ("grpc_type", "unary"),
            ];
            family.sample(&labels, 48_213.0);
        }
    }
    let buckets: [(f64, u64); 14] =
        std::array::from_fn(|power| (0.001 * f64::from(1 << power), 1000 + power as u64));
    for histogram in 0..20 {
        let name = format!("etcd_debugging_mvcc_work_{histogram}_duration_seconds");
        page.family(
            &name,
            Kind::Histogram,
            "The latency distributions of work done by the backend.",
        )
        .histogram(&[], &buckets, 12.345_678_901, 1014);
    }
    for gauge in 0..130 {
        let name = format!("etcd_server_figure_{gauge}_bytes");
        page.family(
            &name,
            Kind::Gauge,
            "A figure of the server, with a help text of usual length.",
        )
        .sample(&[], 1.464_1e6 + f64::from(gauge) / 3.0);
    }
    page.finish().expect("invariant: the page is valid")
}

#[divan::bench]
fn read_every_sample(bencher: Bencher<'_, '_>) {
    let page = etcd_page();
    bencher.counter(BytesCount::of_str(&page)).bench(|| {
        let mut sum = 0.0;
        for line in parse(page.as_bytes(), Format::Text, Limits::default()) {
            if let Ok(Line::Sample(sample)) = line {
                sum += sample.value;
            }
        }
        sum
    });
}

#[divan::bench]
fn read_every_sample_and_label(bencher: Bencher<'_, '_>) {
    let page = etcd_page();
    bencher.counter(BytesCount::of_str(&page)).bench(|| {
        for line in parse(page.as_bytes(), Format::Text, Limits::default()) {
            if let Ok(Line::Sample(sample)) = line {
                for label in sample.labels {
                    black_box(label);
                }
            }
        }
    });
}

#[divan::bench]
fn read_every_sample_with_its_identity(bencher: Bencher<'_, '_>) {
    let page = etcd_page();
    let mut cache = ScrapeCache::<u32>::default();
    let mut scrape = || {
        let mut known = cache.page();
        let (mut series, mut sum) = (0, 0);
        for line in parse(page.as_bytes(), Format::Text, Limits::default()) {
            if let Ok(Line::Sample(sample)) = line {
                sum += u64::from(known.id(sample.series, || series));
                series += 1;
            }
        }
        known.finish();
        sum
    };
    scrape();
    bencher.counter(BytesCount::of_str(&page)).bench_local(scrape);
}

#[divan::bench]
fn write_the_page(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::of_str(&etcd_page())).bench(etcd_page);
}
