//! Answers about a snapshot file as etcdutl has them: its status, the hash of its keys.

use backup::{HashKv, Status};

use super::Answer;
use crate::compat::Compat;
use crate::print::json::Object;
use crate::print::{Style, Table, fields, human, simple};

/// What a snapshot holds, in short.
pub struct SnapshotStatus<'a>(pub &'a Status);

/// The hash of a snapshot's keys.
pub struct FileHash<'a>(pub &'a HashKv);

impl SnapshotStatus<'_> {
    /// Up to 3.5, each entry of each bucket counted as a key.
    fn keys(&self, style: Style) -> u64 {
        if has_version(style) { self.0.total_key } else { self.0.total_entries }
    }

    fn cells(&self, style: Style) -> Vec<String> {
        let mut cells = vec![
            format!("{:x}", self.0.hash),
            self.0.revision.to_string(),
            self.keys(style).to_string(),
            human::bytes(self.0.total_size),
        ];
        if has_version(style) {
            cells.push(self.0.version.clone());
        }
        cells
    }
}

fn has_version(style: Style) -> bool {
    style.compat >= Compat::V3_6
}

impl Answer for SnapshotStatus<'_> {
    fn simple(&self, style: Style, out: &mut Vec<u8>) {
        simple::line(&self.cells(style).join(", "), out);
    }

    fn json(&self, style: Style, out: &mut Vec<u8>) -> bool {
        let mut object = Object::new(out);
        // Zeros too: the structure in Go says nothing of leaving them out.
        object.raw("hash", self.0.hash);
        object.raw("revision", self.0.revision);
        object.raw("totalKey", self.keys(style));
        object.raw("totalSize", self.0.total_size);
        if has_version(style) {
            crate::print::json::string(&self.0.version, object.member("version"));
        }
        object.end();
        out.push(b'\n');
        true
    }

    fn fields(&self, style: Style, out: &mut Vec<u8>) -> bool {
        fields::field("Hash", self.0.hash, out);
        fields::field("Revision", self.0.revision, out);
        fields::field("Keys", self.keys(style), out);
        fields::field("Size", self.0.total_size, out);
        if has_version(style) {
            fields::field("Version", &self.0.version, out);
        }
        true
    }

    fn table(&self, style: Style) -> Option<Table> {
        let names = ["hash", "revision", "total keys", "total size", "version"];
        let cells = self.cells(style);
        let header = names[..cells.len()].iter().map(ToString::to_string).collect();
        Some(Table { header, rows: vec![cells] })
    }
}

impl FileHash<'_> {
    fn numbers(&self) -> [(&'static str, &'static str, i64); 3] {
        [
            ("hash", "Hash", i64::from(self.0.hash)),
            ("hashRevision", "Hash revision", self.0.hash_revision),
            ("compactRevision", "Compact revision", self.0.compact_revision),
        ]
    }
}

impl Answer for FileHash<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        let cells = self.numbers().map(|(_, _, number)| number.to_string());
        simple::line(&cells.join(", "), out);
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let mut object = Object::new(out);
        for (name, _, number) in self.numbers() {
            object.raw(name, number);
        }
        object.end();
        out.push(b'\n');
        true
    }

    fn fields(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        for (_, name, number) in self.numbers() {
            fields::field(name, number, out);
        }
        true
    }

    fn table(&self, _style: Style) -> Option<Table> {
        let numbers = self.numbers();
        let header = numbers.iter().map(|(_, name, _)| name.to_lowercase()).collect();
        let row = numbers.iter().map(|(_, _, number)| number.to_string()).collect();
        Some(Table { header, rows: vec![row] })
    }
}
