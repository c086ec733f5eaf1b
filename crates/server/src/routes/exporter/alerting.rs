//! Series of alerting itself: what came of telling people, and how evaluation of rules goes.

use std::time::Duration;

use alert::delivery::{ChannelFigures, CircuitState};
use expfmt::{Encoder, Kind};
use jiff::Timestamp;

use super::{flag, seconds};
use crate::rules::GroupView;

/// Adds those of the channels.
pub(super) fn of_channels(out: &mut Encoder, channels: &[ChannelFigures], now: Timestamp) {
    let labels = |channel: &ChannelFigures| {
        let id = &channel.id;
        [("receiver", id.receiver.clone()), ("channel", id.channel.clone())]
    };
    let mut family =
        |name: &str, kind: Kind, help: &str, value: &dyn Fn(&ChannelFigures) -> Option<f64>| {
            let mut family = out.family(name, kind, help);
            for channel in channels {
                if let Some(value) = value(channel) {
                    let labels = labels(channel);
                    let labels = labels.each_ref().map(|(name, value)| (*name, value.as_str()));
                    family.sample(&labels, value);
                }
            }
        };
    family(
        "etcd_monitor_notifications_delivered_total",
        Kind::Counter,
        "Notifications that the channel took.",
        &|channel| Some(channel.delivered as f64),
    );
    family(
        "etcd_monitor_notifications_given_up_total",
        Kind::Counter,
        "Notifications that were given up.",
        &|channel| Some(channel.gave_up as f64),
    );
    family(
        "etcd_monitor_notifications_waiting",
        Kind::Gauge,
        "Notifications that wait for the channel, those under way among them.",
        &|channel| Some(channel.waiting as f64),
    );
    family(
        "etcd_monitor_notifications_oldest_waiting_seconds",
        Kind::Gauge,
        "How long the oldest of them waits; absent while none does.",
        &|channel| {
            let waits = now.duration_since(channel.oldest?);
            Some(Duration::try_from(waits).unwrap_or_default().as_secs_f64())
        },
    );
    family(
        "etcd_monitor_notifications_last_delivered_timestamp_seconds",
        Kind::Gauge,
        "When the channel last took one; absent before the first since the start.",
        &|channel| channel.last_delivered.map(seconds),
    );
    let mut failed = out.family(
        "etcd_monitor_notifications_failed_total",
        Kind::Counter,
        "Attempts that failed, by the class of the failure.",
    );
    for channel in channels {
        for (class, count) in &channel.failed {
            let [receiver, name] = labels(channel);
            let labels =
                [(receiver.0, receiver.1.as_str()), (name.0, name.1.as_str()), ("reason", class)];
            failed.sample(&labels, *count as f64);
        }
    }
    let mut circuits = out.family(
        "etcd_monitor_notifications_circuit_state",
        Kind::Gauge,
        "1 for the state of the channel's circuit breaker, 0 for the others.",
    );
    for channel in channels {
        for state in CircuitState::ALL {
            let [receiver, name] = labels(channel);
            let labels = [
                (receiver.0, receiver.1.as_str()),
                (name.0, name.1.as_str()),
                ("state", state.as_str()),
            ];
            circuits.sample(&labels, flag(channel.circuit == state));
        }
    }
}

/// Adds those of the groups of rules.
pub(super) fn of_rules(out: &mut Encoder, groups: &[GroupView]) {
    let mut family =
        |name: &str, kind: Kind, help: &str, value: &dyn Fn(&GroupView) -> Option<f64>| {
            let mut family = out.family(name, kind, help);
            for group in groups {
                if let Some(value) = value(group) {
                    family.sample(&[("file", &group.file), ("group", &group.name)], value);
                }
            }
        };
    family("etcd_monitor_rule_group_rules", Kind::Gauge, "Rules in the group.", &|group| {
        Some(group.rules.len() as f64)
    });
    family(
        "etcd_monitor_rule_group_evaluations_total",
        Kind::Counter,
        "Evaluations of the group.",
        &|group| Some(group.evaluations as f64),
    );
    family(
        "etcd_monitor_rule_group_missed_evaluations_total",
        Kind::Counter,
        "Evaluations of the group that were left out, since the ones before took too long.",
        &|group| Some(group.missed as f64),
    );
    family(
        "etcd_monitor_rule_group_failed_rules_total",
        Kind::Counter,
        "Evaluations of rules of the group that failed.",
        &|group| Some(group.failures as f64),
    );
    family(
        "etcd_monitor_rule_group_last_evaluation_timestamp_seconds",
        Kind::Gauge,
        "When the group was last evaluated; absent before the first time.",
        &|group| group.last_evaluation.map(seconds),
    );
    family(
        "etcd_monitor_rule_group_last_duration_seconds",
        Kind::Gauge,
        "How long the last evaluation took; what groups do together counts for each.",
        &|group| group.last_evaluation.map(|_| group.evaluation_time.as_secs_f64()),
    );
}
