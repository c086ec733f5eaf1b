//! What happens to every request around its handler, from the outside in.

mod headers;
mod observe;
mod render;

pub(crate) use headers::add as add_headers;
pub(crate) use observe::{REQUEST_ID, observe};
pub(crate) use render::render;
