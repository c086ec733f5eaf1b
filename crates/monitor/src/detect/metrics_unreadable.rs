//! Metrics unreadable: a member answers, but its metrics do not come or cannot be used.

use model::finding::FindingKind;
use model::severity::Severity;

use super::{Condition, Window};
use crate::picture::Picture;
use crate::view::MemberView;

/// A scrape that fails once may have met a busy member; the next is no accident.
const FAILED_SCRAPES: u32 = 2;

/// One condition per member that answers its Status and failed so many scrapes in a row.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let picture = window.newest();
    let answering = picture.members.iter().filter(|member| member.is_reachable == Some(true));
    answering.filter_map(|member| condition(window.cluster, picture, member)).collect()
}

fn condition(cluster: &str, picture: &Picture, member: &MemberView) -> Option<Condition> {
    let said = picture.sweep_of(member)?;
    let scrape = said.scrape.as_ref()?;
    let error = scrape.page.as_ref().err()?;
    if said.failed_scrapes < FAILED_SCRAPES {
        return None;
    }
    let summary = format!("{} answers, but its metrics cannot be read", member.name);
    let condition = Condition::new(FindingKind::MetricsUnreadable, Severity::Warning, summary)
        .of(Some(member.reference()))
        .explained(
            "Its health is still watched, but its figures stand still and its history has a gap \
             until a page of metrics can be read again.",
        )
        .seen(scrape.at, format!("{} /metrics", said.endpoint), error.as_str())
        .caused_by([
            "etcd serves its metrics at another address (--listen-metrics-urls)",
            "a firewall or a proxy answers in its place",
        ])
        .next([
            format!("curl --verbose http://{}/metrics (https:// with TLS)", said.endpoint),
            format!(
                "if etcd serves its metrics elsewhere (--listen-metrics-urls), give that URL as \
                 metrics_url of cluster {cluster}"
            ),
            "if something else answers there, such as a proxy, name the member itself".to_owned(),
        ]);
    Some(condition)
}
