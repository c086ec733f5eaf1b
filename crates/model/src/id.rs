//! Identifiers as etcd prints them: lower-case hexadecimal without leading zeros.
//!
//! They are 64-bit, so they must never travel as JSON numbers: many readers round those.

use std::fmt;
use std::str::FromStr;

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:x})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                u64::from_str_radix(text, 16).map(Self).map_err(|_| ParseIdError(text.to_owned()))
            }
        }
    };
}

hex_id! {
    /// The ID of an etcd cluster, fixed when the cluster is bootstrapped.
    ClusterId
}
hex_id! {
    /// The ID of an etcd member, fixed when the member is added.
    MemberId
}

/// A text that is not an ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an ID: {0:?}; expected up to 16 hexadecimal digits, such as 8e9e05c52164694d")]
pub struct ParseIdError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_as_etcd_prints_it_and_reads_back() {
        let id = MemberId(0x0e9e_05c5_2164_694d);
        assert_eq!(id.to_string(), "e9e05c52164694d");
        assert_eq!("e9e05c52164694d".parse(), Ok(id));
    }

    #[test]
    fn a_bad_id_says_what_is_accepted() {
        let error = "infra1".parse::<MemberId>().unwrap_err();
        assert!(error.to_string().contains("hexadecimal"), "{error}");
    }
}
