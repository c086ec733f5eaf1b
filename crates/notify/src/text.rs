//! Small work on texts that came from outside: shortened, on one line, escaped, times for people.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// At most `max` characters of `text`, with an ellipsis when some are left out.
pub(crate) fn clip(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max || text.chars().nth(max).is_none() {
        return Cow::Borrowed(text);
    }
    let end = text.char_indices().nth(max.saturating_sub(1)).map_or(0, |(at, _)| at);
    Cow::Owned(format!("{}…", text[..end].trim_end()))
}

/// `text` on one line: no line ends, no control characters, nothing that turns its direction.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(4096));
    for c in text.chars() {
        if c.is_whitespace() {
            if !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
        } else if !is_unprintable(c) {
            line.push(c);
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// `text` without control characters other than line ends, those as `\n`.
pub(crate) fn several_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept: String = text.chars().filter(|c| *c == '\n' || !is_unprintable(*c)).collect();
    kept.trim().to_owned()
}

fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// For the text of HTML elements and for attributes in double quotes; also for Telegram.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// For Slack's mrkdwn: no links, no mentions of everybody.
pub(crate) fn slack(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // Plain words, which old clients and `link_names` turn into mentions.
    ["channel", "here", "everyone"]
        .iter()
        .fold(text, |text, word| text.replace(&format!("@{word}"), &format!("@\u{200b}{word}")))
}

/// For the Markdown of Teams' cards, where a backslash keeps a sign from its meaning.
pub(crate) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '#' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
    out
}

/// For the inside of a JSON string.
pub(crate) fn within_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// `text` after `escape`, at most `max` characters of it, never cut within an escape.
pub(crate) fn fit(text: &str, max: usize, escape: fn(&str) -> String) -> String {
    let mut keep = max;
    loop {
        let escaped = escape(&clip(text, keep));
        if escaped.chars().count() <= max || keep == 0 {
            return escaped;
        }
        keep = keep * 3 / 4;
    }
}

/// The URL, if a person may be led there: http or https, and nothing in it that ends a link.
pub(crate) fn link(url: &str) -> Option<&str> {
    let url = url.trim();
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    let is_web = lower.starts_with("http://") || lower.starts_with("https://");
    let is_clean =
        |c: char| !c.is_whitespace() && !is_unprintable(c) && !"<>\"'`|\\^{}()".contains(c);
    (is_web && url.len() <= 2_000 && url.chars().all(is_clean)).then_some(url)
}

/// Percent-encodes all but letters, digits and `-._~`.
pub(crate) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The two largest units of `length`: `4 min 12 s`, `3 h`, `2 d 4 h`.
pub(crate) fn length(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let first = units.iter().position(|(_, size)| seconds >= *size).unwrap_or(3);
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (name, size) in units.iter().skip(first).take(2) {
        let count = rest / size;
        rest %= size;
        if count > 0 || parts.is_empty() {
            parts.push(format!("{count} {name}"));
        }
    }
    parts.join(" ")
}

/// `moment` as somebody reads it at `now`: without the date when it is the same day.
pub(crate) fn moment(moment: Timestamp, now: Timestamp) -> String {
    let day = |moment: Timestamp| moment.to_zoned_datetime(TimeZone::UTC).date();
    let then = moment.to_zoned_datetime(TimeZone::UTC);
    let format = if day(moment) == day(now) { "%H:%M:%S UTC" } else { "%Y-%m-%d %H:%M:%S UTC" };
    then.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_clipped_at_characters() {
        assert_eq!(clip("grün", 4), "grün");
        assert_eq!(clip("grüner", 4), "grü…");
        assert_eq!(clip("ab cd", 4), "ab…");
        assert_eq!(clip("ab", 0), "…");
    }

    #[test]
    fn lines_have_no_line_ends_and_no_tricks() {
        assert_eq!(one_line(" a\r\nBcc: x\u{0}\u{202e}\tb "), "a Bcc: x b");
        assert_eq!(several_lines("a\r\nb\u{1b}[1m\rc\n"), "a\nb[1m\nc");
    }

    #[test]
    fn links_lead_to_the_web_only() {
        assert!(link("https://runbooks.example/NoLeader?x=1#y").is_some());
        for bad in
            ["javascript:alert(1)", "https://a|b", "https://a b", "https://a\"b", "ftp://a", ""]
        {
            assert_eq!(link(bad), None, "{bad}");
        }
    }

    #[test]
    fn lengths_have_two_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (252, "4 min 12 s"),
            (3_600, "1 h"),
            (3_661, "1 h 1 min"),
            (187_200, "2 d 4 h"),
            (-5, "0 s"),
        ] {
            assert_eq!(length(SignedDuration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn nobody_is_mentioned_in_slack() {
        assert_eq!(
            slack("<!everyone> @here & @hereford"),
            "&lt;!everyone&gt; @\u{200b}here &amp; @\u{200b}hereford"
        );
    }
}
