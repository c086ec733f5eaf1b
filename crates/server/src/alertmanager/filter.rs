//! Which alerts and silences a request asks for.

use alert::view::AlertView;
use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use model::series::{Labels, MatchOp, Matcher};

use super::Refusal;

/// The conditions of a request's address.
#[derive(Debug)]
pub(super) struct Filter {
    matchers: Vec<Matcher>,
    receiver: Option<Matcher>,
    active: bool,
    silenced: bool,
    inhibited: bool,
    muted: bool,
}

impl<S: Sync> FromRequestParts<S> for Filter {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| Refusal::bad(format!("bad query: {error}")))?;
        let of = |wanted: &'static str| {
            pairs.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.as_str())
        };
        let flag = |name| match of(name).next_back() {
            None | Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => {
                Err(Refusal::bad(format!("{name}={other:?} is not accepted; use true or false")))
            }
        };
        let mut matchers = Vec::new();
        for text in of("filter") {
            let parsed = alert::matcher::parse_all(text);
            matchers.extend(parsed.map_err(|error| Refusal::bad(error.to_string()))?);
        }
        let receiver = of("receiver").next_back().map(|text| {
            Matcher::new("receiver", MatchOp::Re, text)
                .map_err(|error| Refusal::bad(format!("failed to parse receiver param: {error}")))
        });
        Ok(Self {
            matchers,
            receiver: receiver.transpose()?,
            active: flag("active")?,
            silenced: flag("silenced")?,
            inhibited: flag("inhibited")?,
            muted: flag("muted")?,
        })
    }
}

impl Filter {
    /// Whether all conditions on labels hold.
    pub(super) fn accepts_labels(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.accepts(labels))
    }

    /// Whether alerts of this receiver are wanted.
    pub(super) fn accepts_receiver(&self, name: &str) -> bool {
        self.receiver.as_ref().is_none_or(|matcher| matcher.matches(name))
    }

    /// Whether a silence with these conditions is wanted: as in Alertmanager, each condition of the
    /// request must be met by one of the silence on the same label.
    pub(super) fn accepts_silence(&self, matchers: &[Matcher]) -> bool {
        let meets = |wanted: &Matcher| {
            let mut same = matchers.iter().filter(|known| known.name() == wanted.name()).peekable();
            match same.peek() {
                None => wanted.matches(""),
                Some(_) => same.any(|known| wanted.matches(known.value())),
            }
        };
        self.matchers.iter().all(meets)
    }

    /// Whether an alert is wanted.
    pub(super) fn accepts(&self, view: &AlertView) -> bool {
        let status = &view.status;
        let is_inhibited = !status.inhibited_by.is_empty() || status.hidden.is_some();
        (self.active || status.is_suppressed())
            && (self.silenced || status.silenced_by.is_empty())
            && (self.inhibited || !is_inhibited)
            && (self.muted || status.muted_by.is_empty())
            && (self.receiver.is_none()
                || view.receivers.iter().any(|name| self.accepts_receiver(name)))
            && self.accepts_labels(&view.alert.labels)
    }
}
