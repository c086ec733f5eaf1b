//! The functions of PromQL with their arguments.

use super::ast::Type::{self, Matrix, Scalar, String, Vector};

/// A function's signature.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// Types of the arguments; the last one repeats when `max` is larger.
    pub(crate) args: &'static [Type],
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) returns: Type,
}

const fn exact(name: &'static str, args: &'static [Type], returns: Type) -> Function {
    Function { name, args, min: args.len(), max: args.len(), returns }
}

/// One whose last argument may be left out.
const fn optional(name: &'static str, args: &'static [Type]) -> Function {
    Function { name, args, min: args.len() - 1, max: args.len(), returns: Vector }
}

const fn of_range(name: &'static str) -> Function {
    exact(name, &[Matrix], Vector)
}

const fn of_vector(name: &'static str) -> Function {
    exact(name, &[Vector], Vector)
}

/// Every function of Prometheus 2.42 except those of native histograms, by name.
pub(crate) const FUNCTIONS: &[Function] = &[
    of_vector("abs"),
    of_vector("absent"),
    of_range("absent_over_time"),
    of_vector("acos"),
    of_vector("acosh"),
    of_vector("asin"),
    of_vector("asinh"),
    of_vector("atan"),
    of_vector("atanh"),
    of_range("avg_over_time"),
    of_vector("ceil"),
    of_range("changes"),
    exact("clamp", &[Vector, Scalar, Scalar], Vector),
    exact("clamp_max", &[Vector, Scalar], Vector),
    exact("clamp_min", &[Vector, Scalar], Vector),
    of_vector("cos"),
    of_vector("cosh"),
    of_range("count_over_time"),
    optional("day_of_month", &[Vector]),
    optional("day_of_week", &[Vector]),
    optional("day_of_year", &[Vector]),
    optional("days_in_month", &[Vector]),
    of_vector("deg"),
    of_range("delta"),
    of_range("deriv"),
    of_vector("exp"),
    of_vector("floor"),
    exact("histogram_quantile", &[Scalar, Vector], Vector),
    exact("holt_winters", &[Matrix, Scalar, Scalar], Vector),
    optional("hour", &[Vector]),
    of_range("idelta"),
    of_range("increase"),
    of_range("irate"),
    Function {
        name: "label_join",
        args: &[Vector, String, String, String],
        min: 3,
        max: usize::MAX,
        returns: Vector,
    },
    exact("label_replace", &[Vector, String, String, String, String], Vector),
    of_range("last_over_time"),
    of_vector("ln"),
    of_vector("log10"),
    of_vector("log2"),
    of_range("max_over_time"),
    of_range("min_over_time"),
    optional("minute", &[Vector]),
    optional("month", &[Vector]),
    exact("pi", &[], Scalar),
    exact("predict_linear", &[Matrix, Scalar], Vector),
    of_range("present_over_time"),
    exact("quantile_over_time", &[Scalar, Matrix], Vector),
    of_vector("rad"),
    of_range("rate"),
    of_range("resets"),
    optional("round", &[Vector, Scalar]),
    exact("scalar", &[Vector], Scalar),
    of_vector("sgn"),
    of_vector("sin"),
    of_vector("sinh"),
    of_vector("sort"),
    of_vector("sort_desc"),
    of_vector("sqrt"),
    of_range("stddev_over_time"),
    of_range("stdvar_over_time"),
    of_range("sum_over_time"),
    of_vector("tan"),
    of_vector("tanh"),
    exact("time", &[], Scalar),
    of_vector("timestamp"),
    exact("vector", &[Scalar], Vector),
    optional("year", &[Vector]),
];

/// The function called `name`.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// The known name that is closest to `name`, if one is close at all.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let aggregates = super::ast::AggregateOp::NAMES.iter().map(|(known, _)| *known);
    let known = FUNCTIONS.iter().map(|function| function.name).chain(aggregates);
    known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_misspelt_function_has_a_nearest_one() {
        assert_eq!(nearest("ratee"), Some("rate"));
        assert_eq!(nearest("histogram_quantil"), Some("histogram_quantile"));
        assert_eq!(nearest("summ"), Some("sum"));
        assert_eq!(nearest("zzzzqq"), None);
    }
}
