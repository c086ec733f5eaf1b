//! What speaks against giving a cluster load, each by its kind.

/// One thing that speaks against giving a cluster load.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Objection {
    /// Nobody can write.
    #[error("no member that answers leads")]
    NoLeader,
    /// A member has raised an alarm.
    #[error("alarm {alarm} of {member}")]
    Alarm {
        /// Which.
        alarm: String,
        /// The member's name, or its ID.
        member: String,
    },
    /// A member has little room left.
    #[error(
        "{member} uses {:.0} % of its quota, and more than {:.0} % leaves no room",
        .used * 100.0, .limit * 100.0
    )]
    QuotaUsed {
        /// The member's name.
        member: String,
        /// Share of its quota, 0 to 1.
        used: f64,
        /// The most, 0 to 1.
        limit: f64,
    },
    /// A member would have little room left afterwards.
    #[error(
        "{member} would use up to {:.0} % of its quota with the {:.1} MB that are to be written, and {:.0} % is \
         the limit",
        .used * 100.0, *.bytes as f64 / 1e6, .limit * 100.0
    )]
    QuotaPlanned {
        /// The member's name.
        member: String,
        /// Share of its quota that would be used, 0 to 1.
        used: f64,
        /// What is to be written.
        bytes: u64,
        /// The most, 0 to 1.
        limit: f64,
    },
    /// A key under the prefix that no benchmark wrote.
    #[error("key {key:?} under the prefix is not a benchmark's; give another --prefix")]
    Stranger {
        /// The key; what is no UTF-8 in it is replaced.
        key: String,
    },
    /// Keys of a benchmark that runs, or that was killed.
    #[error(
        "{keys} keys of another benchmark are under {prefix:?}; if none is running, \
         `etcd-monitor bench clean --prefix {prefix}` removes them"
    )]
    Leftovers {
        /// How many, as far as was looked.
        keys: usize,
        /// Where.
        prefix: String,
    },
}

/// All of them in one line.
pub(crate) fn line(objections: &[Objection]) -> String {
    objections.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
