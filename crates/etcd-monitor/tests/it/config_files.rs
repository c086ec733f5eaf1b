//! `testdata/good` passes, and each file of `testdata/bad` fails with the message beside it.

use std::fs;
use std::path::{Path, PathBuf};

use etcd_monitor::cli::flags::RunFlags;
use etcd_monitor::config::{self, MAX_BYTES, SystemEnvironment, compose};

fn check(file: &Path) -> Result<usize, String> {
    let flags = RunFlags { config: Some(file.to_owned()), ..RunFlags::default() };
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    match compose(&flags, &SystemEnvironment, now) {
        Ok(settings) => Ok(settings.clusters.len()),
        Err(mistakes) => Err(mistakes.to_string()),
    }
}

fn yaml_files(directory: &str) -> Vec<PathBuf> {
    // Cargo runs tests in the crate's directory, so messages hold no path of this machine.
    let entries = fs::read_dir(Path::new("testdata").join(directory)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "no files in {directory}");
    files
}

#[test]
fn good_files_pass() {
    for file in yaml_files("good") {
        assert_eq!(check(&file).err(), None, "{}", file.display());
    }
}

#[test]
fn bad_files_fail_with_the_message_beside_them() {
    let mut stale = Vec::new();
    for file in yaml_files("bad") {
        let message = check(&file).expect_err(&file.display().to_string()) + "\n";
        let golden = file.with_extension("err");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&golden, &message).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != message {
            stale.push(message);
        }
    }
    assert!(stale.is_empty(), "not as in the .err files:\n{}", stale.concat());
}

#[test]
fn the_example_passes() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("example.yaml");
    fs::write(&file, config::EXAMPLE).unwrap();
    assert_eq!(check(&file), Ok(2));
}

#[test]
fn what_is_no_configuration_file_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("large.yaml");
    assert!(check(&file).unwrap_err().contains("cannot be read"));
    assert!(check(directory.path()).unwrap_err().contains("is a directory"));
    fs::write(&file, vec![b'#'; usize::try_from(MAX_BYTES).unwrap() + 1]).unwrap();
    assert!(check(&file).unwrap_err().contains("larger than 4 MiB"));
    fs::write(&file, b"clusters:\n- name: \xff\xfe\n").unwrap();
    assert!(check(&file).unwrap_err().contains("not UTF-8 text (line 2)"));
}
