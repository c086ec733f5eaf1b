//! Rules on a member's sizes, such as `dbSizeInUse < 0.5*dbSize && dbSize > 100MB`.

use std::fmt;

/// The sizes of one member, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    /// Size of the file.
    pub db_size: f64,
    /// Part of it that holds data.
    pub db_size_in_use: f64,
    /// Size at which writes are refused; unknown where the server does not say.
    pub db_quota: Option<f64>,
}

/// A rule that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    text: String,
    expression: Expression,
}

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    Number(f64),
    Name(Name),
    Negated(Box<Expression>),
    Not(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Name {
    Size,
    InUse,
    Free,
    Quota,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Operator {
    Or,
    And,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    Plus,
    Minus,
    Times,
    Over,
}

/// Operators by how weakly they bind; the longer ones of a level first.
const LEVELS: [&[(&str, Operator)]; 5] = [
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Plus), ("-", Operator::Minus)],
    &[("*", Operator::Times), ("/", Operator::Over)],
];

const NAMES: [(&str, Name); 4] = [
    ("dbSizeInUse", Name::InUse),
    ("dbSizeFree", Name::Free),
    ("dbSize", Name::Size),
    ("dbQuota", Name::Quota),
];

const UNITS: [(&str, f64); 9] = [
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("B", 1.0),
    ("%", 0.01),
];

/// Deepest nesting of a rule.
const MAX_DEPTH: usize = 50;

impl Rule {
    /// Understands a rule; the error says what is wrong and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        let (expression, is_truth) = parser.level(0)?;
        parser.skip();
        if parser.at < text.len() {
            return Err(parser.wrong("an operator or the end"));
        }
        if !is_truth {
            return Err(format!("{text:?} is a number; compare it, as in dbSize > 100MB"));
        }
        Ok(Self { text: text.to_owned(), expression })
    }

    /// Whether it holds; `None` when it asks for the quota and that is not known.
    pub fn holds(&self, sizes: Sizes) -> Option<bool> {
        self.expression.value(sizes).map(|value| value != 0.0)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Expression {
    /// Truth is 1 and 0.
    fn value(&self, sizes: Sizes) -> Option<f64> {
        Some(match self {
            Self::Number(number) => *number,
            Self::Name(Name::Size) => sizes.db_size,
            Self::Name(Name::InUse) => sizes.db_size_in_use,
            Self::Name(Name::Free) => sizes.db_size - sizes.db_size_in_use,
            Self::Name(Name::Quota) => sizes.db_quota?,
            Self::Negated(inner) => -inner.value(sizes)?,
            Self::Not(inner) => f64::from(inner.value(sizes)? == 0.0),
            Self::Binary(operator, left, right) => {
                let (left, right) = (left.value(sizes), right.value(sizes));
                match operator {
                    // One side can be enough.
                    Operator::Or if left == Some(1.0) || right == Some(1.0) => 1.0,
                    Operator::And if left == Some(0.0) || right == Some(0.0) => 0.0,
                    _ => operator.apply(left?, right?),
                }
            }
        })
    }
}

impl Operator {
    fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Or => f64::from(left != 0.0 || right != 0.0),
            Self::And => f64::from(left != 0.0 && right != 0.0),
            Self::Less => f64::from(left < right),
            Self::LessOrEqual => f64::from(left <= right),
            Self::Greater => f64::from(left > right),
            Self::GreaterOrEqual => f64::from(left >= right),
            Self::Equal => f64::from(left == right),
            Self::NotEqual => f64::from(left != right),
            Self::Plus => left + right,
            Self::Minus => left - right,
            Self::Times => left * right,
            Self::Over => left / right,
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn skip(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn take(&mut self, word: &str) -> bool {
        self.skip();
        let is_there = self.rest().starts_with(word);
        if is_there {
            self.at += word.len();
        }
        is_there
    }

    fn wrong(&self, expected: &str) -> String {
        let found = if self.rest().is_empty() { "the end" } else { self.rest() };
        format!("expected {expected} at {found:?} in {:?}", self.text)
    }

    /// An expression of operators that bind as this level or closer, and whether it is a truth.
    fn level(&mut self, level: usize) -> Result<(Expression, bool), String> {
        let Some(operators) = LEVELS.get(level) else { return self.operand() };
        let (mut left, mut is_truth) = self.level(level + 1)?;
        while let Some((word, operator)) = operators.iter().find(|(word, _)| self.take(word)) {
            let (right, right_is_truth) = self.level(level + 1)?;
            let wants_truth = level < 2;
            if is_truth != wants_truth || right_is_truth != wants_truth {
                let what = if wants_truth { "comparisons" } else { "numbers" };
                return Err(format!("{word} takes {what} on both sides in {:?}", self.text));
            }
            left = Expression::Binary(*operator, Box::new(left), Box::new(right));
            is_truth = level < 3;
        }
        Ok((left, is_truth))
    }

    fn operand(&mut self) -> Result<(Expression, bool), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("the rule is nested deeper than {MAX_DEPTH}"));
        }
        let operand = self.undeep();
        self.depth -= 1;
        operand
    }

    fn undeep(&mut self) -> Result<(Expression, bool), String> {
        if self.take("(") {
            let inner = self.level(0)?;
            return if self.take(")") { Ok(inner) } else { Err(self.wrong("a )")) };
        }
        if self.take("!") {
            return match self.operand()? {
                (inner, true) => Ok((Expression::Not(Box::new(inner)), true)),
                (_, false) => Err(format!("! takes a comparison in {:?}", self.text)),
            };
        }
        if self.take("-") {
            return match self.operand()? {
                (inner, false) => Ok((Expression::Negated(Box::new(inner)), false)),
                (_, true) => Err(format!("- takes a number in {:?}", self.text)),
            };
        }
        if let Some((_, name)) = NAMES.iter().find(|(word, _)| self.take(word)) {
            return Ok((Expression::Name(*name), false));
        }
        let length = self.rest().bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.');
        let length = length.count();
        let Ok(number) = self.rest()[..length].parse::<f64>() else {
            return Err(self.wrong("a number, dbSize, dbSizeInUse, dbSizeFree, dbQuota or a ("));
        };
        self.at += length;
        let unit = UNITS.iter().find(|(word, _)| self.take(word)).map_or(1.0, |(_, size)| *size);
        Ok((Expression::Number(number * unit), false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { db_size: 200e6, db_size_in_use: 80e6, db_quota: Some(1e9) };

    #[test]
    fn rules_are_decided() {
        for (text, expected) in [
            ("dbSizeInUse < 0.5*dbSize", true),
            ("dbSizeInUse<dbSize*40%", false),
            ("dbSize - dbSizeInUse > 100MB && dbSize > 150 MiB", true),
            ("dbSizeFree >= 120MB", true),
            ("dbSize > 80% * dbQuota || dbSizeFree > 1GB", false),
            ("!(dbSize > 1GB)", true),
            ("1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && -1 < 0 && 6 / 2 - 1 != 3", true),
        ] {
            let rule = Rule::parse(text).unwrap();
            assert_eq!(rule.holds(SIZES), Some(expected), "{text}");
            assert_eq!(rule.to_string(), text);
        }
    }

    #[test]
    fn an_unknown_quota_decides_only_what_it_does_not_matter_for() {
        let sizes = Sizes { db_quota: None, ..SIZES };
        assert_eq!(Rule::parse("dbSize > 0.8*dbQuota").unwrap().holds(sizes), None);
        let rule = Rule::parse("dbSize > 0.8*dbQuota || dbSizeFree > 1MB").unwrap();
        assert_eq!(rule.holds(sizes), Some(true));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("", "expected a number"),
            ("dbSize", "is a number; compare it"),
            ("dbSize >", "expected a number"),
            ("dbSize > 1 dbSize", "expected an operator or the end"),
            ("size > 1", "expected a number, dbSize"),
            ("(dbSize > 1", "expected a )"),
            ("dbSize && 1", "&& takes comparisons"),
            ("(dbSize > 1) + 1 > 2", "+ takes numbers"),
            ("1 < 2 < 3", "< takes numbers"),
            ("1.2.3 > 1", "expected a number"),
        ] {
            let error = Rule::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(Rule::parse(&"(".repeat(1000)).unwrap_err().contains("nested deeper"));
    }
}
