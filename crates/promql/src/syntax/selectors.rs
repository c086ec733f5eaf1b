//! The grammar of selectors: label conditions, ranges, subqueries, `offset` and `@`.

use model::series::{MatchOp, Matcher};

use super::ast::{Anchor, Expr, Kind, Moment, Selector, Subquery, Type};
use super::lexer::Token;
use super::parser::Parser;
use crate::error::Error;

/// The label that holds a metric's name.
const NAME: &str = "__name__";

impl Parser<'_> {
    /// A selector; `name` is the metric's name and its place, already read.
    pub(super) fn selector(&mut self, name: Option<(&str, usize)>) -> Result<Expr, Error> {
        let at = name.map_or(self.position(), |(_, at)| at);
        let mut matchers = Vec::new();
        if self.take_sign("{") {
            while !self.take_sign("}") {
                matchers.push(self.matcher()?);
                if !self.is_sign("}") {
                    self.expect_sign(",", "or \"}\" in the label conditions")?;
                }
            }
        }
        if let Some((name, _)) = name {
            if let Some(other) = matchers.iter().find(|matcher| matcher.name() == NAME) {
                let message =
                    format!("metric name must not be set twice: {name:?} or {:?}", other.value());
                return Err(self.error_at(at, message));
            }
            matchers.push(self.build_matcher(NAME, MatchOp::Eq, name, at)?);
        }
        if matchers.iter().all(|matcher| matcher.matches("")) {
            let message = "vector selector must contain at least one non-empty matcher";
            return Err(self.error_at(at, message.into()));
        }
        let moment = Moment::default();
        self.node(Kind::Selector(Selector { matchers, moment }), at, &[])
    }

    fn matcher(&mut self) -> Result<Matcher, Error> {
        let name = match self.peek().clone() {
            Token::Word(word) if !word.contains(':') => word,
            _ => return Err(self.unexpected("a label name")),
        };
        self.advance();
        let op = match self.peek() {
            Token::Sign("=") => MatchOp::Eq,
            Token::Sign("!=") => MatchOp::Ne,
            Token::Sign("=~") => MatchOp::Re,
            Token::Sign("!~") => MatchOp::Nre,
            _ => return Err(self.unexpected("one of =, !=, =~ or !~ after the label name")),
        };
        self.advance();
        let at = self.position();
        let Token::String(value) = self.peek().clone() else {
            return Err(self.unexpected("a quoted string in the label condition"));
        };
        self.advance();
        self.build_matcher(&name, op, &value, at)
    }

    fn build_matcher(
        &self,
        name: &str,
        op: MatchOp,
        value: &str,
        at: usize,
    ) -> Result<Matcher, Error> {
        Matcher::new(name, op, value).map_err(|error| {
            self.error_at(at, format!("invalid regular expression {value:?}: {error}"))
        })
    }

    /// `[5m]` after a selector, or `[1h:5m]` after any instant vector.
    pub(super) fn brackets(&mut self, inner: Expr) -> Result<Expr, Error> {
        let at = self.position();
        self.expect_sign("[", "before the range")?;
        let range_ms = self.duration()?;
        let start = inner.at;
        let depth = inner.depth;
        if self.take_sign(":") {
            let step_ms = if self.is_sign("]") { None } else { Some(self.duration()?) };
            self.expect_sign("]", "to close the subquery")?;
            if inner.value_type() != Type::Vector {
                let message = format!(
                    "subquery is only allowed on instant vector, got {} instead",
                    inner.value_type().name()
                );
                return Err(self.error_at(start, message));
            }
            let moment = Moment::default();
            let subquery = Subquery { expr: inner, range_ms, step_ms, moment };
            return self.node(Kind::Subquery(Box::new(subquery)), start, &[depth]);
        }
        self.expect_sign("]", "to close the range, or \":\" for a subquery")?;
        match inner.kind {
            Kind::Selector(selector) if selector.moment == Moment::default() => {
                self.node(Kind::Range { selector, range_ms }, start, &[])
            }
            Kind::Selector(_) => {
                Err(self.error_at(at, "no offset or @ modifiers allowed before range".into()))
            }
            _ => Err(self.error_at(
                at,
                "ranges are only allowed for vector selectors; write [range:] for a subquery"
                    .into(),
            )),
        }
    }

    fn duration(&mut self) -> Result<i64, Error> {
        let Token::Duration(ms) = *self.peek() else {
            return Err(self.unexpected("a duration such as 5m"));
        };
        self.advance();
        Ok(ms)
    }

    pub(super) fn offset(&mut self, mut expr: Expr) -> Result<Expr, Error> {
        let at = self.position();
        self.advance();
        let sign = self.sign();
        let offset_ms = sign * self.duration()?;
        let moment = self.moment(&mut expr, at, "offset modifier")?;
        if moment.offset_ms.replace(offset_ms).is_some() {
            return Err(self.error_at(at, "offset may not be set multiple times".into()));
        }
        Ok(expr)
    }

    pub(super) fn anchor(&mut self, mut expr: Expr) -> Result<Expr, Error> {
        let at = self.position();
        self.advance();
        let anchor = match self.peek().clone() {
            Token::Word(word) if word == "start" || word == "end" => {
                self.advance();
                self.expect_sign("(", "after start or end")?;
                self.expect_sign(")", "after start( or end(")?;
                if word == "start" { Anchor::Start } else { Anchor::End }
            }
            _ => {
                let sign = self.sign();
                let Token::Number(seconds) = *self.peek() else {
                    return Err(self.unexpected("a timestamp in seconds, start() or end()"));
                };
                let ms = sign as f64 * seconds * 1000.0;
                if !ms.is_finite() || ms.abs() >= i64::MAX as f64 {
                    let message = "timestamp out of bounds for @ modifier";
                    return Err(self.error_at(self.position(), message.into()));
                }
                self.advance();
                Anchor::At(ms.round() as i64)
            }
        };
        let moment = self.moment(&mut expr, at, "@ modifier")?;
        if moment.anchor.replace(anchor).is_some() {
            return Err(self.error_at(at, "@ <timestamp> may not be set multiple times".into()));
        }
        Ok(expr)
    }

    fn sign(&mut self) -> i64 {
        if self.take_sign("-") {
            return -1;
        }
        self.take_sign("+");
        1
    }

    fn moment<'e>(
        &self,
        expr: &'e mut Expr,
        at: usize,
        what: &str,
    ) -> Result<&'e mut Moment, Error> {
        match &mut expr.kind {
            Kind::Selector(selector) | Kind::Range { selector, .. } => Ok(&mut selector.moment),
            Kind::Subquery(subquery) => Ok(&mut subquery.moment),
            _ => Err(self.error_at(
                at,
                format!(
                    "{what} must be preceded by an instant vector selector or range vector \
                     selector or a subquery"
                ),
            )),
        }
    }
}
