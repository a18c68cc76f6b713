CREATE TABLE authorizations (
    id                TEXT PRIMARY KEY,
    owner             TEXT NOT NULL,
    requested         TEXT NOT NULL,            -- JSON of AuthorizationRequest
    callback          TEXT NOT NULL,            -- JSON of Callback
    parameters_digest TEXT NOT NULL,
    state_digest      TEXT NOT NULL,
    link_source       TEXT NOT NULL DEFAULT 'alipay',
    pending_state     TEXT,
    link              TEXT,
    linked_at         INTEGER,
    status            TEXT NOT NULL,
    created_at        INTEGER NOT NULL,         -- every time is in milliseconds since 1970
    created_by        TEXT NOT NULL,            -- operation ids: who made the change
    expires_at        INTEGER NOT NULL,
    retain_until      INTEGER NOT NULL,
    codes             TEXT NOT NULL DEFAULT '[]',
    refused_codes     INTEGER NOT NULL DEFAULT 0,
    exchange_by       TEXT,
    exchange_until    INTEGER,
    open_id           TEXT,
    alipay_user_id    TEXT,
    authorized_at     INTEGER,
    settled_by        TEXT,
    settled_code      TEXT,                     -- digest of the code that named the user
    body              BLOB,
    attempts          INTEGER NOT NULL DEFAULT 0,
    next_attempt_at   INTEGER,
    due_at            INTEGER,
    delivery_by       TEXT,                     -- who claimed the attempt, gave up or redrove last
    delivery_until    INTEGER,
    history           TEXT NOT NULL DEFAULT '[]'
) STRICT;

CREATE INDEX due ON authorizations (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX retention ON authorizations (retain_until);

CREATE TABLE nonces (
    space   TEXT NOT NULL,
    nonce   TEXT NOT NULL,
    until   INTEGER NOT NULL,
    used_by TEXT NOT NULL,
    PRIMARY KEY (space, nonce)
) STRICT, WITHOUT ROWID;

CREATE INDEX used_up ON nonces (until);

CREATE TABLE reservations (
    account      TEXT PRIMARY KEY,
    booked_until INTEGER NOT NULL                -- in microseconds since 1970
) STRICT, WITHOUT ROWID;

CREATE TABLE looks (
    at INTEGER PRIMARY KEY                       -- what the clock said when something was to be deleted
) STRICT;

CREATE TABLE identity (
    id     TEXT NOT NULL,                        -- of this database and its copies
    starts INTEGER NOT NULL                      -- a copy has seen fewer
) STRICT;

INSERT INTO identity (id, starts) VALUES (lower(hex(randomblob(16))), 0);

PRAGMA user_version = 6;
