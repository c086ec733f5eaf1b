//! What the commands are: a tree in data, one file for each family.
//!
//! To add a family, write a file in `command/` with a `pub(super) const` [`Command`] (or several),
//! and name it in the list of [`ROOT`], which is the only line that changes here. A command gets a
//! [`Call`]: its arguments and flags, the streams, and
//! [`Call::session`](crate::call::Call::session) once the arguments are known to be right, as
//! etcdctl checks them before anything else. What it prints implements
//! [`Answer`](crate::answer::Answer), one method for each format, and goes to
//! [`Call::print`](crate::call::Call::print). A command that not every release of etcdctl has says
//! `.since(…)`; one that none has, `.ours()`. Its row in docs/ctl.md and its lines in
//! `tests/golden/` belong to it.

mod alarm;
mod auth;
mod cas;
mod check;
mod compaction;
mod completion;
mod context;
mod defrag;
mod del;
mod diff;
mod downgrade;
mod elect;
mod endpoint;
mod export;
mod get;
mod help;
mod history;
mod import;
mod keys;
mod lease;
mod lock;
mod make_mirror;
mod member;
mod member_id;
mod member_replace;
mod members;
mod move_leader;
mod nospace_recover;
mod put;
mod role;
pub(crate) mod snapshot;
mod txn;
mod user;
mod version;
mod watch;

use std::pin::Pin;

use crate::call::Call;
use crate::compat::Compat;
use crate::failure::Failure;
use crate::global;
use crate::parse::Flag;

/// What a command's `run` answers.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

/// Does the work of a command; written as `|call| Box::pin(run(call))`, or with
/// `Box::pin(ready(run(call)))` when it waits for nothing.
pub type Run = for<'a> fn(&'a mut Call<'_>) -> Running<'a>;

/// One command, or a group of commands.
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// Its name and what may follow, such as `get [options] <key> [range_end]`.
    pub usage: &'static str,
    /// One line that says what it does.
    pub short: &'static str,
    /// More about it; may be empty.
    pub long: &'static str,
    /// Its own flags.
    pub flags: &'static [Flag],
    /// Flags of it and of all commands below it.
    pub persistent: &'static [Flag],
    /// The commands below it, in order of their names.
    pub children: &'static [&'static Command],
    /// Does the work; `None` for a group, which prints its help.
    pub run: Option<Run>,
    /// First release of etcdctl that has it.
    pub since: Compat,
    /// Last release of etcdctl that has it.
    pub until: Compat,
    /// Whether no etcdctl has it.
    pub is_ours: bool,
}

impl Command {
    /// A command that does something.
    pub const fn new(
        name: &'static str,
        usage: &'static str,
        short: &'static str,
        run: Run,
    ) -> Self {
        let mut command = Self::group(name, usage, short, &[]);
        command.run = Some(run);
        command
    }

    /// A group of commands.
    pub const fn group(
        name: &'static str,
        usage: &'static str,
        short: &'static str,
        children: &'static [&'static Self],
    ) -> Self {
        Self {
            name,
            usage,
            short,
            long: "",
            flags: &[],
            persistent: &[],
            children,
            run: None,
            since: Compat::V3_4,
            until: Compat::V3_7,
            is_ours: false,
        }
    }

    /// With flags of its own.
    #[must_use]
    pub const fn flags(mut self, flags: &'static [Flag]) -> Self {
        self.flags = flags;
        self
    }

    /// With flags that the commands below it take too.
    #[must_use]
    pub const fn persistent(mut self, flags: &'static [Flag]) -> Self {
        self.persistent = flags;
        self
    }

    /// With more to say in its help.
    #[must_use]
    pub const fn long(mut self, long: &'static str) -> Self {
        self.long = long;
        self
    }

    /// From this release on.
    #[must_use]
    pub const fn since(mut self, since: Compat) -> Self {
        self.since = since;
        self
    }

    /// Up to this release.
    #[must_use]
    pub const fn until(mut self, until: Compat) -> Self {
        self.until = until;
        self
    }

    /// Not etcdctl's.
    #[must_use]
    pub const fn ours(mut self) -> Self {
        self.is_ours = true;
        self
    }

    /// All of its own flags that the release has.
    pub(crate) fn flags_in(&self, compat: Compat) -> impl Iterator<Item = Flag> + '_ {
        self.flags.iter().chain(self.persistent).filter(move |flag| flag.is_in(compat)).copied()
    }

    /// The commands below it that the release has.
    pub(crate) fn children_in(
        &self,
        compat: Compat,
    ) -> impl Iterator<Item = &'static Self> + 'static {
        let children = self.children.iter().copied();
        children.filter(move |child| child.since <= compat && compat <= child.until)
    }

    pub(crate) fn has_children(&self) -> bool {
        !self.children.is_empty()
    }
}

/// The root: `etcdctl` itself. The names stand in order.
pub static ROOT: Command = Command::group(
    "etcdctl",
    "etcdctl [flags]",
    "Works with the keys and the members of an etcd cluster.",
    &[
        &alarm::ALARM,
        &auth::AUTH,
        &cas::CAS,
        &check::CHECK,
        &compaction::COMPACTION,
        &completion::COMPLETION,
        &context::CONTEXT,
        &defrag::DEFRAG,
        &del::DEL,
        &diff::DIFF,
        &downgrade::DOWNGRADE,
        &elect::ELECT,
        &endpoint::ENDPOINT,
        &export::EXPORT,
        &get::GET,
        &help::HELP,
        &history::HISTORY,
        &import::IMPORT,
        &keys::KEYS,
        &members::LEADER,
        &lease::LEASE,
        &lock::LOCK,
        &make_mirror::MAKE_MIRROR,
        &member::MEMBER,
        &members::MEMBERS,
        &move_leader::MOVE_LEADER,
        &nospace_recover::NOSPACE_RECOVER,
        &put::PUT,
        &role::ROLE,
        &snapshot::SNAPSHOT,
        &txn::TXN,
        &user::USER,
        &version::VERSION,
        &watch::WATCH,
    ],
)
.persistent(global::FLAGS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_destroys_more_than_one_key_or_changes_members_can_be_shown_and_asks() {
        let destructive = [
            "auth disable",
            "auth enable",
            "compaction",
            "defrag",
            "del",
            "import",
            "lease revoke",
            "make-mirror",
            "member add",
            "member promote",
            "member remove",
            "member replace",
            "member update",
            "nospace-recover",
        ];
        for line in destructive {
            let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().into()).collect();
            let found = crate::parse::resolve(&ROOT, &words, Compat::V3_6).ok().unwrap();
            let command = found.path[found.path.len() - 1];
            assert!(line.ends_with(command.name), "{line}");
            for name in ["dry-run", "yes"] {
                let has_it = command.flags.iter().any(|flag| flag.name == name && flag.is_ours);
                assert!(has_it, "{line} has no --{name}");
            }
        }
    }
}
