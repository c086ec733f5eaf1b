//! The rest of very many keys by one call that answers in parts, which 3.7 has.

use std::time::Duration;

use etcd::ErrorClass;
use etcd::wire::etcdserverpb::RangeRequest;
use tokio::time::{Instant, sleep};

use super::paged::{after, print};
use crate::call::Call;
use crate::failure::Failure;
use crate::session::{Session, is_future, is_passing};

/// Rest before another member is asked.
const REST: Duration = Duration::from_millis(100);

/// Prints the keys of `request` as they come, and counts them in `printed`; when a member is lost,
/// goes on at another. Answers what is left when the server does not know the call.
pub(super) async fn run(
    call: &mut Call<'_>,
    session: &Session,
    mut request: RangeRequest,
    printed: &mut usize,
) -> Result<Option<RangeRequest>, Failure> {
    let members = session.members();
    let patience = session.patience();
    let mut end = Instant::now() + patience;
    for member in members.iter().cycle() {
        let error = match member.range_stream(request.clone(), session.timeout).await {
            Err(error) => error,
            Ok(mut stream) => loop {
                match stream.next(session.timeout).await {
                    Ok(None) => return Ok(None),
                    Err(error) => break error,
                    Ok(Some(part)) => {
                        *printed += print(call, &part.kvs, *printed).await?;
                        end = Instant::now() + patience;
                        let Some(rest) = after(&request, &part, request.revision) else {
                            continue;
                        };
                        request = rest;
                    }
                }
            },
        };
        if error.class() == ErrorClass::Unsupported {
            return Ok(Some(request));
        }
        if !(is_passing(&error) || is_future(&error)) || Instant::now() >= end {
            return Err(error.into());
        }
        sleep(REST).await;
    }
    Err(Failure::error("no endpoints are known"))
}
