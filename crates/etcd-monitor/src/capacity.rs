//! `etcd-monitor capacity`: how long the space of clusters lasts and which keys take it, as a running
//! monitor tells it.

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
    keys: Option<Keys>,
}

#[derive(Deserialize)]
struct Keys {
    scanned_at: Option<String>,
    prefixes: Vec<OfPrefix>,
    why: Option<String>,
}

#[derive(Deserialize)]
struct OfPrefix {
    prefix: String,
    keys: u64,
    bytes: Option<f64>,
    keys_growth: Option<Daily>,
    bytes_growth: Option<Daily>,
    why: Option<String>,
}

#[derive(Deserialize)]
struct Daily {
    per_day: f64,
    has_trend: bool,
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
    let keys = clusters.iter().filter_map(|of| Some((&*of.cluster, of.keys.as_ref()?)));
    grid.lines().join("\n")
        + "\n"
        + &keys.map(|(cluster, keys)| by_prefix(cluster, keys)).collect::<String>()
}

/// The keys of a cluster, or why nothing is known of them.
fn by_prefix(cluster: &str, keys: &Keys) -> String {
    use Align::{Left, Right};
    let mut text = match &keys.scanned_at {
        Some(at) => format!("\nKeys of {cluster}, counted at {at}\n"),
        None => format!("\nKeys of {cluster}\n"),
    };
    text.extend(keys.why.iter().map(|why| format!("{why}\n")));
    if keys.prefixes.is_empty() {
        return text;
    }
    let mut grid = Grid::new(vec![Left, Right, Right, Right, Right]);
    grid.add(["PREFIX", "KEYS", "BYTES", "KEYS/DAY", "BYTES/DAY"].map(str::to_owned));
    for of in &keys.prefixes {
        let shown = |value, unit| humane(value, unit, &TimeZone::UTC);
        let growth = |growth: &Option<Daily>, unit| match growth {
            None => "-".to_owned(),
            Some(growth) if !growth.has_trend => "no trend".to_owned(),
            Some(growth) => {
                let sign = if growth.per_day > 0.0 { "+" } else { "" };
                format!("{sign}{}", shown(growth.per_day.round(), unit))
            }
        };
        grid.add([
            if of.prefix.is_empty() { "(all)" } else { &of.prefix }.to_owned(),
            of.keys.to_string(),
            of.bytes.map_or_else(|| "-".to_owned(), |bytes| shown(bytes, Some(Unit::Bytes))),
            growth(&of.keys_growth, None),
            growth(&of.bytes_growth, Some(Unit::Bytes)),
        ]);
    }
    text += &(grid.lines().join("\n") + "\n");
    let whys = keys.prefixes.iter().filter_map(|of| of.why.as_deref());
    let whys: std::collections::BTreeSet<&str> = whys.collect();
    text.extend(whys.iter().map(|why| format!("- : {why}\n")));
    text
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
    fn prefixes_are_told_with_their_growth_or_why_there_is_none() {
        let json = r#"{"cluster":"prod","members":[],"keys":{"is_scheduled":true,"why":null,
            "scanned_at":"2026-01-01T00:00:00.000Z","prefixes":[
            {"prefix":"","keys":120000,"bytes":15728640,"why":null,
             "keys_growth":{"per_day":1440.2,"has_trend":true},
             "bytes_growth":{"per_day":2097152.0,"has_trend":true}},
            {"prefix":"/registry/events/","keys":90000,"bytes":null,"why":null,
             "keys_growth":{"per_day":-3.0,"has_trend":false},"bytes_growth":null},
            {"prefix":"/registry/new/","keys":9000,"bytes":1,"keys_growth":null,
             "bytes_growth":null,"why":"a trend takes at least 6 scans within a week"}]}}"#;
        let none = r#"{"cluster":"test","members":[],"keys":{"is_scheduled":false,"scanned_at":null,
            "prefixes":[],"why":"no scan is made: set key_scan.enabled to true for this cluster"}}"#;
        let clusters = [json, none].map(|json| serde_json::from_str(json).unwrap());
        insta::assert_snapshot!(table(&clusters));
    }

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
