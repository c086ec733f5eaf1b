//! One call of one command: its arguments and flags, the streams, the way to the cluster.

use etcd::KeyValue;
use etcd::wire::etcdserverpb::RangeResponse;

use crate::answer::{Answer, Got};
use crate::command::Command;
use crate::compat::Compat;
use crate::context;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::global;
use crate::io::Io;
use crate::parse::{Flag, Flags};
use crate::print::{self, Format, Style};
use crate::session::Session;

/// What a command works with.
pub struct Call<'a> {
    /// The commands from the root to this one.
    pub path: Vec<&'static Command>,
    /// The arguments, flags taken out.
    pub args: Vec<Vec<u8>>,
    /// How many arguments stood before `--`; `None` without one.
    pub before_dashes: Option<usize>,
    /// The flags of the command and its parents; [`Call::session`] adds those of the environment.
    pub flags: Flags,
    /// The release of etcdctl to follow.
    pub compat: Compat,
    /// The variables of etcdctl.
    pub environment: &'a Environment,
    /// The streams.
    pub io: &'a mut Io,
    /// The context that the session is in, such as `context "prod"`.
    pub context: Option<String>,
    /// Format and style, known once there is a session.
    style: Style,
    format: Format,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        path: Vec<&'static Command>,
        flags: Flags,
        compat: Compat,
        environment: &'a Environment,
        io: &'a mut Io,
    ) -> Self {
        let style = Style { compat, is_terminal: io.stdout_is_terminal, ..Style::default() };
        let (args, format) = (Vec::new(), Format::Simple);
        let (before_dashes, context) = (None, None);
        Self { path, args, before_dashes, flags, compat, environment, io, context, style, format }
    }

    /// The command.
    pub fn command(&self) -> &'static Command {
        self.path[self.path.len() - 1]
    }

    /// An argument as text; what is not UTF-8 in it is replaced. Empty when there is none.
    pub fn arg(&self, index: usize) -> String {
        self.args
            .get(index)
            .map(|arg| String::from_utf8_lossy(arg).into_owned())
            .unwrap_or_default()
    }

    /// Reads flags, environment and context and prepares the connection; looks endpoints up in DNS
    /// where that is asked for, and dials nothing yet.
    ///
    /// To be called when the arguments are known to be right, because etcdctl checks them first.
    pub async fn session(&mut self) -> Result<Session, Failure> {
        self.session_knowing(&[]).await
    }

    /// The same for a command that reads variables which are no flags.
    pub async fn session_knowing(&mut self, variables: &[&str]) -> Result<Session, Failure> {
        self.inherit(variables)?;
        let context = context::selected(&self.flags, self.environment)?;
        let (flags, environment) = (&self.flags, self.environment);
        let settings = global::settings(flags, context.as_ref(), environment, self.io).await?;
        self.context = context.map(|described| format!("context {:?}", described.context.name));
        self.style.is_hex = self.flags.bool("hex");
        self.read_format()?;
        let timeout = self.flags.duration("command-timeout");
        let max_request_bytes = match self.flags.int("max-request-bytes") {
            limit @ 1.. => limit as usize,
            _ => global::MAX_REQUEST_BYTES,
        };
        let is_given = self.flags.is_given("command-timeout");
        Session::new(settings, timeout, is_given, max_request_bytes)
    }

    /// Reads flags, and for etcdctl the environment, for a command that asks no cluster.
    pub fn offline(&mut self) -> Result<(), Failure> {
        // etcdutl reads no variables.
        if std::ptr::eq(self.path[0], &raw const crate::command::ROOT) {
            self.inherit(&[])?;
        }
        self.read_format()
    }

    fn read_format(&mut self) -> Result<(), Failure> {
        self.format = Format::parse(&self.flags.text("write-out"))
            .ok_or_else(|| Failure::bad_feature("unsupported output format"))?;
        Ok(())
    }

    /// Takes what the environment gives to the flags of the parents.
    fn inherit(&mut self, variables: &[&str]) -> Result<(), Failure> {
        let parents = self.path[..self.path.len() - 1].iter();
        let inherited: Vec<Flag> = parents
            .flat_map(|parent| parent.persistent.iter())
            .filter(|flag| flag.is_in(self.compat))
            .copied()
            .collect();
        let environment = self.environment;
        global::apply_environment(&mut self.flags, &inherited, environment, variables, self.io)?;
        if self.flags.bool("debug") {
            let lines: Vec<String> = self
                .flags
                .shown()
                .filter(|(name, _)| inherited.iter().any(|flag| flag.name == *name))
                .map(|(name, value)| format!("{}={value}", crate::environment::variable(name)))
                .collect();
            for line in lines {
                self.io.complain(&line);
            }
        }
        Ok(())
    }

    /// The format of what is printed.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How it is printed; may be changed by the command.
    pub fn style(&mut self) -> &mut Style {
        &mut self.style
    }

    /// Prints an answer in the format that was asked for.
    pub fn print(&mut self, answer: &impl Answer) -> Result<(), Failure> {
        print::print(answer, self.format, self.style, self.io.out())?;
        self.flush_if_full()
    }

    /// Prints what stands before the keys of an answer that comes in pages.
    pub fn print_begin(&mut self, answer: &RangeResponse) -> Result<(), Failure> {
        Got::begin(answer, self.format, self.style, self.io.out());
        self.flush_if_full()
    }

    /// Prints keys, of which `before` stand there already; answers how many.
    pub fn print_keys(&mut self, kvs: &[KeyValue], before: usize) -> Result<usize, Failure> {
        for (index, kv) in kvs.iter().enumerate() {
            let is_first = before + index == 0;
            Got::key(kv, is_first, self.format, self.style, self.io.out());
            self.flush_if_full()?;
        }
        Ok(kvs.len())
    }

    /// Prints what stands behind them.
    pub fn print_end(&mut self, answer: &RangeResponse) -> Result<(), Failure> {
        Got::end(answer, self.format, self.style, self.io.out());
        self.flush_if_full()
    }

    /// Prints a line, whatever the format.
    pub fn say(&mut self, line: &str) {
        self.io.out().extend_from_slice(line.as_bytes());
        self.io.out().push(b'\n');
    }

    /// Writes what was printed so far.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.io.flush().map_err(|error| unwritten(&error))
    }

    /// Writes what was printed so far, if it is much.
    pub fn flush_if_full(&mut self) -> Result<(), Failure> {
        self.io.flush_if_full().map_err(|error| unwritten(&error))
    }
}

fn unwritten(error: &std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        // A reader that has seen enough, such as `head`: nobody wants to hear more.
        return Failure::silent(crate::failure::exit::ERROR);
    }
    Failure::error(format!("cannot write the answer: {error}"))
}
