-- Accounts, tokens, groups, resources, sessions and the audit. Instants are milliseconds since 1970, UTC.

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    name                   TEXT PRIMARY KEY,
    display_name           TEXT NOT NULL,
    state                  TEXT NOT NULL,
    password_hash          TEXT,
    password_set_at        INTEGER,
    password_initial_until INTEGER,
    must_change            INTEGER NOT NULL,
    created                INTEGER NOT NULL,
    last_sign_in_at        INTEGER,
    last_sign_in_source    TEXT,
    CHECK ((password_hash IS NULL) = (password_set_at IS NULL)),
    CHECK ((last_sign_in_at IS NULL) = (last_sign_in_source IS NULL))
) STRICT, WITHOUT ROWID;

-- Names are blinded (HMAC): what people type into a name field may be a password.
CREATE TABLE failures (
    name_key     BLOB PRIMARY KEY CHECK (length(name_key) = 32),
    account      TEXT REFERENCES accounts (name) ON DELETE CASCADE,
    count        INTEGER NOT NULL,
    last         INTEGER NOT NULL,
    locked_until INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX failures_of_accounts ON failures (account) WHERE account IS NOT NULL;
CREATE INDEX failures_of_strangers ON failures (last) WHERE account IS NULL;

CREATE TABLE tokens (
    serial         TEXT PRIMARY KEY,
    account        TEXT REFERENCES accounts (name),
    type           TEXT NOT NULL CHECK (type IN ('totp', 'hotp')),
    step_seconds   INTEGER NOT NULL,
    digits         INTEGER NOT NULL,
    algorithm      TEXT NOT NULL,
    secret         BLOB NOT NULL,
    state          TEXT NOT NULL,
    drift          INTEGER NOT NULL,
    last_step      INTEGER NOT NULL,
    failures       INTEGER NOT NULL,
    last_used      INTEGER,
    counting_since INTEGER NOT NULL,
    expires        INTEGER,
    created        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_of_accounts ON tokens (account) WHERE account IS NOT NULL;

CREATE TABLE groups (
    name        TEXT PRIMARY KEY,
    description TEXT NOT NULL,
    networks    TEXT NOT NULL CHECK (json_valid(networks))
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
    group_name TEXT NOT NULL REFERENCES groups (name) ON DELETE CASCADE,
    account    TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
    PRIMARY KEY (group_name, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX groups_of_accounts ON members (account);

CREATE TABLE resources (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    group_name  TEXT NOT NULL REFERENCES groups (name),
    kind        TEXT NOT NULL,
    address     TEXT NOT NULL,
    endpoints   TEXT NOT NULL CHECK (json_valid(endpoints))
) STRICT, WITHOUT ROWID;
CREATE INDEX resources_of_groups ON resources (group_name);

-- The account's name stays after the account is gone: a session is also history.
CREATE TABLE sessions (
    id                  TEXT PRIMARY KEY,
    account             TEXT NOT NULL,
    device_key          BLOB,
    host_name           TEXT NOT NULL,
    client              TEXT NOT NULL,
    source              TEXT NOT NULL,
    started             INTEGER NOT NULL,
    expires             INTEGER NOT NULL,
    last_traffic        INTEGER NOT NULL,
    away_since          INTEGER,
    proof_counter       INTEGER NOT NULL,
    bytes_in            INTEGER NOT NULL,
    bytes_out           INTEGER NOT NULL,
    last_sign_in_at     INTEGER,
    last_sign_in_source TEXT,
    ended_at            INTEGER,
    end_reason          TEXT,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX live_sessions ON sessions (account) WHERE ended_at IS NULL;
CREATE INDEX ended_sessions ON sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE cookies (
    hash    BLOB PRIMARY KEY CHECK (length(hash) = 32),
    session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    state   TEXT NOT NULL CHECK (state IN ('current', 'offered', 'retired')),
    serial  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX cookies_of_sessions ON cookies (session, serial);

CREATE TABLE leases (
    session TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    v4      TEXT UNIQUE,
    v6      TEXT UNIQUE
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    event   TEXT NOT NULL,
    outcome TEXT NOT NULL,
    actor   TEXT NOT NULL,
    account TEXT,
    source  TEXT,
    session TEXT,
    token   TEXT,
    code    TEXT,
    support TEXT,
    detail  TEXT CHECK (detail IS NULL OR json_valid(detail))
) STRICT;
CREATE INDEX audit_of_accounts ON audit (account, id) WHERE account IS NOT NULL;
CREATE INDEX audit_of_support ON audit (support) WHERE support IS NOT NULL;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
