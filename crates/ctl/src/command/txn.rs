//! `txn`: several requests as one, depending on what is there.

mod compare;

use std::io::{BufRead, BufReader};

use etcd::wire::etcdserverpb::{RequestOp, TxnRequest, request_op};
use etcd::wire::rpc;

use super::{Command, del, get, put};
use crate::answer::Transacted;
use crate::call::Call;
use crate::compat::Compat;
use crate::confirm::{DRY_RUN, YES};
use crate::failure::Failure;
use crate::io::Io;
use crate::parse::{Flag, FlagError, Flags, words};
use crate::session::UNBOUNDED;

/// `txn`.
pub(super) const TXN: Command = Command::new(
    "txn",
    "txn [options]",
    "Does several requests as one, depending on what is there",
    |call| Box::pin(run(call)),
)
.long(
    "\
Standard input has three parts, each ended by an empty line: what to compare; what to do if all
of that holds; what to do otherwise.

  mod(\"key1\") > \"0\"

  put key1 \"overwritten\"

  put key1 \"created\"
  put key2 \"some extra key\"

Compared are create, mod, version, value and lease with =, !=, < and >. Keys and values are quoted as
in Go. The lease is in hexadecimal.",
)
.flags(&[Flag::bool("interactive", "say which part is wanted").short('i')]);

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    if !call.args.is_empty() {
        return Err(Failure::bad_args("txn command does not accept argument"));
    }
    let session = call.session().await?;
    let stdin = std::mem::replace(&mut call.io.stdin, Box::new(std::io::empty()));
    let mut lines = BufReader::new(stdin);
    let mut request = TxnRequest::default();
    prompt(call, "compares:")?;
    while let Some(line) = next(&mut lines)? {
        request.compare.push(compare::read(&line).map_err(Failure::invalid_input)?);
    }
    prompt(call, "success requests (get, put, del):")?;
    while let Some(line) = next(&mut lines)? {
        request.success.push(operation(&line, call.compat, call.io).await?);
    }
    prompt(call, "failure requests (get, put, del):")?;
    while let Some(line) = next(&mut lines)? {
        request.failure.push(operation(&line, call.compat, call.io).await?);
    }
    // etcdctl gives it any time.
    let reply = session.change_within(&rpc::TXN, request, UNBOUNDED).await?;
    call.print(&Transacted(&reply))
}

fn prompt(call: &mut Call<'_>, text: &str) -> Result<(), Failure> {
    if call.flags.bool("interactive") {
        call.say(text);
        call.flush()?;
    }
    Ok(())
}

/// The next line of a part; `None` for the empty one that ends it.
fn next(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, Failure> {
    let mut line = Vec::new();
    let read = input.read_until(b'\n', &mut line);
    read.map_err(|error| Failure::invalid_input(error.to_string()))?;
    if line.last() != Some(&b'\n') {
        let detail = "each of the three parts must end with an empty line";
        return Err(Failure::invalid_input("EOF").with_detail(detail));
    }
    Ok(Some(line.trim_ascii().to_vec()).filter(|line| !line.is_empty()))
}

/// One request of a transaction: a command line of get, put or del.
async fn operation(line: &[u8], compat: Compat, io: &mut Io) -> Result<RequestOp, Failure> {
    let shown = String::from_utf8_lossy(line);
    let words = words(line).map_err(Failure::invalid_input)?;
    if words.len() < 2 {
        return Err(Failure::invalid_input(format!("invalid txn compare request: {shown}")));
    }
    let wrong = |detail: String| {
        Failure::invalid_input(format!("invalid txn request: {shown}")).with_detail(detail)
    };
    let name = String::from_utf8_lossy(&words[0]).into_owned();
    let commands = [&del::DEL, &get::GET, &put::PUT];
    let mut fitting =
        commands.into_iter().filter(|command| !name.is_empty() && command.name.starts_with(&name));
    let Some(command) = fitting.next() else {
        return Err(wrong(format!("{name:?} is none of get, put and del")));
    };
    // Nobody is asked about one part of a transaction.
    let is_taken = |flag: &Flag| flag.name != DRY_RUN.name && flag.name != YES.name;
    let mut flags = Flags::new(command.flags_in(compat).filter(is_taken));
    let args = match flags.parse(&words[1..]) {
        Ok(parsed) => parsed.args,
        Err(FlagError::Wrong(why)) => return Err(wrong(why)),
        Err(FlagError::Help) => return Err(wrong(format!("see etcdctl {} --help", command.name))),
    };
    let request = match command.name {
        "get" => request_op::Request::RequestRange(get::request(&args, &flags)?),
        "put" => request_op::Request::RequestPut(put::request(&args, &flags, io)?),
        _ => {
            let request = del::request(&args, &flags)?;
            if del::warn_of_range(&args, &flags, compat, io) {
                tokio::time::sleep(del::SECOND_THOUGHTS).await;
            }
            request_op::Request::RequestDeleteRange(request)
        }
    };
    Ok(RequestOp { request: Some(request) })
}
