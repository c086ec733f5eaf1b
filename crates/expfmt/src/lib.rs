//! Prometheus text and OpenMetrics, in and out.
