//! `data delete-series`: shown first, then asked, then done.

use std::io::{self, IsTerminal as _, Write};

use model::series::Matcher;
use tsdb::View;
use tsdb::admin::delete::delete_series;

use super::error::Error;
use super::progress::Bar;
use super::{Place, bytes, stat, write};

/// Deletes the selected series of `place` once somebody has said yes.
pub(super) fn run(
    place: &Place,
    selectors: &[Vec<Matcher>],
    is_dry: bool,
    is_confirmed: bool,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let view = View::open(&place.history)?;
    let mut usage = stat::usage(&view, selectors)?;
    drop(view);
    usage.files.retain(|file| file.share.series > 0);
    if usage.total.series == 0 {
        return write(out, "no such series; nothing to delete\n");
    }
    let title = format!("to be deleted from {}", place.data_dir.display());
    write(out, &stat::table(&title, &usage, usize::MAX))?;
    if is_dry {
        return write(out, "\nnothing was deleted, as it was a dry run\n");
    }
    if !is_confirmed && !confirm(usage.total.series) {
        return Err(Error::NotConfirmed);
    }
    let mut bar = Bar::new("deleting");
    let done = delete_series(&place.history, selectors, &mut |progress| bar.show(progress))?;
    drop(bar);
    let (before, after) = (bytes(done.bytes_before), bytes(done.bytes_after));
    let series = usage.total.series;
    write(out, &format!("\n{series} series deleted; {before} before, {after} after\n"))?;
    place.sound(&done.damage)
}

/// Asks a person, where there is one.
fn confirm(series: u64) -> bool {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return false;
    }
    let _ = write!(io::stderr().lock(), "\ndelete these {series} series for good? [y/N] ");
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
