//! Asking for a password on a terminal that shows nothing of it.

use crate::failure::Failure;

/// Asks the terminal, which shows nothing of what is typed.
pub fn ask(prompt: &str) -> Result<String, Failure> {
    // `rpassword` turns the echo off only after it has printed the prompt: whoever is quick, or a
    // program, would see the first letters.
    #[cfg(unix)]
    let _silence = silence::Silence::begin();
    rpassword::prompt_password(prompt).map_err(|error| {
        Failure::error(format!("cannot ask for the password: {error}")).with_detail(
            "give it as --password, or as ETCDCTL_PASSWORD, where there is no terminal",
        )
    })
}

#[cfg(unix)]
mod silence {
    use std::fs::{File, OpenOptions};

    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

    /// A terminal that does not echo, until this is dropped.
    pub(super) struct Silence {
        terminal: File,
        before: Termios,
    }

    impl Silence {
        /// `None` without a terminal, where nothing is echoed.
        pub(super) fn begin() -> Option<Self> {
            let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
            let before = tcgetattr(&terminal).ok()?;
            let mut silent = before.clone();
            silent.local_modes.remove(LocalModes::ECHO);
            tcsetattr(&terminal, OptionalActions::Now, &silent).ok()?;
            Some(Self { terminal, before })
        }
    }

    impl Drop for Silence {
        fn drop(&mut self) {
            // A terminal that is gone needs no echo.
            let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
        }
    }
}
