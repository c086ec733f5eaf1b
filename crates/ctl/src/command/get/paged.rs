//! Very many keys, read in pages at one revision and printed as they come.

use std::time::Duration;

use etcd::KeyValue;
use etcd::wire::Message as _;
use etcd::wire::etcdserverpb::range_request::{SortOrder, SortTarget};
use etcd::wire::etcdserverpb::{RangeRequest, RangeResponse};
use etcd::wire::rpc;
use futures::future::join;
use tokio::task::yield_now;

use crate::answer::Got;
use crate::call::Call;
use crate::failure::Failure;
use crate::print::Format;
use crate::session::Session;

/// Keys of the first page; an answer with fewer is printed whole, as etcdctl prints it.
const FIRST_PAGE: i64 = 1_000;
/// Bytes that a page is to have, which with the next one is what this takes of memory.
const PAGE_BYTES: usize = 8 << 20;
/// Most keys of a page.
///
/// With each page the server counts all keys that are left, so small ones cost it much.
const MAX_PAGE: i64 = 250_000;

/// Keys that are printed before the connection has its turn.
const KEYS_AT_A_TIME: usize = 512;

/// Whether pages are sure to make the same answer.
pub(super) fn is_possible(call: &Call<'_>, request: &RangeRequest) -> bool {
    let is_filtered = request.min_mod_revision != 0
        || request.max_mod_revision != 0
        || request.min_create_revision != 0
        || request.max_create_revision != 0;
    !request.range_end.is_empty()
        && request.limit == 0
        && !request.count_only
        && !is_filtered
        && request.sort_order == SortOrder::None as i32
        && request.sort_target == SortTarget::Key as i32
        && matches!(call.format(), Format::Simple | Format::Json | Format::Fields)
}

/// Reads and prints, the next page on its way while one is printed.
pub(super) async fn run(
    call: &mut Call<'_>,
    session: &Session,
    request: RangeRequest,
) -> Result<(), Failure> {
    let timeout = session.timeout;
    let mut first =
        page(session, RangeRequest { limit: FIRST_PAGE, ..request.clone() }, timeout).await?;
    if !first.more {
        super::check_format(call)?;
        return call.print(&Got(&first));
    }
    super::check_format(call)?;
    let revision = match request.revision {
        0 => first.header.as_ref().map_or(0, |header| header.revision),
        revision => revision,
    };
    let limit = page_size(&first);
    let total = first.count;
    let mut next = after(&request, &first, revision, limit);
    let mut printed = 0;
    let begin = RangeResponse { kvs: Vec::new(), more: false, ..first.clone() };
    call.print_begin(&begin)?;
    loop {
        let next_page = next.take().map(|request| page(session, request, timeout));
        let waiting = async {
            match next_page {
                Some(page) => Some(page.await),
                None => None,
            }
        };
        let (answer, written) = join(waiting, print(call, &first.kvs, printed)).await;
        printed += written?;
        match answer {
            None => break,
            Some(Ok(reply)) => {
                next = if reply.more { after(&request, &reply, revision, limit) } else { None };
                first = reply;
            }
            Some(Err(failure)) => {
                call.flush()?;
                let text = format!("{printed} of {total} keys were read at revision {revision}");
                return Err(failure.with_detail(text));
            }
        }
    }
    call.print_end(&begin)
}

async fn page(
    session: &Session,
    request: RangeRequest,
    timeout: Duration,
) -> Result<RangeResponse, Failure> {
    session.read_within(&rpc::RANGE, request, timeout).await
}

/// Prints keys a few at a time, so that the next page comes in meanwhile.
async fn print(call: &mut Call<'_>, kvs: &[KeyValue], before: usize) -> Result<usize, Failure> {
    let mut printed = 0;
    for chunk in kvs.chunks(KEYS_AT_A_TIME) {
        printed += call.print_keys(chunk, before + printed)?;
        yield_now().await;
    }
    Ok(printed)
}

fn page_size(first: &RangeResponse) -> i64 {
    let each = first.encoded_len() / first.kvs.len().max(1);
    ((PAGE_BYTES / each.max(1)) as i64).clamp(FIRST_PAGE, MAX_PAGE)
}

fn after(
    request: &RangeRequest,
    reply: &RangeResponse,
    revision: i64,
    limit: i64,
) -> Option<RangeRequest> {
    let last = &reply.kvs.last()?.key;
    let key = [last, &b"\0"[..]].concat().into();
    Some(RangeRequest { key, revision, limit, ..request.clone() })
}
