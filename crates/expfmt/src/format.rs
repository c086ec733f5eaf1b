//! The two formats, their content types and the choice between them.

/// How a page is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus' text format 0.0.4; timestamps are milliseconds.
    Text,
    /// OpenMetrics 1.0; timestamps are seconds, and the page must end with `# EOF`.
    OpenMetrics,
}

impl Format {
    /// What a server says in `Content-Type` when it answers in this format.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The format of an answer with this `Content-Type`; `None` if it is not a page of metrics.
    ///
    /// Plain text of any version counts as [`Format::Text`], since many exporters name none.
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        Self::from_media_type(media_type(content_type))
    }

    /// The format to answer with, for a request with this `Accept` header.
    ///
    /// OpenMetrics only when the client asks for it at least as much as for text: every client
    /// reads text, and one that names neither (a browser, curl) gets text too.
    pub fn negotiate(accept: &str) -> Self {
        let (mut text, mut open_metrics) = (0.0_f32, 0.0_f32);
        for range in accept.split(',') {
            let quality = quality(range);
            match Self::from_media_type(media_type(range)) {
                Some(Self::OpenMetrics) if is_open_metrics_1(range) => {
                    open_metrics = open_metrics.max(quality);
                }
                Some(Self::Text) => text = text.max(quality),
                _ => {}
            }
        }
        if open_metrics > 0.0 && open_metrics >= text { Self::OpenMetrics } else { Self::Text }
    }

    fn from_media_type(media_type: &str) -> Option<Self> {
        if media_type.eq_ignore_ascii_case("text/plain") {
            Some(Self::Text)
        } else if media_type.eq_ignore_ascii_case("application/openmetrics-text") {
            Some(Self::OpenMetrics)
        } else {
            None
        }
    }
}

fn media_type(header: &str) -> &str {
    header.split(';').next().unwrap_or_default().trim()
}

fn parameter<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

fn quality(range: &str) -> f32 {
    parameter(range, "q").map_or(1.0, |q| q.parse().unwrap_or(0.0))
}

/// Drafts before 1.0 differ in their syntax; a range without a version takes any.
fn is_open_metrics_1(range: &str) -> bool {
    parameter(range, "version").is_none_or(|version| version.starts_with("1."))
}

#[cfg(test)]
mod tests {
    use super::Format::{OpenMetrics, Text};
    use super::*;

    #[test]
    fn prometheus_gets_openmetrics_and_everyone_else_gets_text() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,\
                          application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, format) in [
            (prometheus, OpenMetrics),
            ("application/openmetrics-text", OpenMetrics),
            ("application/openmetrics-text; version=\"1.0.0\"", OpenMetrics),
            ("application/openmetrics-text;version=0.0.1", Text),
            ("application/openmetrics-text;q=0", Text),
            ("text/plain;q=0.9,application/openmetrics-text;q=0.1", Text),
            ("text/html,*/*;q=0.8", Text),
            ("*/*", Text),
            ("", Text),
            (";;q=,,=", Text),
        ] {
            assert_eq!(Format::negotiate(accept), format, "{accept}");
        }
    }

    #[test]
    fn a_content_type_tells_the_format_and_html_is_none() {
        for format in [Text, OpenMetrics] {
            assert_eq!(Format::from_content_type(format.content_type()), Some(format));
        }
        assert_eq!(Format::from_content_type("Text/Plain"), Some(Text));
        assert_eq!(Format::from_content_type("text/html; charset=utf-8"), None);
    }
}
