//! What an Alertmanager says of itself.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Refusal;
use super::wire::Named;
use crate::state::Shared;
use crate::wire::time::Time;

/// The Alertmanager whose API this is: amtool says when its own is another (Debian 13 has this one).
const VERSION: &str = "0.25.0";

/// The configuration without its secrets, and what program this is.
pub(super) async fn status(State(shared): State<Shared>) -> Result<Json<Value>, Refusal> {
    let engine = super::engine(&shared)?;
    let config = engine.config_text();
    let build = shared.state.build;
    Ok(Json(json!({
        "cluster": {"name": "", "peers": [], "status": "disabled"},
        "config": {"original": config},
        "uptime": Time(shared.state.started_at),
        "versionInfo": {
            "branch": format!("etcd-monitor {}", build.version),
            "buildDate": build.date,
            "buildUser": "etcd-monitor",
            "goVersion": "",
            "revision": build.commit,
            "version": VERSION,
        },
    })))
}

/// Whom alerts can go to.
pub(super) async fn receivers(State(shared): State<Shared>) -> Result<Json<Vec<Named>>, Refusal> {
    let receivers = super::engine(&shared)?.receivers().await;
    Ok(Json(receivers.into_iter().map(|receiver| Named { name: receiver.name }).collect()))
}
