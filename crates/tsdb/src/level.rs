//! The resolutions that samples are kept in, and the files of each.

use std::path::Path;

use jiff::civil::Date;

const FIRST_DAY: Date = Date::constant(1970, 1, 1);

/// How far apart kept samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// As they were scraped.
    Raw,
    /// One in five minutes.
    FiveMinutes,
    /// One in an hour.
    Hour,
}

impl Level {
    /// All of them, the finest first.
    pub const ALL: [Self; 3] = [Self::Raw, Self::FiveMinutes, Self::Hour];

    /// Those that are made of raw samples.
    pub(crate) const COARSE: [Self; 2] = [Self::FiveMinutes, Self::Hour];

    /// The time between two samples, milliseconds; 0 for raw ones, whose time the scrapes decide.
    pub const fn spacing_ms(self) -> i64 {
        match self {
            Self::Raw => 0,
            Self::FiveMinutes => 300_000,
            Self::Hour => 3_600_000,
        }
    }

    /// The name in files and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::FiveMinutes => "5m",
            Self::Hour => "1h",
        }
    }

    /// Days in one file. Retention deletes whole files, and longer columns compress better.
    pub(crate) const fn days(self) -> i64 {
        match self {
            Self::Raw => 1,
            Self::FiveMinutes => 10,
            Self::Hour => 100,
        }
    }
}

/// Which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId {
    pub(crate) level: Level,
    /// Days since 1970 UTC.
    pub(crate) first_day: i64,
}

impl FileId {
    /// The file that holds a day.
    pub(crate) fn of(level: Level, day: i64) -> Self {
        Self { level, first_day: day.div_euclid(level.days()) * level.days() }
    }

    /// The first day that it no longer holds.
    pub(crate) fn end_day(self) -> i64 {
        self.first_day + self.level.days()
    }

    /// `2026-11-24.db`, `2026-11-21.5m.db`.
    pub(crate) fn name(self) -> String {
        let days = jiff::Span::new().days(self.first_day.clamp(0, 100_000));
        let date = FIRST_DAY.checked_add(days).unwrap_or(FIRST_DAY);
        match self.level {
            Level::Raw => format!("{date}.db"),
            coarse => format!("{date}.{}.db", coarse.as_str()),
        }
    }

    /// The other way round; none for a file of another kind.
    pub(crate) fn parse(path: &Path) -> Option<Self> {
        let stem = path.file_name()?.to_str()?.strip_suffix(".db")?;
        let (date, suffix) = stem.split_once('.').unwrap_or((stem, Level::Raw.as_str()));
        let level = Level::ALL.into_iter().find(|level| level.as_str() == suffix)?;
        let date: Date = date.parse().ok()?;
        let found = Self { level, first_day: i64::from((date - FIRST_DAY).get_days()) };
        (found.name() == path.file_name()?.to_str()?).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_name() {
        for (level, day, name) in [
            (Level::Raw, 20_416, "2025-11-24.db"),
            (Level::FiveMinutes, 20_416, "2025-11-18.5m.db"),
            (Level::FiveMinutes, 20_420, "2025-11-28.5m.db"),
            (Level::Hour, 20_416, "2025-11-08.1h.db"),
        ] {
            let file = FileId::of(level, day);
            assert_eq!(file.name(), name);
            assert_eq!(FileId::parse(Path::new(name)), Some(file));
            assert!((file.first_day..file.end_day()).contains(&day));
        }
        for name in ["2025-11-24.raw.db", "2025-11-24.db-wal", "records.db", "x.5m.db", "lock"] {
            assert_eq!(FileId::parse(Path::new(name)), None, "{name}");
        }
    }
}
