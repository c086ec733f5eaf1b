//! `etcd-monitor diagnose`: looks at clusters for a while, runs every check, and reports.
//!
//! `look` watches the clusters as a running monitor would, `keys` looks at what is stored where that
//! is asked for, `history` asks a running monitor for what it knows, `report` puts together what was found, and one file for each output writes it.

mod bundle;
pub mod error;
mod history;
pub(crate) mod html;
mod json;
mod keys;
mod look;
pub(crate) mod plot;
mod report;
mod text;

#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, IsTerminal as _, Write};

use jiff::Timestamp;
use monitor::config::ClusterConfig;

use crate::cli::diagnose::{DiagnoseFlags, Report as Format};
use crate::cli::flags::RunFlags;
use crate::config::{Environment, compose};
use crate::error::Error;
use error::Error as Failure;
use report::Report;
use text::Paper;

/// Looks, and writes the report as `flags` say. An error [`Failure::Unwell`] means that the report
/// was written and tells of trouble.
pub fn run(
    flags: &DiagnoseFlags,
    environment: &dyn Environment,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), Error> {
    // Only an error when it was done before, as by a test that runs twice in a process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (config, cluster) = (flags.config.clone(), flags.cluster.clone());
    let run = RunFlags { config, cluster, ..RunFlags::default() };
    let mut clusters = compose(&run, environment, now)?.clusters;
    if let Some(wanted) = &flags.only {
        let known: Vec<String> = clusters.iter().map(|cluster| cluster.name.clone()).collect();
        clusters.retain(|cluster| cluster.name == *wanted);
        if clusters.is_empty() {
            return Err(Failure::NoCluster { wanted: wanted.clone(), known }.into());
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::System("start the runtime", error))?;
    let outcome = runtime.block_on(diagnose(flags, clusters, out));
    // Probes that are under way must not hold the end up.
    runtime.shutdown_background();
    Ok(outcome?)
}

async fn diagnose(
    flags: &DiagnoseFlags,
    clusters: Vec<ClusterConfig>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let is_told = !flags.quiet && io::stderr().is_terminal();
    let looks = look::at(clusters.clone(), flags.time, flags.hashkv, is_told).await;
    let mut report = Report::new(looks);
    for (cluster, config) in report.clusters.iter_mut().zip(&clusters) {
        if flags.scan_keys {
            let keys = keys::of(config, &cluster.view).await;
            cluster.take_keys(keys);
        }
        cluster.history = history::of(&flags.url, flags.url_cacert.as_deref(), &cluster.name).await;
    }
    let is_well = report.is_well();
    let is_terminal = flags.to.is_none() && io::stdout().is_terminal();
    let written = match flags.output {
        Format::Text => text::render(&report, Paper::of_this_process(is_terminal)),
        Format::Json => json::render(&report),
        Format::Html => html::render(&report),
    };
    match &flags.to {
        None => write(out, &written)?,
        Some(path) => fs::write(path, written).map_err(|source| cannot_write(path, source))?,
    }
    if let Some(path) = &flags.bundle {
        let raw = bundle::gather(&clusters, &report).await;
        // Prefixes of keys are not for everybody who gets a bundle.
        bundle::write(path, report.without_keys(), raw)
            .map_err(|source| cannot_write(path, source))?;
    }
    if is_well { Ok(()) } else { Err(Failure::Unwell) }
}

fn write(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Write { path: "standard output".into(), source: error })
        }
        _ => Ok(()),
    }
}

fn cannot_write(path: &std::path::Path, source: io::Error) -> Failure {
    Failure::Write { path: path.to_owned(), source }
}
