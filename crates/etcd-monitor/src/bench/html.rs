//! A result as one file for a browser: no script, no other file.

use std::fmt::Write as _;

use ::bench::Outcome;
use ::bench::outcome::Point;

use super::text;
use crate::diagnose::html::escape;
use crate::diagnose::plot::{Curve, Plot};

/// Size of the histogram in units of the drawing.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 180.0;

/// The page.
pub(super) fn render(outcome: &Outcome) -> String {
    let id = escape(&outcome.id);
    let mut page = format!(
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
         <title>{id} · etcd-monitor bench</title>\n<style>\n{}\n.bar {{ fill: #2f7ed8 }}</style>\n<h1>{id}</h1>\n",
        include_str!("../diagnose/page.css")
    );
    let rate = |count: u64, point: &Point| Some(count as f64 / point.seconds);
    let done = curve(outcome, "", |point| rate(point.succeeded, point));
    plot(&mut page, "Operations each second", "/s", vec![done]);
    let failed = curve(outcome, "", |point| rate(point.failed, point));
    plot(&mut page, "Failures each second", "/s", vec![failed]);
    let millis = |seconds: Option<f64>| seconds.map(|seconds| seconds * 1e3);
    let latencies = vec![
        curve(outcome, "p50", |point| millis(point.p50_seconds)),
        curve(outcome, "p99", |point| millis(point.p99_seconds)),
        curve(outcome, "max", |point| millis(point.max_seconds)),
    ];
    plot(&mut page, "Latency", "ms", latencies);
    histogram(&mut page, outcome);
    let _ = writeln!(
        page,
        "<h2>Figures</h2>\n<pre class=scroll>{}</pre>\n</html>",
        escape(&text::render(outcome))
    );
    page
}

fn curve(outcome: &Outcome, name: &str, of: impl Fn(&Point) -> Option<f64>) -> Curve {
    let start_ms = outcome.started_at.as_millisecond() + outcome.spec.warm_up.as_millis() as i64;
    let at = |point: &Point| start_ms + (point.at_seconds * 1e3) as i64;
    let points = outcome.points.iter().map(|point| (at(point), of(point))).collect();
    Curve { name: name.to_owned(), points }
}

fn plot(page: &mut String, title: &str, unit: &'static str, curves: Vec<Curve>) {
    let plot = Plot { title: title.to_owned(), unit, curves };
    if let Some(svg) = plot.svg() {
        let legend = if plot.curves.len() > 1 { plot.legend() } else { String::new() };
        let _ = writeln!(page, "<h2>{}</h2>\n<figure>{svg}{legend}</figure>", escape(title));
    }
}

/// How many operations took how long; each bar is 1 to 2, 2 to 5 or 5 to 10 of a unit.
fn histogram(page: &mut String, outcome: &Outcome) {
    let buckets = text::buckets(&outcome.latencies());
    let Some(most) = buckets.iter().map(|bucket| bucket.2).max().filter(|most| *most > 0) else {
        return;
    };
    let width = WIDTH / buckets.len() as f64;
    let room = HEIGHT - 40.0;
    let _ = write!(
        page,
        "<h2>Latencies</h2>\n<figure><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"Histogram of latencies\">"
    );
    for (place, (from, to, count)) in buckets.iter().enumerate() {
        let (x, height) = (place as f64 * width, *count as f64 / most as f64 * room);
        let name =
            format!("{} to {}", text::short(from.as_secs_f64()), text::short(to.as_secs_f64()));
        let _ = write!(
            page,
            "<rect class=bar x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\">\
             <title>{name}: {count}</title></rect>\
             <text class=axis text-anchor=middle x=\"{:.1}\" y=\"{:.1}\">{count}</text>\
             <text class=axis text-anchor=middle x=\"{:.1}\" y=\"{:.1}\">&lt; {}</text>",
            x + 1.0,
            room - height + 16.0,
            (width - 2.0).max(1.0),
            x + width / 2.0,
            room - height + 12.0,
            x + width / 2.0,
            HEIGHT - 6.0,
            text::short(to.as_secs_f64())
        );
    }
    page.push_str("</svg></figure>\n");
}
