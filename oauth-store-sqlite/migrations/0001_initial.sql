-- Schema 1. The tenant comes first in every key and index. Times are milliseconds since 1970, digests are BLOBs, lists
-- are JSON arrays, and enums stand by name. There are no foreign keys: each trait may be served by another database.

PRAGMA application_id = 0x4f415554; -- "OAUT"
PRAGMA user_version = 1;

CREATE TABLE client (
    tenant           TEXT    NOT NULL,
    id               TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    version          INTEGER NOT NULL, -- the 64 bits of an unsigned number
    active           INTEGER NOT NULL CHECK (active IN (0, 1)),
    auth_methods     TEXT    NOT NULL,
    secrets          TEXT    NOT NULL, -- objects: id, kind, hash, created_at, expires_at
    grants           TEXT    NOT NULL,
    default_scope    TEXT    NOT NULL,
    scope            TEXT    NOT NULL,
    redirect_uris    TEXT    NOT NULL,
    resources        TEXT    NOT NULL,
    audience         TEXT    NOT NULL,
    token_format     TEXT,             -- an object; NULL is the server's default
    token_lifetime   INTEGER,          -- seconds; NULL is the server's default
    refresh_window   INTEGER,          -- seconds; NULL is a static refresh token
    refresh_idle     INTEGER,          -- seconds; NULL is the server's default
    refresh_absolute INTEGER,          -- seconds; NULL is the server's default
    networks         TEXT,             -- NULL is any address
    acts_for         TEXT    NOT NULL,
    json_bodies      INTEGER NOT NULL CHECK (json_bodies IN (0, 1)),
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    extra            BLOB    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE TABLE user (
    tenant   TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    active   INTEGER NOT NULL CHECK (active IN (0, 1)),
    scope    TEXT,                     -- NULL sets no bound of its own
    password TEXT,                     -- PHC text
    PRIMARY KEY (tenant, subject)
) STRICT;

CREATE TABLE login (
    tenant  TEXT NOT NULL,
    login   TEXT NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (tenant, login)
) STRICT, WITHOUT ROWID;

CREATE TABLE server_key (
    tenant       TEXT    NOT NULL,
    issuer       TEXT    NOT NULL,
    kid          TEXT    NOT NULL,
    usage        TEXT    NOT NULL,     -- an algorithm, or derive
    state        TEXT    NOT NULL,
    public_jwk   TEXT,
    sealed       BLOB,
    external     TEXT,                 -- name of a key that somebody else holds
    announced_at INTEGER NOT NULL,
    active_at    INTEGER,
    retired_at   INTEGER,
    listed_until INTEGER,
    PRIMARY KEY (tenant, issuer, kid),
    CHECK (sealed IS NULL OR external IS NULL)   -- both NULL: destroyed
) STRICT;
CREATE UNIQUE INDEX server_key_active ON server_key (tenant, issuer, usage) WHERE state = 'active';

CREATE TABLE family (
    tenant              TEXT    NOT NULL,
    id                  BLOB    NOT NULL,
    client              TEXT    NOT NULL,
    subject             TEXT    NOT NULL,
    scope               TEXT    NOT NULL,
    resource            TEXT    NOT NULL,
    binding_kind        TEXT,          -- jkt or x5t; NULL is a bearer grant
    binding             BLOB,
    auth_time           INTEGER,
    auth_amr            TEXT,
    auth_acr            TEXT,
    code_digest         BLOB,
    -- The refresh tokens; all of them NULL when the family has none. One row, however often they are rotated.
    handle              BLOB,
    key_id              TEXT,
    generation          INTEGER,       -- the 64 bits of an unsigned number
    current_digest      BLOB,
    previous_digest     BLOB,
    salt                BLOB,          -- cleared when no retry can ask for it any more
    salt_expires_at     INTEGER,
    rotated_at          INTEGER,
    retries             INTEGER,
    retry_streak        INTEGER,
    idle_expires_at     INTEGER,
    issued_at           INTEGER NOT NULL,
    seen_at             INTEGER NOT NULL,
    absolute_expires_at INTEGER NOT NULL,
    revoked_at          INTEGER,
    revoked_why         TEXT,
    extra               BLOB    NOT NULL,
    PRIMARY KEY (tenant, id),
    CHECK ((binding_kind IS NULL) = (binding IS NULL)),
    CHECK ((auth_time IS NULL) = (auth_amr IS NULL)),
    CHECK ((handle IS NULL) = (current_digest IS NULL)),
    CHECK ((salt IS NULL) = (salt_expires_at IS NULL)),
    CHECK ((revoked_at IS NULL) = (revoked_why IS NULL))
) STRICT;
CREATE UNIQUE INDEX family_handle ON family (tenant, handle) WHERE handle IS NOT NULL;
CREATE INDEX family_live ON family (tenant, subject, client, issued_at, id) WHERE revoked_at IS NULL;
CREATE INDEX family_end ON family (tenant, absolute_expires_at);
CREATE INDEX family_salt_end ON family (tenant, salt_expires_at) WHERE salt IS NOT NULL;

CREATE TABLE access_token (
    tenant       TEXT    NOT NULL,
    digest       BLOB    NOT NULL,
    id           TEXT    NOT NULL,
    family       BLOB,                 -- NULL for a token that stands alone
    client       TEXT    NOT NULL,
    subject      TEXT,                 -- NULL for a client in its own name
    scope        TEXT    NOT NULL,
    audience     TEXT    NOT NULL,
    resource     TEXT    NOT NULL,
    binding_kind TEXT,
    binding      BLOB,
    auth_time    INTEGER,
    auth_amr     TEXT,
    auth_acr     TEXT,
    issued_at    INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked      INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
    extra        BLOB    NOT NULL,
    PRIMARY KEY (tenant, digest),
    CHECK ((binding_kind IS NULL) = (binding IS NULL)),
    CHECK ((auth_time IS NULL) = (auth_amr IS NULL))
) STRICT;
CREATE INDEX access_token_end ON access_token (tenant, expires_at);

-- JWTs that were taken back one by one, until they expire.
CREATE TABLE tombstone (
    tenant     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstone_end ON tombstone (tenant, expires_at);

-- Whatever was issued to the key at or before the time is dead.
CREATE TABLE cutoff (
    tenant TEXT    NOT NULL,
    kind   TEXT    NOT NULL,           -- client, everything or subject
    key    TEXT    NOT NULL,           -- '' for everything
    at     INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, key)
) STRICT, WITHOUT ROWID;

-- What may be used once, and was.
CREATE TABLE claim (
    tenant     TEXT    NOT NULL,
    digest     BLOB    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_end ON claim (tenant, expires_at);

-- Wrong passwords of one account, in its present window or its last one.
CREATE TABLE strike (
    tenant  TEXT    NOT NULL,
    account BLOB    NOT NULL,          -- a keyed hash
    strikes INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,          -- of the window
    PRIMARY KEY (tenant, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX strike_end ON strike (tenant, ends_at);

CREATE TABLE clock_mark (
    tenant TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (tenant)
) STRICT, WITHOUT ROWID;

-- The audit trail. What can be asked for stands in columns beside the whole event; time, client, subject and kind are indexed. The sequence is the rowid, with which every index ends:
-- one count for all tenants, no number of which is ever used again.
CREATE TABLE audit (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    event      TEXT    NOT NULL,
    request    TEXT    NOT NULL,
    peer       TEXT,
    client     TEXT,
    subject    TEXT,
    login_key  TEXT,                   -- names the key of the hash
    login_hash BLOB,
    scope      TEXT,
    reason     TEXT,                   -- of a refusal or fault
    json       TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_time ON audit (tenant, at);
CREATE INDEX audit_client ON audit (tenant, client, at) WHERE client IS NOT NULL;
CREATE INDEX audit_subject ON audit (tenant, subject, at) WHERE subject IS NOT NULL;
CREATE INDEX audit_event ON audit (tenant, event, at);
