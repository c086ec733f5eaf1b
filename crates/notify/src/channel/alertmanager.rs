//! Alertmanager: the alerts themselves, to each member of a cluster that routes them on.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use model::alert::Alert;
use model::config_error::ConfigError;
use model::notification::{Notification, Reason};
use serde_json::{Value, json};

use super::SecretUrl;
use crate::config::{AlertmanagerConfig, Global};
use crate::failure::{Failure, FailureClass, Receipt};
use crate::http::Client;
use crate::http::target::Target;
use crate::payload::{labels, time_text};
use crate::scrub::Hidden;

const PATH: &str = "/api/v2/alerts";
/// How long an alert counts as going on without word from us. We are asked to speak when something
/// changes and at the repeat interval, which must be shorter than this.
const LIFE: SignedDuration = SignedDuration::from_hours(24);

/// Posts alerts to Alertmanagers.
#[derive(Debug)]
pub(super) struct Alertmanager {
    client: Client,
    urls: Vec<SecretUrl>,
}

impl Alertmanager {
    pub(super) fn new(
        config: &AlertmanagerConfig,
        global: &Global,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let http = config.http_config.as_ref().or(global.http_config.as_ref());
        let client = Client::new(http, config.timeout, errors);
        if config.urls.is_empty() {
            let message = "is missing; give the URL of each Alertmanager of the cluster";
            errors.push(ConfigError::new("urls", message));
        }
        let urls = config.urls.iter().enumerate().map(|(index, url)| {
            let key = format!("urls[{index}]");
            SecretUrl::new(&key, (Some(url), None), (None, None), client.allow_link_local, errors)
        });
        let urls = urls.collect();
        Self { client, urls }
    }

    pub(super) fn hide(&self, hidden: &mut Hidden) {
        self.client.hide(hidden);
        self.urls.iter().for_each(|url| url.hide(hidden));
    }

    pub(super) async fn deliver(&self, notification: &Notification) -> Result<Receipt, Failure> {
        if notification.reason == Reason::Acknowledged {
            // Alertmanager has no such thing; as an alert it would look like news.
            return Ok(Receipt::default());
        }
        let body: Value =
            notification.alerts.iter().map(|alert| post(alert, notification.at)).collect();
        let body = bytes::Bytes::from(body.to_string());
        // Started at once and awaited in order: a slow member delays no other.
        let posts = self.urls.iter().map(|url| Box::pin(self.post(url, body.clone())));
        let mut failures = Vec::new();
        let mut taken = 0;
        for result in join_all(posts.collect()).await {
            match result {
                Ok(()) => taken += 1,
                Err(failure) => failures.push(failure),
            }
        }
        if taken > 0 {
            let texts: Vec<String> = failures.into_iter().map(|failure| failure.message).collect();
            let remark = (!texts.is_empty()).then(|| texts.join("; "));
            return Ok(Receipt { thread: None, remark });
        }
        Err(worst(&failures))
    }

    async fn post(&self, url: &SecretUrl, body: bytes::Bytes) -> Result<(), Failure> {
        let base = url.target()?;
        let path = format!("{}{PATH}", base.path.path().trim_end_matches('/'));
        let target: Target = base.with_path(&path).unwrap_or(base);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let reply = self.client.post(&target, headers, body).await?;
        reply.accepted().map_err(|failure| failure.at(&target))?;
        Ok(())
    }
}

/// All of them at the same time, their results in order.
async fn join_all<F: Future + Unpin>(mut futures: Vec<F>) -> Vec<F::Output> {
    let mut done: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(move |context| {
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(output) = std::pin::Pin::new(future).poll(context)
            {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(done.iter_mut().filter_map(Option::take).collect())
        } else {
            std::task::Poll::Pending
        }
    })
    .await
}

/// Of several failures one that another try may mend, with the texts of all.
fn worst(failures: &[Failure]) -> Failure {
    let texts: Vec<&str> = failures.iter().map(|failure| failure.message.as_str()).collect();
    let message = texts.join("; ");
    let retry_after: Option<Duration> =
        failures.iter().filter_map(|failure| failure.retry_after).min();
    let passing = failures.iter().find(|failure| !failure.class.is_permanent());
    let class = passing.or(failures.first()).map_or(FailureClass::Unprepared, |f| f.class);
    Failure { class, retry_after, message }
}

fn post(alert: &Alert, at: Timestamp) -> Value {
    let lasting = at.saturating_add(LIFE).unwrap_or(Timestamp::MAX);
    let end = match alert.ends_at {
        Some(end) if end <= at => end,
        Some(end) => end.max(lasting),
        None => lasting,
    };
    json!({
        "labels": labels(&alert.labels),
        "annotations": labels(&alert.annotations),
        "startsAt": time_text(alert.starts_at),
        "endsAt": time_text(end),
        "generatorURL": alert.generator_url,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn alerts_are_posted_as_prometheus_posts_them() {
        for (name, notification) in [
            ("alertmanager_firing", testing::firing()),
            ("alertmanager_resolved", testing::resolved()),
        ] {
            let body: Value =
                notification.alerts.iter().map(|alert| post(alert, notification.at)).collect();
            insta::assert_json_snapshot!(name, body);
        }
    }

    #[test]
    fn of_several_failures_one_that_may_pass_counts() {
        let refused = Failure::new(FailureClass::Refused, "a");
        let later = Failure::new(FailureClass::TryLater, "b");
        let both = worst(&[refused.clone(), later]);
        assert_eq!((both.class, both.message.as_str()), (FailureClass::TryLater, "a; b"));
        assert!(worst(&[refused]).class.is_permanent());
    }
}
