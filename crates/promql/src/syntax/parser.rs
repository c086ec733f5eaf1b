//! The grammar: precedence climbing over the words of a query.

use super::ast::{
    Aggregate, AggregateOp, Binary, BinaryOp, Cardinality, Expr, Grouping, Kind, Matching, Type,
};
use super::lexer::{self, Token};
use super::{check, functions};
use crate::error::Error;

/// How deep expressions may nest: evaluation recurses, and a thread's stack is finite.
const MAX_DEPTH: usize = 128;

/// Parses and checks `text`.
pub(crate) fn parse(text: &str) -> Result<Expr, Error> {
    let tokens = lexer::split(text)?;
    let mut parser = Parser { text, tokens, next: 0, depth: 0 };
    if *parser.peek() == Token::End {
        return Err(parser.error_at(0, "no expression found in input".into()));
    }
    let expr = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => Err(parser.unexpected("an operator or the end of the query")),
    }
}

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    tokens: Vec<(Token, usize)>,
    next: usize,
    depth: usize,
}

impl Parser<'_> {
    pub(super) fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    fn peek_second(&self) -> &Token {
        &self.tokens[(self.next + 1).min(self.tokens.len() - 1)].0
    }

    pub(super) fn position(&self) -> usize {
        self.tokens[self.next].1
    }

    pub(super) fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        if self.next + 1 < self.tokens.len() {
            self.next += 1;
        }
        token
    }

    pub(super) fn error_at(&self, at: usize, message: String) -> Error {
        Error::parse(self.text, at, message)
    }

    pub(super) fn unexpected(&self, expected: &str) -> Error {
        let found = self.peek().describe();
        self.error_at(self.position(), format!("unexpected {found}, expected {expected}"))
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(found) if *found == sign)
    }

    pub(super) fn take_sign(&mut self, sign: &str) -> bool {
        let is_there = self.is_sign(sign);
        if is_there {
            self.advance();
        }
        is_there
    }

    pub(super) fn expect_sign(&mut self, sign: &str, place: &str) -> Result<(), Error> {
        if self.take_sign(sign) {
            return Ok(());
        }
        Err(self.unexpected(&format!("{sign:?} {place}")))
    }

    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let is_there = is_keyword(self.peek(), keyword);
        if is_there {
            self.advance();
        }
        is_there
    }

    pub(super) fn node(&self, kind: Kind, at: usize, children: &[usize]) -> Result<Expr, Error> {
        let depth = children.iter().copied().max().unwrap_or(0) + 1;
        if depth > MAX_DEPTH {
            let message = format!("expression nests deeper than {MAX_DEPTH} levels");
            return Err(self.error_at(at, message));
        }
        Ok(Expr { kind, at, depth })
    }

    /// An expression of operators that bind stronger than `floor`.
    fn expression(&mut self, floor: u8) -> Result<Expr, Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("expression nests deeper than {MAX_DEPTH} levels");
            return Err(self.error_at(self.position(), message));
        }
        let mut left = self.unary()?;
        while let Some(op) = binary_op(self.peek()) {
            let precedence = op.precedence();
            if precedence <= floor {
                break;
            }
            let at = self.position();
            self.advance();
            let returns_bool = self.take_keyword("bool");
            let (matching, is_explicit) = self.matching()?;
            let right_floor = if op == BinaryOp::Pow { precedence - 1 } else { precedence };
            let right = self.expression(right_floor)?;
            let depths = [left.depth, right.depth];
            let start = left.at;
            let binary = Binary { op, left, right, returns_bool, matching };
            check::binary(&binary, is_explicit).map_err(|message| self.error_at(at, message))?;
            left = self.node(Kind::Binary(Box::new(binary)), start, &depths)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    /// A sign binds as `*` does: `-a ^ b` negates the power.
    fn unary(&mut self) -> Result<Expr, Error> {
        let at = self.position();
        let is_negative = self.is_sign("-");
        if !is_negative && !self.is_sign("+") {
            return self.postfix();
        }
        self.advance();
        let inner = self.expression(BinaryOp::Mul.precedence())?;
        check::expect_number_like(inner.value_type(), "unary expression")
            .map_err(|message| self.error_at(at, message))?;
        if !is_negative {
            return Ok(inner);
        }
        if let Kind::Number(number) = inner.kind {
            self.node(Kind::Number(-number), at, &[])
        } else {
            let depth = inner.depth;
            self.node(Kind::Negate(Box::new(inner)), at, &[depth])
        }
    }

    fn postfix(&mut self) -> Result<Expr, Error> {
        let mut expr = self.primary()?;
        loop {
            expr = if self.is_sign("[") {
                self.brackets(expr)?
            } else if is_keyword(self.peek(), "offset") {
                self.offset(expr)?
            } else if self.is_sign("@") {
                self.anchor(expr)?
            } else {
                return Ok(expr);
            };
        }
    }

    fn primary(&mut self) -> Result<Expr, Error> {
        let at = self.position();
        match self.peek().clone() {
            Token::Number(number) => {
                self.advance();
                self.node(Kind::Number(number), at, &[])
            }
            Token::String(text) => {
                self.advance();
                self.node(Kind::String(text), at, &[])
            }
            Token::Sign("(") => {
                self.advance();
                let inner = self.expression(0)?;
                self.expect_sign(")", "to close the parenthesis")?;
                let depth = inner.depth;
                self.node(Kind::Paren(Box::new(inner)), at, &[depth])
            }
            Token::Sign("{") => self.selector(None),
            Token::Word(word) => self.named(&word),
            _ => Err(self.unexpected("an expression")),
        }
    }

    fn named(&mut self, word: &str) -> Result<Expr, Error> {
        let at = self.position();
        let follows_paren = *self.peek_second() == Token::Sign("(");
        let follows_grouping =
            ["by", "without"].iter().any(|word| is_keyword(self.peek_second(), word));
        if let Some(op) = AggregateOp::from_name(word)
            && (follows_paren || follows_grouping)
        {
            return self.aggregate(op);
        }
        let reserved = ["bool", "on", "ignoring", "group_left", "group_right"];
        if reserved.iter().any(|reserved| reserved.eq_ignore_ascii_case(word)) {
            return Err(self.unexpected("an expression"));
        }
        if !follows_paren {
            self.advance();
            return self.selector(Some((word, at)));
        }
        let Some(function) = functions::find(word) else {
            let hint = functions::nearest(word)
                .map_or_else(String::new, |near| format!("; did you mean {near}?"));
            return Err(self.error_at(at, format!("unknown function with name {word:?}{hint}")));
        };
        self.advance();
        let args = self.arguments()?;
        check::call(function, &args)
            .map_err(|(arg, message)| self.error_at(arg.map_or(at, |arg| args[arg].at), message))?;
        let depths: Vec<_> = args.iter().map(|arg| arg.depth).collect();
        self.node(Kind::Call { function, args }, at, &depths)
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, Error> {
        self.expect_sign("(", "before the arguments")?;
        let mut args = Vec::new();
        if self.take_sign(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expression(0)?);
            if self.take_sign(")") {
                return Ok(args);
            }
            self.expect_sign(",", "or \")\" in the arguments")?;
        }
    }

    fn aggregate(&mut self, op: AggregateOp) -> Result<Expr, Error> {
        let at = self.position();
        self.advance();
        let mut grouping = self.aggregate_grouping()?;
        let mut args = self.arguments()?;
        if grouping.is_none() {
            grouping = self.aggregate_grouping()?;
        }
        let expected = if op.param_type().is_some() { 2 } else { 1 };
        if args.len() != expected {
            let found = args.len();
            let message = format!(
                "wrong number of arguments for aggregate expression, expected {expected}, got {found}"
            );
            return Err(self.error_at(at, message));
        }
        let expr = args.pop().expect("invariant: the arguments were counted");
        let param = args.pop();
        let typed = |found: &Expr, expected: Type| {
            check::expect_type(expected, found.value_type(), "aggregation expression")
                .map_err(|message| self.error_at(found.at, message))
        };
        typed(&expr, Type::Vector)?;
        if let (Some(param), Some(expected)) = (&param, op.param_type()) {
            typed(param, expected)?;
        }
        let depths = [expr.depth, param.as_ref().map_or(0, |param| param.depth)];
        // Without a clause everything falls into one group: `by ()`.
        let grouping = grouping.unwrap_or(Grouping { keeps: true, labels: Vec::new() });
        let aggregate = Aggregate { op, param, expr, grouping };
        self.node(Kind::Aggregate(Box::new(aggregate)), at, &depths)
    }

    fn aggregate_grouping(&mut self) -> Result<Option<Grouping>, Error> {
        let keeps = self.take_keyword("by");
        if !keeps && !self.take_keyword("without") {
            return Ok(None);
        }
        Ok(Some(Grouping { keeps, labels: self.label_list()? }))
    }

    fn label_list(&mut self) -> Result<Vec<String>, Error> {
        self.expect_sign("(", "before the labels")?;
        let mut labels = Vec::new();
        while !self.take_sign(")") {
            match self.peek().clone() {
                Token::Word(word) if !word.contains(':') => labels.push(word),
                _ => return Err(self.unexpected("a label name in the grouping")),
            }
            self.advance();
            if !self.is_sign(")") {
                self.expect_sign(",", "or \")\" in the grouping")?;
            }
        }
        Ok(labels)
    }

    /// The matching, and whether the query says anything about it.
    fn matching(&mut self) -> Result<(Matching, bool), Error> {
        let mut matching = Matching::default();
        let keeps = self.take_keyword("on");
        let is_explicit = keeps || self.take_keyword("ignoring");
        if is_explicit {
            matching.grouping = Grouping { keeps, labels: self.label_list()? };
        }
        let cardinality = if is_keyword(self.peek(), "group_left") {
            Cardinality::ManyToOne
        } else if is_keyword(self.peek(), "group_right") {
            Cardinality::OneToMany
        } else {
            return Ok((matching, is_explicit));
        };
        if !is_explicit {
            return Err(self.unexpected("on or ignoring before the grouping modifier"));
        }
        self.advance();
        matching.cardinality = cardinality;
        if self.is_sign("(") {
            matching.include = self.label_list()?;
        }
        Ok((matching, is_explicit))
    }
}

fn is_keyword(token: &Token, keyword: &str) -> bool {
    matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
}

fn binary_op(token: &Token) -> Option<BinaryOp> {
    Some(match token {
        Token::Sign(sign) => match *sign {
            "+" => BinaryOp::Add,
            "-" => BinaryOp::Sub,
            "*" => BinaryOp::Mul,
            "/" => BinaryOp::Div,
            "%" => BinaryOp::Mod,
            "^" => BinaryOp::Pow,
            "==" => BinaryOp::Eq,
            "!=" => BinaryOp::Ne,
            ">" => BinaryOp::Gt,
            "<" => BinaryOp::Lt,
            ">=" => BinaryOp::Ge,
            "<=" => BinaryOp::Le,
            _ => return None,
        },
        Token::Word(word) => match word.to_ascii_lowercase().as_str() {
            "and" => BinaryOp::And,
            "or" => BinaryOp::Or,
            "unless" => BinaryOp::Unless,
            "atan2" => BinaryOp::Atan2,
            _ => return None,
        },
        _ => return None,
    })
}
