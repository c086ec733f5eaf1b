//! Silences: what there is, new ones, and their end.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use serde::Serialize;

use super::Refusal;
use super::filter::Filter;
use super::wire::{GettableSilence, PostableSilence};
use crate::changes::{Changer, NotAllowed};
use crate::state::Shared;

/// The ID of the silence that was made.
#[derive(Debug, Serialize)]
pub(super) struct Made {
    #[serde(rename = "silenceID")]
    silence_id: String,
}

/// Silences, those that hold now first.
pub(super) async fn list(
    State(shared): State<Shared>,
    filter: Filter,
) -> Result<Json<Vec<GettableSilence>>, Refusal> {
    let now = shared.now();
    let silences = super::engine(&shared)?.silences();
    let wanted = silences.iter().filter(|silence| filter.accepts_silence(&silence.matchers));
    let mut found: Vec<_> = wanted.map(|silence| GettableSilence::new(silence, now)).collect();
    found.sort_by_key(GettableSilence::rank);
    Ok(Json(found))
}

/// One silence.
pub(super) async fn one(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<GettableSilence>, Refusal> {
    let silences = super::engine(&shared)?.silences();
    let found = silences.iter().find(|silence| silence.id == id);
    let found = found.ok_or_else(|| Refusal::missing("silence not found"))?;
    Ok(Json(GettableSilence::new(found, shared.now())))
}

/// Makes a silence, or replaces one.
pub(super) async fn put(
    State(shared): State<Shared>,
    changer: Result<Changer, NotAllowed>,
    body: Result<Json<PostableSilence>, JsonRejection>,
) -> Result<Json<Made>, Refusal> {
    changer?;
    let Json(posted) = body.map_err(|error| Refusal::bad(error.body_text()))?;
    let silence = posted.read(shared.now())?;
    let silence_id = super::engine(&shared)?.put_silence(silence).await.map_err(super::failed)?;
    Ok(Json(Made { silence_id }))
}

/// Ends a silence now.
pub(super) async fn expire(
    State(shared): State<Shared>,
    changer: Result<Changer, NotAllowed>,
    Path(id): Path<String>,
) -> Result<(), Refusal> {
    changer?;
    super::engine(&shared)?.expire_silence(&id).await.map_err(super::failed)
}
