//! Plain pages for people: the ways in, and what notifications link to.

use axum::extract::Path;
use axum::response::{Html, IntoResponse};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use model::finding::FindingKind;

use crate::problem::Problem;

/// The ways in.
pub(super) async fn index() -> Html<&'static str> {
    Html(include_str!("index.html"))
}

/// Where a silence is made: what it covers, a form, and the same as a command.
pub(super) async fn new_silence() -> Html<&'static str> {
    Html(include_str!("silence.html"))
}

/// The script of that page.
pub(super) async fn new_silence_script() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("silence.js"))
}

/// What to do about what rules tell and no finding does.
const OF_RULES: [(&str, &str); 1] = [(
    "backup_old",
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/runbooks/backup_old.md")),
)];

/// What to do about a kind of finding, also where there is no other documentation at hand.
pub(super) async fn runbook(Path(kind): Path<String>) -> Result<Html<String>, Problem> {
    let name = kind.strip_suffix(".md").unwrap_or(&kind);
    let mut findings = FindingKind::ALL.into_iter();
    let of_finding = findings.find(|kind| kind.as_str() == name).map(FindingKind::runbook_text);
    let of_rule = OF_RULES.into_iter().find(|(rule, _)| *rule == name).map(|(_, text)| text);
    let found = of_finding.or(of_rule).ok_or_else(|| {
        let detail = format!("there is no runbook {name:?}");
        Problem::new(StatusCode::NOT_FOUND, "runbook_not_found", detail)
            .accepting(FindingKind::ALL.map(|kind| kind.as_str().to_owned()))
    })?;
    let text = found.replace('&', "&amp;").replace('<', "&lt;");
    Ok(Html(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{name}</title>\n\
         <style>:root {{ color-scheme: light dark }} body {{ max-width: 50rem; margin: 2rem auto; \
         padding: 0 1rem }} pre {{ font: 15px/1.5 ui-monospace, monospace; white-space: pre-wrap }}\
         </style>\n<pre>{text}</pre>\n</html>\n"
    )))
}
