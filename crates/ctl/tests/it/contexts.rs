//! Contexts: from a user's own file and from the monitor's configuration.

use std::ffi::OsString;
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ctl::{Context, Environment, Io};
use testbed::{Cluster, EtcdVersion, Login, Security};

use crate::side::Kept;

/// A user with a home of their own.
struct User {
    home: tempfile::TempDir,
    variables: Vec<(OsString, OsString)>,
}

/// What a command line did.
#[derive(Debug)]
struct Done {
    code: u8,
    stdout: String,
    stderr: String,
}

impl User {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let variables = vec![("HOME".into(), home.path().into())];
        Self { home, variables }
    }

    /// The same user, with one more variable.
    fn with(&self, name: &str, value: &str) -> Self {
        let mut variables = self.variables.clone();
        variables.push((name.into(), value.into()));
        Self { home: tempfile::tempdir().unwrap(), variables }
    }

    fn run(&self, line: &str) -> Done {
        let environment = Environment::new(self.variables.clone()).with_clusters_of(configured);
        let words = line.split(' ').map(OsString::from);
        let (stdout, stderr) = (Kept::default(), Kept::default());
        let mut io = Io::new(Cursor::new(Vec::new()), stdout.clone(), stderr.clone());
        let code = ctl::run(words, &environment, &mut io);
        let text = |kept: Kept| String::from_utf8_lossy(&kept.taken()).into_owned();
        Done { code, stdout: text(stdout), stderr: text(stderr) }
    }

    /// What a line prints that must succeed.
    fn text(&self, line: &str) -> String {
        let done = self.run(line);
        assert_eq!(done.code, 0, "{line}: {done:?}");
        done.stdout
    }

    /// What a line complains of that must fail with `code`.
    fn refused(&self, line: &str, code: u8) -> String {
        let done = self.run(line);
        assert_eq!(done.code, code, "{line}: {done:?}");
        done.stderr
    }

    fn file(&self) -> PathBuf {
        self.home.path().join(".config/etcd-monitor/contexts.yaml")
    }
}

/// Stands for the program, which reads the monitor's configuration.
fn configured(file: &Path) -> Result<Vec<Context>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}"))?;
    let contexts = text.lines().map(|line| {
        let (name, endpoint) = line.split_once(' ').unwrap();
        Context { name: name.into(), endpoints: vec![endpoint.into()], ..Context::default() }
    });
    Ok(contexts.collect())
}

#[test]
fn contexts_are_added_chosen_listed_and_removed_and_hold_no_secret() {
    let user = User::new();
    assert_eq!(user.run("context list").stderr.lines().count(), 1);
    assert_eq!(user.text("context list -w json"), "[]\n");
    let secret = user.home.path().join("secret");
    std::fs::write(&secret, "hush\n").unwrap();
    let secret = secret.display();
    let add = format!(
        "context add prod --endpoints https://a:1,https://b:1 --user root --password-file {secret}"
    );
    assert_eq!(user.text(&add), "context \"prod\" added\n");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&user.file()), 0o600);
    assert_eq!(mode(user.file().parent().unwrap()), 0o700);
    user.text("context add test --endpoints c:1 --insecure-skip-tls-verify --use");

    let listed = user.text("context list");
    let lines: Vec<Vec<&str>> =
        listed.lines().map(|line| line.split_whitespace().collect()).collect();
    let file = user.file().display().to_string();
    assert_eq!(lines[0], ["IN", "USE", "NAME", "ENDPOINTS", "TLS", "USER", "FROM"]);
    assert_eq!(lines[1], ["prod", "https://a:1,https://b:1", "yes", "root", &*file]);
    assert_eq!(lines[2], ["*", "test", "c:1", "not", "verified", "-", &*file]);
    assert!(user.text("context list -w table").starts_with("+--------+------+"));
    let json = format!(
        "{{\"name\":\"prod\",\"in_use\":false,\"endpoints\":[\"https://a:1\",\"https://b:1\"],\
         \"user\":\"root\",\"password\":\"file {secret}\",\"from\":\"{file}\"}}\n"
    );
    assert_eq!(user.text("context show prod -w json"), json);
    assert!(user.text("context show").starts_with("name: test\nendpoints: c:1\n"));

    assert_eq!(user.text("context use prod"), "context \"prod\" is in use\n");
    assert!(user.text("context show").contains("in_use: true\n"));
    assert!(user.refused(&add, 1).contains("give --replace"));
    user.text(&format!("{add} --replace"));
    assert_eq!(user.text("context remove prod"), "context \"prod\" removed\n");
    assert!(user.refused("context show", 1).contains("no context is in use"));
    let text = std::fs::read_to_string(user.file()).unwrap();
    assert!(!text.contains("hush") && text.contains("name: test"), "{text}");
    let beside: Vec<_> = std::fs::read_dir(user.file().parent().unwrap()).unwrap().collect();
    assert_eq!(beside.len(), 2, "the file and its lock: {beside:?}");
}

#[test]
fn mistakes_with_contexts_are_named_with_what_helps() {
    let user = User::new();
    user.text("context add production --endpoints a:1");
    user.text("context add staging --endpoints b:1");
    let far = user.refused("get k --context nowhere-at-all", 128);
    assert!(far.contains("there is no context \"nowhere-at-all\"\n"), "{far}");
    assert!(far.contains("there are: production, staging\n"), "{far}");
    let table = [
        ("get k --context prodution", 128, "is \"production\" meant?"),
        ("make-mirror --dest-context prodution", 128, "is \"production\" meant?"),
        ("make-mirror --dest-context production c:1", 128, "are both given; keep one"),
        ("make-mirror --dest-context production --dest-user u", 128, "--dest-user are both given"),
        ("context use stagin", 128, "is \"staging\" meant?"),
        ("context remove x-ray", 128, "there is no context \"x-ray\""),
        ("context add a/b --endpoints a:1", 128, "use up to 63 letters"),
        ("context add a", 128, "give --endpoints or --discovery-srv"),
        ("context add a --endpoints a:x", 128, "has the port \"x\""),
        ("context add a --endpoints a:1 --user root:hush", 128, "keeps no password"),
        ("context add a --endpoints a:1 --user root --password hush", 128, "keeps no password"),
        ("context add a --endpoints a:1 --password-env P", 128, "give --user"),
        ("context add a --endpoints a:1 --cert none.pem", 128, "must both be present"),
        ("context add a --endpoints a:1 --cacert none.pem", 128, "open none.pem: no such file"),
        ("context add a --endpoints a:1 --user u --password-file none", 128, "/none: no such file"),
        ("context add", 128, "needs the name of a context"),
        ("context use", 128, "needs the name of a context"),
        ("context list x", 128, "accepts no arguments"),
        ("get k --context production --config none.yaml --endpoints=,", 2, "no available endp"),
        ("get k --context other --config none.yaml", 128, "none.yaml cannot be read: "),
    ];
    for (line, code, text) in table {
        let said = user.refused(line, code);
        assert!(said.contains(text) && !said.contains("hush"), "{line}: {said}");
    }
    // A password in the file is a mistake, and is not repeated.
    std::fs::write(user.file(), "clusters:\n- name: a\n  auth: {user: u, password: hush}\n")
        .unwrap();
    let said = user.refused("get k", 1);
    assert!(said.contains("unknown field") && said.contains("password_file"), "{said}");
    assert!(!said.contains("hush"), "{said}");
    let nowhere = User { home: tempfile::tempdir().unwrap(), variables: Vec::new() };
    assert!(nowhere.refused("context add a --endpoints a:1", 1).contains("set HOME"));
}

#[test]
fn clusters_of_the_monitor_are_contexts_and_the_one_in_use_is_found_again() {
    let user = User::new();
    let config = user.home.path().join("config.yaml");
    std::fs::write(&config, "east 127.0.0.1:1\nwest 127.0.0.1:2\n").unwrap();
    let config = config.display().to_string();
    user.text("context add west --endpoints 127.0.0.1:3");
    let listed = user.text(&format!("context list --config {config}"));
    // The user's own comes before another of the same name.
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(lines[1].contains("west  127.0.0.1:3") && lines[2].ends_with(&config), "{listed}");
    let monitor = user.with("ETCD_MONITOR_CONFIG", &config);
    assert!(monitor.text("context show east").contains("endpoints: 127.0.0.1:1\n"));
    user.text(&format!("context use east --config {config}"));
    assert!(user.text("context show").starts_with("name: east\n"));
    let refused = user.refused("context remove east", 1);
    assert!(refused.contains("context \"east\" is a cluster of "), "{refused}");

    // Which endpoint is asked tells which context was taken.
    let quick = "get k --command-timeout=200ms --dial-timeout=100ms";
    let asks = |user: &User, more: &str, endpoint: &str| {
        let said = user.refused(&format!("{quick}{more}"), 1);
        assert!(said.contains(endpoint), "{more}: {said}");
    };
    asks(&user, "", "127.0.0.1:1 ");
    asks(&user, " --context west", "127.0.0.1:3 ");
    asks(&user.with("ETCD_MONITOR_CONTEXT", "west"), "", "127.0.0.1:3 ");
    asks(&user.with("ETCDCTL_CONTEXT", "west"), "", "127.0.0.1:3 ");
    asks(&user.with("ETCD_MONITOR_CONTEXT", "west"), " --context east", "127.0.0.1:1 ");
    asks(&user, " --endpoints 127.0.0.1:4", "127.0.0.1:4 ");
    asks(&user.with("ETCDCTL_ENDPOINTS", "127.0.0.1:4"), "", "127.0.0.1:4 ");
    asks(&user, " --context west --endpoints 127.0.0.1:4", "127.0.0.1:4 ");
    asks(&user, " --context=", "127.0.0.1:2379 ");
    let said = user.refused(quick, 1);
    assert!(said.ends_with("in context \"east\"; --context='' does without it\n"), "{said}");
    user.text("context use --none");
    asks(&user, "", "127.0.0.1:2379 ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_context_opens_a_cluster_with_tls_and_users_and_flags_come_before_it() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let builder = Cluster::builder(version).members(1).security(Security::TlsAuth);
    let cluster = builder.flag("--bcrypt-cost=4").start().await.unwrap();
    let work = tokio::task::spawn_blocking(move || {
        let user = User::new();
        let auth = cluster.client_config(Login::Root).auth;
        let password = auth.password.unwrap().expose().clone();
        let root = auth.user.unwrap();
        let file = user.home.path().join("secret");
        std::fs::write(&file, format!("{password}\n")).unwrap();
        let certs = cluster.certs().unwrap();
        let (pair, ca) = (certs.client(), certs.ca_file().display());
        let (cert, key) = (pair.cert_file.display(), pair.key_file.display());
        let endpoints = cluster.endpoints().join(",");
        let files = format!("--cacert {ca} --cert {cert} --key {key} --endpoints {endpoints}");
        let file = file.display();
        user.text(&format!("context add a {files} --user {root} --password-file {file} --use"));
        user.text(&format!("context add b {files} --user {root} --password-env SECRET"));
        assert_eq!(user.text("put k v"), "OK\n");
        assert_eq!(user.with("SECRET", &password).text("get k --context b"), "k\nv\n");
        let mirror = "make-mirror --prefix k --dest-prefix there/ --dest-context a --dry-run";
        assert!(user.text(mirror).contains("copy 1 key"), "{}", user.text(mirror));
        let unset = user.refused("get k --context b", 128);
        assert!(unset.contains("is to be in SECRET, which is not set"), "{unset}");
        assert!(unset.contains("context \"b\" of "), "{unset}");
        // Flags and variables of etcdctl come first.
        let wrong = user.with("ETCDCTL_PASSWORD", "wrong");
        assert!(wrong.refused("get k", 2).contains("authentication failed"));
        let given = user.with("SECRET", "wrong").with("ETCDCTL_PASSWORD", &password);
        assert_eq!(given.text("get k --context b"), "k\nv\n");
        let other = certs.other_ca().unwrap();
        let untrusted =
            user.refused(&format!("get k --cacert {} --command-timeout 1s", other.display()), 2);
        assert!(untrusted.contains("certificate"), "{untrusted}");
        // The context in use is not for other endpoints: without its files there is no way in.
        let bare = user.run(&format!("get k --endpoints {endpoints} --command-timeout 1s"));
        assert_ne!(bare.code, 0, "{bare:?}");
    });
    work.await.unwrap();
}
