//! Tells the program which commit it is built from, when, and by which compiler; and the linker,
//! which functions belong side by side.
//!
//! Works without git and without a `.git` directory: what is not known is told as `unknown`.
//! `SOURCE_DATE_EPOCH` replaces the present time, for reproducible builds.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The names of functions that run, by `scripts/link-order.sh`.
const ORDER: &str = "link-order.txt";
/// `off` leaves all functions where the compiler put them.
const ORDER_SWITCH: &str = "ETCD_MONITOR_LINK_ORDER";

fn main() {
    arrange();
    let commit = output("git", &["rev-parse", "--short=12", "HEAD"]);
    let rustc = env::var("RUSTC").ok().and_then(|rustc| output(&rustc, &["--version"]));
    println!("cargo:rustc-env=BUILD_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    println!("cargo:rustc-env=BUILD_EPOCH={}", epoch());
    println!("cargo:rustc-env=BUILD_RUSTC={}", rustc.as_deref().unwrap_or("unknown"));

    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rerun-if-changed=build.rs");
    // The reflog of HEAD changes with each commit and checkout.
    if let Some(log) = output("git", &["rev-parse", "--git-path", "logs/HEAD"])
        && Path::new(&log).is_file()
    {
        println!("cargo:rerun-if-changed={log}");
    }
}

/// Makes what runs lie side by side in the released program, and its relocations small: both save
/// pages of memory. A page fault maps 64 kB, so functions that are spread over 20 MB of text take
/// most of it.
fn arrange() {
    println!("cargo:rerun-if-changed={ORDER}");
    println!("cargo:rerun-if-env-changed={ORDER_SWITCH}");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let is_released_for_linux = is("PROFILE", "release")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu");
    if !is_released_for_linux {
        return;
    }
    if is_own_libc_new_enough() {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    if is(ORDER_SWITCH, "off") {
        return;
    }
    let names = fs::read_to_string(ORDER).expect("the order is beside this file");
    let mut script = String::from("SECTIONS {\n.text.often : {\n");
    for name in names.lines() {
        let _ = writeln!(script, "*(.text.{name} .text.unlikely.{name})");
    }
    script.push_str("}\n}\nINSERT BEFORE .text;\n");
    let path = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("often.ld");
    fs::write(&path, script).expect("cargo's directory can be written");
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{}", path.display());
}

/// Whether this machine's libc, for which the program is built, knows packed relocations: glibc does
/// from 2.36 on.
fn is_own_libc_new_enough() -> bool {
    let is_native = env::var("HOST").ok() == env::var("TARGET").ok();
    let version = output("getconf", &["GNU_LIBC_VERSION"]);
    let minor = version.and_then(|text| text.strip_prefix("glibc 2.")?.parse::<u32>().ok());
    is_native && minor.is_some_and(|minor| minor >= 36)
}

/// The build's time in seconds since 1970.
fn epoch() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a build script has no Clock to take")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    env::var("SOURCE_DATE_EPOCH").ok().and_then(|epoch| epoch.parse().ok()).unwrap_or(now)
}

/// The trimmed standard output of a command, where it runs and succeeds.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
