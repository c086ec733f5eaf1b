CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE event (
    sequence INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    cluster TEXT NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    member_id TEXT, member_name TEXT, member_endpoint TEXT,
    message TEXT NOT NULL
);
CREATE INDEX event_of_cluster ON event (cluster, sequence);
CREATE INDEX event_of_kind ON event (kind, sequence);
CREATE INDEX event_at ON event (at);

CREATE TABLE leader_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster TEXT NOT NULL,
    at INTEGER NOT NULL,
    is_loss INTEGER NOT NULL,
    term INTEGER NOT NULL,
    from_id TEXT, from_name TEXT, from_endpoint TEXT,
    to_id TEXT, to_name TEXT, to_endpoint TEXT,
    leaderless INTEGER NOT NULL,
    UNIQUE (cluster, at, is_loss)
);
CREATE INDEX leader_change_of_cluster ON leader_change (cluster, id);

CREATE TABLE leadership (
    cluster TEXT PRIMARY KEY,
    member_id TEXT, member_name TEXT, member_endpoint TEXT,
    term INTEGER NOT NULL,
    since INTEGER NOT NULL,
    seen_elected INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE membership_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster TEXT NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    member_id TEXT, member_name TEXT, member_endpoint TEXT,
    detail TEXT NOT NULL,
    UNIQUE (cluster, at, kind, member_id)
);
CREATE INDEX membership_change_of_cluster ON membership_change (cluster, id);

CREATE TABLE finding (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    since INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    severity TEXT NOT NULL,
    member_id TEXT, member_name TEXT, member_endpoint TEXT,
    summary TEXT NOT NULL,
    explanation TEXT NOT NULL,
    evidence TEXT NOT NULL,
    next_steps TEXT NOT NULL,
    UNIQUE (cluster, kind, subject, since)
);
CREATE INDEX finding_open ON finding (cluster) WHERE closed_at IS NULL;
CREATE INDEX finding_closed_at ON finding (closed_at);
