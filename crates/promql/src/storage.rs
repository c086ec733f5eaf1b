//! Where the series come from: the one thing that evaluation asks of the world.

pub use model::series::{
    Ask, Asked, Figure, Series, Source as Storage, SourceError as StorageError, Want, Windows,
};
