//! Every line of the scripts, done by the real etcdctl and by ours, with the same outcome.

use std::fmt::Write as _;

use ctl::compat::Compat;
use testbed::{Cluster, EtcdVersion};

use crate::script::{self, Line, Script};
use crate::side::{Outcome, Side};

/// Two clusters that are alike.
struct Pair {
    _clusters: [Cluster; 2],
    real: Side,
    ours: Side,
    _directory: tempfile::TempDir,
}

async fn pair(version: EtcdVersion, members: usize) -> Pair {
    let builder = Cluster::builder(version).members(members).flag("--bcrypt-cost=4");
    let (one, two) = tokio::join!(builder.start(), builder.start());
    let clusters = [one.unwrap(), two.unwrap()];
    let directory = tempfile::tempdir().unwrap();
    let [real, ours] = clusters.each_ref().map(|cluster| {
        let urls: Vec<String> = cluster.members().iter().map(testbed::Member::client_url).collect();
        Side::new(urls.join(","), directory.path())
    });
    Pair { _clusters: clusters, real, ours, _directory: directory }
}

async fn scripts_about_keys_have_the_same_outcome(version: EtcdVersion) {
    Box::pin(scripts_have_the_same_outcome(version, |name| name < "50")).await;
}

async fn scripts_about_clusters_have_the_same_outcome(version: EtcdVersion) {
    Box::pin(scripts_have_the_same_outcome(version, |name| ("50".."80").contains(&name))).await;
}

async fn scripts_about_users_have_the_same_outcome(version: EtcdVersion) {
    Box::pin(scripts_have_the_same_outcome(version, |name| name >= "80")).await;
}

async fn scripts_have_the_same_outcome(version: EtcdVersion, is_wanted: fn(&str) -> bool) {
    let etcdctl = match version.etcdctl() {
        Ok(etcdctl) => etcdctl,
        Err(missing) => return testbed::version::skip(&missing),
    };
    let compat = Compat::parse(version.as_str()).unwrap();
    let mut shared = pair(version, 1).await;
    let (mut count, mut report) = (0, String::new());
    for script in script::all().into_iter().filter(|script| is_wanted(&script.name)) {
        let mut own = if script.is_fresh || script.members > 1 {
            Some(pair(version, script.members).await)
        } else {
            None
        };
        let pair = own.as_mut().unwrap_or(&mut shared);
        for line in script.lines.iter().filter(|line| line.is_for(compat)) {
            count += 1;
            let side = if line.is_same { &pair.real } else { &pair.ours };
            let (real, ours) =
                tokio::join!(pair.real.real(&etcdctl, line), side.ours(compat, line));
            let problems = compare(line, (&pair.real, &real), (side, &ours));
            tell(&mut report, &script, line, &problems);
            if let Some(name) = &line.keep_as {
                pair.real.keep(name, &real.stdout);
                pair.ours.keep(name, &ours.stdout);
            }
        }
    }
    println!("etcdctl {version}: {count} invocations compared");
    assert!(report.is_empty(), "etcdctl {version}:\n{report}");
}

fn tell(report: &mut String, script: &Script, line: &Line, problems: &[String]) {
    for problem in problems {
        let _ = writeln!(report, "{}:{}: {}\n{problem}", script.name, line.number, line.text);
    }
}

fn compare(line: &Line, real: (&Side, &Outcome), ours: (&Side, &Outcome)) -> Vec<String> {
    let mut problems = Vec::new();
    let ((real_side, real), (our_side, ours)) = (real, ours);
    if real.code != ours.code {
        let said = format!("real: {}\nours: {}", real.stderr, ours.stderr);
        problems.push(format!("  code {} is {} in ours\n{said}", real.code, ours.code));
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let is_help = ["NAME:", "Usage:"].iter().any(|head| text(&real.stdout).contains(head));
    if line.is_same {
        if real.stdout != ours.stdout {
            let (real, ours) = (text(&real.stdout), text(&ours.stdout));
            problems.push(format!("  bytes of stdout\n  real: {real:?}\n  ours: {ours:?}"));
        }
    } else if !line.is_code_only && !is_help {
        let real = real_side.masked(&text(&real.stdout));
        let ours = our_side.masked(&text(&ours.stdout));
        if real != ours {
            problems.push(format!("  stdout\n  real: {real:?}\n  ours: {ours:?}"));
        }
    }
    let said = our_side.masked(&ours.stderr);
    for line in real_side.masked(&real.stderr).lines().take_while(|line| *line != "Usage:") {
        // Logs are for the authors of etcd.
        // So is what `stty` says, which etcdctl calls to hide what is typed.
        let is_log = line.starts_with('{') || line.starts_with("20") || line.contains("stty: ");
        if !is_log && !said.contains(line.trim_end()) {
            problems.push(format!("  stderr lacks {line:?}\n  ours: {said:?}"));
        }
    }
    problems
}

mod on {
    testbed::on_every_version!(
        scripts_about_keys_have_the_same_outcome,
        scripts_about_clusters_have_the_same_outcome,
        scripts_about_users_have_the_same_outcome,
    );
}
