//! What the command line accepts, and what it says.

use std::ffi::OsString;

use clap::error::ErrorKind;

use super::*;

fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
    Cli::parse_from_arguments(
        ["etcd-monitor"].iter().chain(arguments).map(|argument| OsString::from(*argument)),
    )
}

#[test]
fn the_definition_of_the_command_line_is_sound() {
    command().debug_assert();
}

#[test]
fn endpoints_are_comma_separated() {
    let cli = parse(&["--endpoints", "a:1,b:2", "--dial-timeout", "500ms"]).unwrap();
    assert_eq!(cli.run.cluster.endpoints, ["a:1", "b:2"]);
    assert_eq!(cli.run.cluster.dial_timeout, Some(std::time::Duration::from_millis(500)));
}

#[test]
fn flags_of_one_cluster_exclude_a_file_of_many() {
    for flag in ["--endpoints=a:1", "--cacert=x", "--max-latency-ms=5", "--demo"] {
        let error = parse(&["--config", "file.yaml", flag]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ArgumentConflict, "{flag}");
    }
    parse(&["--config", "file.yaml", "--api-port", "0", "--log-level", "debug"]).unwrap();
}

#[test]
fn a_bad_value_is_told_with_its_flag() {
    for (arguments, expected) in [
        (["--api-port", "70000"], "--api-port"),
        (["--dial-timeout", "soon"], "such as 500ms, 2s or 1m30s"),
        (["--log-level", "loud"], "error, warn, info, debug, trace"),
    ] {
        let message = parse(&arguments).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_mistake_beside_a_password_does_not_print_it() {
    let message = parse(&["--user", "monitor:hunter2", "--no-such"]).unwrap_err().to_string();
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn every_flag_has_an_environment_variable_of_its_name() {
    for argument in command().get_arguments() {
        let name = argument.get_long().unwrap_or_default();
        if matches!(name, "help" | "version") {
            continue;
        }
        let variable = format!("ETCD_MONITOR_{}", name.to_uppercase().replace('-', "_"));
        assert_eq!(argument.get_env(), Some(variable.as_ref()), "{name}");
    }
}

fn help_of(command: clap::Command) -> String {
    let help = command.term_width(100).render_long_help().to_string();
    help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn help_is_the_golden_text() {
    insta::assert_snapshot!(help_of(command()));
}

#[test]
fn help_of_query_is_the_golden_text() {
    let query = command().find_subcommand("query").cloned().unwrap();
    insta::assert_snapshot!(help_of(query.bin_name("etcd-monitor query")));
}

#[test]
fn help_of_diagnose_is_the_golden_text() {
    let diagnose = command().find_subcommand("diagnose").cloned().unwrap();
    insta::assert_snapshot!(help_of(diagnose.bin_name("etcd-monitor diagnose")));
}

#[test]
fn help_of_data_is_the_golden_text() {
    let data = command().find_subcommand("data").cloned().unwrap();
    let mut text = help_of(data.clone().bin_name("etcd-monitor data"));
    for command in data.get_subcommands() {
        let name = format!("etcd-monitor data {}", command.get_name());
        let help = help_of(command.clone().bin_name(&name));
        text.extend(["\n\n-- ", &name, "\n", &help]);
    }
    insta::assert_snapshot!(text);
}

#[test]
fn help_of_rules_is_the_golden_text() {
    let rules = command().find_subcommand("rules").cloned().unwrap();
    let mut text = help_of(rules.clone().bin_name("etcd-monitor rules"));
    for command in rules.get_subcommands() {
        let name = format!("etcd-monitor rules {}", command.get_name());
        let help = help_of(command.clone().bin_name(&name));
        text.extend(["\n\n-- ", &name, "\n", &help]);
    }
    insta::assert_snapshot!(text);
}

#[test]
fn help_of_bench_is_the_golden_text() {
    let bench = command().find_subcommand("bench").cloned().unwrap();
    let mut text = help_of(bench.clone().bin_name("etcd-monitor bench"));
    for name in ["put", "find-max", "compare"] {
        let help = bench.find_subcommand(name).cloned().unwrap();
        let name = format!("etcd-monitor bench {name}");
        text.extend(["\n\n-- ", &name, "\n", &help_of(help.bin_name(&name))]);
    }
    insta::assert_snapshot!(text);
}

#[test]
fn commands_parse() {
    for arguments in [
        &["config", "check", "file.yaml"][..],
        &["config", "show", "--endpoints", "a:1"],
        &["config", "example"],
        &["config", "schema"],
        &["query", "up"],
        &["query", "up", "--range", "6h", "--step", "1m", "-o", "csv", "--time", "1d ago"],
        &["data", "stat", "-o", "json"],
        &["data", "export", "--match", "up", "--from", "1d ago", "-o", "file"],
        &["data", "delete-series", "up", "{cluster='old'}", "--yes", "--data-dir", "d"],
        &["rules", "check", "a.yaml", "b.yaml"],
        &["rules", "test", "a.yaml"],
        &["rules", "default"],
        &["rules", "replay", "--from", "1d ago", "--to", "now", "--interval", "1m", "-o", "json"],
        &["bench", "put", "--endpoints", "a:1", "--rate", "100", "--value-size", "1-9"],
        &["bench", "find-max", "txn-put", "--p99", "50ms", "--endpoints", "a:1"],
        &["bench", "ab", "put", "--endpoints", "a:1", "--b-target", "leader", "--pairs", "5"],
        &["bench", "compare", "a", "b", "--", "c", "d"],
        &["bench", "baseline", "check", "name", "a"],
        &["check", "disk", "/tmp"],
        &["completion", "zsh"],
        &["version"],
    ] {
        assert!(parse(arguments).unwrap().command.is_some(), "{arguments:?}");
    }
    assert_eq!(parse(&["--version"]).unwrap_err().kind(), ErrorKind::DisplayVersion);
}
