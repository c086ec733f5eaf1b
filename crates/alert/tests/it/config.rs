//! `testdata/config`: good files pass, bad ones fail with the message beside them, and amtool agrees,
//! apart from files whose first line says otherwise.

use std::path::{Path, PathBuf};
use std::process::Command;

use alert::config::Config;
use alert::route::Tree;
use model::series::Labels;

use crate::alertmanager;

fn files(kind: &str) -> Vec<PathBuf> {
    let directory = Path::new("testdata/config").join(kind);
    let entries = std::fs::read_dir(directory).expect("a directory");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yml"));
    files.sort();
    files
}

fn read(file: &Path) -> (String, Result<Config, String>) {
    let text = std::fs::read_to_string(file).expect("a file");
    let config = Config::parse(&text).map_err(|errors| {
        errors.iter().map(|error| format!("{error}\n")).collect::<Vec<_>>().concat()
    });
    (text, config)
}

#[test]
fn good_files_pass() {
    for file in files("good") {
        assert_eq!(read(&file).1.err(), None, "{}", file.display());
    }
}

#[test]
fn bad_files_fail_with_the_message_beside_them() {
    let mut stale = Vec::new();
    for file in files("bad") {
        let message = read(&file).1.expect_err(&file.display().to_string());
        let golden = file.with_extension("err");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&golden, &message).expect("written");
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != message {
            stale.push(format!("{}:\n{message}", file.display()));
        }
    }
    assert!(stale.is_empty(), "not as in the .err files:\n{}", stale.concat());
}

#[test]
fn amtool_accepts_and_refuses_the_same_files() {
    let Some(amtool) = alertmanager::program("amtool") else { return };
    let mut differences = Vec::new();
    for file in files("good").into_iter().chain(files("bad")) {
        let (text, ours) = read(&file);
        let output =
            Command::new(&amtool).arg("check-config").arg(&file).output().expect("it runs");
        let is_accepted = output.status.success();
        let expected = if text.starts_with("# amtool accepts") {
            true
        } else if text.starts_with("# amtool refuses") {
            false
        } else {
            ours.is_ok()
        };
        if is_accepted != expected {
            let said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            differences.push(format!("{}: accepted {is_accepted}: {said}", file.display()));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn amtool_sends_labels_to_the_same_receivers() {
    let Some(amtool) = alertmanager::program("amtool") else { return };
    let file = "testdata/routes.yml";
    let (_, config) = read(Path::new(file));
    let tree = Tree::new(&config.expect("a good file").route);
    let mut compared = 0;
    for severity in ["", "severity=critical", "severity=warning"] {
        for team in ["", "team=a", "team=b", "team=ab"] {
            for service in ["", "service=api", "service=api-2", "service=db"] {
                let words: Vec<_> =
                    [severity, team, service].into_iter().filter(|word| !word.is_empty()).collect();
                let output = Command::new(&amtool)
                    .args(["config", "routes", "test", "--config.file", file])
                    .args(&words)
                    .output()
                    .expect("it runs");
                let theirs = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                let pairs = words.iter().filter_map(|word| word.split_once('='));
                let way = tree.explain(&Labels::new(pairs));
                let ours: Vec<_> = way.receivers().collect();
                assert_eq!(theirs, ours.join(","), "{words:?}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 48);
}
