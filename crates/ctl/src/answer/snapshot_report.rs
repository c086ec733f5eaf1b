//! Answers about a snapshot file that only we give: whether it is sound, what takes the room in it,
//! how two differ.

use std::fmt::Write as _;

use backup::{Diff, Difference, HashCheck, Inspection, KeyFigure, Usage, Verification, Version};

use super::Answer;
use crate::go;
use crate::print::json::{self, Object};
use crate::print::{Style, Table, human, simple};

/// Whether a snapshot is sound.
pub struct Verified<'a> {
    /// The file as it was named.
    pub path: &'a str,
    /// What was found.
    pub found: &'a Verification,
}

/// What takes the room in a snapshot.
pub struct Inspected<'a> {
    /// What was found.
    pub found: &'a Inspection,
    /// How many prefixes to show.
    pub top: usize,
}

/// How two snapshots differ.
pub struct Differed<'a>(pub &'a Diff);

/// A key as a person can read it, whatever its bytes.
pub(super) fn shown(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) => text.to_owned(),
        _ => go::quote(key),
    }
}

fn hash_text(found: &Verification) -> &'static str {
    match found.hash {
        Some(HashCheck::Matches) => "matches",
        Some(HashCheck::Absent) => "absent",
        None => "differs",
    }
}

fn free_bytes(found: &Verification) -> u64 {
    found.structure.free_pages * u64::from(found.structure.page_size)
}

impl Answer for Verified<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        let found = self.found;
        let verdict = if found.is_sound() { "sound" } else { "NOT SOUND" };
        simple::line(&format!("{}: {verdict}", self.path), out);
        for problem in &found.problems {
            simple::line(&format!("  problem: {problem}"), out);
        }
        for warning in &found.warnings {
            simple::line(&format!("  note: {warning}"), out);
        }
        if !found.is_database {
            return;
        }
        let size = human::bytes(found.size_bytes);
        let free = human::bytes(free_bytes(found));
        let names: Vec<String> =
            found.contents.members.iter().map(|member| shown(member.name.as_bytes())).collect();
        let version = found.contents.storage_version.as_deref();
        let lines = [
            ("sha256", hash_text(found).to_owned()),
            ("revision", found.revision.to_string()),
            ("keys", format!("{} in {} records", found.keys, found.records)),
            ("size", format!("{size}, {free} of it free")),
            ("storage version", version.unwrap_or("before 3.6").to_owned()),
            ("taken from", names.join(", ")),
        ];
        for (name, value) in lines {
            simple::line(&format!("  {name}: {value}"), out);
        }
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let found = self.found;
        let mut object = Object::new(out);
        object.raw("sound", found.is_sound());
        json::string(hash_text(found), object.member("sha256"));
        object.raw("revision", found.revision);
        object.raw("keys", found.keys);
        object.raw("records", found.records);
        object.raw("size_bytes", found.size_bytes);
        object.raw("free_bytes", free_bytes(found));
        let version = found.contents.storage_version.as_deref().unwrap_or_default();
        json::string(version, object.member("version"));
        for (name, texts) in [("problems", &found.problems), ("notes", &found.warnings)] {
            json::array(texts, object.member(name), |text, out| json::string(text, out));
        }
        object.end();
        out.push(b'\n');
        true
    }
}

fn usage_cells(name: String, usage: &Usage) -> Vec<String> {
    vec![
        name,
        usage.keys.to_string(),
        human::bytes(usage.live_bytes),
        usage.records.to_string(),
        human::bytes(usage.bytes),
    ]
}

impl Inspected<'_> {
    fn usage_table(&self) -> Table {
        let header = ["prefix", "keys", "keys size", "records", "records size"];
        let shown_prefixes = self.found.prefixes.iter().take(self.top);
        let mut rows: Vec<Vec<String>> = shown_prefixes
            .map(|(prefix, usage)| {
                let name = if prefix.is_empty() { "(none)".to_owned() } else { shown(prefix) };
                usage_cells(name, usage)
            })
            .collect();
        let left = self.found.prefixes.len().saturating_sub(self.top);
        if left > 0 || self.found.other_prefixes.records > 0 {
            let mut rest = self.found.other_prefixes;
            for (_, usage) in self.found.prefixes.iter().skip(self.top) {
                rest.keys += usage.keys;
                rest.live_bytes += usage.live_bytes;
                rest.records += usage.records;
                rest.bytes += usage.bytes;
            }
            rows.push(usage_cells(format!("({left} more)"), &rest));
        }
        rows.push(usage_cells("(all)".to_owned(), &self.found.total));
        Table { header: header.map(str::to_owned).to_vec(), rows }
    }
}

impl Answer for Inspected<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        let found = self.found;
        let size = human::bytes(found.size_bytes);
        let leases = found.contents.leases.len();
        let text = format!("revision {}, {size}, {leases} leases\n", found.revision);
        simple::line(&text, out);
        let Table { header, rows } = self.usage_table();
        columns(&header, &rows, out);
        for (title, figures, is_size) in [
            ("Largest values:", &found.largest_values, true),
            ("Most records:", &found.most_versions, false),
        ] {
            simple::line(&format!("\n{title}"), out);
            for KeyFigure { figure, key, .. } in figures {
                let figure = if is_size { human::bytes(*figure) } else { figure.to_string() };
                simple::line(&format!("{figure:>10}  {}", shown(key)), out);
            }
        }
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let found = self.found;
        let usage = |name: &str, prefix: Option<&[u8]>, usage: &Usage, out: &mut Vec<u8>| {
            let mut object = Object::new(out);
            if let Some(prefix) = prefix {
                json::string(&String::from_utf8_lossy(prefix), object.member(name));
            }
            object.raw("keys", usage.keys);
            object.raw("live_bytes", usage.live_bytes);
            object.raw("records", usage.records);
            object.raw("bytes", usage.bytes);
            object.end();
        };
        let mut object = Object::new(out);
        object.raw("revision", found.revision);
        object.raw("size_bytes", found.size_bytes);
        object.raw("leases", found.contents.leases.len());
        usage("", None, &found.total, object.member("total"));
        json::array(&found.prefixes, object.member("prefixes"), |(prefix, of), out| {
            usage("prefix", Some(prefix), of, out);
        });
        let figures = [
            ("largest_values", "bytes", &found.largest_values),
            ("most_records", "records", &found.most_versions),
        ];
        for (name, unit, figures) in figures {
            json::array(figures, object.member(name), |figure, out| {
                let mut object = Object::new(out);
                object.bytes("key", &figure.key);
                object.raw(unit, figure.figure);
                object.raw("mod_revision", figure.mod_revision);
                object.end();
            });
        }
        object.end();
        out.push(b'\n');
        true
    }

    fn table(&self, _style: Style) -> Option<Table> {
        Some(self.usage_table())
    }
}

/// Columns without lines: the first to the left, the others to the right.
pub(super) fn columns(header: &[String], rows: &[Vec<String>], out: &mut Vec<u8>) {
    let all = || std::iter::once(header).chain(rows.iter().map(Vec::as_slice));
    let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    for row in all() {
        let mut line = format!("{:<width$}", row[0], width = widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            let _ = write!(line, "  {cell:>width$}");
        }
        simple::line(&line, out);
    }
}

fn version_json(name: &str, version: Option<&Version>, object: &mut Object<'_>) {
    let Some(version) = version else { return };
    let mut of = Object::new(object.member(name));
    of.raw("mod_revision", version.mod_revision);
    of.raw("version", version.version);
    of.raw("value_bytes", version.value_bytes);
    of.end();
}

impl Answer for Differed<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        let Diff { added, removed, changed, rewritten, differences, revisions } = self.0;
        for Difference { key, before, after } in differences {
            let bytes = |version: &Version| human::bytes(version.value_bytes);
            let line = match (before, after) {
                (Some(before), Some(after)) => {
                    let (old, new) = (before.mod_revision, after.mod_revision);
                    let (from, to) = (bytes(before), bytes(after));
                    format!("~ {}  revision {old} -> {new}, {from} -> {to}", shown(key))
                }
                (Some(before), None) => format!("- {}  {}", shown(key), bytes(before)),
                (None, Some(after)) => format!("+ {}  {}", shown(key), bytes(after)),
                (None, None) => continue,
            };
            simple::line(&line, out);
        }
        let left = added + removed + changed - differences.len() as u64;
        if left > 0 {
            simple::line(&format!("({left} more; --limit shows them)"), out);
        }
        let (first, second) = revisions;
        simple::line(
            &format!(
                "revision {first} -> {second}: {added} added, {removed} removed, {changed} changed, \
                 {rewritten} written again with the same value"
            ),
            out,
        );
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let diff = self.0;
        let mut object = Object::new(out);
        object.raw("same", diff.is_same());
        object.raw("first_revision", diff.revisions.0);
        object.raw("second_revision", diff.revisions.1);
        object.raw("added", diff.added);
        object.raw("removed", diff.removed);
        object.raw("changed", diff.changed);
        object.raw("rewritten", diff.rewritten);
        json::array(&diff.differences, object.member("differences"), |difference, out| {
            let mut object = Object::new(out);
            object.bytes("key", &difference.key);
            version_json("before", difference.before.as_ref(), &mut object);
            version_json("after", difference.after.as_ref(), &mut object);
            object.end();
        });
        object.end();
        out.push(b'\n');
        true
    }
}
