//! Defects of etcd versions that a cluster had better not meet: a table, with its sources.
//!
//! To add one, add an entry to [`DEFECTS`]: its number at etcd-io/etcd or its CVE, the versions that
//! have it as inclusive ranges within one minor version, what happens, and how bad that is. Only
//! versions that the source names are listed. `Critical` is for data that diverge in normal operation,
//! `Warning` for what loses data or locks users out when something else happens, `Info` for what needs
//! a rare coincidence.

use std::fmt;

use model::severity::Severity;

/// A version of etcd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    /// Its major number.
    pub(super) major: u32,
    /// Its minor number.
    pub(super) minor: u32,
    /// Its patch number.
    pub(super) patch: u32,
}

impl Version {
    const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// A version as members tell it; what follows the patch number (`-rc.1`, `+git`) is left out.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let (major, minor, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let patch = rest[..end].parse().ok()?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()?, patch })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The clusters that a defect concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concerns {
    /// All.
    Everybody,
    /// Those with one voter.
    SingleMember,
    /// Those with more than one.
    SeveralMembers,
}

/// A known defect.
#[derive(Debug)]
pub(super) struct Defect {
    /// The issue, pull request or CVE that tells about it.
    pub(super) id: &'static str,
    /// The versions that have it: the first and the last of each range.
    pub(super) versions: &'static [(Version, Version)],
    /// The clusters that it concerns.
    pub(super) concerns: Concerns,
    /// How bad it is.
    pub(super) severity: Severity,
    /// What happens, in one sentence.
    pub(super) what: &'static str,
}

impl Defect {
    /// Whether a version has it.
    pub(super) fn affects(&self, version: Version) -> bool {
        self.versions.iter().any(|(first, last)| *first <= version && version <= *last)
    }

    /// The first version of the same minor that doesn't have it, as far as is known.
    pub(super) fn fixed_in(&self, version: Version) -> Option<Version> {
        let range =
            self.versions.iter().find(|(first, last)| *first <= version && version <= *last);
        range.map(|(_, last)| Version { patch: last.patch.saturating_add(1), ..*last })
    }
}

/// The versions of one minor from one patch to another.
const fn range(minor: u32, first: u32, last: u32) -> (Version, Version) {
    (Version::new(3, minor, first), Version::new(3, minor, last))
}

/// All known defects, worst first.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        id: "etcd#13766",
        versions: &[range(5, 0, 2)],
        concerns: Concerns::SeveralMembers,
        severity: Severity::Critical,
        what: "a crash under load leaves members with different data, and etcd's own check misses it",
    },
    Defect {
        id: "etcd#14685",
        versions: &[range(5, 0, 5)],
        concerns: Concerns::Everybody,
        severity: Severity::Warning,
        what: "a crash during a defragmentation applies entries twice: data diverge (also etcd#14730)",
    },
    Defect {
        id: "etcd#14370",
        versions: &[range(4, 0, 20), range(5, 0, 4)],
        concerns: Concerns::SingleMember,
        severity: Severity::Warning,
        what: "writes are acknowledged before they are durable: a crash loses them",
    },
    Defect {
        id: "etcd#14571",
        versions: &[range(4, 20, 21), range(5, 5, 5)],
        concerns: Concerns::SeveralMembers,
        severity: Severity::Warning,
        what: "with authentication on, a member that was caught up by a snapshot does not know the \
               users, and falls behind",
    },
    Defect {
        id: "etcd#13937",
        versions: &[range(5, 3, 3)],
        concerns: Concerns::Everybody,
        severity: Severity::Warning,
        what: "with authentication on, members may panic",
    },
    Defect {
        id: "etcd#11651",
        versions: &[range(4, 0, 7)],
        concerns: Concerns::SeveralMembers,
        severity: Severity::Warning,
        what: "the revision of users and roles is not made durable: members show different data after \
               a restart (etcd#13503)",
    },
    Defect {
        id: "etcd#14211",
        versions: &[range(4, 18, 18)],
        concerns: Concerns::Everybody,
        severity: Severity::Warning,
        what: "a member may end with \"range failed to find revision pair\"",
    },
    Defect {
        id: "CVE-2026-33413",
        versions: &[range(4, 0, 41), range(5, 0, 27), range(6, 0, 8)],
        concerns: Concerns::Everybody,
        severity: Severity::Info,
        what: "with authentication on, Status, the member list and the alarms are told to anybody",
    },
    Defect {
        id: "etcd#20418",
        versions: &[range(4, 0, 41), range(5, 0, 27), range(6, 0, 8)],
        concerns: Concerns::SeveralMembers,
        severity: Severity::Info,
        what: "a leader whose process was paused may serve old data to linearizable reads",
    },
    Defect {
        id: "etcd#20650",
        versions: &[range(4, 0, 37), range(5, 0, 22), range(6, 0, 4)],
        concerns: Concerns::SeveralMembers,
        severity: Severity::Info,
        what: "a defragmentation while a member takes over a snapshot may damage its data",
    },
    Defect {
        id: "etcd#17780",
        versions: &[range(4, 0, 31), range(5, 0, 13)],
        concerns: Concerns::Everybody,
        severity: Severity::Info,
        what: "a crash during a compaction may set the revision back",
    },
    Defect {
        id: "etcd#20967",
        versions: &[range(5, 0, 25)],
        concerns: Concerns::SeveralMembers,
        severity: Severity::Info,
        what: "an upgrade to 3.6 from here may bring removed members back: go to 3.5.26 first",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(version: &str) -> Vec<&'static str> {
        let version = Version::parse(version).unwrap();
        DEFECTS.iter().filter(|defect| defect.affects(version)).map(|defect| defect.id).collect()
    }

    #[test]
    fn the_versions_that_we_test_with_have_what_is_known_of_them() {
        let old = ["CVE-2026-33413", "etcd#20418", "etcd#20650", "etcd#17780"];
        assert_eq!(ids("3.4.23"), old);
        for clean in ["3.4.42", "3.5.35", "3.6.14", "3.6.16", "3.7.3"] {
            assert_eq!(ids(clean), [""; 0], "{clean}");
        }
    }

    #[test]
    fn the_edges_of_the_ranges_are_those_of_the_sources() {
        assert!(ids("3.5.2").contains(&"etcd#13766") && !ids("3.5.3").contains(&"etcd#13766"));
        assert!(ids("3.5.5").contains(&"etcd#14685") && !ids("3.5.6").contains(&"etcd#14685"));
        assert!(!ids("3.5.4").contains(&"etcd#14571") && ids("3.5.5").contains(&"etcd#14571"));
        assert!(!ids("3.4.19").contains(&"etcd#14571") && ids("3.4.20").contains(&"etcd#14571"));
        assert!(ids("3.6.8").contains(&"CVE-2026-33413"));
        assert_eq!(ids("3.6.9"), [""; 0]);
        let fixed = DEFECTS[0].fixed_in(Version::new(3, 5, 1));
        assert_eq!(fixed.unwrap().to_string(), "3.5.3");
    }

    #[test]
    fn versions_are_read_as_members_tell_them_and_nonsense_is_none() {
        assert_eq!(Version::parse("3.6.0-rc.1"), Some(Version::new(3, 6, 0)));
        assert_eq!(Version::parse("3.5.16+dfsg"), Some(Version::new(3, 5, 16)));
        for nonsense in ["", "3", "3.5", "v3.5.1", "3.5.", "3.5.x", "99999999999.1.1", "3.-5.1"] {
            assert_eq!(Version::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_range_stays_within_a_minor_and_the_worst_stands_first() {
        for defect in DEFECTS {
            for (first, last) in defect.versions {
                assert!(first.minor == last.minor && first <= last, "{}", defect.id);
            }
        }
        assert!(DEFECTS.is_sorted_by_key(|defect| std::cmp::Reverse(defect.severity)));
    }
}
