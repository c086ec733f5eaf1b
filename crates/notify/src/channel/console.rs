//! Console: a notification as lines on standard output, for people who watch a terminal or a journal.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use model::config_error::ConfigError;
use model::notification::Notification;

use crate::config::ConsoleConfig;
use crate::digest::Digest;
use crate::failure::{Failure, FailureClass, Receipt};
use crate::template::{Format, Renderer, Template, Templates};
use crate::text::several_lines;

/// How long a full pipe may hold us up.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Writes to standard output.
#[derive(Debug)]
pub(super) struct Console {
    text: Option<Template>,
}

impl Console {
    pub(super) fn new(
        config: &ConsoleConfig,
        templates: &Templates,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let text = Template::new("text", config.text.as_ref(), Format::Plain, templates, errors);
        Self { text }
    }

    pub(super) async fn deliver(
        &self,
        notification: &Notification,
        renderer: &mut Renderer<'_>,
    ) -> Result<Receipt, Failure> {
        let lines = self.lines(notification, renderer);
        // On a thread of its own: a reader that stopped reading blocks the writer.
        let write = tokio::task::spawn_blocking(move || {
            let mut out = std::io::stdout().lock();
            out.write_all(lines.as_bytes()).and_then(|()| out.flush())
        });
        let failed = |class, what: &str| Failure::new(class, format!("standard output: {what}"));
        match tokio::time::timeout(TIMEOUT, write).await {
            Ok(Ok(Ok(()))) => Ok(Receipt::default()),
            Ok(Ok(Err(error))) => Err(failed(FailureClass::Unreachable, &error.to_string())),
            Ok(Err(_)) => Err(failed(FailureClass::Unreachable, "the writer ended")),
            Err(_) => Err(failed(FailureClass::TimedOut, "nobody reads it")),
        }
    }

    fn lines(&self, notification: &Notification, renderer: &mut Renderer<'_>) -> String {
        let digest = Digest::of(notification);
        let rendered = renderer.render(self.text.as_ref()).map(|text| several_lines(&text));
        let time = crate::payload::time_text(notification.at);
        let mut lines = if let Some(text) = rendered {
            format!("{time}  {text}\n")
        } else {
            let body = digest.body().replace("\n\n", "\n").replace('\n', "\n    ");
            format!("{time}  {} {}\n    {body}\n", digest.tone.emoji(), digest.title())
        };
        if let Some(problems) = renderer.problems() {
            let _ = writeln!(lines, "    ({problems})");
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn lines(text: Option<&str>, notification: &Notification) -> String {
        let templates = Templates::default();
        let config = ConsoleConfig { text: text.map(str::to_owned), ..ConsoleConfig::default() };
        let mut errors = Vec::new();
        let console = Console::new(&config, &templates, &mut errors);
        assert_eq!(errors, []);
        console.lines(notification, &mut Renderer::new(&templates, notification))
    }

    #[test]
    fn a_notification_is_readable_in_a_terminal() {
        insta::assert_snapshot!("console_firing", lines(None, &testing::firing()));
        insta::assert_snapshot!("console_resolved", lines(None, &testing::resolved()));
    }

    #[test]
    fn a_template_makes_the_lines_and_a_failing_one_is_told() {
        let own = lines(
            Some("{{ status }}: {{ common_labels.cluster }}{{ nope.deep }}"),
            &testing::firing(),
        );
        assert_eq!(own, "2026-11-28T03:16:17Z  firing: prod\n");
        let failing = lines(Some("{{ 1 / 0 }}"), &testing::firing());
        assert!(failing.contains("prod has lost its quorum"), "{failing}");
        assert!(failing.contains("(template text failed: "), "{failing}");
    }

    #[test]
    fn nothing_in_a_label_moves_the_cursor() {
        let lines = lines(None, &testing::hostile());
        assert!(lines.chars().all(|c| c == '\n' || !c.is_control()), "{lines:?}");
    }
}
