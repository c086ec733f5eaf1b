//! Sizes in bytes: one, or a range of which each is as likely.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Sizes in bytes, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sizes {
    /// The smallest.
    pub min_bytes: usize,
    /// The largest.
    pub max_bytes: usize,
}

impl Sizes {
    /// Always the same size.
    pub fn fixed(bytes: usize) -> Self {
        Self { min_bytes: bytes, max_bytes: bytes }
    }

    pub(crate) fn pick(self, random: &mut fastrand::Rng) -> usize {
        if self.min_bytes == self.max_bytes {
            self.min_bytes
        } else {
            random.usize(self.min_bytes..=self.max_bytes)
        }
    }
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "give bytes such as 256, or a range such as 64-1024".to_owned();
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
        let (min_bytes, max_bytes) = match text.split_once('-') {
            Some((min, max)) => (number(min)?, number(max)?),
            None => (number(text)?, number(text)?),
        };
        if min_bytes > max_bytes { Err(wrong()) } else { Ok(Self { min_bytes, max_bytes }) }
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.min_bytes)?;
        if self.max_bytes > self.min_bytes { write!(f, "-{}", self.max_bytes) } else { Ok(()) }
    }
}

impl TryFrom<String> for Sizes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Sizes> for String {
    fn from(sizes: Sizes) -> Self {
        sizes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_a_number_or_a_range() {
        for text in ["0", "256", "64-1024"] {
            assert_eq!(text.parse::<Sizes>().unwrap().to_string(), text);
        }
        for text in ["", "x", "-1", "9-8", "1-"] {
            assert!(text.parse::<Sizes>().is_err(), "{text}");
        }
    }
}
