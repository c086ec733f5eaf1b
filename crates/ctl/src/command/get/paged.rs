//! Very many keys, read in pages at one revision and printed as they come.

use etcd::wire::Message as _;
use etcd::wire::etcdserverpb::range_request::{SortOrder, SortTarget};
use etcd::wire::etcdserverpb::{RangeRequest, RangeResponse};
use etcd::wire::rpc;
use etcd::{KeyRange, KeyValue, Pages};
use futures::future::join;
use futures::stream::{FuturesOrdered, StreamExt as _};
use tokio::task::yield_now;

use super::stream;
use crate::answer::Got;
use crate::call::Call;
use crate::failure::Failure;
use crate::print::Format;
use crate::session::Session;

/// Keys of the first page; an answer with fewer is printed whole, as etcdctl prints it.
const FIRST_PAGE: i64 = 1_000;
/// Bytes that a page is to have, which with those under way is what this takes of memory.
const PAGE_BYTES: usize = 4 << 20;
/// Most keys of a page.
const MAX_PAGE: i64 = 250_000;
/// Pages that are asked for before they are printed: the server has one to work on while another is on
/// its way.
const UNDER_WAY: usize = 2;

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

/// Reads and prints, the next page on its way while one is printed; with `is_streamed`, what comes
/// behind the first page by one call where the server has that.
pub(super) async fn run(
    call: &mut Call<'_>,
    session: &Session,
    request: RangeRequest,
    is_streamed: bool,
) -> Result<(), Failure> {
    let first = RangeRequest { limit: FIRST_PAGE, ..request.clone() };
    let mut first = session.read(&rpc::RANGE, first).await?;
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
    let range = (request.key.clone(), request.range_end.clone());
    let mut pages = Pages::new(range);
    if let Some(range) = pages.next(FIRST_PAGE) {
        pages.learn(range, FIRST_PAGE, &first.kvs, first.more);
    }
    let mut printed = 0;
    let begin = RangeResponse { kvs: Vec::new(), more: false, ..first.clone() };
    call.print_begin(&begin)?;
    let failed = |call: &mut Call<'_>, failure: Failure, printed: usize| {
        let text = format!("{printed} of {total} keys were read at revision {revision}");
        call.flush().map_or_else(|unwritten| unwritten, |()| failure.with_detail(text))
    };
    if is_streamed && let Some(rest) = after(&request, &first, revision) {
        printed += print(call, &first.kvs, printed).await?;
        first.kvs.clear();
        let rest = stream::run(call, session, rest, &mut printed).await;
        let rest = rest.map_err(|failure| failed(call, failure, printed))?;
        let Some(rest) = rest else { return call.print_end(&begin) };
        pages = Pages::new((rest.key, rest.range_end));
    }
    let ask = |range: KeyRange| {
        let (key, range_end) = range.clone();
        let request = RangeRequest { key, range_end, revision, limit, ..request.clone() };
        async { (range, page(session, request).await) }
    };
    let mut under_way = FuturesOrdered::new();
    loop {
        while under_way.len() < UNDER_WAY
            && let Some(range) = pages.next(limit)
        {
            under_way.push_back(ask(range));
        }
        let printing = print(call, &first.kvs, printed);
        let (answer, written) = join(under_way.next(), printing).await;
        printed += written?;
        match answer {
            None => break,
            Some((range, Ok(reply))) => {
                let rest = pages.learn(range, limit, &reply.kvs, reply.more);
                if let Some(rest) = rest {
                    under_way.push_front(ask(rest));
                }
                first = reply;
            }
            Some((_, Err(failure))) => return Err(failed(call, failure, printed)),
        }
    }
    call.print_end(&begin)
}

/// A page behind the first, which is worth waiting for a new leader.
async fn page(session: &Session, request: RangeRequest) -> Result<RangeResponse, Failure> {
    Ok(session.insist(&rpc::RANGE, request, session.patience()).await?)
}

/// Prints keys a few at a time, so that the next page comes in meanwhile.
pub(super) async fn print(
    call: &mut Call<'_>,
    kvs: &[KeyValue],
    before: usize,
) -> Result<usize, Failure> {
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

/// The request for all that comes behind a page.
pub(super) fn after(
    request: &RangeRequest,
    reply: &RangeResponse,
    revision: i64,
) -> Option<RangeRequest> {
    let last = &reply.kvs.last()?.key;
    let key = [last, &b"\0"[..]].concat().into();
    Some(RangeRequest { key, revision, ..request.clone() })
}
