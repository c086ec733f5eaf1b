//! The examples in docs/alerting/receivers.md are configurations.

use notify::config::{Global, Receiver};
use serde_json::Value;

#[test]
fn every_example_of_a_receiver_is_valid() {
    let text = include_str!("../../../../docs/alerting/receivers.md");
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut kinds = 0;
    for block in blocks.filter(|block| block.contains("_configs:")) {
        // What stands for something to be filled in, and a file that is not here.
        let block = block
            .replace('…', "x")
            .replace("auth_password_file: /etc/etcd-monitor/smtp-password", "auth_password: x");
        let receiver = format!("name: example\n{block}");
        let value: Value = serde_saphyr::from_str(&receiver).unwrap();
        let receiver = Receiver::decode(&value).unwrap();
        assert_eq!(receiver.validate(&Global::default()), [], "{block}");
        kinds += receiver.integrations();
    }
    assert_eq!(kinds, 9);
}
