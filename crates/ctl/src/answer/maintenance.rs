//! Answers about alarms, leadership and downgrades.

use etcd::wire::Message as _;
use etcd::wire::etcdserverpb as pb;
use model::id::MemberId;

use super::Answer;
use crate::print::json::Object;
use crate::print::{Style, fields, simple};

/// The alarms that stand, or that were ended.
pub struct Alarms<'a>(pub &'a pb::AlarmResponse);

/// A leadership that went from one member to another.
pub struct LeaderMoved<'a>(pub MemberId, pub MemberId, pub &'a pb::MoveLeaderResponse);

/// A downgrade that was checked, begun or cancelled, which the first says.
pub struct Downgraded<'a>(pub &'static str, pub &'a pb::DowngradeResponse);

impl Answer for Alarms<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        for alarm in &self.0.alarms {
            let member = format!("memberID:{} ", alarm.member_id);
            let kind = format!("alarm:{} ", name(alarm.alarm));
            let member = if alarm.member_id == 0 { "" } else { &member };
            let kind = if alarm.alarm == 0 { "" } else { &kind };
            simple::line(&[member, kind].concat(), out);
        }
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let mut object = Object::new(out);
        object.header("header", self.0.header.as_ref());
        object.array("alarms", &self.0.alarms, |alarm, out| {
            let mut object = Object::new(out);
            object.uint("memberID", alarm.member_id);
            object.int("alarm", alarm.alarm.into());
            object.end();
        });
        object.end();
        out.push(b'\n');
        true
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::header(self.0.header.as_ref(), style, out);
        for alarm in &self.0.alarms {
            fields::id("MemberID", alarm.member_id, style, out);
            fields::field("AlarmType", name(alarm.alarm), out);
            out.push(b'\n');
        }
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

fn name(kind: i32) -> String {
    pb::AlarmType::try_from(kind)
        .map_or_else(|_| kind.to_string(), |kind| kind.as_str_name().to_owned())
}

impl Answer for LeaderMoved<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        let Self(from, to, _) = self;
        simple::line(&format!("Leadership transferred from {from} to {to}"), out);
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        super::header_json(self.2.header.as_ref(), out)
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.2.encode_to_vec())
    }
}

impl Answer for Downgraded<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        let Self(what, answer) = self;
        let text = format!("Downgrade {what} success, cluster version {}", answer.version);
        simple::line(&text, out);
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let mut object = Object::new(out);
        object.header("header", self.1.header.as_ref());
        object.text("version", &self.1.version);
        object.end();
        out.push(b'\n');
        true
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.1.encode_to_vec())
    }
}
