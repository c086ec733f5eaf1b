//! Prometheus' rule files: reading, checking, evaluating, testing.

#![forbid(unsafe_code)]
