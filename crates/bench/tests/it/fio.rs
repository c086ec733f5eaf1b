//! The check of a disk beside fio with the recipe of etcd's documentation.

use std::process::Command;

use bench::disk;
use bench::disk::Verdict;
use testbed::programs;
use testbed::version::skip;
use tokio_util::sync::CancellationToken;

#[test]
fn a_disk_is_told_to_be_as_fast_as_fio_finds_it() {
    let fio = match programs::fio() {
        Ok(fio) => fio,
        Err(missing) => return skip(&missing),
    };
    // Beside the build, which is on a disk where the system's directory for such things may be memory.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let ours = disk::check(directory.path(), &CancellationToken::new(), &mut |_| {}).unwrap();
    assert!(!ours.is_partial);
    let output = Command::new(fio)
        .args(["--name=etcd", "--rw=write", "--ioengine=sync", "--fdatasync=1"])
        .args(["--size=22m", "--bs=2300", "--output-format=json"])
        .arg(format!("--directory={}", directory.path().display()))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let start = text.find('{').expect("fio writes JSON");
    let told: serde_json::Value = serde_json::from_str(&text[start..]).unwrap();
    let sync = &told["jobs"][0]["sync"]["lat_ns"];
    let theirs = sync["percentile"]["50.000000"].as_f64().unwrap() / 1e9;
    let own = ours.syncs.quantile(0.5).unwrap().as_secs_f64();
    // One after the other on a disk that others use too: the same within a factor.
    let factor = own / theirs;
    assert!((0.33..3.0).contains(&factor), "{own} s beside {theirs} s of fio");
    let writes = told["jobs"][0]["write"]["total_ios"].as_u64().unwrap();
    assert!(writes.abs_diff(ours.syncs.count()) <= 1, "{writes} {}", ours.syncs.count());
    assert_ne!(ours.verdict().0, Verdict::Memory);
}
