//! Answers as tables and as CSV, as golden files.

use jiff::tz::TimeZone;
use promql::Units;

use super::*;

const NAMES: &str = r#"{"resultType":"vector","result":[
    {"metric":{"__name__":"etcd_mvcc_db_total_size_in_bytes","cluster":"demo","member":"m1"},
     "value":[1795487522.25,"860160"]},
    {"metric":{"__name__":"etcd_server_has_leader","cluster":"demo","member":"m2"},
     "value":[1795487522.25,"1"]},
    {"metric":{"__name__":"process_start_time_seconds","cluster":"demo"},
     "value":[1795487522.25,"1795480000.5"]}]}"#;

const RATES: &str = r#"{"resultType":"vector","result":[
    {"metric":{"job":"etcd","member":"m1"},"value":[1795487522.25,"0.000976"]},
    {"metric":{"job":"etcd","member":"m\"2,\n"},"value":[1795487522.25,"NaN"]}]}"#;

const COURSES: &str = r#"{"resultType":"matrix","result":[
    {"metric":{"member":"m1"},"values":[[1795487400,"0.001"],[1795487460,"0.003"],
     [1795487520,"0.002"]]},
    {"metric":{"member":"m2"},"values":[[1795487400,"0.005"],[1795487520,"+Inf"]]}]}"#;

const COUNTED: &str = r#"{"resultType":"vector","result":[
    {"metric":{"value":"3.5.1"},"value":[1795487522.25,"2"]},
    {"metric":{"value":"3.6.0","time":"x"},"value":[1795487522.25,"1"]}]}"#;

const P99: &str = "histogram_quantile(0.99, rate(a_seconds_bucket[1m]))";

fn view(expression: &str) -> View {
    View {
        expression: expression.to_owned(),
        units: Units::new(expression),
        zone: TimeZone::UTC,
        width: 80,
        height: None,
        screen_height: None,
        is_colourful: false,
    }
}

fn moment() -> Span {
    Span::Moment("2026-11-24T02:32:02.25Z".parse().unwrap())
}

fn range() -> Span {
    let from = Timestamp::constant(1_795_487_400, 0);
    Span::Range { from, to: from + Duration::from_mins(2), step: Duration::from_mins(1) }
}

fn table(expression: &str, data: &str, span: Span) -> String {
    table::render(&Answer::read(data).unwrap(), span, &view(expression))
}

#[test]
fn a_moment_as_a_table() {
    let tables = [
        table("{cluster=\"demo\"}", NAMES, moment()),
        table(P99, RATES, moment()),
        table("count_values(\"value\", etcd_server_version)", COUNTED, moment()),
        table("a_bytes", r#"{"resultType":"scalar","result":[1,"2048"]}"#, moment()),
        table("time()", r#"{"resultType":"scalar","result":[1,"1795487522.25"]}"#, moment()),
        table("\"x\"", r#"{"resultType":"string","result":[1,"x"]}"#, moment()),
        table("a", r#"{"resultType":"vector","result":[]}"#, moment()),
    ];
    insta::assert_snapshot!(tables.join("--\n"));
}

#[test]
fn a_range_as_a_table() {
    let tables = [table(P99, COURSES, range()), table("a_seconds[2m]", COURSES, moment())];
    insta::assert_snapshot!(tables.join("--\n"));
}

#[test]
fn any_answer_as_csv() {
    for (data, lines) in [
        (
            NAMES,
            "time,__name__,cluster,member,value\r\n\
             2026-11-24T02:32:02.250Z,etcd_mvcc_db_total_size_in_bytes,demo,m1,860160\r\n\
             2026-11-24T02:32:02.250Z,etcd_server_has_leader,demo,m2,1\r\n\
             2026-11-24T02:32:02.250Z,process_start_time_seconds,demo,,1795480000.5\r\n",
        ),
        (
            RATES,
            "time,job,member,value\r\n\
             2026-11-24T02:32:02.250Z,etcd,m1,0.000976\r\n\
             2026-11-24T02:32:02.250Z,etcd,\"m\"\"2,\n\",NaN\r\n",
        ),
        (
            COURSES,
            "time,member,value\r\n\
             2026-11-24T02:30:00.000Z,m1,0.001\r\n\
             2026-11-24T02:31:00.000Z,m1,0.003\r\n\
             2026-11-24T02:32:00.000Z,m1,0.002\r\n\
             2026-11-24T02:30:00.000Z,m2,0.005\r\n\
             2026-11-24T02:32:00.000Z,m2,+Inf\r\n",
        ),
        (
            COUNTED,
            "time,label_time,label_value,value\r\n\
             2026-11-24T02:32:02.250Z,,3.5.1,2\r\n\
             2026-11-24T02:32:02.250Z,x,3.6.0,1\r\n",
        ),
        (
            r#"{"resultType":"scalar","result":[1,"2.5"]}"#,
            "time,value\r\n1970-01-01T00:00:01.000Z,2.5\r\n",
        ),
        (
            r#"{"resultType":"string","result":[1,"a,b"]}"#,
            "time,value\r\n1970-01-01T00:00:01.000Z,\"a,b\"\r\n",
        ),
        (r#"{"resultType":"matrix","result":[]}"#, "time,value\r\n"),
    ] {
        assert_eq!(csv::render(&Answer::read(data).unwrap()), lines);
    }
}

#[test]
fn only_what_has_a_course_is_drawn() {
    let scalar = Answer::read(r#"{"resultType":"scalar","result":[1,"2.5"]}"#).unwrap();
    let error = drawn(&scalar, moment(), &view("1")).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let courses = Answer::read(COURSES).unwrap();
    assert!(drawn(&courses, range(), &view(P99)).unwrap().contains("m1"));
}
