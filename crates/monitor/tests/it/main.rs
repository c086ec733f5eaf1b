//! The monitor against real clusters of every etcd version.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and says what it measured"
)]
#![cfg(unix)]

mod alarms;
mod failures;
mod figures;
mod health;
mod membership;
mod rotation;
mod watched;

/// Runs a scenario on every version that is installed, as one test each.
macro_rules! on_every_version {
    ($($(#[$attribute:meta])* $scenario:ident),+ $(,)?) => {
        $(
            $(#[$attribute])*
            mod $scenario {
                use testbed::EtcdVersion;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_etcd_3_4() {
                    crate::watched::on(EtcdVersion::V3_4, super::super::$scenario).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_etcd_3_5() {
                    crate::watched::on(EtcdVersion::V3_5, super::super::$scenario).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_etcd_3_6() {
                    crate::watched::on(EtcdVersion::V3_6, super::super::$scenario).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_etcd_3_7() {
                    crate::watched::on(EtcdVersion::V3_7, super::super::$scenario).await;
                }
            }
        )+
    };
}
pub(crate) use on_every_version;
