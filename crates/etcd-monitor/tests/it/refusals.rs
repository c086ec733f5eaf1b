//! What the program does not accept: it ends with a message that says what to do, and its exit code
//! tells scripts what kind of mistake it was.

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use testbed::certs::{Certs, Pair};
use tokio::time::timeout;

use crate::program::command;

/// Refused means at once.
const WITHIN: Duration = Duration::from_secs(5);

/// The configuration, a file or a value is not accepted.
const BAD_INPUT: i32 = 3;

/// The arguments do not parse.
const BAD_ARGUMENTS: i32 = 128;

/// What is never to be seen.
const SECRET: &str = "correct horse";

async fn check(arguments: &[OsString], code: i32, part: &str) {
    let mut command = command();
    let run = command.args(arguments).output();
    let outcome = timeout(WITHIN, run).await.expect("it ends").unwrap();
    let message = String::from_utf8(outcome.stderr).unwrap();
    assert_eq!(outcome.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(message.contains(part), "{part:?} is not in {message:?}");
    assert!(!message.contains(SECRET), "{message:?}");
    assert!(!message.contains("panicked"), "{message:?}");
    assert_eq!(String::from_utf8(outcome.stdout).unwrap(), "", "{arguments:?}");
}

fn arguments<const N: usize>(arguments: [&str; N]) -> Vec<OsString> {
    arguments.into_iter().map(OsString::from).collect()
}

#[tokio::test]
async fn values_that_are_none() {
    let with_password = format!("http://user:{SECRET}@127.0.0.1:1");
    for (flags, code, part) in [
        (["--endpoints", "127.0.0.1:70000"], BAD_INPUT, "--endpoints"),
        (["--endpoints", "ftp://127.0.0.1:1"], BAD_INPUT, "http and https are supported"),
        (["--endpoints", &with_password], BAD_INPUT, "--user"),
        (["--endpoints", "::1"], BAD_INPUT, "[::1]:2379"),
        (["--endpoints", "127.0.0.1:1,127.0.0.1:1"], BAD_INPUT, "is the same endpoint as"),
        (["--config", "no-such-file.yaml"], BAD_INPUT, "no-such-file.yaml: cannot be read"),
        (["--api-port", "65536"], BAD_ARGUMENTS, "is not in 0..=65535"),
        (["--metrics-interval", "5"], BAD_ARGUMENTS, "500ms"),
        (["--log-level", "loud"], BAD_ARGUMENTS, "debug"),
        (["--no-such-flag", ""], BAD_ARGUMENTS, "unexpected argument"),
    ] {
        check(&arguments(flags), code, part).await;
    }
    check(&[], BAD_INPUT, "--endpoints, --discovery-srv, --config or --demo").await;
}

#[tokio::test]
async fn certificates_that_do_not_serve() {
    let directory = tempfile::tempdir().unwrap();
    let certs = Certs::create(directory.path()).unwrap();
    let expired = certs.issue_expired_client().unwrap();
    let Pair { cert_file, key_file } = certs.client();
    let missing = directory.path().join("missing.pem");
    for (cert, key, part) in [
        (cert_file, &certs.server().key_file, "is not the key of the certificate in"),
        (cert_file, &missing, "--key: cannot read"),
        (&missing, key_file, "--cert: cannot read"),
        (key_file, key_file, "holds a private key and no certificate"),
        (&expired.cert_file, &expired.key_file, "expired"),
    ] {
        let mut all = arguments(["--endpoints", "https://127.0.0.1:1", "--cert"]);
        all.extend([cert.into(), "--key".into(), key.into()]);
        check(&all, BAD_INPUT, part).await;
    }
}

#[tokio::test]
async fn passwords_from_nowhere_or_from_everywhere() {
    let login = format!("monitor:{SECRET}");
    let flags = ["--endpoints", "127.0.0.1:1", "--user", &login, "--password-file", "no-file"];
    check(&arguments(flags), BAD_INPUT, "keep one of them").await;
    let flags = ["--endpoints", "127.0.0.1:1", "--user", "monitor"];
    check(&arguments(flags), BAD_INPUT, "password").await;
}

#[tokio::test]
async fn places_that_cannot_be_had() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let flags = ["--endpoints", "127.0.0.1:1", "--api-port", &port];
    check(&arguments(flags), 2, "choose another address or port").await;

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let mut flags = arguments(["--endpoints", "127.0.0.1:1", "--data-dir"]);
    flags.push(file.into());
    check(&flags, BAD_INPUT, "cannot write to the data directory").await;
}
