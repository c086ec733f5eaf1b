//! Answers as Prometheus gives them.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use model::series::Labels;
use promql::{Value, json};

/// What Prometheus says when `limit` left something out.
const TRUNCATED: &str = "results truncated due to limit";

/// A good answer, written out.
#[derive(Debug)]
pub(super) struct Success(Vec<u8>);

impl IntoResponse for Success {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

impl Success {
    /// What a query answered, its first `limit` series.
    pub(super) fn of_query(value: &Value, limit: Option<usize>) -> Self {
        let mut out = begun();
        let is_whole = json::result(&mut out, value, limit);
        ended(out, is_whole)
    }

    /// A list of texts, the first `limit` of them.
    pub(super) fn of_texts<'a>(
        texts: impl IntoIterator<Item = &'a str>,
        limit: Option<usize>,
    ) -> Self {
        let mut out = begun();
        let is_whole = json::array(&mut out, limit, texts.into_iter(), json::text);
        ended(out, is_whole)
    }

    /// A list of series by their labels, the first `limit` of them.
    pub(super) fn of_series<'a>(
        series: impl IntoIterator<Item = &'a Labels>,
        limit: Option<usize>,
    ) -> Self {
        let mut out = begun();
        let is_whole = json::array(&mut out, limit, series.into_iter(), json::labels);
        ended(out, is_whole)
    }

    /// Data that are small.
    pub(super) fn of_data(data: &serde_json::Value) -> Self {
        let mut out = begun();
        out.extend_from_slice(data.to_string().as_bytes());
        ended(out, true)
    }
}

fn begun() -> Vec<u8> {
    b"{\"status\":\"success\",\"data\":".to_vec()
}

fn ended(mut out: Vec<u8>, is_whole: bool) -> Success {
    if !is_whole {
        out.extend_from_slice(b",\"warnings\":");
        json::array(&mut out, None, [TRUNCATED].into_iter(), json::text);
    }
    out.push(b'}');
    Success(out)
}

#[cfg(test)]
mod tests {
    use model::series::Sample;
    use promql::Series;

    use super::*;

    fn written(success: &Success) -> &str {
        std::str::from_utf8(&success.0).unwrap()
    }

    #[test]
    fn what_a_limit_leaves_out_is_told() {
        let series = |name: &str| Series {
            labels: Labels::new([("a", name)]),
            samples: vec![Sample { at_ms: 1, value: 1.0 }, Sample { at_ms: 2, value: 2.0 }],
        };
        let value = Value::Matrix(vec![series("x\"y"), series("z")]);
        assert_eq!(
            written(&Success::of_query(&value, Some(1))),
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"x\"y"},"values":[[0.001,"1"],[0.002,"2"]]}]},"warnings":["results truncated due to limit"]}"#
        );
        assert!(!written(&Success::of_query(&value, Some(2))).contains("warnings"));
        assert_eq!(
            written(&Success::of_texts(["a", "b"], Some(1))),
            r#"{"status":"success","data":["a"],"warnings":["results truncated due to limit"]}"#
        );
        assert_eq!(written(&Success::of_series([], None)), r#"{"status":"success","data":[]}"#);
    }
}
