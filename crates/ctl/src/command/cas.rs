//! `cas`: writes a key if it is as expected, which etcdctl can only do by `txn`.

use bytes::Bytes;
use etcd::wire::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use etcd::wire::etcdserverpb::{
    Compare, PutRequest, RangeRequest, RequestOp, TxnRequest, TxnResponse, request_op, response_op,
};
use etcd::wire::rpc;

use super::Command;
use super::put::lease;
use crate::answer::Transacted;
use crate::call::Call;
use crate::failure::Failure;
use crate::go;
use crate::parse::Flag;

/// `cas`.
pub(super) const CAS: Command = Command::new(
    "cas",
    "cas <key> (--expect <value> | --mod-rev <revision>) <new value>",
    "Writes a key if it is as expected",
    |call| Box::pin(run(call)),
)
.long(
    "\
Compares and writes in one transaction. With --mod-rev 0 the key must not exist. If the key is not as
expected, prints what it is and ends with 1.",
)
.flags(&[
    Flag::text("expect", "", "value that the key must have").ours(),
    Flag::text("lease", "0", "lease, in hexadecimal, for the key to hang on").ours(),
    Flag::int("mod-rev", "0", "revision that must have changed the key last; 0: no key").ours(),
])
.ours();

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let [key, value] = call.args.as_slice() else {
        return Err(Failure::bad_args("cas needs a key and its new value"));
    };
    let (key, value) = (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
    let (target, union) = match (call.flags.is_given("expect"), call.flags.is_given("mod-rev")) {
        (true, false) => {
            let expected = Bytes::copy_from_slice(call.flags.bytes("expect"));
            (CompareTarget::Value, TargetUnion::Value(expected))
        }
        (false, true) => (CompareTarget::Mod, TargetUnion::ModRevision(call.flags.int("mod-rev"))),
        _ => return Err(Failure::bad_args("cas needs either --expect or --mod-rev")),
    };
    let lease = lease(&call.flags.text("lease"))?;
    let compare = Compare {
        result: CompareResult::Equal as i32,
        target: target as i32,
        key: key.clone(),
        target_union: Some(union),
        ..Compare::default()
    };
    let put = PutRequest { key: key.clone(), value, lease, ..PutRequest::default() };
    let get = RangeRequest { key: key.clone(), ..RangeRequest::default() };
    let op = |request| vec![RequestOp { request: Some(request) }];
    let request = TxnRequest {
        compare: vec![compare],
        success: op(request_op::Request::RequestPut(put)),
        failure: op(request_op::Request::RequestRange(get)),
    };
    let session = call.session().await?;
    let reply = session.change(&rpc::TXN, request).await?;
    call.print(&Transacted(&reply))?;
    if reply.succeeded { Ok(()) } else { Err(Failure::error(unexpected(&key, &reply))) }
}

fn unexpected(key: &[u8], reply: &TxnResponse) -> String {
    let key = go::quote(key);
    let found = reply.responses.iter().find_map(|op| match &op.response {
        Some(response_op::Response::ResponseRange(range)) => range.kvs.first(),
        _ => None,
    });
    match found {
        Some(kv) => format!(
            "{key} is not as expected: revision {} wrote {} bytes last",
            kv.mod_revision,
            kv.value.len()
        ),
        None => format!("{key} is not as expected: it does not exist"),
    }
}
