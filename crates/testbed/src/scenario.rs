//! One test per version of etcd.

use std::time::Duration;

use crate::EtcdVersion;
use crate::version::skip;

/// No scenario takes longer, unless something hangs.
const DEADLINE: Duration = Duration::from_mins(2);

/// Runs `scenario` on `version`, or says why it did not run.
///
/// # Panics
/// When the scenario does not end within two minutes.
pub async fn on<F: Future<Output = ()>>(
    version: EtcdVersion,
    scenario: impl FnOnce(EtcdVersion) -> F,
) {
    if let Err(missing) = version.binary() {
        skip(&missing);
        return;
    }
    tokio::time::timeout(DEADLINE, scenario(version)).await.expect("within 2 min");
}

/// Makes of each scenario, an async function of an [`EtcdVersion`], one test per version.
///
/// To be used in a module below the one that holds the scenarios.
#[macro_export]
macro_rules! on_every_version {
    ($($(#[$attribute:meta])* $scenario:ident),+ $(,)?) => {
        $(
            $(#[$attribute])*
            mod $scenario {
                use $crate::EtcdVersion;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_etcd_3_4() {
                    $crate::on(EtcdVersion::V3_4, super::super::$scenario).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_etcd_3_5() {
                    $crate::on(EtcdVersion::V3_5, super::super::$scenario).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_etcd_3_6() {
                    $crate::on(EtcdVersion::V3_6, super::super::$scenario).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_etcd_3_7() {
                    $crate::on(EtcdVersion::V3_7, super::super::$scenario).await;
                }
            }
        )+
    };
}
