//! `etcd-monitor capacity`: how long the space of clusters lasts, as a running monitor tells it.

use etcd::{ClientConfig, Connector, HttpTarget, Member};
use jiff::tz::TimeZone;
use promql::Unit;
use serde::Deserialize;
use serde_json::Value;

use crate::cli::capacity::CapacityFlags;
use crate::cli::data::Output;
use crate::cli::exit_code;
use crate::error::Error as ProgramError;
use crate::query::address::Address;
use crate::query::grid::{Align, Grid};
use crate::query::quantity::humane;

/// An answer has some hundred bytes a member.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers.
    #[error(
        "{address} does not answer: {reason}; start etcd-monitor there, or give another one with \
         --url"
    )]
    Connect {
        /// Who was asked.
        address: Address,
        /// Why not.
        reason: String,
    },
    /// The answer is no good one.
    #[error("{address}: {reason}")]
    Refused {
        /// Who was asked.
        address: Address,
        /// What it says.
        reason: String,
    },
}

impl Error {
    /// The exit code that tells scripts what kind of trouble this is.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Connect { .. } => exit_code::CONNECT,
            Self::Refused { .. } => exit_code::FAILED,
        }
    }
}

#[derive(Deserialize)]
struct Capacity {
    cluster: String,
    members: Vec<OfMember>,
}

#[derive(Deserialize)]
struct OfMember {
    member: Name,
    db_size_bytes: Option<f64>,
    db_size_in_use_bytes: Option<f64>,
    quota_bytes: Option<f64>,
    quota_used_ratio: Option<f64>,
    trend: Option<Growth>,
    until_quota: Option<Until>,
    why: Option<String>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct Growth {
    bytes_per_second: f64,
}

#[derive(Deserialize)]
struct Until {
    earliest_seconds: f64,
    likely_seconds: f64,
    latest_seconds: Option<f64>,
}

/// Asks, and says the answer as `flags` want it shown.
pub fn run(flags: &CapacityFlags) -> Result<String, ProgramError> {
    // Only an error when it was done before, as by a test that runs twice in a process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ProgramError::System("start the runtime", error))?;
    let answers = runtime.block_on(ask(flags))?;
    Ok(match flags.output {
        Output::Json => format!("{:#}\n", Value::from(answers)),
        Output::Table => {
            let read = |answer| serde_json::from_value::<Capacity>(answer);
            let clusters = answers.into_iter().map(read).collect::<Result<Vec<_>, _>>();
            table(&clusters.map_err(|error| refused(&flags.url, &error.to_string()))?)
        }
    })
}

async fn ask(flags: &CapacityFlags) -> Result<Vec<Value>, Error> {
    let connect = |error: &etcd::Error| Error::Connect {
        address: flags.url.clone(),
        reason: error.message().to_owned(),
    };
    let connector = Connector::new(ClientConfig::default()).map_err(|error| connect(&error))?;
    let server = connector.member(flags.url.endpoint().clone());
    let mut names: Vec<String> = flags.cluster.iter().cloned().collect();
    if names.is_empty() {
        let list = get(&server, flags, "/api/v1/clusters").await?;
        let clusters = list["clusters"].as_array().cloned().unwrap_or_default();
        names.extend(clusters.iter().filter_map(|one| one["name"].as_str().map(str::to_owned)));
    }
    let mut answers = Vec::new();
    for name in names {
        answers.push(get(&server, flags, &format!("/api/v1/clusters/{name}/capacity")).await?);
    }
    Ok(answers)
}

async fn get(server: &Member, flags: &CapacityFlags, path: &str) -> Result<Value, Error> {
    let page = HttpTarget::of_member(path);
    let reply = server.http_get(&page, flags.timeout, MAX_ANSWER_BYTES).await.map_err(|error| {
        let reason = error.message().to_owned();
        Error::Connect { address: flags.url.clone(), reason }
    })?;
    let body: Value = serde_json::from_slice(&reply.body)
        .map_err(|_| refused(&flags.url, "the answer is not one of etcd-monitor"))?;
    if reply.status == 200 {
        return Ok(body);
    }
    let detail = body["detail"].as_str().or(body["title"].as_str());
    Err(refused(&flags.url, detail.unwrap_or("the answer is an error")))
}

fn refused(address: &Address, reason: &str) -> Error {
    Error::Refused { address: address.clone(), reason: reason.to_owned() }
}

fn table(clusters: &[Capacity]) -> String {
    use Align::{Left, Right};
    let mut grid = Grid::new(vec![Left, Left, Right, Right, Right, Right, Right, Left]);
    let titles = ["CLUSTER", "MEMBER", "IN USE", "FILE", "QUOTA", "USED", "GROWTH", "FULL IN"];
    grid.add(titles.map(str::to_owned));
    for cluster in clusters {
        for member in &cluster.members {
            grid.add(row(&cluster.cluster, member));
        }
    }
    grid.lines().join("\n") + "\n"
}

fn row(cluster: &str, member: &OfMember) -> [String; 8] {
    let shown = |value: Option<f64>, unit| {
        value.map_or_else(|| "-".to_owned(), |value| humane(value, Some(unit), &TimeZone::UTC))
    };
    let time = |seconds: f64| humane(seconds, Some(Unit::Seconds), &TimeZone::UTC);
    let full_in = match &member.until_quota {
        Some(until) => {
            let latest = until.latest_seconds.map_or_else(|| "never".to_owned(), time);
            let (earliest, likely) = (time(until.earliest_seconds), time(until.likely_seconds));
            format!("{likely} ({earliest} to {latest})")
        }
        None => member.why.clone().unwrap_or_default(),
    };
    let growth = member.trend.as_ref().map(|trend| trend.bytes_per_second * 86_400.0);
    [
        cluster.to_owned(),
        member.member.name.clone(),
        shown(member.db_size_in_use_bytes, Unit::Bytes),
        shown(member.db_size_bytes, Unit::Bytes),
        shown(member.quota_bytes, Unit::Bytes),
        shown(member.quota_used_ratio, Unit::Ratio),
        growth.map_or_else(
            || "-".to_owned(),
            |day| format!("{}/d", humane(day, Some(Unit::Bytes), &TimeZone::UTC)),
        ),
        full_in,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_when_it_is_full_or_why_nobody_can_tell() {
        let json = r#"{"cluster":"prod","members":[
            {"member":{"name":"m1"},"db_size_bytes":2097152,"db_size_in_use_bytes":1048576,
             "quota_bytes":2147483648,"quota_used_ratio":0.001,
             "trend":{"bytes_per_second":100.0},
             "until_quota":{"earliest_seconds":3600,"likely_seconds":7200,"latest_seconds":null},
             "why":null},
            {"member":{"name":"m2"},"db_size_bytes":null,"db_size_in_use_bytes":null,
             "quota_bytes":null,"quota_used_ratio":null,"trend":null,"until_quota":null,
             "why":"too short a history for a trend"}]}"#;
        insta::assert_snapshot!(table(&[serde_json::from_str(json).unwrap()]));
    }
}
