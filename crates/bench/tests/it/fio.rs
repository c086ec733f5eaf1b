//! The check of a disk beside fio with the recipe of etcd's documentation.

use std::path::Path;
use std::process::Command;

use bench::disk;
use bench::disk::Verdict;
use testbed::programs;
use testbed::version::skip;
use tokio_util::sync::CancellationToken;

/// A disk that others use too may be busy while one of the two is at it.
const ATTEMPTS: usize = 4;

#[test]
fn a_disk_is_told_to_be_as_fast_as_fio_finds_it() {
    let fio = match programs::fio() {
        Ok(fio) => fio,
        Err(missing) => return skip(&missing),
    };
    // Beside the build, which is on a disk where the system's directory for such things may be memory.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut told = Vec::new();
    for _ in 0..ATTEMPTS {
        let ours = disk::check(directory.path(), &CancellationToken::new(), &mut |_| {}).unwrap();
        assert!(!ours.is_partial);
        assert_ne!(ours.verdict().0, Verdict::Memory);
        let (writes, theirs) = measured_by(&fio, directory.path());
        assert!(writes.abs_diff(ours.syncs.count()) <= 1, "{writes} {}", ours.syncs.count());
        let own = ours.syncs.quantile(0.5).unwrap().as_secs_f64();
        told.push((own, theirs));
        // The same within a factor: they come one after the other.
        if (0.33..3.0).contains(&(own / theirs)) {
            return;
        }
    }
    panic!("seconds of the median fdatasync, ours and fio's: {told:?}");
}

/// Writes and the median fdatasync in seconds, by the recipe of etcd's documentation.
fn measured_by(fio: &Path, directory: &Path) -> (u64, f64) {
    let output = Command::new(fio)
        .args(["--name=etcd", "--rw=write", "--ioengine=sync", "--fdatasync=1", "--thread"])
        .args(["--size=22m", "--bs=2300", "--output-format=json", "--unlink=1"])
        .arg(format!("--directory={}", directory.display()))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let start = text.find('{').expect("fio writes JSON");
    let told: serde_json::Value = serde_json::from_str(&text[start..]).unwrap();
    let job = &told["jobs"][0];
    let median = job["sync"]["lat_ns"]["percentile"]["50.000000"].as_f64().unwrap() / 1e9;
    (job["write"]["total_ios"].as_u64().unwrap(), median)
}
