//! The report for a terminal or a ticket.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::finding::{Finding, FindingKind};
use model::health::{ClusterState, Health};
use model::severity::Severity;
use monitor::checks::words;
use monitor::keyspace::KeySpace;
use monitor::view::MemberView;
use promql::Unit;
use terminal_size::Width;

use super::history::History;
use super::report::{ClusterReport, Report, Root, state_word, subject};
use crate::query::grid::{Align, Grid, printable};
use crate::query::quantity::humane;

/// Columns where there is no terminal to ask, and the most that read well.
const USUAL_WIDTH: usize = 100;

/// What is written on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paper {
    pub(super) width: usize,
    pub(super) is_colourful: bool,
}

impl Paper {
    /// Standard output, if it is a terminal.
    pub(super) fn of_this_process(is_terminal: bool) -> Self {
        let columns = terminal_size::terminal_size_of(std::io::stdout());
        let width = match columns.filter(|_| is_terminal) {
            Some((Width(columns), _)) => usize::from(columns).clamp(60, USUAL_WIDTH),
            None => USUAL_WIDTH,
        };
        let is_colourful = is_terminal && std::env::var_os("NO_COLOR").is_none();
        Self { width, is_colourful }
    }

    /// A file.
    pub(super) fn plain() -> Self {
        Self { width: USUAL_WIDTH, is_colourful: false }
    }

    fn paint(self, colour: &str, text: &str) -> String {
        if self.is_colourful { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Adds `text` in lines of this width, the first after `first`, the others indented as far.
    fn wrap(self, out: &mut String, first: &str, text: &str) {
        let indent = " ".repeat(first.chars().count());
        let options =
            textwrap::Options::new(self.width).initial_indent(first).subsequent_indent(&indent);
        for line in textwrap::wrap(&printable(text), options) {
            let _ = writeln!(out, "{line}");
        }
    }
}

/// The report of all clusters.
pub(super) fn render(report: &Report, paper: Paper) -> String {
    let each = report.clusters.iter().map(|cluster| of_cluster(cluster, paper));
    each.collect::<Vec<_>>().join("\n")
}

fn of_cluster(cluster: &ClusterReport, paper: Paper) -> String {
    let mut out = String::new();
    let state = cluster.view.state;
    let colour = match state {
        ClusterState::Healthy => "32",
        ClusterState::Degraded | ClusterState::Unknown => "33",
        ClusterState::Critical => "31",
    };
    let _ = writeln!(
        out,
        "{}  {}",
        paper.bold(&cluster.name),
        paper.paint(&format!("1;{colour}"), &state.as_str().to_uppercase())
    );
    paper.wrap(&mut out, "", &cluster.verdict());
    let _ = writeln!(
        out,
        "{}\n",
        paper.paint(
            "2",
            &format!(
                "watched for {} from {}",
                words(cluster.watched),
                cluster.started_at.strftime("%F %H:%M:%SZ")
            )
        )
    );
    members(&mut out, cluster, paper);
    findings(&mut out, cluster, paper);
    noticed(&mut out, cluster, paper);
    checked(&mut out, cluster, paper);
    keys(&mut out, cluster, paper);
    advice(&mut out, cluster, paper);
    history(&mut out, cluster, paper);
    out
}

fn heading(out: &mut String, paper: Paper, text: &str) {
    let _ = writeln!(out, "\n{}", paper.bold(text));
}

fn members(out: &mut String, cluster: &ClusterReport, paper: Paper) {
    use Align::{Left, Right};
    let mut grid = Grid::new(vec![Left, Left, Left, Left, Left, Right, Right, Right, Right]);
    let titles =
        ["MEMBER", "ENDPOINT", "ROLE", "HEALTH", "VERSION", "DB", "IN USE", "INDEX", "READ"];
    grid.add(titles.map(str::to_owned));
    for member in &cluster.view.members {
        grid.add(row(member));
    }
    for (number, line) in grid.lines().into_iter().enumerate() {
        let line = if number == 0 { paper.paint("2", &line) } else { line };
        let _ = writeln!(out, "{line}");
    }
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    humane(bytes as f64, Some(Unit::Bytes), &TimeZone::UTC)
}

fn row(member: &MemberView) -> [String; 9] {
    let status = member.status.as_ref().filter(|_| member.is_reachable == Some(true));
    let unknown = || "-".to_owned();
    [
        member.name.clone(),
        member.endpoint.clone().unwrap_or_else(unknown),
        member.role.as_str().to_owned(),
        match member.health {
            Health::Healthy => "healthy",
            Health::Unhealthy => "UNHEALTHY",
            Health::Unknown => "unknown",
        }
        .to_owned(),
        status.map_or_else(unknown, |status| status.version.clone()),
        status.map_or_else(unknown, |status| size(status.db_size_bytes)),
        status.and_then(|status| status.db_size_in_use_bytes).map_or_else(unknown, size),
        status.map_or_else(unknown, |status| status.raft_index.to_string()),
        member
            .probes
            .linearizable_read
            .map_or_else(unknown, |took| format!("{:.1} ms", took.as_secs_f64() * 1_000.0)),
    ]
}

fn findings(out: &mut String, cluster: &ClusterReport, paper: Paper) {
    let count = |severity, name: &str| match cluster.count(severity) {
        0 => None,
        n => Some(format!("{n} {name}")),
    };
    let counts = [
        count(Severity::Critical, "critical"),
        count(Severity::Warning, "warning"),
        count(Severity::Info, "for information"),
    ];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    if counts.is_empty() {
        heading(out, paper, "Findings: none");
    } else {
        heading(out, paper, &format!("Findings: {}", counts.join(", ")));
    }
    for root in &cluster.findings {
        let _ = writeln!(out);
        of_root(out, root, paper);
    }
}

fn of_root(out: &mut String, root: &Root, paper: Paper) {
    let finding = &root.finding;
    title(out, finding, paper);
    paper.wrap(out, "  ", &finding.summary);
    paper.wrap(out, "  ", &finding.explanation);
    if let Some(why) = &finding.expected {
        paper.wrap(out, "  expected: ", why);
    }
    if !finding.evidence.is_empty() {
        let _ = writeln!(out, "  evidence");
        for item in &finding.evidence {
            let first = format!("    {}  ", item.at.strftime("%H:%M:%SZ"));
            paper.wrap(out, &first, &format!("{}: {}", item.source, item.observed));
        }
    }
    list(out, paper, "likely causes, the likeliest first", &finding.causes);
    list(out, paper, "next steps", &finding.next_steps);
    let _ = writeln!(out, "  runbook: {}", finding.runbook());
    if !root.symptoms.is_empty() {
        let _ = writeln!(out, "  with it come");
        for symptom in &root.symptoms {
            let first = format!("    {}: ", symptom.kind);
            paper.wrap(out, &first, &symptom.summary);
        }
    }
}

fn title(out: &mut String, finding: &Finding, paper: Paper) {
    let colour = match finding.severity {
        Severity::Critical => "1;31",
        Severity::Warning => "1;33",
        Severity::Info => "1;36",
    };
    let about = subject(finding);
    let about = if about.is_empty() { String::new() } else { format!("  {}", printable(&about)) };
    let _ = writeln!(
        out,
        "{}  {}{about}  {}",
        paper.paint(colour, &finding.severity.as_str().to_uppercase()),
        paper.bold(finding.kind.as_str()),
        paper.paint("2", &format!("{} since {}", state_word(finding), time(finding.since))),
    );
}

fn time(at: Timestamp) -> String {
    at.strftime("%F %H:%M:%SZ").to_string()
}

fn list(out: &mut String, paper: Paper, what: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "  {what}");
    for (number, item) in (1..).zip(items) {
        paper.wrap(out, &format!("    {number}. "), item);
    }
}

fn noticed(out: &mut String, cluster: &ClusterReport, paper: Paper) {
    let lines = |out: &mut String, findings: &[Arc<Finding>]| {
        for finding in findings {
            paper.wrap(out, &format!("  {}: ", finding.kind), &finding.summary);
        }
    };
    if !cluster.noticed.is_empty() {
        heading(out, paper, "Seen, but not for long enough to be certain");
        lines(out, &cluster.noticed);
    }
    if !cluster.passed.is_empty() {
        heading(out, paper, "Came and went meanwhile");
        lines(out, &cluster.passed);
    }
}

fn checked(out: &mut String, cluster: &ClusterReport, paper: Paper) {
    let well: Vec<&str> = cluster.well().map(|check| check.kind.as_str()).collect();
    heading(out, paper, &format!("Looked for and not there: {}", well.len()));
    if !well.is_empty() {
        paper.wrap(out, "  ", &well.join(", "));
    }
    let unknown = cluster.unknown();
    if !unknown.is_empty() {
        heading(out, paper, "Could not be told");
        for (reason, kinds) in unknown {
            paper.wrap(out, "  ", &unknown_line(&reason, &kinds));
        }
    }
}

/// What could not be told, and why.
pub(super) fn unknown_line(reason: &str, kinds: &[FindingKind]) -> String {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    if kinds.is_empty() { reason.to_owned() } else { format!("{reason}: {}", kinds.join(", ")) }
}

fn keys(out: &mut String, cluster: &ClusterReport, paper: Paper) {
    let Some(keys) = &cluster.keys else { return };
    heading(out, paper, "Keys");
    match keys {
        Err(reason) => paper.wrap(out, "  ", &format!("could not be looked at: {reason}")),
        Ok(space) => {
            for line in keys_lines(space) {
                paper.wrap(out, "  ", &line);
            }
            for prefix in &space.prefixes {
                paper.wrap(out, &format!("  {:>12}  ", prefix.keys), &prefix.name);
            }
        }
    }
}

/// What a scan of the keys brought, but for the prefixes.
pub(super) fn keys_lines(space: &KeySpace) -> Vec<String> {
    let mut lines = vec![format!(
        "{} keys at revision {}, {} of them counted on {}",
        space.total, space.revision, space.counted, space.endpoint
    )];
    lines.extend(space.cut_short.as_ref().map(|why| format!("not all were counted: {why}")));
    if let (Some(median), Some((prefix, largest))) =
        (space.sizes.get(space.sizes.len() / 2), &space.largest)
    {
        lines.push(format!(
            "of {} values half have up to {}; the largest, under {prefix}, has {}",
            space.sizes.len(),
            size(*median as u64),
            size(*largest as u64)
        ));
    }
    if let Some((prefix, changes)) = &space.most_changed {
        lines.push(format!("the key that changed most often, {changes} times, is under {prefix}"));
    }
    lines
}

fn advice(out: &mut String, cluster: &ClusterReport, paper: Paper) {
    if cluster.advice.is_empty() {
        return;
    }
    heading(out, paper, "Recommendations");
    for advice in &cluster.advice {
        let of = advice.member.as_ref().map_or(String::new(), |of| format!(" of {}", of.name));
        let _ = writeln!(out, "  {}{of}", paper.bold(advice.topic));
        paper.wrap(out, "    because ", &advice.fact);
        paper.wrap(out, "    do      ", &advice.action);
        paper.wrap(out, "    gain    ", advice.effect);
        paper.wrap(out, "    source  ", advice.source);
    }
}

fn history(out: &mut String, cluster: &ClusterReport, paper: Paper) {
    match &cluster.history {
        History::None(reason) => {
            heading(out, paper, "History: none");
            paper.wrap(out, "  ", reason);
        }
        History::Known { address, open, past, .. } => {
            if !open.is_empty() {
                heading(out, paper, &format!("What {address} holds open"));
            }
            for finding in open {
                let first = format!("  {} since {}  ", finding.kind, time(finding.since));
                paper.wrap(out, &first, &finding.summary);
            }
            heading(out, paper, &format!("What {address} saw in the last 24 hours"));
            if past.is_empty() {
                let _ = writeln!(out, "  nothing that is over");
            }
            for finding in past {
                let end = finding.closed_at.map_or_else(|| "…".to_owned(), time);
                let first = format!("  {} to {end}  ", time(finding.since));
                paper.wrap(out, &first, &finding.summary);
            }
        }
    }
}
