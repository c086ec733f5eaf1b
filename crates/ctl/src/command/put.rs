//! `put`: writes a key.

use std::io::Read as _;

use bytes::Bytes;
use etcd::wire::etcdserverpb::PutRequest;
use etcd::wire::rpc;

use super::Command;
use crate::answer::Written;
use crate::call::Call;
use crate::failure::Failure;
use crate::go;
use crate::io::Io;
use crate::parse::{Flag, Flags};

/// `put`.
pub(super) const PUT: Command = Command::new(
    "put",
    "put [options] <key> <value> (<value> can also be given from stdin)",
    "Writes a key",
    |call| Box::pin(run(call)),
)
.long(
    "\
A value that begins with '-' is taken for a flag unless '--' stands before it:
  put <key> -- <value>
  put -- <key> <value>
Without a value, all of standard input is the value:
  cat file | put <key>",
)
.flags(FLAGS);

/// Its flags, which a transaction's `put` takes too.
pub(super) const FLAGS: &[Flag] = &[
    Flag::bool("ignore-lease", "leave the key on the lease that it hangs on"),
    Flag::bool("ignore-value", "leave the value as it is"),
    Flag::text("lease", "0", "lease, in hexadecimal, for the key to hang on"),
    Flag::bool("prev-kv", "answer the key as it was before"),
];

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let request = request(&call.args, &call.flags, call.io)?;
    let session = call.session().await?;
    let reply = session.change(&rpc::PUT, request).await?;
    call.print(&Written(&reply))
}

/// The request that arguments, flags and standard input describe.
pub(super) fn request(args: &[Vec<u8>], flags: &Flags, io: &mut Io) -> Result<PutRequest, Failure> {
    let too_few = "put command needs 1 argument and input from stdin or 2 arguments";
    let [key, rest @ ..] = args else { return Err(Failure::bad_args(too_few)) };
    let ignore_value = flags.bool("ignore-value");
    let value = match rest.first() {
        Some(_) if ignore_value => {
            let text = "put command needs only 1 argument when 'ignore-value' is set";
            return Err(Failure::bad_args(text));
        }
        Some(value) => Bytes::copy_from_slice(value),
        None if ignore_value => Bytes::new(),
        None => match from_stdin(io)? {
            value if value.is_empty() => return Err(Failure::bad_args(too_few)),
            value => value,
        },
    };
    let lease = lease(&flags.text("lease"))?;
    Ok(PutRequest {
        key: Bytes::copy_from_slice(key),
        value,
        lease,
        prev_kv: flags.bool("prev-kv"),
        ignore_value,
        ignore_lease: flags.bool("ignore-lease"),
    })
}

fn from_stdin(io: &mut Io) -> Result<Bytes, Failure> {
    let mut value = Vec::new();
    let read = io.stdin.read_to_end(&mut value);
    read.map_err(|error| Failure::bad_args(format!("cannot read standard input: {error}")))?;
    Ok(value.into())
}

/// A lease as users write it.
pub(super) fn lease(text: &str) -> Result<i64, Failure> {
    go::int64_base(text, 16)
        .map_err(|why| Failure::bad_args(format!("bad lease ID ({why}), expecting ID in Hex")))
}
