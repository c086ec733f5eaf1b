//! Which addresses anybody may reach.

use std::net::IpAddr;

/// Whether `host` is an address of the public internet. A name is none: where it leads is not known
/// here.
pub(super) fn is_public(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => {
            let [first, second, ..] = address.octets();
            // Carriers' shared addresses (RFC 6598), and those of test beds (RFC 2544).
            let is_shared = first == 100 && (64..128).contains(&second);
            let is_of_test_beds = first == 198 && (second == 18 || second == 19);
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || is_shared
                || is_of_test_beds)
        }
        Ok(IpAddr::V6(address)) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local())
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_routed_everywhere_is_public() {
        for public in ["8.8.8.8", "203.0.113.7", "198.20.0.1", "2a00:1450::5", "[2a00:1450::5]"] {
            assert!(is_public(public), "{public}");
        }
        for other in [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "198.18.5.11",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "etcd.example.com",
        ] {
            assert!(!is_public(other), "{other}");
        }
    }
}
