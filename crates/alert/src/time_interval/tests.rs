//! Moments within intervals and outside of them.

use serde_json::json;

use super::*;

fn read(value: &serde_json::Value) -> (TimeInterval, Vec<String>) {
    let mut errors = Vec::new();
    let interval = TimeInterval::read(value, "t", &mut errors);
    (interval, errors.iter().map(ToString::to_string).collect())
}

fn check(value: &serde_json::Value, within: &[&str], without: &[&str]) {
    let (interval, errors) = read(value);
    assert!(errors.is_empty(), "{value}: {errors:?}");
    for (moments, expected) in [(within, true), (without, false)] {
        for moment in moments {
            let at: Timestamp = moment.parse().expect("a moment");
            assert_eq!(interval.contains(at), expected, "{value} at {moment}");
        }
    }
}

#[test]
fn a_moment_is_within_when_every_given_field_fits() {
    check(&json!({}), &["2026-01-01T00:00:00Z"], &[]);
    check(
        &json!({"times": [{"start_time": "09:00", "end_time": "17:00"}], "weekdays": ["monday:friday"]}),
        &["2026-11-27T09:00:00Z", "2026-11-27T16:59:59Z"],
        &["2026-11-27T17:00:00Z", "2026-11-27T08:59:59Z", "2026-11-28T12:00:00Z"],
    );
    check(
        &json!({"times": [{"start_time": "00:00", "end_time": "06:00"}, {"start_time": "18:00", "end_time": "24:00"}]}),
        &["2026-11-27T23:59:59Z", "2026-11-27T00:00:00Z"],
        &["2026-11-27T06:00:00Z"],
    );
    check(
        &json!({"weekdays": ["Sunday", "saturday"]}),
        &["2026-11-28T12:00:00Z", "2026-11-29T12:00:00Z"],
        &["2026-11-30T12:00:00Z"],
    );
    check(
        &json!({"days_of_month": ["1:5", "-3:-1"]}),
        &["2026-02-01T00:00:00Z", "2026-02-26T00:00:00Z", "2026-02-28T23:00:00Z"],
        &["2026-02-06T00:00:00Z", "2026-02-25T00:00:00Z"],
    );
    check(
        &json!({"days_of_month": ["31", "-31:-31"]}),
        &["2026-01-31T00:00:00Z", "2026-01-01T00:00:00Z"],
        &["2026-02-28T00:00:00Z", "2026-02-01T00:00:00Z"],
    );
    check(
        &json!({"days_of_month": ["29:31"]}),
        &["2028-02-29T00:00:00Z"],
        &["2026-02-28T00:00:00Z"],
    );
    check(
        &json!({"months": ["january:march", "12"], "years": ["2026:2027", 2030]}),
        &["2026-03-31T00:00:00Z", "2030-12-01T00:00:00Z"],
        &["2026-04-01T00:00:00Z", "2028-01-01T00:00:00Z"],
    );
    check(&json!({"times": []}), &[], &["2026-04-01T00:00:00Z"]);
}

#[test]
fn a_location_has_its_own_clock_summer_time_included() {
    check(
        &json!({"times": [{"start_time": "09:00", "end_time": "10:00"}], "location": "Europe/Berlin"}),
        &["2026-01-15T08:30:00Z", "2026-07-15T07:30:00Z"],
        &["2026-01-15T09:30:00Z", "2026-07-15T08:30:00Z"],
    );
    check(
        &json!({"weekdays": ["saturday"], "location": "Australia/Sydney"}),
        &["2026-11-27T14:00:00Z"],
        &["2026-11-28T14:00:00Z"],
    );
}

#[test]
fn mistakes_are_told_together_with_what_is_accepted() {
    let (_, errors) = read(&json!({
        "times": [{"start_time": "9:00", "end_time": "10:00"}, {"start_time": "18:00", "end_time": "06:00"},
                  {"start_time": "18:00"}],
        "weekdays": ["friday:monday", "moonday"],
        "days_of_month": ["0", "-1:1", "20:-25", "32"],
        "months": ["13", "march:january"],
        "years": ["x"],
        "location": "Mars/Base",
        "day": [],
    }));
    assert_eq!(errors.len(), 14, "{errors:#?}");
    assert!(errors.iter().any(|error| error.contains("t.times[2].end_time")), "{errors:#?}");
}
