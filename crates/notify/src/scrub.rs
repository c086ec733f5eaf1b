//! Takes secrets out of texts that came from outside: a server may repeat what it was sent.

use model::secret::Secret;

/// What must not appear in a message.
#[derive(Debug, Clone)]
pub(crate) struct Scrubber(Secret<Vec<String>>);

/// Collects secrets.
#[derive(Default)]
pub(crate) struct Hidden(Vec<String>);

impl Hidden {
    /// A secret, as it is and as it looks within a URL or a header.
    pub(crate) fn add(&mut self, secret: &str) {
        // Taking out a text of one or two characters would garble every message.
        if secret.len() >= 4 {
            self.0.push(secret.to_owned());
        }
    }

    /// The path of a URL, whole and by its longer segments, and the values of its query.
    pub(crate) fn add_path(&mut self, path: &str) {
        if path.len() > 1 {
            self.add(path);
        }
        for part in path.split(['/', '?', '&', '=']) {
            // Shorter ones are names such as `services` or `v1`.
            if part.len() >= 9 {
                self.add(part);
            }
        }
    }

    pub(crate) fn scrubber(mut self) -> Scrubber {
        // The longest first, so that a part of one does not break up the whole.
        self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Scrubber(Secret::new(self.0))
    }
}

impl Scrubber {
    /// `text` without the secrets.
    pub(crate) fn clean(&self, text: String) -> String {
        let secrets = self.0.expose();
        let text = secrets.iter().fold(text, |text, secret| {
            if text.contains(secret) { text.replace(secret, "***") } else { text }
        });
        // A text that was cut may end within a secret.
        let Some(cut) = text.strip_suffix('…') else { return text };
        let begun = |secret: &String| {
            let lengths = (4..secret.len()).rev().filter(|at| secret.is_char_boundary(*at));
            lengths.into_iter().find(|at| cut.ends_with(&secret[..*at]))
        };
        match secrets.iter().filter_map(begun).max() {
            Some(length) => format!("{}***…", &cut[..cut.len() - length]),
            None => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_whole_and_in_parts() {
        let mut hidden = Hidden::default();
        hidden.add("hunter2");
        hidden.add_path("/services/T0000/B0000/abcdefghijkl?key=123456789");
        let scrubber = hidden.scrubber();
        let text = "no hunter2 at /services/T0000/B0000/abcdefghijkl?key=123456789, abcdefghijkl";
        assert_eq!(scrubber.clean(text.to_owned()), "no *** at ***, ***");
        let cut = "you sent key=12345678…";
        assert_eq!(scrubber.clean(cut.to_owned()), "you sent key=***…");
        assert_eq!(format!("{scrubber:?}"), "Scrubber(***)");
    }
}
