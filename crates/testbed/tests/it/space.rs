//! A full database, and room again.

use std::time::Duration;

use etcd::AlarmKind;
use testbed::{Cluster, EtcdVersion};

const DEADLINE: Duration = Duration::from_secs(5);
const QUOTA_BYTES: u64 = 16 << 20;

#[tokio::test]
async fn filling_raises_nospace_and_disarming_ends_it() {
    for version in EtcdVersion::available() {
        let builder = Cluster::builder(version).members(1).quota_bytes(QUOTA_BYTES);
        let cluster = builder.start().await.unwrap();
        let written = cluster.fill(2 * QUOTA_BYTES).await.unwrap();
        assert!(written < 2 * QUOTA_BYTES, "all of it was written");
        let alarms = cluster.client().alarms(DEADLINE).await.unwrap();
        assert_eq!(alarms.len(), 1);
        assert_eq!(alarms[0].kind, AlarmKind::Nospace);
        assert_eq!(alarms[0].member, cluster.member(0).id());

        cluster.disarm().await.unwrap();
        assert_eq!(cluster.client().alarms(DEADLINE).await.unwrap(), []);
        cluster.client().put("key", "value", None, DEADLINE).await.unwrap();
    }
}
