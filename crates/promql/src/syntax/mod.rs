//! From text to a checked expression: words, grammar, types.

pub(crate) mod apart;
pub(crate) mod ast;
pub(crate) mod check;
pub(crate) mod functions;
pub(crate) mod lexer;
pub(crate) mod parser;
mod selectors;
