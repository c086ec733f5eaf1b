//! REST API, exporter, event stream: parse, call, map; no logic.
