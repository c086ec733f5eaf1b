//! Which release of etcdctl is followed where they differ.

use std::fmt;

/// A minor release of etcdctl; newer ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Compat {
    /// 3.4.
    V3_4,
    /// 3.5.
    V3_5,
    /// 3.6.
    #[default]
    V3_6,
    /// 3.7.
    V3_7,
}

impl Compat {
    /// All of them, oldest first.
    pub const ALL: [Self; 4] = [Self::V3_4, Self::V3_5, Self::V3_6, Self::V3_7];

    /// As users write it, such as `3.6`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V3_4 => "3.4",
            Self::V3_5 => "3.5",
            Self::V3_6 => "3.6",
            Self::V3_7 => "3.7",
        }
    }

    /// Reads what users write.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compat| compat.as_str() == text)
    }
}

impl fmt::Display for Compat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
