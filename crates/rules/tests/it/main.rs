//! The rules that ship, and files that a real promtool judges beside ours.

mod cases;
mod default_rules;
mod promtool;
mod verdicts;
