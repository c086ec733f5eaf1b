//! What `alert` prints.

use serde_json::json;

use super::*;

fn alert() -> Value {
    json!({
        "fingerprint": "a1b2c3d4e5f60718", "name": "EtcdMemberDown", "cluster": "prod",
        "severity": "critical", "state": "active", "summary": "m1 does not answer",
        "starts_at": "2026-11-28T05:40:12.123Z", "told_at": "2026-11-28T05:40:13.000Z",
        "labels": {"alertname": "EtcdMemberDown", "cluster": "prod", "member": "m1"},
        "annotations": {
            "summary": "m1 does not answer", "description": "Its peers have lost it too.",
            "next_steps": "systemctl status etcd\njournalctl -u etcd",
            "causes": "the process has ended", "evidence": "05:40:12Z m1 Status: refused",
            "runbook_url": "docs/runbooks/member_down.md",
        },
        "receivers": ["oncall"], "silenced_by": [], "inhibited_by": [], "muted_by": [],
        "hidden_by": null, "acknowledged": {"by": "ada", "at": "2026-11-28T05:41:00Z", "note": ""},
    })
}

#[test]
fn an_alert_says_first_what_is_wrong_and_what_to_do() {
    insta::assert_snapshot!(show::text(&alert()));
}

#[test]
fn a_list_has_a_line_for_each_and_says_why_one_is_not_told() {
    let mut hidden = alert();
    hidden["acknowledged"] = Value::Null;
    hidden["hidden_by"] = json!("EtcdQuorumLost");
    insta::assert_snapshot!(list::table(&json!({"alerts": [alert(), hidden]})));
    assert_eq!(list::table(&json!({"alerts": []})), "no alerts\n");
}

#[test]
fn what_is_asked_for_is_escaped() {
    let parts = [("a", Some("x y&z")), ("b", None), ("c", Some("1"))];
    assert_eq!(query(&parts), "?a=x%20y%26z&c=1");
    assert_eq!(query(&[("a", None)]), "");
}
