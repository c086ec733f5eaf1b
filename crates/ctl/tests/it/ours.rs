//! What etcdctl has not, or does wrong, on one real cluster.

use ctl::compat::Compat;
use testbed::{Cluster, EtcdVersion};

use crate::operate::AMPLE;
use crate::script::Line;
use crate::side::{Outcome, Side};

/// Runs lines of a script with ours only.
struct Ours {
    cluster: Cluster,
    side: Side,
    _directory: tempfile::TempDir,
}

impl Ours {
    /// On the newest version at hand, if any is.
    async fn start() -> Option<Self> {
        Some(Self::on(EtcdVersion::available().pop()?).await)
    }

    async fn on(version: EtcdVersion) -> Self {
        let cluster = Cluster::builder(version).members(1).start().await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let side = Side::new(cluster.member(0).client_url(), directory.path());
        Self { cluster, side, _directory: directory }
    }

    async fn run(&self, line: &str) -> Outcome {
        self.side.ours(Compat::default(), &Line::read(1, line)).await
    }

    /// What a line prints that must succeed.
    async fn text(&self, line: &str) -> String {
        let outcome = self.run(line).await;
        assert_eq!(outcome.code, 0, "{line}: {}", outcome.stderr);
        String::from_utf8(outcome.stdout).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_swapped_only_if_it_is_as_expected_and_its_past_can_be_read() {
    let Some(ours) = Ours::start().await else { return };
    assert_eq!(ours.text("cas k --mod-rev 0 one").await, "SUCCESS\n\nOK\n");
    assert_eq!(ours.text("cas k --expect one two").await, "SUCCESS\n\nOK\n");
    let refused = ours.run("cas k --expect one three").await;
    assert_eq!((refused.code, &refused.stdout[..]), (1, &b"FAILURE\n\nk\ntwo\n"[..]));
    assert!(refused.stderr.contains("\"k\" is not as expected: revision 3"), "{}", refused.stderr);
    let refused = ours.run("cas absent --expect x y").await;
    assert!(refused.stderr.contains("it does not exist"), "{}", refused.stderr);
    assert_eq!(ours.run("cas k new").await.code, 128);

    let history = ours.text("history k").await;
    assert_eq!(history, "2 PUT version 1 \"one\"\n3 PUT version 2 \"two\"\n");
    ours.text("del k").await;
    ours.text("put k again").await;
    ours.text("compaction 3").await;
    let history = "3 PUT version 2 \"two\"\n4 DELETE\n5 PUT version 1 \"again\"\n";
    assert_eq!(ours.text("history k").await, history);
    ours.text("del k").await;
    assert!(ours.text("history k").await.ends_with("6 DELETE\n"));
    assert_eq!(ours.text("history never").await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_shown_and_compared_readable_on_request() {
    let Some(ours) = Ours::start().await else { return };
    ours.text(r#"put j '{"a":1,"b":[]}'"#).await;
    ours.text(r#"put j '{"a":2,"b":[]}'"#).await;
    let json = ours.text("get j --decode auto --print-value-only").await;
    assert_eq!(json, "{\n  \"a\": 2,\n  \"b\": []\n}\n");
    let diff = ours.run("diff j 2 3").await;
    let text = String::from_utf8(diff.stdout).unwrap();
    assert_eq!(diff.code, 1);
    assert!(text.contains("-  \"a\": 1,\n+  \"a\": 2,\n"), "{text}");
    assert!(text.contains("\"j\" at revision 2 (version 1, written by 2)"), "{text}");
    assert_eq!(ours.text("diff j 3").await, "");
    assert_eq!(ours.run("get j --decode xml").await.code, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_and_streams_make_the_answer_that_one_request_makes() {
    let available = EtcdVersion::available();
    let (Some(first), Some(last)) = (available.first(), available.last()) else { return };
    for version in [*first, *last] {
        let ours = Ours::on(version).await;
        let mut value = "x".repeat(3000);
        for hundred in 0..25 {
            let puts: Vec<String> =
                (0..100).map(|n| format!("put p{hundred:02}{n:02} {value}")).collect();
            let stdin = format!("\\n{}\\n\\n\\n", puts.join("\\n"));
            ours.text(&format!("txn < \"{stdin}\"")).await;
            value.pop();
        }
        for format in ["json", "simple", "fields"] {
            let paged = ours.text(&format!("get p --prefix -w {format}")).await;
            let whole = ours.text(&format!("get p --prefix -w {format} --limit 1000000")).await;
            assert!(paged == whole, "{format}: {} and {} bytes", paged.len(), whole.len());
            let old = ours.text(&format!("get p --prefix -w {format} --rev 20")).await;
            assert!(old.len() < whole.len());
            // Where the server has no stream, pages take its place.
            for (line, expected) in [("", &whole), (" --rev 20", &old)] {
                let line = format!("get p --prefix --stream -w {format}{line}");
                let streamed = ours.side.ours(Compat::V3_7, &Line::read(1, &line)).await;
                assert_eq!(streamed.code, 0, "{}", streamed.stderr);
                assert!(streamed.stdout == expected.as_bytes(), "{version} {line}");
            }
        }
        if version >= EtcdVersion::V3_7 {
            let member = ours.cluster.client_of(ours.cluster.member(0));
            let page = etcd::HttpTarget::of_member("/metrics");
            let page = member.http_get(&page, AMPLE, 1 << 24).await.unwrap();
            let text = String::from_utf8_lossy(&page.body).into_owned();
            let started = |line: &&str| {
                line.starts_with("grpc_server_started_total") && line.contains("\"RangeStream\"")
            };
            let line = text.lines().find(started).unwrap_or_default();
            assert!(line.ends_with(" 6"), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_watches_are_followed_at_a_time() {
    let Some(ours) = Ours::start().await else { return };
    ours.text("put a 1").await;
    ours.text("put b 2").await;
    // A value that ends the command ends the watch: both have to be told by then.
    let watch = ours.run(r"watch a --rev 1 -- sh -c 'echo $ETCD_WATCH_VALUE; exit 7'").await;
    assert_eq!((watch.code, &watch.stdout[..]), (1, &b"PUT\na\n1\n\"1\"\n"[..]));
    assert!(watch.stderr.contains("error (exit status 7)"), "{}", watch.stderr);
    // etcdctl takes the command's last word for the end of a range here.
    let watch = ours.run("watch a --rev 1 -- false false").await;
    assert_eq!(&watch.stdout[..], b"PUT\na\n1\n");
}
