//! Calendar functions of seconds since 1970, UTC.

/// Seconds from the year -292277022399, from which Go counts, to 1970; a multiple of 400 years
/// before, so that every 64-bit second has a date.
const EPOCH: i64 = 9_223_372_028_715_321_600;
const FIRST_YEAR: i64 = -292_277_022_399;
const DAY: u64 = 86_400;
const DAYS_PER_400_YEARS: u64 = 146_097;
const DAYS_BEFORE: [u64; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

/// The calendar function called `name`.
pub(super) fn function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "day_of_month" => |seconds| Date::of(seconds).day as f64,
        "day_of_week" => |seconds| ((since_first(seconds) / DAY + 1) % 7) as f64,
        "day_of_year" => |seconds| Date::of(seconds).day_of_year as f64,
        "days_in_month" => |seconds| Date::of(seconds).days_in_month() as f64,
        "hour" => |seconds| (since_first(seconds) % DAY / 3600) as f64,
        "minute" => |seconds| (since_first(seconds) % 3600 / 60) as f64,
        "month" => |seconds| Date::of(seconds).month as f64,
        "year" => |seconds| Date::of(seconds).year as f64,
        _ => return None,
    })
}

fn since_first(seconds: f64) -> u64 {
    // A float that fits no integer becomes the least one, as on the processors Go runs on.
    let fits = seconds >= i64::MIN as f64 && seconds < i64::MAX as f64;
    let seconds = if fits { seconds as i64 } else { i64::MIN };
    seconds.wrapping_add(EPOCH) as u64
}

struct Date {
    year: i64,
    /// From 1, as the others.
    month: usize,
    day: u64,
    day_of_year: u64,
    is_leap: bool,
}

impl Date {
    fn of(seconds: f64) -> Self {
        let mut days = since_first(seconds) / DAY;
        let mut year = 400 * (days / DAYS_PER_400_YEARS);
        days %= DAYS_PER_400_YEARS;
        // The last day of a 4th century or of a 4th year belongs to it, not to the next one.
        let centuries = (days / 36_524).min(3);
        days -= centuries * 36_524;
        let fours = days / 1_461;
        days -= fours * 1_461;
        let years = (days / 365).min(3);
        days -= years * 365;
        year += 100 * centuries + 4 * fours + years;
        let is_leap = years == 3 && (fours != 24 || centuries == 3);
        let before = |month: usize| DAYS_BEFORE[month] + u64::from(is_leap && month >= 2);
        let month = (1..=12).find(|month| days < before(*month)).unwrap_or(12);
        Self {
            year: (year as i64).wrapping_add(FIRST_YEAR),
            month,
            day: days - before(month - 1) + 1,
            day_of_year: days + 1,
            is_leap,
        }
    }

    fn days_in_month(&self) -> u64 {
        let length = DAYS_BEFORE[self.month] - DAYS_BEFORE[self.month - 1];
        length + u64::from(self.is_leap && self.month == 2)
    }
}
