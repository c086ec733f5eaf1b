//! Targets, probes, sweeps, health, detectors, findings and events of a fleet of clusters.
