//! Appending the scrapes of one target.

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::series::{Labels, STALE_NAN_BITS};

use crate::error::Error;
use crate::segment::{Rows, Segment};
use crate::writer::{Command, RowCommand};
use crate::{ABSENT, DAY_MS, row};

/// Scrapes of a target in memory before they become a block on disk: a quarter of an hour at one in
/// 15 s. They are most of the memory that a member takes.
pub(crate) const SEGMENT_ROWS: usize = 60;

/// A series' own labels (name, `le`, …), registered once; valid for all targets of one store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeriesId(NonZeroU32);

impl SeriesId {
    pub(crate) fn new(shape: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(shape))
    }

    fn shape(self) -> u32 {
        self.0.get() - 1
    }
}

/// What is known of one target.
#[derive(Debug)]
pub(crate) struct TargetState {
    pub(crate) number: u32,
    pub(crate) labels: Labels,
    head: Mutex<Head>,
}

#[derive(Debug, Default)]
struct Head {
    open: Option<Segment>,
    /// Complete, on their way to disk.
    sealing: Vec<Arc<Segment>>,
    has_sealed: bool,
}

thread_local! {
    /// The row that is being put together: spares an allocation per scrape, and one vector per
    /// thread is less than one per target.
    static NEXT: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

impl TargetState {
    pub(crate) fn new(number: u32, labels: Labels) -> Self {
        Self { number, labels, head: Mutex::default() }
    }

    fn head(&self) -> MutexGuard<'_, Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What readers may see of the latest scrapes, from `from_ms` on.
    pub(crate) fn recent(&self, from_ms: i64) -> Vec<Rows> {
        let head = self.head();
        let sealing = head.sealing.iter().map(Arc::as_ref);
        sealing.chain(&head.open).filter_map(|segment| segment.committed(from_ms)).collect()
    }

    /// The rows of a segment up to `rows` are on disk.
    pub(crate) fn committed(&self, segment: u64, rows: usize) {
        let head = self.head();
        let mut all = head.sealing.iter().map(Arc::as_ref).chain(&head.open);
        if let Some(segment) = all.find(|one| one.number == segment) {
            segment.commit(rows);
        }
    }

    /// The segment is a block on disk.
    pub(crate) fn sealed(&self, segment: u64) {
        self.head().sealing.retain(|one| one.number != segment);
    }

    /// Takes a segment that was read from disk and will become a block.
    pub(crate) fn restore(&self, segment: Arc<Segment>) {
        self.head().sealing.push(segment);
    }
}

/// Appends the scrapes of one target. One at a time may append.
#[derive(Debug, Clone)]
pub struct Target {
    pub(crate) state: Arc<TargetState>,
    pub(crate) writer: SyncSender<Command>,
    pub(crate) segments: Arc<AtomicU64>,
    pub(crate) ingest_error: Arc<Mutex<Option<String>>>,
}

impl Target {
    /// The labels that all series of the target have.
    pub fn labels(&self) -> &Labels {
        &self.state.labels
    }

    /// Appends one scrape, made at `at_ms` (milliseconds since 1970 UTC). A series that the scrape
    /// before had and this one has not ends with a stale marker. Of a series that is there twice
    /// the first value is kept, of a second scrape at the same millisecond nothing.
    ///
    /// Never waits for a disk or a query: while the disk takes nothing, the scrape is refused.
    pub fn append(&self, at_ms: i64, samples: &[(SeriesId, f64)]) -> Result<(), Error> {
        let mut head = self.state.head();
        let day = at_ms.div_euclid(DAY_MS);
        let rows = self.rows_of_a_segment(head.has_sealed);
        let is_over = |open: &Segment| open.day != day || open.len() >= rows;
        if head.open.as_ref().is_some_and(is_over) {
            self.seal(&mut head)?;
        }
        let open = head.open.get_or_insert_with(|| {
            Segment::new(self.segments.fetch_add(1, Ordering::Relaxed), day)
        });
        if open.times.contains(&at_ms) {
            return Ok(());
        }
        NEXT.with_borrow_mut(|next| self.add_row(open, next, at_ms, samples))
    }

    fn add_row(
        &self,
        open: &mut Segment,
        next: &mut Vec<u64>,
        at_ms: i64,
        samples: &[(SeriesId, f64)],
    ) -> Result<(), Error> {
        let known = open.slots.len();
        next.clear();
        next.resize(known, ABSENT);
        place(&mut open.slots, next, samples);
        if open.slots.len() > known {
            // Seldom but for the first row, and then for as long as the segment lasts.
            open.slots.shrink_to_fit();
        }
        mark_stale(&open.last, next);
        open.last.resize(next.len(), ABSENT);
        let mut diff = Vec::new();
        row::encode(&mut diff, &open.last, next);
        let command = Command::Row(RowCommand {
            target: Arc::clone(&self.state),
            day: open.day,
            segment: open.number,
            index: open.len(),
            at_ms,
            added: open.slots[known..].to_vec(),
            diff: diff.clone().into(),
        });
        if let Err(error) = self.send(command) {
            // As if the scrape had never been.
            open.slots.truncate(known);
            open.last.truncate(known);
            return Err(error);
        }
        open.push(at_ms, &diff, next);
        Ok(())
    }

    /// Makes a block of the latest scrapes when they are of a day before this one.
    pub(crate) fn seal_before(&self, day: i64) {
        let mut head = self.state.head();
        if head.open.as_ref().is_some_and(|open| open.day < day) {
            // While the disk takes nothing, it stays as it is.
            let _ = self.seal(&mut head);
        }
    }

    /// The first segment of each target is shorter than the others, each by another length, so that
    /// not all become blocks at once.
    fn rows_of_a_segment(&self, has_sealed: bool) -> usize {
        let stagger = (self.state.number as usize * 7) % (SEGMENT_ROWS - 20);
        if has_sealed { SEGMENT_ROWS } else { 20 + stagger }
    }

    fn seal(&self, head: &mut Head) -> Result<(), Error> {
        let Some(open) = head.open.take() else { return Ok(()) };
        let segment = Arc::new(open);
        let command =
            Command::Seal { target: Arc::clone(&self.state), segment: Arc::clone(&segment) };
        if let Err(error) = self.send(command) {
            head.open = Arc::into_inner(segment);
            return Err(error);
        }
        head.sealing.push(segment);
        head.has_sealed = true;
        Ok(())
    }

    fn send(&self, command: Command) -> Result<(), Error> {
        self.writer.try_send(command).map_err(|error| match error {
            TrySendError::Disconnected(_) => Error::Closed,
            TrySendError::Full(_) => {
                let known = self.ingest_error.lock().unwrap_or_else(PoisonError::into_inner);
                let reason = known.clone();
                let slow = || "the disk is slower than the scrapes".to_owned();
                Error::Paused { reason: reason.unwrap_or_else(slow) }
            }
        })
    }
}

/// Puts samples in their series' places; pages keep their order, so most are where they are expected.
fn place(slots: &mut Vec<u32>, next: &mut Vec<u64>, samples: &[(SeriesId, f64)]) {
    let mut expected = 0;
    for (series, value) in samples {
        let shape = series.shape();
        let slot = if slots.get(expected) == Some(&shape) {
            expected
        } else if let Some(found) = slots.iter().position(|slot| *slot == shape) {
            found
        } else {
            slots.push(shape);
            next.push(ABSENT);
            slots.len() - 1
        };
        let bits = value.to_bits();
        if next[slot] == ABSENT {
            // The one NaN that we need for ourselves becomes another one.
            next[slot] = if bits == ABSENT { f64::NAN.to_bits() } else { bits };
        }
        expected = slot + 1;
    }
}

/// A series that was there and is not ends here.
fn mark_stale(last: &[u64], next: &mut [u64]) {
    for (last, next) in last.iter().zip(next) {
        if *next == ABSENT && *last != ABSENT && *last != STALE_NAN_BITS {
            *next = STALE_NAN_BITS;
        }
    }
}
