//! `get`: reads one key or a range.

mod paged;
mod stream;

use bytes::Bytes;
use etcd::prefix_end;
use etcd::wire::etcdserverpb::RangeRequest;
use etcd::wire::etcdserverpb::range_request::{SortOrder, SortTarget};
use etcd::wire::rpc;

use super::Command;
use crate::answer::Got;
use crate::call::Call;
use crate::compat::Compat;
use crate::failure::Failure;
use crate::parse::{Flag, Flags};
use crate::print::Format;

/// `get`.
pub(super) const GET: Command = Command::new(
    "get",
    "get [options] <key> [range_end]",
    "Reads a key, or a range of keys",
    |call| Box::pin(run(call)),
)
.flags(FLAGS);

/// Its flags, which a transaction's `get` takes too.
pub(super) const FLAGS: &[Flag] = &[
    Flag::text("consistency", "l", "l asks a quorum, s takes what one member has"),
    Flag::text("decode", "", "auto shows gzip, JSON and Kubernetes' objects readable").ours(),
    Flag::bool("count-only", "only how many keys there are").since(Compat::V3_5),
    Flag::bool("from-key", "all keys from this one on"),
    Flag::bool("keys-only", "no values"),
    Flag::int("limit", "0", "most keys to answer; 0 for all"),
    Flag::int("max-create-rev", "0", "no keys created after this revision").since(Compat::V3_6),
    Flag::int("max-mod-rev", "0", "no keys changed after this revision").since(Compat::V3_6),
    Flag::int("min-create-rev", "0", "no keys created before this revision").since(Compat::V3_6),
    Flag::int("min-mod-rev", "0", "no keys changed before this revision").since(Compat::V3_6),
    Flag::text("order", "", "ASCEND or DESCEND; ASCEND when not given"),
    Flag::bool("prefix", "all keys that begin so"),
    Flag::bool("print-value-only", "no keys, in the simple format"),
    Flag::int("rev", "0", "as of this revision; 0 for the newest"),
    Flag::text("sort-by", "", "CREATE, KEY, MODIFY, VALUE or VERSION"),
    Flag::bool("stream", "takes the answer in pieces").since(Compat::V3_7),
];

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let request = request(&call.args, &call.flags)?;
    let session = call.session().await?;
    call.style().is_value_only = call.flags.bool("print-value-only");
    call.style().decode = decode(&call.flags)?;
    if paged::is_possible(call, &request) {
        let is_streamed = call.flags.bool("stream");
        return paged::run(call, &session, request, is_streamed).await;
    }
    let reply = session.read(&rpc::RANGE, request).await?;
    check_format(call)?;
    call.print(&Got(&reply))
}

/// Refuses flags that fit one format only; etcdctl asks the cluster first, so an error of that wins.
fn check_format(call: &Call<'_>) -> Result<(), Failure> {
    if call.flags.bool("count-only") && call.format() != Format::Fields {
        let text = "--count-only is only for `--write-out=fields`";
        return Err(Failure::bad_args(text));
    }
    if call.flags.bool("print-value-only") && call.format() != Format::Simple {
        return Err(Failure::bad_args("print-value-only is only for `--write-out=simple`"));
    }
    Ok(())
}

/// The request that arguments and flags describe.
pub(super) fn request(args: &[Vec<u8>], flags: &Flags) -> Result<RangeRequest, Failure> {
    let [key, rest @ ..] = args else {
        return Err(Failure::bad_args(
            "get command needs one argument as key and an optional argument as range_end",
        ));
    };
    check_flags(flags)?;
    let serializable = serializable(flags)?;
    let (is_prefix, is_from_key) = (flags.bool("prefix"), flags.bool("from-key"));
    if !rest.is_empty() && (is_prefix || is_from_key) {
        return Err(Failure::bad_args(TOO_MANY));
    }
    let limits = |min: &str, max: &str, min_name: &str, max_name: &str| {
        let (min, max) = (flags.int(min), flags.int(max));
        if max > 0 && min > max {
            let text = format!("{min_name}(={min}) > {max_name}(={max})");
            return Err(Failure::bad_feature(text));
        }
        Ok((min.max(0), max.max(0)))
    };
    let mut sort_order = sort_order(flags)?;
    let sort_target = sort_target(flags)?;
    if sort_order == SortOrder::Ascend && sort_target == SortTarget::Key {
        // The order of the store; asked for, it would make the server sort.
        sort_order = SortOrder::None;
    }
    let (min_create_revision, max_create_revision) =
        limits("min-create-rev", "max-create-rev", "getMinCreateRev", "getMaxCreateRev")?;
    let (min_mod_revision, max_mod_revision) =
        limits("min-mod-rev", "max-mod-rev", "getMinModRev", "getMaxModRev")?;
    let (key, range_end) = range(key, rest.first(), is_prefix, is_from_key);
    Ok(RangeRequest {
        key,
        range_end,
        limit: flags.int("limit"),
        revision: flags.int("rev").max(0),
        sort_order: sort_order as i32,
        sort_target: sort_target as i32,
        serializable,
        keys_only: flags.bool("keys-only"),
        count_only: flags.bool("count-only"),
        min_mod_revision,
        max_mod_revision,
        min_create_revision,
        max_create_revision,
    })
}

/// Said when a second argument meets a flag that gives the range.
pub(super) const TOO_MANY: &str =
    "too many arguments, only accept one argument when `--prefix` or `--from-key` is set";

/// Said when two flags give the range.
pub(super) const ONE_RANGE: &str =
    "`--prefix` and `--from-key` cannot be set at the same time, choose one";

fn check_flags(flags: &Flags) -> Result<(), Failure> {
    if flags.bool("prefix") && flags.bool("from-key") {
        return Err(Failure::bad_args(ONE_RANGE));
    }
    if flags.bool("keys-only") && flags.bool("count-only") {
        let text = "`--keys-only` and `--count-only` cannot be set at the same time, choose one";
        return Err(Failure::bad_args(text));
    }
    Ok(())
}

fn decode(flags: &Flags) -> Result<bool, Failure> {
    match flags.text("decode").as_ref() {
        "" | "none" => Ok(false),
        "auto" => Ok(true),
        other => Err(Failure::bad_feature(format!("unknown --decode {other:?}: auto or none"))),
    }
}

fn serializable(flags: &Flags) -> Result<bool, Failure> {
    match flags.text("consistency").as_ref() {
        "l" => Ok(false),
        "s" => Ok(true),
        other => Err(Failure::bad_feature(format!("unknown consistency flag {other:?}"))),
    }
}

fn sort_order(flags: &Flags) -> Result<SortOrder, Failure> {
    let text = flags.text("order");
    match text.to_uppercase().as_str() {
        "" => Ok(SortOrder::None),
        "ASCEND" => Ok(SortOrder::Ascend),
        "DESCEND" => Ok(SortOrder::Descend),
        _ => Err(Failure::bad_feature(format!("bad sort order {text}"))),
    }
}

/// The order is kept by the server; what Go's client leaves out for its default is left out here.
fn sort_target(flags: &Flags) -> Result<SortTarget, Failure> {
    let text = flags.text("sort-by");
    match text.to_uppercase().as_str() {
        "" | "KEY" => Ok(SortTarget::Key),
        "CREATE" => Ok(SortTarget::Create),
        "MODIFY" => Ok(SortTarget::Mod),
        "VALUE" => Ok(SortTarget::Value),
        "VERSION" => Ok(SortTarget::Version),
        _ => Err(Failure::bad_feature(format!("bad sort target {text}"))),
    }
}

/// Key and end of a range, as arguments and flags give it.
pub(super) fn range(
    key: &[u8],
    end: Option<&Vec<u8>>,
    is_prefix: bool,
    is_from_key: bool,
) -> (Bytes, Bytes) {
    let first = Bytes::from_static(b"\0");
    if is_prefix && !key.is_empty() {
        return (Bytes::copy_from_slice(key), prefix_end(key));
    }
    if is_prefix || is_from_key {
        let key = if key.is_empty() { first.clone() } else { Bytes::copy_from_slice(key) };
        return (key, first);
    }
    let end = end.map_or_else(Bytes::new, |end| Bytes::copy_from_slice(end));
    (Bytes::copy_from_slice(key), end)
}
