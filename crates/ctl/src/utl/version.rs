//! `etcdutl version`: which release is followed, and by which program.

use std::future::ready;

use crate::call::Call;
use crate::command::Command;

/// `version`.
pub(super) const VERSION: Command =
    Command::new("version", "version", "Prints the version", |call| {
        run(call);
        Box::pin(ready(Ok(())))
    });

fn run(call: &mut Call<'_>) {
    let compat = call.compat;
    call.say(&format!("etcdutl version: {compat}.0"));
    call.say(&format!("API version: {compat}"));
    call.say(&format!("etcd-monitor version: {}", env!("CARGO_PKG_VERSION")));
}
