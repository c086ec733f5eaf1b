//! The tree of a checked expression; every time span is in milliseconds.

use model::series::Matcher;

use super::functions::Function;

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Scalar,
    String,
    Vector,
    Matrix,
}

impl Type {
    /// The name that Prometheus' messages use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}

/// An expression with the place where it begins.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    /// Byte offset in the query.
    pub(crate) at: usize,
    /// Longest way down to a leaf; bounded, since evaluation recurses.
    pub(crate) depth: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Number(f64),
    String(String),
    Selector(Selector),
    Range { selector: Selector, range_ms: i64 },
    Subquery(Box<Subquery>),
    Negate(Box<Expr>),
    Paren(Box<Expr>),
    Binary(Box<Binary>),
    Aggregate(Box<Aggregate>),
    Call { function: &'static Function, args: Vec<Expr> },
}

impl Expr {
    pub(crate) fn value_type(&self) -> Type {
        match &self.kind {
            Kind::Number(_) => Type::Scalar,
            Kind::String(_) => Type::String,
            Kind::Selector(_) | Kind::Aggregate(_) => Type::Vector,
            Kind::Range { .. } | Kind::Subquery(_) => Type::Matrix,
            Kind::Negate(inner) | Kind::Paren(inner) => inner.value_type(),
            Kind::Binary(binary) => {
                let is_scalar = |side: &Expr| side.value_type() == Type::Scalar;
                if is_scalar(&binary.left) && is_scalar(&binary.right) {
                    Type::Scalar
                } else {
                    Type::Vector
                }
            }
            Kind::Call { function, .. } => function.returns,
        }
    }

    /// The expression inside any number of parentheses.
    pub(crate) fn without_parens(&self) -> &Self {
        match &self.kind {
            Kind::Paren(inner) => inner.without_parens(),
            _ => self,
        }
    }
}

/// Which moments a selector or a subquery looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Moment {
    /// Milliseconds back; negative looks ahead.
    pub(crate) offset_ms: Option<i64>,
    pub(crate) anchor: Option<Anchor>,
}

/// The fixed moment of an `@` modifier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Anchor {
    At(i64),
    Start,
    End,
}

#[derive(Debug, Clone)]
pub(crate) struct Selector {
    /// Every condition, the metric's name among them.
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) moment: Moment,
}

#[derive(Debug, Clone)]
pub(crate) struct Subquery {
    pub(crate) expr: Expr,
    pub(crate) range_ms: i64,
    pub(crate) step_ms: Option<i64>,
    pub(crate) moment: Moment,
}

/// A list of labels to keep (`by`, `on`) or to leave out (`without`, `ignoring`).
#[derive(Debug, Clone, Default)]
pub(crate) struct Grouping {
    pub(crate) keeps: bool,
    pub(crate) labels: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    pub(crate) op: AggregateOp,
    pub(crate) param: Option<Expr>,
    pub(crate) expr: Expr,
    pub(crate) grouping: Grouping,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AggregateOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Quantile,
    CountValues,
}

impl AggregateOp {
    pub(crate) const NAMES: &'static [(&'static str, Self)] = &[
        ("sum", Self::Sum),
        ("avg", Self::Avg),
        ("min", Self::Min),
        ("max", Self::Max),
        ("count", Self::Count),
        ("group", Self::Group),
        ("stddev", Self::Stddev),
        ("stdvar", Self::Stdvar),
        ("topk", Self::Topk),
        ("bottomk", Self::Bottomk),
        ("quantile", Self::Quantile),
        ("count_values", Self::CountValues),
    ];

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, op)| *op)
    }

    /// The type of the first argument, for those that take two.
    pub(crate) fn param_type(self) -> Option<Type> {
        match self {
            Self::Topk | Self::Bottomk | Self::Quantile => Some(Type::Scalar),
            Self::CountValues => Some(Type::String),
            _ => None,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Binary {
    pub(crate) op: BinaryOp,
    pub(crate) left: Expr,
    pub(crate) right: Expr,
    pub(crate) returns_bool: bool,
    pub(crate) matching: Matching,
}

/// How the series of two sides find each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matching {
    pub(crate) grouping: Grouping,
    pub(crate) cardinality: Cardinality,
    /// Labels that the "many" side takes over from the "one" side.
    pub(crate) include: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Cardinality {
    #[default]
    OneToOne,
    ManyToOne,
    OneToMany,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    pub(crate) fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Gt | Self::Lt | Self::Ge | Self::Le)
    }

    pub(crate) fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }

    /// Arithmetic makes a new quantity, which the old name would misname; `atan2` keeps it, as in
    /// Prometheus.
    pub(crate) fn drops_name(self) -> bool {
        !self.is_comparison() && !self.is_set() && self != Self::Atan2
    }

    /// How strongly the operator binds; `^` binds to the right.
    pub(crate) fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Eq | Self::Ne | Self::Gt | Self::Lt | Self::Ge | Self::Le => 3,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod | Self::Atan2 => 5,
            Self::Pow => 6,
        }
    }
}
