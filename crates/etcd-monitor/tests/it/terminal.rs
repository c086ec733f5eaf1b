//! What a person sees on a terminal, and types there.

use serde_json::json;
use testbed::version::skip;
use testbed::{Cluster, EtcdVersion};
use tokio::process::Command;

use crate::program;

/// Waits for a text, or types one.
#[derive(Clone, Copy)]
enum Step {
    /// Holds the output until nothing is echoed; only as the first step.
    Hold,
    See(&'static str),
    Type(&'static str),
}
use Step::{Hold, See, Type};

/// What a program did on a terminal.
#[derive(Debug)]
struct Session {
    code: i32,
    /// All that was shown, what was typed included, with lines as a terminal ends them.
    shown: String,
}

/// Runs `etcd-monitor ctl` on a terminal; `None` where there is none to be had.
async fn on_terminal(words: &[&str], steps: &[Step]) -> Option<Session> {
    let steps = steps.iter().map(|step| match step {
        Hold => json!(["hold"]),
        See(text) => json!(["see", text]),
        Type(text) => json!(["type", text]),
    });
    let steps = steps.collect::<serde_json::Value>().to_string();
    let mut python = Command::new("python3");
    python.args(["-c", include_str!("terminal.py"), &steps]);
    python.arg(program::command().as_std().get_program()).arg("ctl").args(words);
    // Contexts of whoever runs the tests are none of theirs.
    python.env_remove("XDG_CONFIG_HOME").env("HOME", "/nonexistent");
    match python.kill_on_drop(true).output().await {
        Ok(output) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            // There the steps that did not come about are told.
            assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
            let code = output.status.code().unwrap_or(-1);
            Some(Session { code, shown: text(&output.stdout) })
        }
        Err(error) => {
            skip(&format!("no python3 for a terminal: {error}"));
            None
        }
    }
}

/// A cluster of one member with `k`, on the newest version at hand, and the flag that names it.
async fn cluster() -> Option<(Cluster, String)> {
    let version = EtcdVersion::available().pop()?;
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let endpoints = format!("--endpoints={}", cluster.endpoints().join(","));
    Some((cluster, endpoints))
}

#[tokio::test]
async fn a_password_is_not_shown_however_soon_it_is_typed() {
    let words = ["get", "key", "--user=root", "--endpoints=127.0.0.1:1"];
    let words = [&words[..], &["--command-timeout=200ms", "--dial-timeout=200ms"]].concat();
    let Some(session) = on_terminal(&words, &[Hold, Type("hush-hush\n")]).await else { return };
    let shown = &session.shown;
    assert!(shown.contains("Password: ") && shown.contains("Error: "), "{session:?}");
    assert!(!shown.contains("hush"), "{shown}");
}

#[tokio::test]
async fn a_transaction_and_watches_are_typed() {
    let Some((_cluster, endpoints)) = cluster().await else { return };
    let steps = [
        See("compares:"),
        Type("version(\"k\") = \"0\"\n\n"),
        See("success requests (get, put, del):"),
        Type("put k \"a value\"\nput bell \"\\x1b]0;owned\\x07\"\n\n"),
        See("failure requests (get, put, del):"),
        Type("get k\n\n"),
        See("SUCCESS"),
        See("OK"),
        See("OK"),
    ];
    let Some(session) = on_terminal(&["txn", "-i", &endpoints], &steps).await else { return };
    assert_eq!(session.code, 0, "{session:?}");

    // What is stored does not reach the terminal as commands to it.
    let session = on_terminal(&["get", "bell", &endpoints], &[]).await.unwrap();
    assert_eq!((session.code, &*session.shown), (0, "bell\r\n\\x1b]0;owned\\x07\r\n"));

    let steps = [
        Type("watch k --rev 1\n"),
        See("PUT\r\nk\r\na value\r\n"),
        Type("follow k\n"),
        See("Invalid command follow k (only support watch)"),
        Type("watch bell --rev 1 -- echo seen\n"),
        See("PUT\r\nbell\r\n\\x1b]0;owned\\x07\r\nseen\r\n"),
        Type("progress\n"),
        See("progress notify: "),
        Type("\x03"),
    ];
    let session = on_terminal(&["watch", "-i", &endpoints], &steps).await.unwrap();
    assert_eq!(session.code, 130, "interrupted: {session:?}");
}

#[tokio::test]
async fn a_new_users_password_is_asked_for_twice_and_never_shown() {
    let Some((_cluster, endpoints)) = cluster().await else { return };
    let add = ["user", "add", "me", &endpoints];
    let first = [See("Password of me: "), Type("hush-hush\n")];
    let again = See("Type password of me again for confirmation: ");
    let steps = [&first[..], &[again, Type("hush\n")]].concat();
    let Some(session) = on_terminal(&add, &steps).await else { return };
    assert_eq!(session.code, 128, "{session:?}");
    assert!(session.shown.contains("given passwords are different"), "{session:?}");
    let steps = [&first[..], &[again, Type("hush-hush\n"), See("User me created")]].concat();
    let added = on_terminal(&add, &steps).await.unwrap();
    assert_eq!(added.code, 0, "{added:?}");
    assert!(!session.shown.contains("hush") && !added.shown.contains("hush"), "{added:?}");
    let steps = [See("Password of me: "), Type("\n"), See("empty password")];
    let session = on_terminal(&["user", "passwd", "me", &endpoints], &steps).await.unwrap();
    assert_eq!(session.code, 128, "{session:?}");
}

#[tokio::test]
async fn what_cannot_be_undone_is_asked_for_on_a_terminal() {
    let Some((cluster, endpoints)) = cluster().await else { return };
    let ample = std::time::Duration::from_secs(30);
    for key in ["a1", "a2"] {
        cluster.client().put(key, "v", None, ample).await.unwrap();
    }
    let del = ["del", "a", "--prefix", &endpoints];
    let question = [See("delete 2 keys\r\n  \"a1\"\r\n  \"a2\"\r\n"), See("Delete them? [y/N]")];
    let no = [&question[..], &[Type("n\n"), See("nothing was done")]].concat();
    let Some(session) = on_terminal(&del, &no).await else { return };
    assert_eq!(session.code, 1, "{session:?}");
    // The end of the input is no yes either.
    let end = [&question[..], &[Type("\x04"), See("nothing was done")]].concat();
    let session = on_terminal(&del, &end).await.unwrap();
    assert_eq!(session.code, 1, "{session:?}");
    let dry = [&del[..], &["--dry-run"]].concat();
    let session = on_terminal(&dry, &[]).await.unwrap();
    assert_eq!(session.code, 0, "{session:?}");
    assert!(session.shown.starts_with("delete 2 keys") && !session.shown.contains('?'));
    let id = cluster.member(0).id().to_string();
    let remove = ["member", "remove", &*id, &endpoints];
    let no =
        [See("0 voting members"), See("Remove it? [y/N]"), Type("\n"), See("nothing was done")];
    let session = on_terminal(&remove, &no).await.unwrap();
    assert_eq!(session.code, 1, "{session:?}");
    let yes = [&question[..], &[Type("y\n"), See("\n2\r\n")]].concat();
    let session = on_terminal(&del, &yes).await.unwrap();
    assert_eq!(session.code, 0, "{session:?}");
    let session = on_terminal(&[&del[..], &["--yes"]].concat(), &[]).await.unwrap();
    assert_eq!((session.code, &*session.shown), (0, "0\r\n"), "{session:?}");
    cluster.client().members(ample).await.unwrap();
}
