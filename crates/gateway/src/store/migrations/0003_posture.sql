-- The endpoint check: policies in every version that was saved, and what was found of machines.

CREATE TABLE policies (
    id       TEXT NOT NULL,
    version  INTEGER NOT NULL,
    text     TEXT NOT NULL,
    active   INTEGER NOT NULL CHECK (active IN (0, 1)),
    saved_at INTEGER NOT NULL,
    saved_by TEXT NOT NULL,
    PRIMARY KEY (id, version)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX active_policies ON policies (id) WHERE active = 1;

-- The account's name stays after the account is gone, as with sessions.
CREATE TABLE verdicts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    device_key BLOB NOT NULL CHECK (length(device_key) = 32),
    host_name  TEXT NOT NULL,
    account    TEXT NOT NULL,
    session    TEXT REFERENCES sessions (id) ON DELETE SET NULL,
    source     TEXT NOT NULL,
    status     TEXT NOT NULL,
    verdict    TEXT NOT NULL CHECK (json_valid(verdict)),
    facts      TEXT NOT NULL CHECK (json_valid(facts))
) STRICT;
CREATE INDEX verdicts_of_machines ON verdicts (device_key, at, id);
CREATE INDEX verdicts_of_sessions ON verdicts (session, id) WHERE session IS NOT NULL;
CREATE INDEX verdicts_by_time ON verdicts (at);

-- What the check left of a session's access, and until when.
ALTER TABLE sessions ADD COLUMN posture TEXT CHECK (posture IS NULL OR json_valid(posture));
