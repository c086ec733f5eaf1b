//! When a condition is believed, and when it is over.

use std::time::Duration;

use model::finding::FindingKind;

/// How often and how long a condition must be seen, and missed, in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hysteresis {
    /// Consecutive sweeps that see it before it is believed.
    pub raise: u32,
    /// How long it must have been seen before it is believed.
    pub raise_after: Duration,
    /// Consecutive sweeps that don't before it is over.
    pub clear: u32,
    /// How long it must not have been seen before it is over.
    pub clear_after: Duration,
}

/// What a condition is seen in, which says what must have been looked at before one is over that
/// was open when the monitor last ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The answers of a sweep.
    Sweep,
    /// The pages of `/metrics`, or what a window of them amounts to.
    Metrics,
    /// Something that happened at one moment, and is told for as long as its clearing takes.
    Moment,
    /// A comparison of the members' data, or of benchmarks.
    Comparison,
    /// The monitor itself.
    Own,
}

impl Hysteresis {
    /// Seen in `raise` sweeps, missed in `clear`.
    const fn sweeps(raise: u32, clear: u32) -> Self {
        Self { raise, raise_after: Duration::ZERO, clear, clear_after: Duration::ZERO }
    }

    /// Seen in `raise` scrapes that follow one another, missed in `clear`. The time between two of
    /// them is never quite the interval.
    fn scrapes(raise: u32, clear: u32, interval: Duration) -> Self {
        Self {
            raise: 1,
            raise_after: interval.mul_f64(f64::from(raise.saturating_sub(1)) * 0.9),
            clear: 1,
            clear_after: interval.mul_f64(f64::from(clear) * 0.9),
        }
    }

    /// Believed at once, and over when it was not seen for `time`.
    const fn for_at_least(time: Duration) -> Self {
        Self { raise: 1, raise_after: Duration::ZERO, clear: 1, clear_after: time }
    }
}

/// The basis of each kind.
pub fn basis(kind: FindingKind) -> Basis {
    use FindingKind as Kind;
    match kind {
        Kind::ClusterUnreachable
        | Kind::QuorumLost
        | Kind::NoLeader
        | Kind::MemberDown
        | Kind::MemberUnreachable
        | Kind::QuorumAtRisk
        | Kind::StaleLeader
        | Kind::DividedCluster
        | Kind::MembershipDisagree
        | Kind::ZombieMember
        | Kind::UnstartedMember
        | Kind::ClusterSize
        | Kind::Nospace
        | Kind::CorruptAlarm
        | Kind::RevisionDiverged
        | Kind::RaftLag
        | Kind::ApplyLag
        | Kind::VersionSkew
        | Kind::VersionCve
        | Kind::AuthOff
        | Kind::CertExpiry
        | Kind::LearnerStuck => Basis::Sweep,
        Kind::MemberIsolated
        | Kind::DuplicateMember
        | Kind::LinkDown
        | Kind::SlowPeer
        | Kind::SlowFsync
        | Kind::SlowCommit
        | Kind::QuotaHigh
        | Kind::QuotaEta
        | Kind::Fragmented
        | Kind::CompactionOff
        | Kind::LeaseStorm
        | Kind::WatchSlow
        | Kind::GrpcErrors
        | Kind::SlowRequests
        | Kind::FlagsDiffer
        | Kind::PprofExposed
        | Kind::ClockSkew
        | Kind::FileDescriptors
        | Kind::MemoryPressure
        | Kind::MetricsUnreadable => Basis::Metrics,
        Kind::LeaderUniquenessViolated | Kind::LeaderFlapping | Kind::IndexWentBack => {
            Basis::Moment
        }
        Kind::HashMismatch
        | Kind::ConsistencyCheckStale
        | Kind::BigValue
        | Kind::HotPrefix
        | Kind::BenchmarkRegressed => Basis::Comparison,
        Kind::MonitorBlind | Kind::StoragePaused | Kind::StorageDamaged => Basis::Own,
    }
}

/// The hysteresis of each kind; `scrapes` is the time between two scrapes of a member.
///
/// Alarms are raised and disarmed by etcd itself and do not flap, cluster IDs come from the members'
/// logs and don't either, and our own storage says itself when it works again.
pub fn hysteresis(kind: FindingKind, scrapes: Duration) -> Hysteresis {
    use FindingKind as Kind;
    const MINUTE: Duration = Duration::from_mins(1);
    const DAY: Duration = Duration::from_hours(24);
    match kind {
        Kind::ClusterUnreachable | Kind::QuorumLost => Hysteresis::sweeps(2, 3),
        // etcd itself may take an election timeout to depose a leader, and five if it is set long.
        Kind::StaleLeader => {
            Hysteresis { raise_after: Duration::from_secs(5), ..Hysteresis::sweeps(2, 2) }
        }
        Kind::NoLeader
        | Kind::MemberDown
        | Kind::MemberUnreachable
        | Kind::QuorumAtRisk
        | Kind::MetricsUnreadable
        | Kind::VersionCve
        | Kind::AuthOff
        | Kind::CertExpiry => Hysteresis::sweeps(3, 3),
        Kind::DividedCluster => Hysteresis::sweeps(1, 3),
        // A member that is removed ends by itself a second later.
        Kind::ZombieMember => {
            Hysteresis { raise_after: Duration::from_secs(5), ..Hysteresis::sweeps(3, 3) }
        }
        // Until both endpoints were scraped again, one of the two pages may be from before a restart.
        Kind::DuplicateMember => Hysteresis { raise_after: scrapes, ..Hysteresis::sweeps(3, 3) },
        // Members come and go one at a time: between two of them the number is even.
        Kind::ClusterSize => Hysteresis { raise_after: 10 * MINUTE, ..Hysteresis::sweeps(3, 3) },
        // Member lists, lags and revisions take a moment to follow: what lasts is wrong.
        Kind::MembershipDisagree | Kind::RaftLag | Kind::ApplyLag => {
            Hysteresis { raise_after: Duration::from_secs(30), ..Hysteresis::sweeps(6, 3) }
        }
        Kind::RevisionDiverged => {
            Hysteresis { raise_after: Duration::from_secs(4), ..Hysteresis::sweeps(5, 5) }
        }
        Kind::UnstartedMember => Hysteresis { raise_after: 5 * MINUTE, ..Hysteresis::sweeps(3, 1) },
        Kind::VersionSkew => Hysteresis { raise_after: 60 * MINUTE, ..Hysteresis::sweeps(3, 3) },
        Kind::LearnerStuck => Hysteresis { raise_after: 60 * MINUTE, ..Hysteresis::sweeps(3, 1) },
        Kind::LeaderUniquenessViolated => {
            Hysteresis { raise: 3, ..Hysteresis::for_at_least(60 * MINUTE) }
        }
        // The next scrape tells whether restarts explain it.
        Kind::LeaderFlapping => Hysteresis {
            raise_after: scrapes + Duration::from_secs(5),
            ..Hysteresis::for_at_least(MINUTE)
        },
        Kind::IndexWentBack => Hysteresis::for_at_least(DAY),
        Kind::MemberIsolated | Kind::LinkDown => Hysteresis::scrapes(1, 2, scrapes),
        // They look at half a minute already, so that a third scrape would only tell it later.
        Kind::SlowFsync | Kind::SlowCommit => Hysteresis::scrapes(2, 4, scrapes),
        Kind::SlowRequests => Hysteresis::scrapes(4, 4, scrapes),
        // One long round trip raises the smoothed value for minutes. Who looks more often than by
        // default wants to be told sooner.
        Kind::SlowPeer => Hysteresis {
            raise_after: (20 * scrapes).min(5 * MINUTE),
            ..Hysteresis::scrapes(1, 4, scrapes)
        },
        // The errors of one election stay in the window of a minute, and are over.
        Kind::GrpcErrors => {
            Hysteresis { raise_after: 3 * MINUTE, ..Hysteresis::scrapes(1, 4, scrapes) }
        }
        Kind::LeaseStorm | Kind::WatchSlow => Hysteresis::scrapes(4, 8, scrapes),
        Kind::QuotaHigh
        | Kind::QuotaEta
        | Kind::Fragmented
        | Kind::CompactionOff
        | Kind::FlagsDiffer
        | Kind::PprofExposed
        | Kind::ClockSkew
        | Kind::FileDescriptors
        | Kind::MemoryPressure => Hysteresis::scrapes(2, 2, scrapes),
        Kind::HashMismatch
        | Kind::ConsistencyCheckStale
        | Kind::BigValue
        | Kind::HotPrefix
        | Kind::BenchmarkRegressed
        | Kind::Nospace
        | Kind::CorruptAlarm
        | Kind::StoragePaused
        | Kind::StorageDamaged => Hysteresis::sweeps(1, 1),
        Kind::MonitorBlind => Hysteresis::sweeps(2, 2),
    }
}
