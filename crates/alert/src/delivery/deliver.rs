//! What a channel is to those who deliver: something that takes a notification or fails.

use std::future::Future;
use std::time::Duration;

use model::notification::Notification;

/// One integration of one receiver.
pub trait Deliver: Send + Sync + 'static {
    /// Hands the notification over. `thread` is what the last receipt of the same group gave.
    ///
    /// The same notification may come again, with the same ID, when it isn't known whether it got
    /// through.
    fn deliver(
        &self,
        notification: &Notification,
        thread: Option<&str>,
    ) -> impl Future<Output = Result<Receipt, Failure>> + Send;
}

/// The channel took it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What the next delivery of the same group is given.
    pub thread: Option<String>,
    /// What a person should know although it was delivered.
    pub remark: Option<String>,
}

/// The channel did not take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure, as in metrics.
    pub class: &'static str,
    /// Whether it makes no sense to try again.
    pub is_permanent: bool,
    /// How long the receiver asks to be left alone; it isn't out of order then.
    pub retry_after: Option<Duration>,
    /// For people; never a secret.
    pub message: String,
}

impl Failure {
    /// One that may be over at the next attempt.
    pub fn passing(class: &'static str, message: impl Into<String>) -> Self {
        Self { class, is_permanent: false, retry_after: None, message: message.into() }
    }
}
