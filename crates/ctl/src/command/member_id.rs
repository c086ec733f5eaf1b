//! The member that an argument means: by its ID as etcdctl wants it, or by its name.

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;

use crate::failure::Failure;
use crate::session::Session;

/// The ID of the member that `text` names: by ID in hexadecimal, or by a name that only one has.
///
/// An ID goes before a name. One that no member has is left to the cluster to refuse.
pub(super) async fn find(session: &Session, text: &str) -> Result<u64, Failure> {
    let given = parse(text);
    // What one member knows is enough: without a quorum, a name is still one.
    let request = pb::MemberListRequest { linearizable: false };
    let listed = session.read(&rpc::MEMBER_LIST, request).await.map(|list| list.members);
    match (given, listed) {
        (given, Ok(members)) => choose(text, given, &members),
        (Ok(id), Err(_)) => Ok(id),
        (Err(why), Err(failure)) => {
            let bad = bad(&why).with_detail("which member has that name is not known:");
            let more = std::iter::once(failure.message).chain(failure.details);
            Err(more.fold(bad, Failure::with_detail))
        }
    }
}

fn choose(text: &str, given: Result<u64, String>, members: &[pb::Member]) -> Result<u64, Failure> {
    if let Ok(id) = given
        && members.iter().any(|member| member.id == id)
    {
        return Ok(id);
    }
    let shown = |members: &mut dyn Iterator<Item = &pb::Member>| {
        let texts: Vec<_> =
            members.map(|member| format!("{} ({:x})", name(member), member.id)).collect();
        texts.join(", ")
    };
    let mut with_name = members.iter().filter(|member| !text.is_empty() && member.name == text);
    match (with_name.next(), with_name.next(), given) {
        (Some(only), None, _) => Ok(only.id),
        (Some(_), Some(_), _) => {
            let mut all = members.iter().filter(|member| member.name == text);
            Err(Failure::bad_args(format!("more than one member has the name {text:?}"))
                .with_detail(format!("give the ID of one of them: {}", shown(&mut all))))
        }
        (None, _, Ok(id)) => Ok(id),
        (None, _, Err(why)) => Err(bad(&why).with_detail(format!(
            "no member has the ID or name {text:?}; the members are {}",
            shown(&mut members.iter())
        ))),
    }
}

fn name(member: &pb::Member) -> &str {
    if member.name.is_empty() { "unstarted" } else { &member.name }
}

fn bad(why: &str) -> Failure {
    Failure::bad_args(format!("bad member ID arg ({why}), expecting ID in Hex"))
}

/// Reads a member's ID as users write it; the error is Go's.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let error = |why: &str| {
        format!("strconv.ParseUint: parsing {}: {why}", crate::go::quote(text.as_bytes()))
    };
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(error("invalid syntax"));
    }
    u64::from_str_radix(text, 16).map_err(|_| error("value out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_meant_by_its_id_before_a_name_and_by_a_name_that_only_one_has() {
        let member = |id, name: &str| pb::Member { id, name: name.into(), ..Default::default() };
        let members =
            [member(0xa1, "m1"), member(0xb2, "a1"), member(0xc3, "twin"), member(0xd4, "twin")];
        let chosen = |text: &str| choose(text, parse(text), &members);
        assert_eq!(chosen("m1"), Ok(0xa1));
        assert_eq!(chosen("a1"), Ok(0xa1), "an ID goes before a name");
        assert_eq!(chosen("ff"), Ok(0xff), "the cluster refuses it");
        let twins = chosen("twin").unwrap_err();
        assert!(twins.message.contains("more than one"), "{twins:?}");
        assert!(twins.details[0].contains("twin (c3), twin (d4)"), "{twins:?}");
        let nobody = chosen("x").unwrap_err();
        assert_eq!(nobody.code, crate::failure::exit::BAD_ARGS);
        assert!(nobody.message.contains("parsing \"x\": invalid syntax"), "{nobody:?}");
    }
}
