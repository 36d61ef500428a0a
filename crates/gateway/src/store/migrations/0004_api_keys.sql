-- Keys of programs that act for administrators. A key itself is nowhere: only its SHA-256.

CREATE TABLE api_keys (
    name       TEXT PRIMARY KEY,
    hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    allow      TEXT NOT NULL CHECK (json_valid(allow)),
    networks   TEXT NOT NULL CHECK (json_valid(networks)),
    created    INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires    INTEGER NOT NULL,
    last_used  INTEGER
) STRICT, WITHOUT ROWID;
