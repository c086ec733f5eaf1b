//! What may be left out: repeats of what still waits, and ends of what a channel never heard of.

use model::alert::{Alert, Fingerprint};
use model::notification::{Notification, Reason};

/// Whether `later`, of the same group and channel, says all that `earlier` does: it only repeats,
/// and every alert in `earlier` is in it in the same state.
pub(super) fn supersedes(later: &Notification, earlier: &Notification) -> bool {
    // What was cut off can't be compared.
    let is_whole = earlier.truncated == 0 && later.truncated == 0;
    is_whole
        && later.reason == Reason::Repeat
        && earlier.alerts.iter().all(|alert| {
            later.alerts.iter().any(|other| {
                other.labels == alert.labels
                    && other.starts_at == alert.starts_at
                    && other.is_resolved(later.at) == alert.is_resolved(earlier.at)
            })
        })
}

/// Alerts of a notification, by what it says of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Those that go on.
    pub(super) firing: Vec<Fingerprint>,
    /// Those that are over.
    pub(super) resolved: Vec<Fingerprint>,
}

/// What `notification` says of its alerts.
pub(super) fn news(notification: &Notification) -> News {
    let mut news = News::default();
    for alert in &notification.alerts {
        let side =
            if alert.is_resolved(notification.at) { &mut news.resolved } else { &mut news.firing };
        side.push(alert.fingerprint());
    }
    news
}

/// The notification without the end of alerts in `untold`; `None` when nothing else is in it.
pub(super) fn without_untold(
    notification: &Notification,
    untold: &[Fingerprint],
) -> Option<Notification> {
    let is_news = |alert: &Alert| {
        !alert.is_resolved(notification.at) || !untold.contains(&alert.fingerprint())
    };
    let alerts: Vec<Alert> =
        notification.alerts.iter().filter(|alert| is_news(alert)).cloned().collect();
    (!alerts.is_empty()).then(|| Notification { alerts, ..notification.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::testing::{alert, at, notification};

    #[test]
    fn a_repeat_stands_for_what_it_repeats_and_for_nothing_else() {
        let (on, other) = (alert("a", 1, None), alert("b", 1, None));
        let over = alert("a", 1, Some(5));
        let told = |reason, alerts: &[&Alert]| Notification {
            reason,
            at: at(10),
            ..notification("n", "g", alerts.iter().copied().cloned().collect())
        };
        let first = |alerts: &[&Alert]| told(Reason::FirstNotification, alerts);
        let repeat = |alerts: &[&Alert]| told(Reason::Repeat, alerts);
        let cut = Notification { truncated: 1, ..first(&[&on]) };
        for (later, earlier, expected) in [
            (repeat(&[&on]), first(&[&on]), true),
            (repeat(&[&on, &other]), first(&[&on]), true),
            (repeat(&[&on]), repeat(&[&on]), true),
            (repeat(&[&on]), first(&[&on, &other]), false),
            (repeat(&[&on]), first(&[&over]), false),
            (repeat(&[&other]), first(&[&over, &other]), false),
            (repeat(&[&alert("a", 2, None)]), first(&[&on]), false),
            (told(Reason::NewAlerts, &[&on, &other]), first(&[&on]), false),
            (told(Reason::AllResolved, &[&over]), first(&[&on]), false),
            (repeat(&[&on]), cut, false),
        ] {
            assert_eq!(supersedes(&later, &earlier), expected, "{later:?} for {earlier:?}");
        }
    }

    #[test]
    fn the_end_of_what_was_never_told_is_no_news() {
        let (on, over) = (alert("a", 1, None), alert("b", 1, Some(5)));
        let told = notification("n", "g", vec![on.clone(), over.clone()]);
        let news = news(&told);
        assert_eq!(
            (&news.firing, &news.resolved),
            (&vec![on.fingerprint()], &vec![over.fingerprint()])
        );
        assert_eq!(without_untold(&told, &[on.fingerprint()]), Some(told.clone()), "it goes on");
        let rest = without_untold(&told, &[over.fingerprint()]).expect("the other one");
        assert_eq!(rest.alerts, [on]);
        let over = notification("n", "g", vec![over]);
        assert_eq!(without_untold(&over, &news.resolved), None);
    }
}
