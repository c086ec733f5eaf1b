//! What the functions of a template need to know while it is rendered.
//!
//! Functions are shared by all templates and own nothing that is borrowed, so what they ask for is
//! noted here: the renderer looks it up and renders once more.

use std::cell::RefCell;
use std::collections::BTreeMap;

use gotmpl::{Result, Value};

use super::functions::failed;

#[derive(Default)]
struct Session {
    external_url: String,
    answers: BTreeMap<String, std::result::Result<Value, String>>,
    wanted: Option<String>,
}

thread_local! {
    static SESSION: RefCell<Session> = RefCell::default();
}

/// Forgets everything of the template rendered before on this thread.
pub(super) fn begin(external_url: &str) {
    SESSION.set(Session { external_url: external_url.to_owned(), ..Session::default() });
}

/// The query that was asked for and had no answer yet.
pub(super) fn take_wanted() -> Option<String> {
    SESSION.with_borrow_mut(|session| session.wanted.take())
}

/// Gives the answer to a query that was asked for.
pub(super) fn answer(query: String, answer: std::result::Result<Value, String>) {
    SESSION.with_borrow_mut(|session| session.answers.insert(query, answer));
}

/// Forgets the answers, since their form has to change.
pub(super) fn forget_answers() {
    SESSION.with_borrow_mut(|session| session.answers.clear());
}

pub(super) fn query(text: &str) -> Result<Value> {
    SESSION.with_borrow_mut(|session| match session.answers.get(text) {
        Some(Ok(value)) => Ok(value.clone()),
        Some(Err(error)) => Err(failed(error.clone())),
        None => {
            session.wanted = Some(text.to_owned());
            Err(failed("query has no answer yet"))
        }
    })
}

pub(super) fn external_url() -> String {
    SESSION.with_borrow(|session| session.external_url.clone())
}
