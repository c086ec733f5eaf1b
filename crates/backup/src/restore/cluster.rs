//! The new cluster that a restore makes: its members' addresses, and the numbers etcd gives them.

use std::collections::BTreeMap;
use std::net::ToSocketAddrs;

use model::id::{ClusterId, MemberId};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use serde::Serialize;

use crate::error::Error;

/// A member of the new cluster; its JSON is what etcd keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Member {
    pub(crate) id: u64,
    #[serde(rename = "peerURLs")]
    pub(crate) peer_urls: Vec<String>,
    pub(crate) name: String,
}

/// The new cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewCluster {
    pub(crate) id: ClusterId,
    /// In the order of their numbers.
    pub(crate) members: Vec<Member>,
    /// Which of them is restored here.
    pub(crate) own: MemberId,
}

impl NewCluster {
    /// Reads the options as etcd reads the flags of the same names.
    pub(crate) fn new(
        name: &str,
        initial_cluster: &str,
        token: &str,
        advertised: &str,
    ) -> Result<Self, Error> {
        let advertised = peer_urls(advertised.split(','))?;
        let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for pair in initial_cluster.split(',').filter(|pair| !pair.is_empty()) {
            let (name, url) = pair.split_once('=').unwrap_or((pair, ""));
            by_name.entry(name).or_default().push(url);
        }
        let mut members = Vec::new();
        for (name, urls) in by_name {
            let peer_urls = peer_urls(urls.into_iter())?;
            let id = member_id(&peer_urls, token);
            members.push(Member { id: id.0, peer_urls, name: name.to_owned() });
        }
        let Some(own) = members.iter().find(|member| member.name == name) else {
            return Err(Error::Option(format!(
                "couldn't find local name {name:?} in the initial cluster configuration: give --name \
                 one of those in --initial-cluster"
            )));
        };
        check_advertised(own, &advertised)?;
        let own = MemberId(own.id);
        let mut urls: Vec<&str> =
            members.iter().flat_map(|member| &member.peer_urls).map(String::as_str).collect();
        urls.sort_unstable();
        if urls.windows(2).any(|pair| pair[0] == pair[1]) {
            let text = format!("initial cluster {initial_cluster} has duplicate url");
            return Err(Error::Option(text));
        }
        members.sort_by_key(|member| member.id);
        let ids: Vec<u8> = members.iter().flat_map(|member| member.id.to_be_bytes()).collect();
        Ok(Self { id: ClusterId(sha1_number(&[&ids])), members, own })
    }
}

/// The number that etcd gives to a member that is there from the start.
fn member_id(peer_urls: &[String], token: &str) -> MemberId {
    MemberId(sha1_number(&[peer_urls.concat().as_bytes(), token.as_bytes()]))
}

/// The first eight bytes of a SHA-1.
fn sha1_number(parts: &[&[u8]]) -> u64 {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for part in parts {
        context.update(part);
    }
    let digest = context.finish();
    let first = digest.as_ref().first_chunk().expect("invariant: a SHA-1 has 20 bytes");
    u64::from_be_bytes(*first)
}

/// Peer URLs in order, in etcd's form and with its complaints.
fn peer_urls<'a>(urls: impl Iterator<Item = &'a str>) -> Result<Vec<String>, Error> {
    let mut checked = Vec::new();
    for url in urls {
        let url = url.trim();
        let invalid = |text: String| Err(Error::Option(format!("{text}: {url}")));
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "http" | "https" => {
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                if !is_host_and_port(host) {
                    return invalid("URL address does not have the form \"host:port\"".to_owned());
                }
                if rest[authority.len()..].starts_with('/') {
                    return invalid("URL must not contain a path".to_owned());
                }
            }
            "unix" | "unixs" => {}
            _ => return invalid("URL scheme must be http, https, unix, or unixs".to_owned()),
        }
        checked.push(format!("{scheme}://{rest}"));
    }
    checked.sort();
    Ok(checked)
}

fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    (is_bracketed || !host.contains(':')) && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Checks that the member advertises what the cluster expects; names count as their addresses.
fn check_advertised(own: &Member, advertised: &[String]) -> Result<(), Error> {
    let Some(why) = difference(advertised, &own.peer_urls) else { return Ok(()) };
    let name = &own.name;
    let missing = |of: &[String], from: &[String], prefix: &str| {
        let missing = of.iter().filter(|url| !from.contains(url));
        missing.map(|url| format!("{prefix}{url}")).collect::<Vec<_>>().join(",")
    };
    let not_advertised = missing(&own.peer_urls, advertised, &format!("{name}="));
    let advertised_pairs: Vec<_> = advertised.iter().map(|url| format!("{name}={url}")).collect();
    let pairs = advertised_pairs.join(",");
    let text = if not_advertised.is_empty() {
        let more = missing(advertised, &own.peer_urls, "");
        format!(
            "--initial-advertise-peer-urls has {more} but missing from --initial-cluster={pairs}"
        )
    } else {
        let advertised = advertised.join(",");
        format!(
            "--initial-cluster has {not_advertised} but missing from \
             --initial-advertise-peer-urls={advertised} ({why})"
        )
    };
    Err(Error::Option(text))
}

/// Why two lists of URLs are not the same, if they are not; in etcd's words.
fn difference(first: &[String], second: &[String]) -> Option<String> {
    if first == second {
        return None;
    }
    if first.len() != second.len() {
        let list = |urls: &[String]| {
            urls.iter().map(|url| format!("{url:?}")).collect::<Vec<_>>().join(" ")
        };
        return Some(format!("len([{}]) != len([{}])", list(first), list(second)));
    }
    let (first, second) = (resolved(first), resolved(second));
    let (first, second) = first.iter().zip(&second).find(|(first, second)| first != second)?;
    Some(format!("resolved urls: {first:?} != {second:?}"))
}

/// URLs with addresses in place of names, in order; `localhost` and what does not resolve stay.
fn resolved(urls: &[String]) -> Vec<String> {
    let mut resolved: Vec<String> = urls
        .iter()
        .map(|url| {
            let Some((scheme, host)) = url.split_once("://") else { return url.clone() };
            if host.starts_with("localhost:") {
                return url.clone();
            }
            let mut addresses: Vec<String> = match host.to_socket_addrs() {
                Ok(addresses) => addresses.map(|address| address.to_string()).collect(),
                Err(_) => return url.clone(),
            };
            // etcd takes a name's first address of version 4, where there is one.
            addresses.sort_by_key(|address| address.starts_with('['));
            addresses.first().map_or_else(|| url.clone(), |first| format!("{scheme}://{first}"))
        })
        .collect();
    resolved.sort();
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "m1=http://127.0.0.1:1,m2=http://127.0.0.1:2";

    #[test]
    fn numbers_are_those_that_etcd_computes() {
        // Seen in the log that etcdutl writes for these flags.
        let cluster = NewCluster::new("m1", TWO, "etcd-cluster", "http://127.0.0.1:1").unwrap();
        let ids: Vec<_> = cluster.members.iter().map(|member| format!("{:x}", member.id)).collect();
        assert_eq!(ids, ["43ccf13c9d84d8d2", "58a88bf978398f80"]);
        assert_eq!(cluster.own.to_string(), "58a88bf978398f80");
        assert_eq!(cluster.id.0, 4_437_164_192_575_951_560);
        let other = NewCluster::new("m1", TWO, "another", "http://127.0.0.1:1").unwrap();
        assert_ne!(other.id, cluster.id);
    }

    #[test]
    fn options_that_make_no_cluster_are_refused_in_etcds_words() {
        for (name, cluster, advertised, expected) in [
            ("x", TWO, "http://127.0.0.1:1", "couldn't find local name \"x\""),
            ("m1", TWO, "http://localhost:1", "(resolved urls: \"http://localhost:1\" != "),
            ("m1", "", "http://127.0.0.1:1", "couldn't find local name"),
            ("m1", TWO, "http://127.0.0.1:3", "--initial-cluster has m1=http://127.0.0.1:1 but"),
            ("m1", TWO, "http://127.0.0.1:1,http://127.0.0.1:9", "urls has http://127.0.0.1:9 but"),
            ("m1", "m1=http://a:1,m2=http://a:1", "http://a:1", "has duplicate url"),
            ("m1", "m1=a:1", "http://a:1", "URL scheme must be http, https, unix, or unixs: a:1"),
            ("m1", "m1=http://a", "http://a:1", "does not have the form \"host:port\": http://a"),
            ("m1", "m1=http://a:1/", "http://a:1", "must not contain a path: http://a:1/"),
            ("m1", TWO, "", "URL scheme must be"),
        ] {
            let error = NewCluster::new(name, cluster, "t", advertised).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
