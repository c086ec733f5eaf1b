//! The flags of `routes`.

use std::path::PathBuf;

use clap::{ArgGroup, Subcommand};

/// What to do with routes.
#[derive(Debug, Clone, Subcommand)]
pub enum RoutesCommand {
    /// Tell whom an alert with these labels would be told, and why.
    #[command(after_help = TEST, group = ArgGroup::new("source").required(true))]
    Test {
        /// The alert's labels
        #[arg(value_name = "NAME=VALUE", required = true, value_parser = label)]
        labels: Vec<(String, String)>,
        /// The configuration file of etcd-monitor
        #[arg(long, env = "ETCD_MONITOR_CONFIG", value_name = "FILE", group = "source")]
        config: Option<PathBuf>,
        /// An alertmanager.yml
        #[arg(long, value_name = "FILE", group = "source")]
        alertmanager_file: Option<PathBuf>,
    },
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            Ok((name.to_owned(), value.trim_matches('"').to_owned()))
        }
        _ => Err("write it as name=value, such as severity=critical".to_owned()),
    }
}

const TEST: &str = "\
Examples:
    etcd-monitor routes test --config etcd-monitor.yaml severity=critical cluster=prod
    etcd-monitor routes test --alertmanager-file alertmanager.yml alertname=EtcdMemberDown";
