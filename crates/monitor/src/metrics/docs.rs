//! Whether docs/metrics.md tells of the figures that there are.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::catalogue::CATALOGUE;
use super::expression::Scope;

const BEGIN: &str = "<!-- The table is made from the catalogue; UPDATE_EXPECT=1 cargo test -p monitor \
                     writes it anew. -->\n";
const END: &str = "<!-- The end of the table. -->\n";

fn table() -> String {
    let mut table = String::from("| figure | unit | meaning | from etcd's series | etcd |\n");
    table.push_str("|---|---|---|---|---|\n");
    let interval = Duration::from_secs(15);
    let scope = Scope::new(interval, interval);
    for spec in CATALOGUE {
        let source = spec.source.promql(&scope).replace('|', "\\|");
        let since = if spec.since.is_empty() { "all" } else { spec.since };
        let (name, unit, help) = (spec.name, spec.unit.as_str(), spec.help);
        writeln!(table, "| `{name}` | {unit} | {help} | `{source}` | {since} |").unwrap();
    }
    table
}

#[test]
fn the_table_of_figures_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("docs/metrics.md has the begin mark");
    let (found, after) = rest.split_once(END).expect("docs/metrics.md has the end mark");
    let expected = table();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, [before, BEGIN, &expected, END, after].concat()).unwrap();
    } else {
        assert!(found == expected, "stale; run: UPDATE_EXPECT=1 cargo test -p monitor");
    }
}
