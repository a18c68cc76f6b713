CREATE TABLE authorizations (
    id                TEXT PRIMARY KEY,
    owner             TEXT NOT NULL,
    requested         TEXT NOT NULL,            -- JSON of AuthorizationRequest
    verified_by       TEXT,                     -- the first digits of the fingerprint of the key that signed it
    callback          TEXT NOT NULL,            -- JSON of Callback
    parameters_digest TEXT NOT NULL,
    state_digest      TEXT NOT NULL,
    link_source       TEXT NOT NULL,
    pending_state     TEXT,
    link              TEXT,
    linked_at         INTEGER,
    status            TEXT NOT NULL,
    created_at        INTEGER NOT NULL,         -- every time is in milliseconds since 1970
    created_by        TEXT NOT NULL,            -- operation ids: who made the change
    expires_at        INTEGER NOT NULL,
    retry_until       INTEGER,                  -- the link lives until then, though it has expired
    retain_until      INTEGER NOT NULL,
    codes             TEXT NOT NULL DEFAULT '[]',
    refused_codes     INTEGER NOT NULL DEFAULT 0,
    opened_at         INTEGER,
    refused_at        INTEGER,
    terms             TEXT NOT NULL DEFAULT '{}', -- JSON of Terms
    notice            TEXT,                     -- what the record tells of, if it is a notice
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
    delivery_by       TEXT,                     -- who claimed the attempt, gave up or resent last
    delivery_until    INTEGER,
    history           TEXT NOT NULL DEFAULT '[]',
    forget_at         INTEGER,                  -- what was delivered: the person is forgotten from then on
    forgotten_at      INTEGER                   -- since then it says nothing of a person
) STRICT;

CREATE INDEX due ON authorizations (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX retention ON authorizations (retain_until);
CREATE INDEX forgetting ON authorizations (forget_at) WHERE forget_at IS NOT NULL;

CREATE TABLE nonces (
    space   TEXT NOT NULL,
    nonce   TEXT NOT NULL,
    until   INTEGER NOT NULL,
    used_by TEXT NOT NULL,
    PRIMARY KEY (space, nonce)
) STRICT, WITHOUT ROWID;

CREATE INDEX used_up ON nonces (until);

CREATE TABLE reservations (
    account        TEXT PRIMARY KEY,
    reserved_until INTEGER NOT NULL              -- in microseconds since 1970
) STRICT, WITHOUT ROWID;

CREATE TABLE looks (
    at INTEGER PRIMARY KEY                       -- what the clock said when something was to be deleted
) STRICT;

CREATE TABLE identity (
    id     TEXT NOT NULL,                        -- of this database and its copies
    starts INTEGER NOT NULL                      -- a copy has seen fewer
) STRICT;

INSERT INTO identity (id, starts) VALUES (lower(hex(randomblob(16))), 0);

PRAGMA user_version = 10;
