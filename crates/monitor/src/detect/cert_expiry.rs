//! Certificate expiry: the certificate that a member shows is about to expire, or has. Specs call it
//! D16.

use jiff::{SignedDuration, Timestamp};
use model::finding::FindingKind;
use model::severity::Severity;

use super::{Condition, Window};

/// From when it is told, and how bad that is.
const LIMITS: [(SignedDuration, Severity); 3] = [
    (SignedDuration::from_hours(3 * 24), Severity::Critical),
    (SignedDuration::from_hours(14 * 24), Severity::Warning),
    (SignedDuration::from_hours(30 * 24), Severity::Info),
];

/// One condition per member that shows such a certificate.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let now = window.newest().at();
    let expiring = window.members().filter_map(|(member, said)| {
        let expires_at = said.certificate_expires_at?;
        let severity = severity(expires_at, now)?;
        let has_expired = expires_at <= now;
        let endpoint = &said.endpoint;
        // To the day: the summary does not change while the time runs.
        let date = expires_at.strftime("%Y-%m-%d");
        let summary = if has_expired {
            format!("the certificate of {} expired on {date}", member.name)
        } else {
            format!("the certificate of {} expires on {date}", member.name)
        };
        let condition = Condition::new(FindingKind::CertExpiry, severity, summary)
            .of(Some(member.reference()))
            .explained(if has_expired {
                "Clients and peers that check it no longer connect; connections that are open go on \
                 until they break. etcd reads a new file at the next handshake, without a restart."
            } else {
                "From then on clients and peers that check it do not connect any more. etcd reads a \
                 new file at the next handshake, without a restart."
            })
            .seen(
                now,
                format!("{endpoint} TLS handshake"),
                format!("not after {expires_at}"),
            )
            .caused_by([
                "its renewal failed, or nobody is in charge of it",
                "it was renewed, and the new files were not put in their place (--cert-file, \
                 --key-file)",
            ])
            .next([
                format!(
                    "openssl s_client -connect {endpoint} </dev/null 2>/dev/null | openssl x509 -noout \
                     -dates -subject -issuer"
                ),
                format!("renew it and put the files in place on {}", member.name),
                "look at the peers' certificate and at the CA too: they tend to be as old".to_owned(),
            ]);
        Some(condition)
    });
    expiring.collect()
}

fn severity(expires_at: Timestamp, now: Timestamp) -> Option<Severity> {
    let left = expires_at.duration_since(now);
    LIMITS.iter().find(|(limit, _)| left <= *limit).map(|(_, severity)| *severity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Scene, of_kind};

    #[test]
    fn the_nearer_the_end_the_louder_and_a_new_one_ends_it() {
        let mut scene = Scene::new(3);
        let days = |scene: &Scene, days: i64| scene.now + SignedDuration::from_hours(24 * days);
        for (left, expected) in [
            (60, None),
            (29, Some(Severity::Info)),
            (13, Some(Severity::Warning)),
            (2, Some(Severity::Critical)),
            (-1, Some(Severity::Critical)),
            (365, None),
        ] {
            scene.member(2).certificate_expires_at = Some(days(&scene, left));
            let found = of_kind(&scene.sweeps(3), FindingKind::CertExpiry);
            assert_eq!(found.first().map(|finding| finding.severity), expected, "{left}");
            if let Some(finding) = found.first() {
                assert!(finding.is_open() && finding.summary.contains("of m2 expire"));
                assert_eq!(finding.summary.contains("expired"), left < 0);
            }
        }
    }
}
