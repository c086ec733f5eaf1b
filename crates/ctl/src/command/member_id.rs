//! The member that an argument means: by its ID as etcdctl wants it, or by its name.

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;

use crate::failure::Failure;
use crate::session::Session;

/// The ID of the member that `text` names: by ID in hexadecimal, or by a name that only one has.
///
/// What can be read as an ID is one, and the cluster is asked nothing, as by etcdctl.
pub(super) async fn find(session: &Session, text: &str) -> Result<u64, Failure> {
    let why = match parse(text) {
        Ok(id) => return Ok(id),
        Err(why) => why,
    };
    // What one member knows is enough: without a quorum, a name is still one.
    let request = pb::MemberListRequest { linearizable: false };
    match session.read(&rpc::MEMBER_LIST, request).await {
        Ok(list) => choose(text, &why, &list.members),
        Err(failure) => {
            let bad = bad(&why).with_detail("which member has that name is not known:");
            let more = std::iter::once(failure.message).chain(failure.details);
            Err(more.fold(bad, Failure::with_detail))
        }
    }
}

/// The only member called `text`; `why` it is no ID.
fn choose(text: &str, why: &str, members: &[pb::Member]) -> Result<u64, Failure> {
    let shown = |members: &[&pb::Member]| {
        let texts: Vec<_> =
            members.iter().map(|member| format!("{} ({:x})", name(member), member.id)).collect();
        texts.join(", ")
    };
    let with_name: Vec<_> =
        members.iter().filter(|member| !text.is_empty() && member.name == text).collect();
    match &with_name[..] {
        [only] => Ok(only.id),
        [] => Err(bad(why).with_detail(format!(
            "no member has the ID or name {text:?}; the members are {}",
            shown(&members.iter().collect::<Vec<_>>())
        ))),
        several => Err(Failure::bad_args(format!("more than one member has the name {text:?}"))
            .with_detail(format!("give the ID of one of them: {}", shown(several)))),
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
    fn a_member_is_meant_by_a_name_that_only_one_has() {
        let member = |id, name: &str| pb::Member { id, name: name.into(), ..Default::default() };
        let members = [member(0xa1, "m1"), member(0xc3, "twin"), member(0xd4, "twin")];
        let chosen = |text: &str| choose(text, &parse(text).unwrap_err(), &members);
        assert_eq!(chosen("m1"), Ok(0xa1));
        let twins = chosen("twin").unwrap_err();
        assert!(twins.message.contains("more than one"), "{twins:?}");
        assert!(twins.details[0].contains("twin (c3), twin (d4)"), "{twins:?}");
        for nobody in ["x", ""] {
            let nobody = chosen(nobody).unwrap_err();
            assert_eq!(nobody.code, crate::failure::exit::BAD_ARGS);
            assert!(nobody.message.contains(": invalid syntax"), "{nobody:?}");
            assert!(nobody.details[0].contains("the members are m1 (a1)"), "{nobody:?}");
        }
    }
}
