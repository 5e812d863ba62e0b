-- Schema 1. The tenant comes first in every key and index. Times are milliseconds since 1970, digests are BYTEA, lists
-- are JSON arrays in TEXT, and enums stand by name. Every text has the collation "C": identifiers are compared and
-- ordered by their bytes, and no update of the operating system's locales can break an index. There are no foreign
-- keys: each trait may be served by another database.
--
-- A table's primary key is made after its other indexes, because among those that seem equally good the planner takes the
-- youngest, and as long as it has no statistics of a table, all that begin with the tenant seem so.
--
-- Names are not qualified: run it in one transaction with the schema that it belongs to as the `search_path`.

CREATE TABLE oauth_schema (
    version    INTEGER     NOT NULL PRIMARY KEY,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
INSERT INTO oauth_schema (version) VALUES (1);

CREATE TABLE client (
    tenant           TEXT COLLATE "C" NOT NULL,
    id               TEXT COLLATE "C" NOT NULL,
    name             TEXT COLLATE "C" NOT NULL,
    version          BIGINT           NOT NULL, -- the 64 bits of an unsigned number
    active           BOOLEAN          NOT NULL,
    auth_methods     TEXT COLLATE "C" NOT NULL,
    secrets          TEXT COLLATE "C" NOT NULL, -- objects: id, kind, hash, created_at, expires_at
    grants           TEXT COLLATE "C" NOT NULL,
    default_scope    TEXT COLLATE "C" NOT NULL,
    scope            TEXT COLLATE "C" NOT NULL,
    redirect_uris    TEXT COLLATE "C" NOT NULL,
    resources        TEXT COLLATE "C" NOT NULL,
    audience         TEXT COLLATE "C" NOT NULL,
    token_format     TEXT COLLATE "C",          -- an object; NULL is the server's default
    token_lifetime   BIGINT,                    -- seconds; NULL is the server's default
    refresh_window   BIGINT,                    -- seconds; NULL is a static refresh token
    refresh_idle     BIGINT,                    -- seconds; NULL is the server's default
    refresh_absolute BIGINT,                    -- seconds; NULL is the server's default
    networks         TEXT COLLATE "C",          -- NULL is any address
    acts_for         TEXT COLLATE "C" NOT NULL,
    json_bodies      BOOLEAN          NOT NULL,
    created_at       BIGINT           NOT NULL,
    updated_at       BIGINT           NOT NULL,
    extra            BYTEA            NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE account (
    tenant   TEXT COLLATE "C" NOT NULL,
    subject  TEXT COLLATE "C" NOT NULL,
    active   BOOLEAN          NOT NULL,
    scope    TEXT COLLATE "C",                  -- NULL sets no bound of its own
    password TEXT COLLATE "C",                  -- PHC text
    PRIMARY KEY (tenant, subject)
);

CREATE TABLE login (
    tenant  TEXT COLLATE "C" NOT NULL,
    login   TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, login)
);

CREATE TABLE server_key (
    tenant       TEXT COLLATE "C" NOT NULL,
    issuer       TEXT COLLATE "C" NOT NULL,
    kid          TEXT COLLATE "C" NOT NULL,
    usage        TEXT COLLATE "C" NOT NULL,     -- an algorithm, or derive
    state        TEXT COLLATE "C" NOT NULL,
    public_jwk   TEXT COLLATE "C",
    sealed       BYTEA,
    external     TEXT COLLATE "C",              -- name of a key that somebody else holds
    announced_at BIGINT           NOT NULL,
    active_at    BIGINT,
    retired_at   BIGINT,
    listed_until BIGINT,
    PRIMARY KEY (tenant, issuer, kid),
    CHECK (sealed IS NULL OR external IS NULL)  -- both NULL: destroyed
);
CREATE UNIQUE INDEX server_key_active ON server_key (tenant, issuer, usage) WHERE state = 'active';

CREATE TABLE family (
    tenant              TEXT COLLATE "C" NOT NULL,
    id                  BYTEA            NOT NULL,
    client              TEXT COLLATE "C" NOT NULL,
    subject             TEXT COLLATE "C" NOT NULL,
    scope               TEXT COLLATE "C" NOT NULL,
    resource            TEXT COLLATE "C" NOT NULL,
    binding_kind        TEXT COLLATE "C",       -- jkt or x5t; NULL is a bearer grant
    binding             BYTEA,
    auth_time           BIGINT,
    auth_amr            TEXT COLLATE "C",
    auth_acr            TEXT COLLATE "C",
    code_digest         BYTEA,
    -- The refresh tokens; all of them NULL when the family has none. One row, however often they are rotated.
    handle              BYTEA,
    key_id              TEXT COLLATE "C",
    generation          BIGINT,                 -- the 64 bits of an unsigned number
    current_digest      BYTEA,
    previous_digest     BYTEA,
    salt                BYTEA,                  -- cleared when no retry can ask for it any more
    salt_expires_at     BIGINT,
    rotated_at          BIGINT,
    retries             BIGINT,
    retry_streak        BIGINT,
    idle_expires_at     BIGINT,
    issued_at           BIGINT           NOT NULL,
    seen_at             BIGINT           NOT NULL,
    absolute_expires_at BIGINT           NOT NULL,
    revoked_at          BIGINT,
    revoked_why         TEXT COLLATE "C",
    extra               BYTEA            NOT NULL,
    CHECK ((binding_kind IS NULL) = (binding IS NULL)),
    CHECK ((auth_time IS NULL) = (auth_amr IS NULL)),
    CHECK ((handle IS NULL) = (current_digest IS NULL)),
    CHECK ((salt IS NULL) = (salt_expires_at IS NULL)),
    CHECK ((revoked_at IS NULL) = (revoked_why IS NULL))
);
CREATE INDEX family_live ON family (tenant, subject, client, issued_at, id) WHERE revoked_at IS NULL;
CREATE INDEX family_end ON family (tenant, absolute_expires_at);
CREATE INDEX family_salt_end ON family (tenant, salt_expires_at) WHERE salt IS NOT NULL;
ALTER TABLE family ADD PRIMARY KEY (tenant, id);
CREATE UNIQUE INDEX family_handle ON family (tenant, handle) WHERE handle IS NOT NULL;

CREATE TABLE access_token (
    tenant       TEXT COLLATE "C" NOT NULL,
    digest       BYTEA            NOT NULL,
    id           TEXT COLLATE "C" NOT NULL,
    family       BYTEA,                         -- NULL for a token that stands alone
    client       TEXT COLLATE "C" NOT NULL,
    subject      TEXT COLLATE "C",              -- NULL for a client in its own name
    scope        TEXT COLLATE "C" NOT NULL,
    audience     TEXT COLLATE "C" NOT NULL,
    resource     TEXT COLLATE "C" NOT NULL,
    binding_kind TEXT COLLATE "C",
    binding      BYTEA,
    auth_time    BIGINT,
    auth_amr     TEXT COLLATE "C",
    auth_acr     TEXT COLLATE "C",
    issued_at    BIGINT           NOT NULL,
    expires_at   BIGINT           NOT NULL,
    revoked      BOOLEAN          NOT NULL DEFAULT FALSE,
    extra        BYTEA            NOT NULL,
    CHECK ((binding_kind IS NULL) = (binding IS NULL)),
    CHECK ((auth_time IS NULL) = (auth_amr IS NULL))
);
CREATE INDEX access_token_end ON access_token (tenant, expires_at);
ALTER TABLE access_token ADD PRIMARY KEY (tenant, digest);

-- JWTs that were taken back one by one, until they expire.
CREATE TABLE tombstone (
    tenant     TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT           NOT NULL
);
CREATE INDEX tombstone_end ON tombstone (tenant, expires_at);
ALTER TABLE tombstone ADD PRIMARY KEY (tenant, id);

-- Whatever was issued to the key at or before the time is dead.
CREATE TABLE cutoff (
    tenant TEXT COLLATE "C" NOT NULL,
    kind   TEXT COLLATE "C" NOT NULL,           -- client, everything or subject
    key    TEXT COLLATE "C" NOT NULL,           -- '' for everything
    at     BIGINT           NOT NULL,
    PRIMARY KEY (tenant, kind, key)
);

-- What may be used once, and was.
CREATE TABLE claim (
    tenant     TEXT COLLATE "C" NOT NULL,
    digest     BYTEA            NOT NULL,
    expires_at BIGINT           NOT NULL
);
CREATE INDEX claim_end ON claim (tenant, expires_at);
ALTER TABLE claim ADD PRIMARY KEY (tenant, digest);

-- Wrong passwords of one account, in its present window or its last one.
CREATE TABLE strike (
    tenant  TEXT COLLATE "C" NOT NULL,
    account BYTEA            NOT NULL,          -- a keyed hash
    strikes BIGINT           NOT NULL,
    -- the window's end
    ends_at BIGINT           NOT NULL
);
CREATE INDEX strike_end ON strike (tenant, ends_at);
ALTER TABLE strike ADD PRIMARY KEY (tenant, account);

CREATE TABLE clock_mark (
    tenant TEXT COLLATE "C" NOT NULL,
    at     BIGINT           NOT NULL,
    PRIMARY KEY (tenant)
);
