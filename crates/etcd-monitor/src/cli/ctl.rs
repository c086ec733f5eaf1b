//! `etcd-monitor ctl`, and the program under the name `etcdctl`: etcdctl's commands.

use std::ffi::OsString;
use std::path::Path;

use ctl::{Environment, Io};

/// The words for etcdctl, if the program is called as it: by its name, or with `ctl` first.
pub fn words(arguments: impl IntoIterator<Item = OsString>) -> Option<Vec<OsString>> {
    let mut arguments = arguments.into_iter();
    let program = arguments.next()?;
    let name = Path::new(&program).file_stem();
    let is_named = name.is_some_and(|name| name == "etcdctl");
    if !is_named && arguments.next()? != "ctl" {
        return None;
    }
    Some(arguments.collect())
}

/// Does what the words say, with the process's own environment and streams; answers the exit code.
pub fn run(words: Vec<OsString>) -> u8 {
    ctl::run(words, &Environment::new(std::env::vars_os()), &mut Io::system())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_etcdctl_by_name_or_by_its_first_word() {
        let of = |line: &str| words(line.split(' ').map(OsString::from));
        assert_eq!(of("/bin/etcdctl get k"), Some(vec!["get".into(), "k".into()]));
        assert_eq!(of("etcdctl.exe get"), Some(vec!["get".into()]));
        assert_eq!(of("etcd-monitor ctl get"), Some(vec!["get".into()]));
        assert_eq!(of("etcd-monitor --demo ctl"), None);
        assert_eq!(of("etcd-monitor"), None);
    }
}
