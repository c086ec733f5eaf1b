//! The command that a watch runs for each event.

use std::ffi::OsString;
use std::process::Stdio;

use etcd::wire::etcdserverpb::ResponseHeader;
use etcd::wire::mvccpb::Event;
use tokio::process::Command;

use crate::answer::event_variables;
use crate::call::Call;
use crate::failure::{Failure, exit};
use crate::go;

/// Runs `words` and waits for its end; a failure of it ends the watch.
pub(super) async fn run(
    call: &mut Call<'_>,
    words: &[Vec<u8>],
    header: Option<&ResponseHeader>,
    event: &Event,
) -> Result<(), Failure> {
    let arguments = words.iter().map(|word| os_string(word));
    let mut command = {
        let mut arguments = arguments;
        let mut command = Command::new(arguments.next().unwrap_or_default());
        command.args(arguments);
        command
    };
    command.envs(event_variables(header, event)).stdin(Stdio::null());
    let ended = if call.io.is_inherited {
        command.status().await
    } else {
        match command.output().await {
            Ok(output) => {
                call.io.out().extend_from_slice(&output.stdout);
                call.io.complain(String::from_utf8_lossy(&output.stderr).trim_end_matches('\n'));
                Ok(output.status)
            }
            Err(error) => Err(error),
        }
    };
    let why = match ended {
        Ok(status) if status.success() => return call.flush(),
        // As Go says it.
        Ok(status) => status.to_string().replace("exit status: ", "exit status "),
        Err(error) => {
            let program = String::from_utf8_lossy(&words[0]);
            if program.contains('/') {
                format!("fork/exec {program}: {}", go::io_error(&error))
            } else {
                let program = go::quote(&words[0]);
                format!("exec: {program}: executable file not found in $PATH")
            }
        }
    };
    let shown: Vec<String> = words.iter().map(|word| go::quote(word)).collect();
    call.io.complain(&format!("command [{}] error ({why})", shown.join(" ")));
    Err(Failure::silent(exit::ERROR))
}

/// An argument with exactly these bytes, where the system's arguments are bytes.
fn os_string(word: &[u8]) -> OsString {
    #[cfg(unix)]
    let text = std::os::unix::ffi::OsStringExt::from_vec(word.to_vec());
    #[cfg(not(unix))]
    let text = String::from_utf8_lossy(word).into_owned().into();
    text
}
