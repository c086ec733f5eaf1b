//! `etcdutl defrag`: makes the database of a stopped member smaller.

use std::future::ready;
use std::time::Duration;

use crate::call::Call;
use crate::command::Command;
use crate::compat::Compat;
use crate::failure::Failure;
use crate::parse::Flag;
use crate::print::human;

/// `defrag`.
pub(super) const DEFRAG: Command = Command::new(
    "defrag",
    "defrag",
    "Gives the free room of a stopped member's database back",
    |call| Box::pin(ready(run(call))),
)
.flags(&[Flag::text(
    "data-dir",
    "",
    "the data directory of a member that does not run (required)",
)]);

fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    if !call.flags.is_given("data-dir") {
        return Err(Failure::error("required flag(s) \"data-dir\" not set"));
    }
    call.offline()?;
    let data_dir = call.flags.text("data-dir").into_owned();
    let failed = |reason: &str| {
        Failure::error(format!("Failed to defragment etcd data[{data_dir}] ({reason})"))
    };
    let directory = std::path::PathBuf::from(&data_dir);
    super::check_exists(&backup::database_path(&directory))
        .map_err(|failure| failed(&failure.message))?;
    // Up to 3.6 etcdutl waits for ever; a script that hangs helps nobody.
    let wait = if call.compat >= Compat::V3_7 {
        call.flags.duration("timeout")
    } else {
        Duration::from_secs(10)
    };
    let done = backup::defrag(&directory, wait, &mut |_| {})
        .map_err(|error| failed(&error.to_string()))?;
    let (before, after) = (human::bytes(done.before_bytes), human::bytes(done.after_bytes));
    call.io.complain(&format!("{}: {before} -> {after}", done.path.display()));
    Ok(())
}
