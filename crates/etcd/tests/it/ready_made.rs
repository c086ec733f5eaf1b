//! A ready-made token: somebody else fetches JWTs and puts them into a file.

use std::fs;

use etcd::{AuthConfig, ClientConfig, Cluster, Connector, Endpoint, ErrorClass};
use rcgen::KeyPair;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{AMPLE, endpoint, newest};

const USER: &str = "root";
const PASSWORD: &str = "hunter2";

#[tokio::test]
async fn a_jwt_from_a_file_is_used_and_a_newer_one_when_it_is_refused() {
    let Some(version) = newest() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let key = KeyPair::generate().unwrap();
    fs::write(path("key.pem"), key.serialize_pem()).unwrap();
    fs::write(path("key.pub"), key.public_key_pem()).unwrap();
    let (private, public) = (path("key.pem"), path("key.pub"));
    let flag = format!(
        "--auth-token=jwt,pub-key={},priv-key={},sign-method=ES256,ttl=10m",
        public.display(),
        private.display()
    );
    let cluster = testbed::Cluster::builder(version).members(1).flag(flag).start().await.unwrap();
    turn_on(cluster.client()).await;

    let at = endpoint(&cluster, 0);
    let token_file = path("token");
    fs::write(&token_file, authenticate(&at).await).unwrap();
    let auth = AuthConfig { token_file: Some(token_file.clone()), ..AuthConfig::default() };
    assert_eq!(auth.validate(), []);
    let config = ClientConfig { auth, ..ClientConfig::default() };
    let member = Connector::new(config).unwrap().member(at.clone());
    member.hash_kv(0, AMPLE).await.unwrap();

    // Tokens carry the revision of the users, which this moves.
    let login = AuthConfig {
        user: Some(USER.to_owned()),
        password: Some(PASSWORD.to_owned().into()),
        ..AuthConfig::default()
    };
    let root = Connector::new(ClientConfig { auth: login, ..ClientConfig::default() }).unwrap();
    let root = root.cluster(vec![at.clone()]);
    root.user_add("another", Some(PASSWORD), AMPLE).await.unwrap();
    let error = member.probe_read(b"absent", true, AMPLE).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Auth, "{error}");
    fs::write(&token_file, authenticate(&at).await).unwrap();
    member.probe_read(b"absent", true, AMPLE).await.unwrap();
}

async fn turn_on(client: &Cluster) {
    client.user_add(USER, Some(PASSWORD), AMPLE).await.unwrap();
    client.user_grant_role(USER, USER, AMPLE).await.unwrap();
    client.auth_enable(AMPLE).await.unwrap();
}

/// Fetches a token as a script would, by etcd's JSON gateway.
async fn authenticate(endpoint: &Endpoint) -> String {
    let body = format!(r#"{{"name": "{USER}", "password": "{PASSWORD}"}}"#);
    let request = format!(
        "POST /v3/auth/authenticate HTTP/1.1\r\nHost: {endpoint}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(endpoint.to_string()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    let json = reply.split_once("\r\n\r\n").unwrap().1;
    let json = json[json.find('{').unwrap()..=json.rfind('}').unwrap()].to_owned();
    let reply: serde_json::Value = serde_json::from_str(&json).unwrap();
    reply["token"].as_str().unwrap_or_else(|| panic!("no token in {reply}")).to_owned()
}
