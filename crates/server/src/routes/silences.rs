//! Silences: what there is, new ones with a preview of what they match, and their end.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use model::series::Matcher;
use model::silence::Silence as Known;

use crate::changes::Changer;
use crate::problem::Problem;
use crate::state::Shared;
use crate::wire::alert::{Alert, MadeSilence, NewSilence, Silence, Silences};

/// Silences, those that hold now first.
#[utoipa::path(
    get, path = "/api/v1/silences", tag = "alerts",
    responses((status = 200, body = Silences), (status = 503, body = Problem))
)]
pub(super) async fn list(State(shared): State<Shared>) -> Result<Json<Silences>, Problem> {
    let now = shared.now();
    let known = shared.alerts()?.silences();
    let mut silences: Vec<_> = known.iter().map(|silence| Silence::new(silence, now)).collect();
    let rank = |silence: &Silence| match silence.state {
        "active" => 0,
        "pending" => 1,
        _ => 2,
    };
    silences.sort_by_key(rank);
    Ok(Json(Silences { silences }))
}

/// Makes a silence, or tells what one would match.
#[utoipa::path(
    post, path = "/api/v1/silences", tag = "alerts", request_body = NewSilence,
    responses((status = 200, body = MadeSilence), (status = 400, body = Problem),
              (status = 403, body = Problem))
)]
pub(super) async fn make(
    State(shared): State<Shared>,
    changer: Result<Changer, crate::changes::NotAllowed>,
    body: Result<Json<NewSilence>, JsonRejection>,
) -> Result<Json<MadeSilence>, Problem> {
    let Json(wanted) = body?;
    let is_preview = wanted.preview;
    if !is_preview {
        changer?;
    }
    let silence = read(wanted, shared.now())?;
    let engine = shared.alerts()?;
    let views = engine.alerts();
    let covered =
        views.iter().filter(|v| silence.matchers.iter().all(|m| m.accepts(&v.alert.labels)));
    let matches = covered.map(Alert::from).collect();
    let id = if is_preview { None } else { Some(engine.put_silence(silence).await?) };
    Ok(Json(MadeSilence { id, matches }))
}

/// Ends a silence now.
#[utoipa::path(
    delete, path = "/api/v1/silences/{id}", tag = "alerts",
    params(("id" = String, Path, description = "The silence's ID")),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(super) async fn expire(
    State(shared): State<Shared>,
    _: Changer,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    shared.alerts()?.expire_silence(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn read(wanted: NewSilence, now: Timestamp) -> Result<Known, Problem> {
    let mut matchers: Vec<Matcher> = Vec::new();
    for (index, text) in wanted.matchers.iter().enumerate() {
        let parsed = alert::matcher::parse_all(text);
        matchers.extend(
            parsed.map_err(|error| Problem::bad_body(format!("matchers[{index}]: {error}")))?,
        );
    }
    let time = |name: &str, text: Option<&String>| {
        let parsed = text.map(|text| text.parse::<Timestamp>()).transpose();
        parsed.map_err(|_| {
            Problem::bad_body(format!("{name} is no time; write 2026-01-31T12:00:00Z"))
        })
    };
    let starts_at = time("starts_at", wanted.starts_at.as_ref())?.unwrap_or(now);
    let ends_at = match (time("ends_at", wanted.ends_at.as_ref())?, &wanted.duration) {
        (Some(end), None) => end,
        (None, Some(text)) => {
            let length = text.parse::<SignedDuration>().ok().filter(SignedDuration::is_positive);
            length.and_then(|length| starts_at.checked_add(length).ok()).ok_or_else(|| {
                Problem::bad_body(format!("for={text:?} is no duration; write 2h or 90m"))
            })?
        }
        _ => return Err(Problem::bad_body("give either ends_at or for, so that it ends")),
    };
    Ok(Known {
        id: String::new(),
        matchers,
        starts_at,
        ends_at,
        updated_at: now,
        created_by: wanted.created_by,
        comment: wanted.comment,
    })
}
