//! Tokens: fetched once, renewed when refused, never hammered for.

use std::time::Duration;

use model::secret::Secret;

use super::{AMPLE, connector, login};
use crate::config::AuthConfig;
use crate::error::ErrorClass;
use crate::testing::FakeEtcd;

async fn guarded() -> FakeEtcd {
    let fake = FakeEtcd::start().await.unwrap();
    fake.script().login = Some(("monitor".into(), "hunter2".into()));
    fake
}

#[tokio::test]
async fn parallel_calls_of_all_members_share_one_token() {
    let fake = guarded().await;
    // Slow enough that all calls come while it is under way.
    fake.script().delays.insert("Authenticate", Duration::from_millis(50));
    let connector = connector(login("monitor", "hunter2"));
    let members: Vec<_> = (0..3).map(|_| connector.member(fake.endpoint().clone())).collect();
    let calls = members.iter().flat_map(|member| [member.status(AMPLE), member.status(AMPLE)]);
    for outcome in futures::future::join_all(calls).await {
        outcome.unwrap();
    }
    assert_eq!((fake.calls("Status"), fake.calls("Authenticate")), (6, 1));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_for_all_and_the_calls_repeated() {
    let fake = guarded().await;
    let member = connector(login("monitor", "hunter2")).member(fake.endpoint().clone());
    member.status(AMPLE).await.unwrap();
    fake.script().forget_tokens();
    fake.script().delays.insert("Authenticate", Duration::from_millis(50));
    let calls = (0..4).map(|_| member.status(AMPLE));
    for outcome in futures::future::join_all(calls).await {
        outcome.unwrap();
    }
    assert_eq!(fake.calls("Authenticate"), 2);
}

#[tokio::test]
async fn every_way_to_refuse_a_token_leads_to_a_new_one() {
    for (code, text) in [
        (tonic::Code::Unauthenticated, "etcdserver: invalid auth token"),
        (tonic::Code::InvalidArgument, "etcdserver: revision of auth store is old"),
        (tonic::Code::InvalidArgument, "etcdserver: user name is empty"),
        (tonic::Code::Unauthenticated, "some other reason"),
    ] {
        let fake = guarded().await;
        let member = connector(login("monitor", "hunter2")).member(fake.endpoint().clone());
        fake.script().errors.insert("Status", (code as i32, text));
        let error = member.status(AMPLE).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Auth, "{error}");
        assert_eq!((fake.calls("Status"), fake.calls("Authenticate")), (2, 2), "{text}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_then_rested_from() {
    let fake = guarded().await;
    let member = connector(login("monitor", "wrong")).member(fake.endpoint().clone());
    for _ in 0..5 {
        let error = member.status(AMPLE).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Auth);
        let text = error.to_string();
        assert!(text.ends_with(
            " Status: cannot authenticate as monitor: authentication failed, invalid user ID or password; check user and password (--user)"
        ), "{text}");
        assert!(!text.contains("wrong"), "{text}");
    }
    assert_eq!((fake.calls("Status"), fake.calls("Authenticate")), (0, 1));
}

#[tokio::test]
async fn credentials_for_a_cluster_without_authentication_do_no_harm() {
    let fake = FakeEtcd::start().await.unwrap();
    let member = connector(login("monitor", "hunter2")).member(fake.endpoint().clone());
    member.status(AMPLE).await.unwrap();
    member.status(AMPLE).await.unwrap();
    assert_eq!(fake.calls("Authenticate"), 1);
    // And when it is turned on later, they are used.
    fake.script().login = Some(("monitor".into(), "hunter2".into()));
    member.status(AMPLE).await.unwrap();
    assert_eq!(fake.calls("Authenticate"), 2);
}

#[tokio::test]
async fn no_credentials_where_some_are_wanted_say_so() {
    let fake = guarded().await;
    let member = connector(AuthConfig::default()).member(fake.endpoint().clone());
    let error = member.status(AMPLE).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Auth);
    assert!(
        error.to_string().contains("user name is empty; authentication is on: give"),
        "{error}"
    );
    assert_eq!((fake.calls("Status"), fake.calls("Authenticate")), (1, 0));
}

#[tokio::test]
async fn a_member_that_cannot_authenticate_does_not_hold_up_the_others() {
    let (frozen, healthy) = (guarded().await, guarded().await);
    frozen.script().delays.insert("Authenticate", Duration::from_mins(1));
    let connector = connector(login("monitor", "hunter2"));
    let first = connector.member(frozen.endpoint().clone());
    let second = connector.member(healthy.endpoint().clone());
    let asking = tokio::spawn(async move { first.status(AMPLE).await });
    while frozen.script().delays.is_empty() || !connector.credentials().is_fetching() {
        tokio::task::yield_now().await;
    }
    second.status(Duration::from_secs(3)).await.unwrap();
    asking.abort();
}

#[tokio::test]
async fn without_a_quorum_to_authenticate_with_the_call_still_goes_out() {
    let fake = guarded().await;
    let no_leader = (tonic::Code::Unavailable as i32, "etcdserver: no leader");
    fake.script().errors.insert("Authenticate", no_leader);
    let member = connector(login("monitor", "hunter2")).member(fake.endpoint().clone());
    let error = member.status(AMPLE).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Auth);
    assert!(error.message().contains("cannot authenticate as monitor: no leader"), "{error}");
    assert_eq!(fake.calls("Status"), 1);
}

#[tokio::test]
async fn a_token_file_is_read_again_when_its_token_is_refused() {
    let fake = guarded().await;
    let token = |serial: u32| Secret::new(format!("token-{serial}"));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    // The fake's own first tokens are token-1, token-2; let it issue them to somebody else.
    let other = connector(login("monitor", "hunter2")).member(fake.endpoint().clone());
    other.status(AMPLE).await.unwrap();
    std::fs::write(&file, format!("{}\n", token(1).expose())).unwrap();
    let auth = AuthConfig { token_file: Some(file.clone()), ..AuthConfig::default() };
    let member = connector(auth).member(fake.endpoint().clone());
    member.status(AMPLE).await.unwrap();

    fake.script().forget_tokens();
    other.status(AMPLE).await.unwrap();
    let error = member.status(AMPLE).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Auth);
    std::fs::write(&file, token(2).expose()).unwrap();
    member.status(AMPLE).await.unwrap();
}
