//! The summary at the start: every cluster with its state, leader and members.

use std::fmt::Write as _;

use model::health::{ClusterState, Health};
use monitor::fleet::{ClusterHandle, Fleet};
use monitor::view::{ClusterView, MemberView};

use super::Console;

/// With more clusters than this, only those that are not healthy are listed with their members.
const DETAILED: usize = 5;

/// Of those, no more than this: the rest would scroll the first away.
const TROUBLED: usize = 10;

/// The summary of all clusters.
pub(super) fn render(fleet: &Fleet, url: &str, console: Console) -> String {
    let views: Vec<_> = fleet.clusters().iter().map(ClusterHandle::view).collect();
    let mut text = String::new();
    let (healthy, mut troubled): (Vec<_>, Vec<_>) =
        views.iter().partition(|view| view.state == ClusterState::Healthy);
    if views.len() <= DETAILED {
        for view in &views {
            cluster(&mut text, view, console);
        }
    } else {
        troubled.sort_by_key(|view| view.state != ClusterState::Critical);
        for view in troubled.iter().take(TROUBLED) {
            cluster(&mut text, view, console);
        }
        if troubled.len() > TROUBLED {
            let more = troubled.len() - TROUBLED;
            let _ = writeln!(text, "… and {more} more that are not healthy");
        }
        let _ = writeln!(text, "{} of {} clusters are healthy", healthy.len(), views.len());
    }
    let _ = write!(text, "status: {url}/api/v1/clusters   events follow; Ctrl-C stops");
    text
}

fn cluster(text: &mut String, view: &ClusterView, console: Console) {
    let state = match view.state {
        ClusterState::Healthy => console.colour(view.state.as_str(), "32"),
        ClusterState::Degraded | ClusterState::Unknown => console.colour(view.state.as_str(), "33"),
        ClusterState::Critical => console.colour(view.state.as_str(), "31"),
    };
    let leader = match &view.leader {
        Some(leader) if leader.seen_elected => {
            format!("{} leads since {}", leader.member.name, leader.since.strftime("%H:%M:%SZ"))
        }
        Some(leader) => format!("{} leads", leader.member.name),
        None => "no leader".to_owned(),
    };
    let quorum = view.quorum;
    let _ = writeln!(
        text,
        "{}  {}  {leader}, {} of {} voters healthy, {} may fail",
        console.bold(&view.name),
        state.trim_end(),
        quorum.healthy_voters,
        quorum.voters,
        quorum.margin.max(0)
    );
    for reason in &view.reasons {
        let _ = writeln!(text, "  ! {reason}");
    }
    let names = view.members.iter().map(|member| member.name.chars().count()).max().unwrap_or(0);
    for member in &view.members {
        member_line(text, member, names, console);
    }
}

fn member_line(text: &mut String, member: &MemberView, width: usize, console: Console) {
    let health = match member.health {
        Health::Healthy => console.colour(member.health.as_str(), "32"),
        Health::Unhealthy => console.colour(member.health.as_str(), "31"),
        Health::Unknown => console.colour(member.health.as_str(), "33"),
    };
    let _ = write!(text, "  {:<width$}  {:<9}  {health}", member.name, member.role);
    if let Some(endpoint) = &member.endpoint {
        let _ = write!(text, "  {endpoint}");
    }
    if let Some(status) = &member.status {
        let _ = write!(text, "  etcd {}  db {}", status.version, size(status.db_size_bytes));
    }
    if let Some(read) = member.probes.linearizable_read {
        let _ = write!(text, "  read {:.1} ms", read.as_secs_f64() * 1_000.0);
    }
    text.push('\n');
}

/// Bytes as etcdctl prints them: decimal units, two digits.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1_000.0 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    if value >= 10.0 || unit == 0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_etcdctl_prints_them() {
        let shown: Vec<_> = [0, 999, 20_480, 1_500_000, 2_147_483_648].map(size).into();
        assert_eq!(shown, ["0 B", "999 B", "20 kB", "1.5 MB", "2.1 GB"]);
    }
}
