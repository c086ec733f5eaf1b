//! What became of the keys of a file.

use super::Answer;
use crate::print::json::Object;
use crate::print::{Style, simple};
use crate::transfer::Tally;

/// The end of `import`.
pub struct Imported {
    /// What became of how many keys.
    pub tally: Tally,
    /// Whether nothing was written.
    pub is_dry: bool,
}

impl Answer for Imported {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        let Tally { created, overwritten, same, kept, expired, conflicts } = self.tally;
        let would = if self.is_dry { "would be " } else { "" };
        let mut parts = vec![
            format!("{created} keys {would}created"),
            format!("{overwritten} {would}overwritten"),
            format!("{same} the same already"),
        ];
        let others = [
            (kept, "left as they are"),
            (expired, "left out, as their lease had ended"),
            (conflicts, "in the way: give --if-absent or --overwrite"),
        ];
        let others = others.into_iter().filter(|(count, _)| *count > 0);
        parts.extend(others.map(|(count, text)| format!("{count} {text}")));
        simple::line(&parts.join(", "), out);
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let Tally { created, overwritten, same, kept, expired, conflicts } = self.tally;
        let mut object = Object::new(out);
        object.raw("dry_run", self.is_dry);
        object.raw("created", created);
        object.raw("overwritten", overwritten);
        object.raw("same", same);
        object.raw("kept", kept);
        object.raw("expired", expired);
        object.raw("conflicts", conflicts);
        object.end();
        out.push(b'\n');
        true
    }
}
