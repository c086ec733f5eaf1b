//! Answers of `keys`: counts and sizes by prefix, as a list, as a tree, or the most of something.

use backup::KeyFigure;

use super::Answer;
use super::snapshot_report::{columns, shown};
use crate::operate::usage::{By, ByPrefix, LeaseUse, Most, Node, Sum};
use crate::print::json::{self, Object};
use crate::print::{Style, Table, human, simple};
use crate::scan::Scan;

/// Which member said it, of which revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    revision: i64,
    endpoint: String,
    member_id: u64,
    role: &'static str,
    shown: String,
}

impl Origin {
    /// What was read last.
    pub fn of(scan: &Scan) -> Self {
        let source = scan.source();
        Self {
            revision: scan.revision(),
            endpoint: source.member.endpoint().to_string(),
            member_id: source.id,
            role: source.role,
            shown: source.shown(),
        }
    }

    fn line(&self, out: &mut Vec<u8>) {
        simple::line(&format!("revision {}, read from {}\n", self.revision, self.shown), out);
    }

    fn members(&self, object: &mut Object<'_>) {
        object.raw("revision", self.revision);
        json::string(&self.endpoint, object.member("endpoint"));
        json::string(&format!("{:x}", self.member_id), object.member("member_id"));
        json::string(self.role, object.member("role"));
    }
}

/// A prefix in JSON: as text where it is some, else in base64.
fn prefix_json(prefix: &[u8], object: &mut Object<'_>) {
    match std::str::from_utf8(prefix) {
        Ok(text) => json::string(text, object.member("prefix")),
        Err(_) => json::base64(prefix, object.member("prefix_base64")),
    }
}

fn sum_json(sum: Sum, has_bytes: bool, object: &mut Object<'_>) {
    object.raw("keys", sum.keys);
    if has_bytes {
        object.raw("bytes", sum.bytes);
    }
}

fn sum_cells(name: String, sum: Sum, has_bytes: bool) -> Vec<String> {
    let mut cells = vec![name, sum.keys.to_string()];
    if has_bytes {
        cells.push(human::bytes(sum.bytes));
    }
    cells
}

fn header(has_bytes: bool) -> Vec<String> {
    let names: &[&str] = if has_bytes { &["prefix", "keys", "size"] } else { &["prefix", "keys"] };
    names.iter().map(ToString::to_string).collect()
}

fn at_most(top: usize) -> usize {
    if top == 0 { usize::MAX } else { top }
}

/// Keys by prefix, the largest first.
pub struct UsageList<'a> {
    /// Who said it.
    pub origin: Origin,
    /// The sums.
    pub sums: &'a ByPrefix,
    /// How many to show; 0 for all.
    pub top: usize,
    /// Whether values were read, so that sizes are known.
    pub has_bytes: bool,
}

impl UsageList<'_> {
    fn rows(&self) -> Table {
        let sorted = self.sums.sorted(self.has_bytes);
        let mut rest = self.sums.other;
        let mut rows = Vec::new();
        for (index, (prefix, sum)) in sorted.iter().enumerate() {
            if index < at_most(self.top) {
                let name = if prefix.is_empty() { "(none)".to_owned() } else { shown(prefix) };
                rows.push(sum_cells(name, *sum, self.has_bytes));
            } else {
                rest.keys += sum.keys;
                rest.bytes += sum.bytes;
            }
        }
        if rest.keys > 0 {
            let left = sorted.len().saturating_sub(self.top);
            rows.push(sum_cells(format!("({left} more)"), rest, self.has_bytes));
        }
        rows.push(sum_cells("(all)".to_owned(), self.sums.total, self.has_bytes));
        Table { header: header(self.has_bytes), rows }
    }
}

impl Answer for UsageList<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        self.origin.line(out);
        let Table { header, rows } = self.rows();
        columns(&header, &rows, out);
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let mut object = Object::new(out);
        self.origin.members(&mut object);
        sum_json(self.sums.total, self.has_bytes, &mut object);
        let sorted = self.sums.sorted(self.has_bytes);
        json::array(&sorted, object.member("prefixes"), |(prefix, sum), out| {
            let mut object = Object::new(out);
            prefix_json(prefix, &mut object);
            sum_json(*sum, self.has_bytes, &mut object);
            object.end();
        });
        object.uint("other_keys", self.sums.other.keys);
        object.end();
        out.push(b'\n');
        true
    }

    fn table(&self, _style: Style) -> Option<Table> {
        Some(self.rows())
    }
}

/// Prefixes under prefixes.
pub struct UsageTree<'a> {
    /// Who said it.
    pub origin: Origin,
    /// The sums.
    pub sums: &'a ByPrefix,
    /// The prefixes.
    pub nodes: Vec<Node>,
    /// How many to show under each; 0 for all.
    pub top: usize,
    /// Whether values were read, so that sizes are known.
    pub has_bytes: bool,
}

impl UsageTree<'_> {
    fn rows_of(&self, nodes: &[Node], above: &[u8], depth: usize, rows: &mut Vec<Vec<String>>) {
        let indent = "  ".repeat(depth);
        for node in nodes.iter().take(at_most(self.top)) {
            let name = shown(node.prefix.get(above.len()..).unwrap_or_default());
            rows.push(sum_cells(format!("{indent}{name}"), node.sum, self.has_bytes));
            self.rows_of(&node.children, &node.prefix, depth + 1, rows);
        }
        let left = nodes.iter().skip(at_most(self.top));
        let rest = left.clone().fold(Sum::default(), |sum, node| Sum {
            keys: sum.keys + node.sum.keys,
            bytes: sum.bytes + node.sum.bytes,
        });
        if rest.keys > 0 {
            let name = format!("{indent}({} more)", left.count());
            rows.push(sum_cells(name, rest, self.has_bytes));
        }
    }

    fn rows(&self) -> Table {
        let mut rows = Vec::new();
        self.rows_of(&self.nodes, b"", 0, &mut rows);
        if self.sums.other.keys > 0 {
            rows.push(sum_cells("(not told apart)".to_owned(), self.sums.other, self.has_bytes));
        }
        rows.push(sum_cells("(all)".to_owned(), self.sums.total, self.has_bytes));
        Table { header: header(self.has_bytes), rows }
    }

    fn nodes_json(&self, nodes: &[Node], out: &mut Vec<u8>) {
        json::array(nodes, out, |node, out| {
            let mut object = Object::new(out);
            prefix_json(&node.prefix, &mut object);
            sum_json(node.sum, self.has_bytes, &mut object);
            if !node.children.is_empty() {
                self.nodes_json(&node.children, object.member("prefixes"));
            }
            object.end();
        });
    }
}

impl Answer for UsageTree<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        self.origin.line(out);
        let Table { header, rows } = self.rows();
        columns(&header, &rows, out);
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let mut object = Object::new(out);
        self.origin.members(&mut object);
        sum_json(self.sums.total, self.has_bytes, &mut object);
        self.nodes_json(&self.nodes, object.member("prefixes"));
        object.uint("other_keys", self.sums.other.keys);
        object.end();
        out.push(b'\n');
        true
    }

    fn table(&self, _style: Style) -> Option<Table> {
        Some(self.rows())
    }
}

/// The most of something.
pub struct UsageMost {
    origin: Origin,
    by: By,
    keys: Vec<KeyFigure>,
    leases: Vec<(i64, LeaseUse)>,
    all_leases: usize,
    other_keys: u64,
    total: Sum,
}

impl UsageMost {
    /// Of what was found.
    pub fn new(origin: Origin, by: By, mut most: Most) -> Self {
        let (leases, all_leases) = most.leases();
        let (keys, total, other_keys) = (most.keys(), most.total, most.other_keys);
        Self { origin, by, keys, leases, all_leases, other_keys, total }
    }

    fn rows(&self) -> Table {
        let mut rows: Vec<Vec<String>> = Vec::new();
        let names = match self.by {
            By::Size => ["key", "value size", "revision"],
            By::Versions => ["key", "versions", "revision"],
            By::Lease => ["lease", "keys", "first key"],
        };
        for KeyFigure { figure, key, mod_revision } in &self.keys {
            let is_size = self.by == By::Size;
            let figure = if is_size { human::bytes(*figure) } else { figure.to_string() };
            rows.push(vec![shown(key), figure, mod_revision.to_string()]);
        }
        for (id, lease) in &self.leases {
            rows.push(vec![format!("{id:x}"), lease.keys.to_string(), shown(&lease.first)]);
        }
        let keys = self.total.keys;
        rows.push(match self.by {
            By::Size => {
                vec![format!("(all {keys} keys)"), human::bytes(self.total.bytes), String::new()]
            }
            By::Versions => vec![format!("(all {keys} keys)"), String::new(), String::new()],
            By::Lease => {
                let more = if self.other_keys > 0 { " and more" } else { "" };
                let name = format!("(all {} leases{more})", self.all_leases);
                vec![name, format!("of {keys} keys"), String::new()]
            }
        });
        Table { header: names.map(str::to_owned).to_vec(), rows }
    }
}

impl Answer for UsageMost {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        self.origin.line(out);
        let Table { header, rows } = self.rows();
        columns(&header, &rows, out);
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let mut object = Object::new(out);
        self.origin.members(&mut object);
        sum_json(self.total, self.by == By::Size, &mut object);
        if self.by == By::Lease {
            object.raw("leases", self.all_leases);
            json::array(&self.leases, object.member("top"), |(id, lease), out| {
                let mut object = Object::new(out);
                json::string(&format!("{id:x}"), object.member("lease"));
                object.raw("keys", lease.keys);
                object.bytes("first_key", &lease.first);
                object.end();
            });
        } else {
            let unit = if self.by == By::Size { "value_bytes" } else { "versions" };
            json::array(&self.keys, object.member("top"), |figure, out| {
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
        Some(self.rows())
    }
}
