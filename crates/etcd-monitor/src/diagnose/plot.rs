//! Curves over time as inline SVG.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::html::escape;

/// The size of a plot, and the room for its axes, in units of the drawing.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 22.0;
const TOP: f64 = 8.0;
const RIGHT: f64 = 8.0;

/// Colours that are told apart by most eyes, on a light and on a dark ground.
const COLOURS: [&str; 7] =
    ["#2f7ed8", "#e07b39", "#3d9a50", "#b04ec4", "#c9a227", "#d0455b", "#4aa3a2"];

/// One plot.
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) unit: &'static str,
    pub(crate) curves: Vec<Curve>,
}

/// One curve: milliseconds of Unix time, and values; what has none is a gap.
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) points: Vec<(i64, Option<f64>)>,
}

impl Plot {
    /// The drawing; `None` without two points to draw a line between.
    pub(crate) fn svg(&self) -> Option<String> {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let values = || points().filter_map(|(_, value)| *value).filter(|value| value.is_finite());
        if values().count() < 2 {
            return None;
        }
        let (from, to) = (points().map(|p| p.0).min()?, points().map(|p| p.0).max()?);
        if from == to {
            return None;
        }
        let top = ceiling(values().fold(0.0, f64::max));
        let x = |at: i64| LEFT + (at - from) as f64 / (to - from) as f64 * (WIDTH - LEFT - RIGHT);
        let y =
            |value: f64| HEIGHT - BOTTOM - value.clamp(0.0, top) / top * (HEIGHT - BOTTOM - TOP);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            super::html::escape(&self.title)
        );
        for part in [0.0, 0.5, 1.0] {
            let (value, line) = (top * part, y(top * part));
            let _ = write!(
                svg,
                "<line class=grid x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{line:.1}\" y2=\"{line:.1}\"/>\
                 <text class=axis text-anchor=end x=\"{:.1}\" y=\"{:.1}\">{} {}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                line + 4.0,
                short(value),
                self.unit
            );
        }
        for (at, anchor) in [(from, "start"), (from.midpoint(to), "middle"), (to, "end")] {
            let _ = write!(
                svg,
                "<text class=axis text-anchor={anchor} x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x(at),
                HEIGHT - 6.0,
                clock(at)
            );
        }
        for (curve, colour) in self.curves.iter().zip(COLOURS.iter().cycle()) {
            let mut path = String::new();
            let mut is_down = false;
            for (at, value) in &curve.points {
                let Some(value) = value.filter(|value| value.is_finite()) else {
                    is_down = false;
                    continue;
                };
                let step = if is_down { 'L' } else { 'M' };
                let _ = write!(path, "{step}{:.1} {:.1}", x(*at), y(value));
                is_down = true;
            }
            let _ = write!(svg, "<path d=\"{path}\" stroke=\"{colour}\"/>");
        }
        svg.push_str("</svg>");
        Some(svg)
    }

    /// Which colour is which curve, as HTML.
    pub(crate) fn legend(&self) -> String {
        let mut legend = "<div class=legend>".to_owned();
        for (curve, colour) in self.curves.iter().zip(COLOURS.iter().cycle()) {
            let name = escape(&curve.name);
            let _ = write!(legend, "<span><i style=\"background:{colour}\"></i>{name}</span>");
        }
        legend.push_str("</div>");
        legend
    }
}

/// A round number that is not below `value`.
fn ceiling(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let size = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.iter().map(|step| step * size).find(|top| *top >= value).unwrap_or(10.0 * size)
}

fn short(value: f64) -> String {
    let text = if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn clock(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms)
        .map(|at| at.strftime("%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(i64, Option<f64>)>) -> Option<String> {
        let curve = Curve { name: "m1".into(), points };
        Plot { title: "a <b>".into(), unit: "ms", curves: vec![curve] }.svg()
    }

    #[test]
    fn a_gap_is_no_line() {
        let points = vec![(0, Some(1.0)), (1_000, Some(2.0)), (2_000, None), (3_000, Some(3.0))];
        let svg = plot(points).unwrap();
        assert_eq!(svg.matches('M').count(), 2, "{svg}");
        assert!(svg.contains("a &lt;b&gt;") && svg.contains(">5 ms<"), "{svg}");
    }

    #[test]
    fn what_cannot_be_drawn_is_not() {
        assert_eq!(plot(vec![]), None);
        assert_eq!(plot(vec![(0, Some(1.0))]), None);
        assert_eq!(plot(vec![(0, Some(f64::NAN)), (1, Some(f64::INFINITY))]), None);
        assert!(plot(vec![(0, Some(0.0)), (1, Some(0.0))]).is_some());
    }

    #[test]
    fn axes_end_at_round_numbers() {
        for (value, top) in [(0.3, 0.5), (1.0, 1.0), (1.1, 2.0), (73.0, 100.0), (0.0, 1.0)] {
            assert!((ceiling(value) - top).abs() < 1e-9, "{value}");
        }
    }
}
