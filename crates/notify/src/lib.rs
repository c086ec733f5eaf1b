//! Receivers of notifications, one file each: mail, Slack, PagerDuty, webhooks and so on.

#![forbid(unsafe_code)]
