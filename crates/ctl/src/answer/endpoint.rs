//! Answers about each endpoint: health, state, hash.

use std::time::Duration;

use etcd::wire::etcdserverpb as pb;

use super::Answer;
use crate::compat::Compat;
use crate::go;
use crate::print::json::Object;
use crate::print::{Style, Table, fields, human, json, simple};

/// The health of each endpoint.
pub struct Healths<'a>(pub &'a [HealthRow]);

/// The health of one endpoint.
#[derive(Debug, Clone)]
pub struct HealthRow {
    /// The endpoint as it was given.
    pub endpoint: String,
    /// How long its answer took.
    pub took: Duration,
    /// Why it is not healthy; empty when it is.
    pub error: String,
}

/// The state of each endpoint.
pub struct Statuses<'a>(pub &'a [StatusRow]);

/// The state of one endpoint.
#[derive(Debug, Clone)]
pub struct StatusRow {
    /// The endpoint as it was given.
    pub endpoint: String,
    /// What its member says.
    pub status: pb::StatusResponse,
}

/// The hash of each endpoint's keys.
pub struct Hashes<'a>(pub &'a [HashRow]);

/// The hash of one endpoint's keys.
#[derive(Debug, Clone)]
pub struct HashRow {
    /// The endpoint as it was given.
    pub endpoint: String,
    /// What its member says.
    pub hash: pb::HashKvResponse,
}

impl HealthRow {
    fn is_healthy(&self) -> bool {
        self.error.is_empty()
    }

    /// What is said on standard error of one that is not healthy.
    pub fn complaint(&self) -> Option<String> {
        let why = &self.error;
        let text = || format!("{} is unhealthy: failed to commit proposal: {why}", self.endpoint);
        (!self.is_healthy()).then(text)
    }
}

impl Answer for Healths<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        for row in self.0.iter().filter(|row| row.is_healthy()) {
            let took = go::show_duration(row.took);
            let text = "is healthy: successfully committed proposal: took =";
            simple::line(&format!("{} {text} {took}", row.endpoint), out);
        }
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        json::array(self.0, out, |row, out| {
            let mut object = Object::new(out);
            json::string(&row.endpoint, object.member("endpoint"));
            object.raw("health", row.is_healthy());
            json::string(&go::show_duration(row.took), object.member("took"));
            object.text("error", &row.error);
            object.end();
        });
        out.push(b'\n');
        true
    }

    fn fields(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        for row in self.0 {
            fields::quoted("Endpoint", row.endpoint.as_bytes(), out);
            fields::field("Health", row.is_healthy(), out);
            fields::field("Took", go::show_duration(row.took), out);
            fields::field("Error", &row.error, out);
            out.push(b'\n');
        }
        true
    }

    fn table(&self, _style: Style) -> Option<Table> {
        let row = |row: &HealthRow| {
            let health = row.is_healthy().to_string();
            vec![row.endpoint.clone(), health, go::show_duration(row.took), row.error.clone()]
        };
        Some(table(&["endpoint", "health", "took", "error"], self.0.iter().map(row)))
    }
}

const STATUS_COLUMNS: [&str; 10] = [
    "endpoint",
    "ID",
    "version",
    "db size",
    "is leader",
    "is learner",
    "raft term",
    "raft index",
    "raft applied index",
    "errors",
];

const STATUS_COLUMNS_3_6: [&str; 16] = [
    "endpoint",
    "ID",
    "version",
    "storage version",
    "db size",
    "in use",
    "percentage not in use",
    "quota",
    "is leader",
    "is learner",
    "raft term",
    "raft index",
    "raft applied index",
    "errors",
    "downgrade target version",
    "downgrade enabled",
];

fn cells(StatusRow { endpoint, status }: &StatusRow, compat: Compat) -> Vec<String> {
    let member = status.header.map_or(0, |header| header.member_id);
    let size = |bytes: i64| human::bytes(bytes.max(0) as u64);
    let mut cells = vec![endpoint.clone(), format!("{member:x}"), status.version.clone()];
    let is_new = compat >= Compat::V3_6;
    if is_new {
        cells.push(status.storage_version.clone());
    }
    cells.push(size(status.db_size));
    if is_new {
        let used = 100 * i128::from(status.db_size_in_use) / i128::from(status.db_size.max(1));
        cells.push(size(status.db_size_in_use));
        cells.push(format!("{}%", 100 - used));
        cells.push(size(status.db_size_quota));
    }
    cells.push((status.leader == member).to_string());
    cells.push(status.is_learner.to_string());
    cells.push(status.raft_term.to_string());
    cells.push(status.raft_index.to_string());
    cells.push(status.raft_applied_index.to_string());
    cells.push(status.errors.join(", "));
    if is_new {
        let downgrade = status.downgrade_info.clone().unwrap_or_default();
        cells.push(downgrade.target_version);
        cells.push(downgrade.enabled.to_string());
    }
    cells
}

impl Answer for Statuses<'_> {
    fn simple(&self, style: Style, out: &mut Vec<u8>) {
        for row in self.0 {
            simple::line(&cells(row, style.compat).join(", "), out);
        }
    }

    fn json(&self, style: Style, out: &mut Vec<u8>) -> bool {
        // Go's word for a list that was never begun.
        if self.0.is_empty() && style.compat >= Compat::V3_6 {
            out.extend_from_slice(b"null\n");
            return true;
        }
        json::array(self.0, out, |row, out| {
            let mut object = Object::new(out);
            json::string(&row.endpoint, object.member("Endpoint"));
            status_json(&row.status, style, object.member("Status"));
            object.end();
        });
        out.push(b'\n');
        true
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        for StatusRow { endpoint, status } in self.0 {
            let is_new = style.compat >= Compat::V3_6;
            fields::header(status.header.as_ref(), style, out);
            fields::quoted("Version", status.version.as_bytes(), out);
            if is_new {
                fields::quoted("StorageVersion", status.storage_version.as_bytes(), out);
            }
            fields::field("DBSize", status.db_size, out);
            if is_new {
                fields::field("DBSizeInUse", status.db_size_in_use, out);
                fields::field("DBSizeQuota", status.db_size_quota, out);
            }
            fields::field("Leader", status.leader, out);
            fields::field("IsLearner", status.is_learner, out);
            fields::field("RaftIndex", status.raft_index, out);
            if style.compat == Compat::V3_4 {
                fields::field("RaftTerm", status.raft_term, out);
            }
            fields::field("RaftAppliedIndex", status.raft_applied_index, out);
            fields::field("Errors", format_args!("[{}]", status.errors.join(" ")), out);
            fields::quoted("Endpoint", endpoint.as_bytes(), out);
            if is_new {
                let downgrade = status.downgrade_info.clone().unwrap_or_default();
                let target = downgrade.target_version.as_bytes();
                fields::quoted("DowngradeTargetVersion", target, out);
                fields::field("DowngradeEnabled", downgrade.enabled, out);
            }
            out.push(b'\n');
        }
        true
    }

    fn table(&self, style: Style) -> Option<Table> {
        let is_new = style.compat >= Compat::V3_6;
        let columns = if is_new { &STATUS_COLUMNS_3_6[..] } else { &STATUS_COLUMNS[..] };
        Some(table(columns, self.0.iter().map(|row| cells(row, style.compat))))
    }
}

fn status_json(status: &pb::StatusResponse, style: Style, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    object.header("header", status.header.as_ref());
    object.text("version", &status.version);
    object.int("dbSize", status.db_size);
    object.uint("leader", status.leader);
    object.uint("raftIndex", status.raft_index);
    object.uint("raftTerm", status.raft_term);
    object.uint("raftAppliedIndex", status.raft_applied_index);
    object.array("errors", &status.errors, |error, out| json::string(error, out));
    object.int("dbSizeInUse", status.db_size_in_use);
    object.bool("isLearner", status.is_learner);
    if style.compat >= Compat::V3_6 {
        object.text("storageVersion", &status.storage_version);
        object.int("dbSizeQuota", status.db_size_quota);
        if let Some(downgrade) = &status.downgrade_info {
            let mut info = Object::new(object.member("downgradeInfo"));
            info.bool("enabled", downgrade.enabled);
            info.text("targetVersion", &downgrade.target_version);
            info.end();
        }
    }
    object.end();
}

impl Answer for Hashes<'_> {
    fn simple(&self, style: Style, out: &mut Vec<u8>) {
        for row in self.0 {
            simple::line(&hash_cells(row, style.compat).join(", "), out);
        }
    }

    fn json(&self, style: Style, out: &mut Vec<u8>) -> bool {
        json::array(self.0, out, |HashRow { endpoint, hash }, out| {
            let mut object = Object::new(out);
            json::string(endpoint, object.member("Endpoint"));
            let mut inner = Object::new(object.member("HashKV"));
            inner.header("header", hash.header.as_ref());
            inner.uint("hash", hash.hash.into());
            inner.int("compact_revision", hash.compact_revision);
            if style.compat >= Compat::V3_6 {
                inner.int("hash_revision", hash.hash_revision);
            }
            inner.end();
            object.end();
        });
        out.push(b'\n');
        true
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        for HashRow { endpoint, hash } in self.0 {
            fields::header(hash.header.as_ref(), style, out);
            fields::quoted("Endpoint", endpoint.as_bytes(), out);
            fields::field("Hash", hash.hash, out);
            if style.compat >= Compat::V3_6 {
                fields::field("HashRevision", hash.hash_revision, out);
            }
            out.push(b'\n');
        }
        true
    }

    fn table(&self, style: Style) -> Option<Table> {
        let is_new = style.compat >= Compat::V3_6;
        let columns: &[&str] =
            if is_new { &["endpoint", "hash", "hash revision"] } else { &["endpoint", "hash"] };
        Some(table(columns, self.0.iter().map(|row| hash_cells(row, style.compat))))
    }
}

fn hash_cells(HashRow { endpoint, hash }: &HashRow, compat: Compat) -> Vec<String> {
    let mut cells = vec![endpoint.clone(), hash.hash.to_string()];
    if compat >= Compat::V3_6 {
        cells.push(hash.hash_revision.to_string());
    }
    cells
}

fn table(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Table {
    let header = columns.iter().map(|&name| name.to_owned()).collect();
    Table { header, rows: rows.collect() }
}
