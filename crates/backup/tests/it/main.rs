//! Snapshots against real etcd of every version, and its own tools.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clusters;
mod damage;
mod disk;
mod killed;
mod peers;
mod synthetic;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use backup::{OnProgress, RestoreOptions, Restored, SaveOptions, Saved};

/// Long enough for anything that works, on a busy machine.
const AMPLE: Duration = Duration::from_secs(20);

/// A callback for tests that do not look at progress.
fn unseen() -> Box<OnProgress<'static>> {
    Box::new(|_| {})
}

async fn save(member: &etcd::Member, path: &Path) -> Saved {
    backup::save(std::slice::from_ref(member), &SaveOptions::new(path), &mut unseen())
        .await
        .unwrap()
}

fn restore(options: &RestoreOptions) -> Result<Restored, backup::Error> {
    backup::restore(options, &mut unseen())
}

/// Runs a program of etcd's.
fn run(program: &Path, args: &[&str]) -> Output {
    Command::new(program).args(args).env_clear().env("ETCDCTL_API", "3").output().unwrap()
}

/// Runs a program of etcd's that must succeed, and answers what it printed.
fn ran(program: &Path, args: &[&str]) -> String {
    let output = run(program, args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {args:?}: {errors}", program.display());
    String::from_utf8(output.stdout).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
