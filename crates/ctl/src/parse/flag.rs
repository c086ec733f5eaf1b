//! What a flag is called and takes.

use crate::compat::Compat;

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, or `=true` and `=false`.
    Bool,
    /// A whole number.
    Int,
    /// Any bytes.
    Text,
    /// A duration such as `5s`.
    Duration,
    /// Texts with commas between; several uses add up.
    List,
}

/// One flag of a command.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// Its name, without dashes.
    pub name: &'static str,
    /// Its one-letter name.
    pub short: Option<char>,
    /// What it takes.
    pub kind: Kind,
    /// What it is when not given, as a user would write it.
    pub default: &'static str,
    /// One line that says what it does.
    pub help: &'static str,
    /// First release of etcdctl that has it.
    pub since: Compat,
    /// Last release of etcdctl that has it.
    pub until: Compat,
    /// Whether no etcdctl has it.
    pub is_ours: bool,
}

impl Flag {
    const fn new(
        kind: Kind,
        name: &'static str,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        let (since, until) = (Compat::V3_4, Compat::V3_7);
        Self { name, short: None, kind, default, help, since, until, is_ours: false }
    }

    /// A flag that is given or not.
    pub const fn bool(name: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Bool, name, "false", help)
    }

    /// A flag that is on unless it is given as `=false`.
    pub const fn on(name: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Bool, name, "true", help)
    }

    /// A flag that takes a whole number.
    pub const fn int(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Int, name, default, help)
    }

    /// A flag that takes any text.
    pub const fn text(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Text, name, default, help)
    }

    /// A flag that takes a duration.
    pub const fn duration(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Duration, name, default, help)
    }

    /// A flag that takes texts with commas between.
    pub const fn list(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self::new(Kind::List, name, default, help)
    }

    /// With a one-letter name too.
    #[must_use]
    pub const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
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

    /// Whether the release has it.
    pub fn is_in(&self, compat: Compat) -> bool {
        self.since <= compat && compat <= self.until
    }

    /// How errors name it, such as `-w, --write-out`.
    pub(super) fn shown(&self) -> String {
        match self.short {
            Some(short) => format!("-{short}, --{}", self.name),
            None => format!("--{}", self.name),
        }
    }
}
