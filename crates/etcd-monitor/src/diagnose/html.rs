//! The report as one file for a browser, readable on a telephone.

use std::fmt::Write as _;

use jiff::Timestamp;
use model::finding::Finding;
use model::health::Health;
use model::series::METRIC_NAME;
use monitor::checks::words;

use super::history::{Curves, History, RANGE};
use super::look::MemberSample;
use super::plot::{Curve, Plot};
use super::report::{ClusterReport, Report, Root, state_word, subject};
use super::text::{keys_lines, size, unknown_line};

/// The page.
pub(super) fn render(report: &Report) -> String {
    let names: Vec<&str> = report.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    let mut out = format!(
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
         <title>{} · etcd-monitor diagnose</title>\n<style>\n{}</style>\n",
        escape(&names.join(", ")),
        include_str!("page.css")
    );
    for cluster in &report.clusters {
        of_cluster(&mut out, cluster);
    }
    out.push_str("</html>\n");
    out
}

/// `text` as it stands in HTML, in elements and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn of_cluster(out: &mut String, cluster: &ClusterReport) {
    let state = cluster.view.state.as_str();
    let _ = write!(
        out,
        "<h1>{} <span class=\"state {state}\">{state}</span></h1>\n<p class=verdict>{}</p>\n\
         <p class=soft>watched for {} from {}</p>\n",
        escape(&cluster.name),
        escape(&cluster.verdict()),
        words(cluster.watched),
        cluster.started_at.strftime("%F %H:%M:%SZ")
    );
    members(out, cluster);
    out.push_str(if cluster.findings.is_empty() {
        "<h2>Findings: none</h2>\n"
    } else {
        "<h2>Findings</h2>\n"
    });
    for root in &cluster.findings {
        of_root(out, root);
    }
    brief(out, "Seen, but not for long enough to be certain", &cluster.noticed);
    brief(out, "Came and went meanwhile", &cluster.passed);
    plots(out, cluster);
    checked(out, cluster);
    keys(out, cluster);
    advice(out, cluster);
    history(out, cluster);
}

fn members(out: &mut String, cluster: &ClusterReport) {
    out.push_str(
        "<div class=scroll><table><tr><th>Member<th>Endpoint<th>Role<th>Health<th>Version\
         <th class=number>Database<th class=number>In use<th class=number>Index\
         <th class=number>Read</tr>\n",
    );
    let shown = |bytes: Option<u64>| bytes.map_or("–".to_owned(), size);
    for member in &cluster.view.members {
        let status = member.status.as_ref().filter(|_| member.is_reachable == Some(true));
        let health = match member.health {
            Health::Healthy => "<td>healthy",
            Health::Unhealthy => "<td class=bad>unhealthy",
            Health::Unknown => "<td>unknown",
        };
        let read = member.probes.linearizable_read;
        let _ = writeln!(
            out,
            "<tr><td>{}<td>{}<td>{}{health}<td>{}<td class=number>{}<td class=number>{}\
             <td class=number>{}<td class=number>{}</tr>",
            escape(&member.name),
            escape(member.endpoint.as_deref().unwrap_or("–")),
            member.role.as_str(),
            escape(status.map_or("–", |status| &status.version)),
            shown(status.map(|status| status.db_size_bytes)),
            shown(status.and_then(|status| status.db_size_in_use_bytes)),
            status.map_or("–".to_owned(), |status| status.raft_index.to_string()),
            read.map_or("–".to_owned(), |t| format!("{:.1} ms", t.as_secs_f64() * 1_000.0)),
        );
    }
    out.push_str("</table></div>\n");
}

fn of_root(out: &mut String, root: &Root) {
    let finding = &root.finding;
    let severity = finding.severity.as_str();
    let about = subject(finding);
    let _ = write!(
        out,
        "<article class={severity}><h3><span class=\"state {severity}\">{severity}</span> \
         {} {}</h3><p><b>{}</b></p><p>{}</p><p class=soft>{} since {}</p>",
        finding.kind,
        escape(&about),
        escape(&finding.summary),
        escape(&finding.explanation),
        state_word(finding),
        finding.since.strftime("%F %H:%M:%SZ")
    );
    if let Some(why) = &finding.expected {
        let _ = write!(out, "<p>expected: {}</p>", escape(why));
    }
    if !finding.evidence.is_empty() {
        out.push_str("<h4>Evidence</h4><ul class=evidence>");
        for item in &finding.evidence {
            let _ = write!(
                out,
                "<li><span class=soft>{} {}</span><br><code>{}</code></li>",
                item.at.strftime("%H:%M:%SZ"),
                escape(&item.source),
                escape(&item.observed)
            );
        }
        out.push_str("</ul>");
    }
    list(out, "Likely causes, the likeliest first", &finding.causes);
    list(out, "Next steps", &finding.next_steps);
    let _ = write!(out, "<p class=soft>Runbook: {}</p>", finding.runbook());
    if !root.symptoms.is_empty() {
        out.push_str("<h4>With it come</h4><ul>");
        for symptom in &root.symptoms {
            let _ = write!(out, "<li>{}: {}</li>", symptom.kind, escape(&symptom.summary));
        }
        out.push_str("</ul>");
    }
    out.push_str("</article>\n");
}

fn list(out: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = write!(out, "<h4>{title}</h4><ol>");
    for item in items {
        let _ = write!(out, "<li>{}</li>", escape(item));
    }
    out.push_str("</ol>");
}

fn brief(out: &mut String, title: &str, findings: &[std::sync::Arc<Finding>]) {
    if findings.is_empty() {
        return;
    }
    let _ = write!(out, "<h2>{title}</h2><ul>");
    for finding in findings {
        let _ = write!(out, "<li>{}: {}</li>", finding.kind, escape(&finding.summary));
    }
    out.push_str("</ul>\n");
}

/// A plot of the look: its title, its unit, what it shows of a member, and how many of the unit that
/// is.
type Shown = (&'static str, &'static str, fn(&MemberSample) -> Option<f64>, f64);

fn plots(out: &mut String, cluster: &ClusterReport) {
    let figures: [Shown; 3] = [
        ("Linearizable read", "ms", |member| member.read_seconds, 1_000.0),
        (
            "Fsync of the log, p99 over the last minute",
            "ms",
            |member| member.fsync_p99_seconds,
            1_000.0,
        ),
        ("Behind in the committed index", "", |member| member.lag_entries, 1.0),
    ];
    let mut drawn = String::new();
    for (title, unit, figure, scale) in figures {
        let curve = |name: &String| Curve {
            name: name.clone(),
            points: cluster
                .samples
                .iter()
                .map(|sample| {
                    let member = sample.members.iter().find(|member| member.name == *name);
                    (sample.at.as_millisecond(), member.and_then(figure).map(|value| value * scale))
                })
                .collect(),
        };
        let names: Vec<String> =
            cluster.view.members.iter().map(|member| member.name.clone()).collect();
        let curves = names.iter().map(curve).collect();
        draw(&mut drawn, &Plot { title: title.to_owned(), unit, curves });
    }
    if !drawn.is_empty() {
        let _ = writeln!(out, "<h2>While we looked</h2>\n{drawn}");
    }
    if let History::Known { address, curves, .. } = &cluster.history {
        let mut drawn = String::new();
        for curves in curves {
            draw(&mut drawn, &of_history(curves));
        }
        if !drawn.is_empty() {
            let _ = writeln!(
                out,
                "<h2>The last {} <span class=soft>as {} has them</span></h2>\n{drawn}",
                words(RANGE),
                escape(address)
            );
        }
    }
}

fn of_history(curves: &Curves) -> Plot {
    let curve = |series: &model::series::Series| {
        let labels = series.labels.iter().filter(|(name, _)| *name != METRIC_NAME);
        let name: Vec<&str> = labels.map(|(_, value)| value).collect();
        Curve {
            name: name.join(" "),
            points: series
                .samples
                .iter()
                .map(|sample| (sample.at_ms, Some(sample.value / curves.scale)))
                .collect(),
        }
    };
    Plot {
        title: curves.title.to_owned(),
        unit: curves.unit,
        curves: curves.series.iter().map(curve).collect(),
    }
}

fn draw(out: &mut String, plot: &Plot) {
    let Some(svg) = plot.svg() else { return };
    let (title, legend) = (&plot.title, plot.legend());
    let _ = writeln!(out, "<figure><figcaption>{title}</figcaption>{svg}{legend}</figure>");
}

fn checked(out: &mut String, cluster: &ClusterReport) {
    let well: Vec<String> = cluster.well().map(|check| check.kind.to_string()).collect();
    let _ = write!(
        out,
        "<h2>Looked for and not there: {}</h2>\n<p>{}</p>\n",
        well.len(),
        well.join(", ")
    );
    let unknown = cluster.unknown();
    if unknown.is_empty() {
        return;
    }
    out.push_str("<h2>Could not be told</h2>\n<ul>");
    for (reason, kinds) in unknown {
        let _ = write!(out, "<li>{}</li>", escape(&unknown_line(&reason, &kinds)));
    }
    out.push_str("</ul>\n");
}

fn keys(out: &mut String, cluster: &ClusterReport) {
    let Some(keys) = &cluster.keys else { return };
    out.push_str("<h2>Keys</h2>\n");
    match keys {
        Err(reason) => {
            let _ = writeln!(out, "<p>could not be looked at: {}</p>", escape(reason));
        }
        Ok(space) => {
            for line in keys_lines(space) {
                let _ = writeln!(out, "<p>{}</p>", escape(&line));
            }
            out.push_str("<div class=scroll><table>");
            for prefix in &space.prefixes {
                let (keys, name) = (prefix.keys, escape(&prefix.name));
                let _ = writeln!(out, "<tr><td class=number>{keys}<td><code>{name}</code></tr>");
            }
            out.push_str("</table></div>\n");
        }
    }
}

fn advice(out: &mut String, cluster: &ClusterReport) {
    if cluster.advice.is_empty() {
        return;
    }
    out.push_str("<h2>Recommendations</h2>\n");
    for advice in &cluster.advice {
        let of = advice.member.as_ref().map_or(String::new(), |of| format!(" of {}", of.name));
        let _ = writeln!(
            out,
            "<article><h3>{}{}</h3><p>{}</p><p><b>Do:</b> {}</p><p><b>Gain:</b> {}</p>\
             <p class=soft>{}</p></article>",
            advice.topic,
            escape(&of),
            escape(&advice.fact),
            escape(&advice.action),
            advice.effect,
            advice.source
        );
    }
}

fn history(out: &mut String, cluster: &ClusterReport) {
    match &cluster.history {
        History::None(reason) => {
            let _ = writeln!(out, "<h2>History: none</h2>\n<p>{}</p>", escape(reason));
        }
        History::Known { open, past, address, .. } => {
            let time = |at: Timestamp| at.strftime("%F %H:%M:%SZ").to_string();
            if !open.is_empty() {
                let _ = write!(out, "<h2>What {} holds open</h2>\n<ul>", escape(address));
                for finding in open {
                    let _ = write!(
                        out,
                        "<li>{} since {}<br>{}</li>",
                        escape(&finding.kind),
                        time(finding.since),
                        escape(&finding.summary)
                    );
                }
                out.push_str("</ul>\n");
            }
            out.push_str("<h2>Over in the last 24 hours</h2>\n<ul>");
            if past.is_empty() {
                out.push_str("<li>nothing</li>");
            }
            for finding in past {
                let _ = write!(
                    out,
                    "<li><span class=soft>{} to {}</span><br>{}</li>",
                    time(finding.since),
                    finding.closed_at.map_or_else(|| "…".to_owned(), time),
                    escape(&finding.summary)
                );
            }
            out.push_str("</ul>\n");
        }
    }
}
