//! The store as it is on disk, to be read and never written, whoever else writes to it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use model::series::{Labels, Matcher, Series, Source, SourceError, Want};

use crate::catalog::Metric;
use crate::error::Error;
use crate::select;
use crate::shards::Shards;

/// What the store held when it was opened, read beside a running monitor or without one. What comes
/// later is not seen reliably; open it again.
#[derive(Debug, Clone)]
pub struct View {
    pub(crate) shards: Arc<Shards>,
}

impl View {
    /// Opens the store in `directory`. Files that are damaged are left out and noted.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let shards = Shards::open(directory, true)?;
        for (target, segment) in shards.replay()? {
            target.restore(Arc::new(segment));
        }
        Ok(Self { shards: Arc::new(shards) })
    }

    /// What members said of their metrics: type and meaning by name.
    pub fn metrics(&self) -> BTreeMap<String, Metric> {
        self.shards.catalog.metrics()
    }

    /// What was found damaged and left out, each with its file.
    pub fn damage(&self) -> Vec<String> {
        self.shards.damage()
    }
}

impl Source for View {
    fn read(
        &self,
        matchers: &[Matcher],
        want: Want,
        take: &mut dyn FnMut(Series, i64) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        Ok(select::read(&self.shards, matchers, want, take)?)
    }

    fn series(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<Labels>, SourceError> {
        Ok(select::series(&self.shards, matchers, from_ms, to_ms)?)
    }
}
