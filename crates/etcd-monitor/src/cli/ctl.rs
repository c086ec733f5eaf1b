//! `etcd-monitor ctl` and `utl`, and the program under the names `etcdctl` and `etcdutl`.

use std::ffi::OsString;
use std::path::Path;

use ctl::{Environment, Io};

use crate::config;

/// Whose command line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// etcdctl's.
    Ctl,
    /// etcdutl's.
    Utl,
}

/// The words for etcdctl or etcdutl, if the program is called as one of them: by its name, or with
/// `ctl` or `utl` first.
pub fn words(arguments: impl IntoIterator<Item = OsString>) -> Option<(Role, Vec<OsString>)> {
    let mut arguments = arguments.into_iter();
    let program = arguments.next()?;
    let name = Path::new(&program).file_stem()?;
    let role = if name == "etcdctl" {
        Role::Ctl
    } else if name == "etcdutl" {
        Role::Utl
    } else {
        let first = arguments.next()?;
        if first == "ctl" {
            Role::Ctl
        } else if first == "utl" {
            Role::Utl
        } else {
            return None;
        }
    };
    Some((role, arguments.collect()))
}

/// Does what the words say, with the process's own environment and streams; answers the exit code.
pub fn run(role: Role, words: Vec<OsString>) -> u8 {
    let environment = Environment::new(std::env::vars_os()).with_clusters_of(config::contexts);
    match role {
        Role::Ctl => ctl::run(words, &environment, &mut Io::system()),
        Role::Utl => ctl::run_utl(words, &environment, &mut Io::system()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_etcdctl_or_etcdutl_by_name_or_by_its_first_word() {
        let of = |line: &str| words(line.split(' ').map(OsString::from));
        assert_eq!(of("/bin/etcdctl get k"), Some((Role::Ctl, vec!["get".into(), "k".into()])));
        assert_eq!(of("etcdctl.exe get"), Some((Role::Ctl, vec!["get".into()])));
        assert_eq!(of("etcd-monitor ctl get"), Some((Role::Ctl, vec!["get".into()])));
        assert_eq!(of("etcdutl defrag"), Some((Role::Utl, vec!["defrag".into()])));
        assert_eq!(of("etcd-monitor utl defrag"), Some((Role::Utl, vec!["defrag".into()])));
        assert_eq!(of("etcd-monitor --demo ctl"), None);
        assert_eq!(of("etcd-monitor"), None);
    }
}
