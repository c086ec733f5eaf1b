//! `version`: which release of etcdctl is followed, and by which program.

use std::future::ready;

use super::Command;
use crate::call::Call;

/// `version`.
pub(super) const VERSION: Command =
    Command::new("version", "version", "Prints the version", |call| {
        run(call);
        Box::pin(ready(Ok(())))
    });

fn run(call: &mut Call<'_>) {
    let compat = call.compat;
    let version = env!("CARGO_PKG_VERSION");
    call.say(&format!("etcdctl version: {compat}.0"));
    call.say(&format!("API version: {compat}"));
    call.say(&format!("etcd-monitor version: {version}"));
}
