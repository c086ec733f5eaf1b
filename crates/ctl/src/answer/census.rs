//! The members of a cluster as `members` shows them.

use super::Answer;
use crate::operate::{self, Seat};
use crate::print::json::Object;
use crate::print::{Style, Table, human, json, simple};

/// All members, or the leader.
pub struct Census<'a> {
    /// What the members said.
    pub census: &'a operate::Census,
    /// Whether only the leader is shown.
    pub only_leader: bool,
}

const COLUMNS: [&str; 9] =
    ["name", "ID", "role", "version", "db size", "in use", "lag", "health", "endpoint"];

impl Census<'_> {
    fn seats(&self) -> Vec<&Seat> {
        if self.only_leader {
            return self.census.leader().into_iter().collect();
        }
        self.census.seats.iter().collect()
    }

    fn cells(&self, seat: &Seat) -> Vec<String> {
        let unknown = || "-".to_owned();
        let status = seat.status.as_ref().ok();
        let size = |bytes: i64| human::bytes(bytes.max(0) as u64);
        let or_unknown = |text: &str| if text.is_empty() { unknown() } else { text.to_owned() };
        vec![
            or_unknown(&seat.listed.name),
            format!("{:x}", seat.listed.id),
            seat.role().to_owned(),
            status.map_or_else(unknown, |status| status.version.clone()),
            status.map_or_else(unknown, |status| size(status.db_size)),
            status.map_or_else(unknown, |status| size(status.db_size_in_use)),
            self.census.lag(seat).map_or_else(unknown, |lag| lag.to_string()),
            self.census.trouble(seat).unwrap_or_else(|| "ok".to_owned()),
            or_unknown(&seat.endpoint),
        ]
    }
}

impl Answer for Census<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        let header: Vec<String> = COLUMNS.map(str::to_uppercase).to_vec();
        let mut rows = vec![header];
        rows.extend(self.seats().into_iter().map(|seat| self.cells(seat)));
        simple::columns(&rows, out);
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        json::array(&self.seats(), out, |seat, out| {
            let mut object = Object::new(out);
            json::string(&format!("{:x}", seat.listed.id), object.member("id"));
            json::string(&seat.listed.name, object.member("name"));
            json::string(seat.role(), object.member("role"));
            json::string(&seat.endpoint, object.member("endpoint"));
            if let Ok(status) = &seat.status {
                json::string(&status.version, object.member("version"));
                object.raw("db_size_bytes", status.db_size);
                object.raw("db_size_in_use_bytes", status.db_size_in_use);
                object.int("db_quota_bytes", status.db_size_quota);
                object.raw("raft_term", status.raft_term);
                object.raw("raft_index", status.raft_index);
                object.raw("raft_applied_index", status.raft_applied_index);
            }
            if let Some(lag) = self.census.lag(seat) {
                object.raw("lag_entries", lag);
            }
            let trouble = self.census.trouble(seat);
            object.raw("is_healthy", trouble.is_none());
            object.text("trouble", &trouble.unwrap_or_default());
            object.end();
        });
        out.push(b'\n');
        true
    }

    fn table(&self, _style: Style) -> Option<Table> {
        let rows = self.seats().into_iter().map(|seat| self.cells(seat)).collect();
        Some(Table { header: COLUMNS.map(str::to_owned).to_vec(), rows })
    }
}
