//! Which endpoints are asked: the configured ones and those of the member list.

use std::collections::{BTreeMap, BTreeSet};

use etcd::{Endpoint, MemberInfo, Scheme};
use model::id::MemberId;

/// What the configuration says about endpoints.
#[derive(Debug, Clone)]
pub struct Configured {
    /// The configured (or discovered) endpoints, in order.
    pub endpoints: Vec<Endpoint>,
    /// Advertised URL → the URL that we can reach.
    pub map: BTreeMap<Endpoint, Endpoint>,
    /// The scheme of advertised URLs that have none.
    pub default_scheme: Scheme,
}

/// The endpoints to ask: all configured ones, and one client URL of every listed member that none
/// of them has answered for. Order: configured first, then by member ID.
///
/// `identities` tells which member an endpoint answered as, last time that it did.
pub fn targets(
    configured: &Configured,
    identities: &BTreeMap<Endpoint, MemberId>,
    members: &[MemberInfo],
) -> Vec<Endpoint> {
    let mut targets = configured.endpoints.clone();
    let covered: BTreeSet<MemberId> =
        targets.iter().filter_map(|endpoint| identities.get(endpoint).copied()).collect();
    let mut listed: Vec<&MemberInfo> =
        members.iter().filter(|member| !covered.contains(&member.id)).collect();
    listed.sort_by_key(|member| member.id);
    for member in listed {
        let reachable = reachable_urls(configured, member);
        // A configured endpoint that is also advertised needs no second connection.
        if reachable.iter().any(|endpoint| targets.contains(endpoint)) {
            continue;
        }
        targets.extend(reachable.into_iter().next());
    }
    targets
}

/// The client URLs of a member as we can reach them.
pub fn reachable_urls(configured: &Configured, member: &MemberInfo) -> Vec<Endpoint> {
    member
        .client_urls
        .iter()
        .filter_map(|url| Endpoint::parse(url, configured.default_scheme).ok())
        .map(|advertised| configured.map.get(&advertised).cloned().unwrap_or(advertised))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        Endpoint::parse(text, Scheme::Http).unwrap()
    }

    fn member(id: u64, client_url: &str) -> MemberInfo {
        MemberInfo {
            id: MemberId(id),
            name: format!("m{id}"),
            peer_urls: Vec::new(),
            client_urls: vec![client_url.to_owned()],
            is_learner: false,
        }
    }

    fn configured(endpoints: &[&str]) -> Configured {
        Configured {
            endpoints: endpoints.iter().map(|text| endpoint(text)).collect(),
            map: BTreeMap::new(),
            default_scheme: Scheme::Http,
        }
    }

    #[track_caller]
    fn check(
        configured: &Configured,
        identities: &[(&str, u64)],
        members: &[MemberInfo],
        expected: &[&str],
    ) {
        let identities =
            identities.iter().map(|(text, id)| (endpoint(text), MemberId(*id))).collect();
        let found: Vec<String> =
            targets(configured, &identities, members).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn members_that_are_not_configured_are_found_through_the_list() {
        let members = [member(1, "http://10.0.0.1:2379"), member(2, "http://10.0.0.2:2379")];
        let configured = configured(&["10.0.0.1:2379"]);
        check(&configured, &[("10.0.0.1:2379", 1)], &members, &["10.0.0.1:2379", "10.0.0.2:2379"]);
    }

    #[test]
    fn a_member_known_by_another_name_is_asked_once() {
        let members = [member(1, "http://10.0.0.1:2379")];
        check(&configured(&["etcd-1:2379"]), &[("etcd-1:2379", 1)], &members, &["etcd-1:2379"]);
    }

    #[test]
    fn a_member_behind_nat_is_asked_where_it_can_be_reached() {
        let mut configured = configured(&["gateway:12379"]);
        configured.map.insert(endpoint("10.0.0.2:2379"), endpoint("gateway:22379"));
        let members = [member(1, "http://10.0.0.1:2379"), member(2, "http://10.0.0.2:2379")];
        check(&configured, &[("gateway:12379", 1)], &members, &["gateway:12379", "gateway:22379"]);
    }

    #[test]
    fn an_unstarted_member_has_nothing_to_ask() {
        let mut unstarted = member(9, "");
        unstarted.client_urls.clear();
        check(&configured(&["a:1"]), &[], &[unstarted], &["a:1"]);
    }
}
