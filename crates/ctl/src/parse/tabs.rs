//! Columns that are lined up with tabs, as Go's tabwriter does for etcdctl's help.

/// Width of a tab stop.
const TAB: usize = 8;

/// Lines up `text`: tabs end the cells of a column, and neighbouring lines share columns.
pub(super) fn align(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    let mut out = String::with_capacity(text.len() * 2);
    let mut widths = Vec::new();
    block(&lines, &mut widths, &mut out);
    // The text's last line end makes one more, empty line.
    out.pop();
    out
}

/// Writes `lines`, whose first columns have the given widths already.
fn block(lines: &[Vec<&str>], widths: &mut Vec<usize>, out: &mut String) {
    let column = widths.len();
    let has_column = |line: &Vec<&str>| column + 1 < line.len();
    let mut from = 0;
    let mut at = 0;
    while at < lines.len() {
        if !has_column(&lines[at]) {
            at += 1;
            continue;
        }
        write(&lines[from..at], widths, out);
        from = at;
        let end = at + lines[at..].iter().take_while(|line| has_column(line)).count();
        let width = lines[at..end].iter().map(|line| line[column].chars().count() + 1).max();
        widths.push(width.unwrap_or(1));
        block(&lines[from..end], widths, out);
        widths.pop();
        from = end;
        at = end;
    }
    write(&lines[from..], widths, out);
}

fn write(lines: &[Vec<&str>], widths: &[usize], out: &mut String) {
    for line in lines {
        for (column, cell) in line.iter().enumerate() {
            out.push_str(cell);
            if let Some(width) = widths.get(column).filter(|_| column + 1 < line.len()) {
                let stop = width.div_ceil(TAB) * TAB;
                let tabs = (stop - cell.chars().count()).div_ceil(TAB);
                out.extend(std::iter::repeat_n('\t', tabs));
            }
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_lines_share_columns() {
        let text = "HEAD:\n\ta\tshort\n\tlong-name-here\tlong\n\nTAIL\n";
        let aligned = "HEAD:\n\ta\t\tshort\n\tlong-name-here\tlong\n\nTAIL\n";
        assert_eq!(align(text), aligned);
    }
}
