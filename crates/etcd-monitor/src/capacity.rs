//! `etcd-monitor capacity`: how long the space of clusters lasts, as a running monitor tells it.

use jiff::tz::TimeZone;
use promql::Unit;
use serde::Deserialize;
use serde_json::Value;

use crate::cli::capacity::CapacityFlags;
use crate::cli::data::Output;
use crate::error::Error as ProgramError;
use crate::query::grid::{Align, Grid};
use crate::query::quantity::humane;
use crate::rest::{self, Api};

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
    rest::run(async {
        let api = Api::new(&flags.url, flags.cacert.as_deref(), flags.timeout)?;
        let answers = ask(&api, flags.cluster.as_deref()).await?;
        Ok::<_, rest::Error>(match flags.output {
            Output::Json => format!("{:#}\n", Value::from(answers)),
            Output::Table => {
                let read = |answer| serde_json::from_value::<Capacity>(answer);
                let clusters = answers.into_iter().map(read).collect::<Result<Vec<_>, _>>();
                table(&clusters.map_err(|error| api.refused(&error.to_string()))?)
            }
        })
    })
}

async fn ask(api: &Api, cluster: Option<&str>) -> Result<Vec<Value>, rest::Error> {
    let mut names: Vec<String> = cluster.map(str::to_owned).into_iter().collect();
    if names.is_empty() {
        let list = api.get("/api/v1/clusters").await?;
        let clusters = list["clusters"].as_array().cloned().unwrap_or_default();
        names.extend(clusters.iter().filter_map(|one| one["name"].as_str().map(str::to_owned)));
    }
    let mut answers = Vec::new();
    for name in names {
        answers.push(api.get(&format!("/api/v1/clusters/{name}/capacity")).await?);
    }
    Ok(answers)
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
