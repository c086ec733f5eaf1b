CREATE TABLE alert (
    fingerprint TEXT PRIMARY KEY,
    labels TEXT NOT NULL,
    annotations TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER,
    updated_at INTEGER NOT NULL,
    generator_url TEXT NOT NULL,
    hidden TEXT,
    hidden_by TEXT
);

CREATE TABLE transition (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    name TEXT NOT NULL,
    cluster TEXT NOT NULL,
    severity TEXT NOT NULL,
    labels TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX transition_of_cluster ON transition (cluster, id);
CREATE INDEX transition_of_alert ON transition (fingerprint, id);
CREATE INDEX transition_at ON transition (at);

CREATE TABLE sent (
    receiver TEXT NOT NULL,
    channel TEXT NOT NULL,
    group_key TEXT NOT NULL,
    firing TEXT NOT NULL,
    resolved TEXT NOT NULL,
    at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (receiver, channel, group_key)
);

CREATE TABLE alert_group (
    receiver TEXT NOT NULL,
    group_key TEXT NOT NULL,
    labels TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    next_flush INTEGER NOT NULL,
    has_flushed INTEGER NOT NULL,
    told_at INTEGER,
    is_escalated INTEGER NOT NULL,
    PRIMARY KEY (receiver, group_key)
);

CREATE TABLE silence (
    id TEXT PRIMARY KEY,
    matchers TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    comment TEXT NOT NULL
);

CREATE TABLE ack (
    fingerprint TEXT PRIMARY KEY,
    starts_at INTEGER NOT NULL,
    at INTEGER NOT NULL,
    by_whom TEXT NOT NULL,
    note TEXT NOT NULL
);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    notification TEXT NOT NULL,
    receiver TEXT NOT NULL,
    channel TEXT NOT NULL,
    group_key TEXT NOT NULL,
    urgency INTEGER NOT NULL,
    since INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (notification, receiver, channel)
);
CREATE INDEX outbox_by_urgency ON outbox (receiver, channel, urgency DESC, id);
CREATE INDEX outbox_of_group ON outbox (receiver, channel, group_key, id);
CREATE INDEX outbox_by_age ON outbox (receiver, channel, since);
CREATE INDEX outbox_put_off ON outbox (receiver, channel, next_at) WHERE next_at > 0;

CREATE TABLE attempt (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    notification TEXT NOT NULL,
    receiver TEXT NOT NULL,
    channel TEXT NOT NULL,
    group_key TEXT NOT NULL,
    name TEXT NOT NULL,
    cluster TEXT NOT NULL,
    severity TEXT NOT NULL,
    reason TEXT NOT NULL,
    status TEXT NOT NULL,
    number INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    class TEXT,
    message TEXT NOT NULL,
    duration INTEGER NOT NULL
);
CREATE INDEX attempt_of_cluster ON attempt (cluster, id);
CREATE INDEX attempt_of_notification ON attempt (notification, id);
CREATE INDEX attempt_at ON attempt (at);

CREATE TABLE told (
    receiver TEXT NOT NULL,
    channel TEXT NOT NULL,
    group_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    is_told INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (receiver, channel, group_key, fingerprint)
) WITHOUT ROWID;
CREATE INDEX told_at ON told (at);

CREATE TABLE thread (
    receiver TEXT NOT NULL,
    channel TEXT NOT NULL,
    group_key TEXT NOT NULL,
    thread TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (receiver, channel, group_key)
);

CREATE TABLE given_up (
    receiver TEXT NOT NULL,
    channel TEXT NOT NULL,
    count INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    notification TEXT NOT NULL,
    class TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (receiver, channel)
);

CREATE TABLE rule_alert (
    rule_group TEXT NOT NULL,
    rule_index INTEGER NOT NULL,
    labels TEXT NOT NULL,
    rule TEXT NOT NULL,
    annotations TEXT NOT NULL,
    state TEXT NOT NULL,
    active_at INTEGER NOT NULL,
    fired_at INTEGER,
    resolved_at INTEGER,
    keep_firing_since INTEGER,
    last_sent_at INTEGER,
    value_bits INTEGER NOT NULL,
    PRIMARY KEY (rule_group, rule_index, labels)
);
