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

-- What golden::write stored.
INSERT INTO access_token (tenant, digest, id, family, client, subject, scope, audience, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, issued_at, expires_at, revoked, extra) VALUES ('default', E'\\x01264b7095badf04294e7398bde2072c51769bc0e50a2f54799ec3e80d32577c', 'token-1', NULL, 'app', NULL, '[]', '[]', '[]', NULL, NULL, NULL, NULL, NULL, 1800000000002, 1800000600000, false, E'\\x');
INSERT INTO access_token (tenant, digest, id, family, client, subject, scope, audience, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, issued_at, expires_at, revoked, extra) VALUES ('default', E'\\x02274c7196bbe0052a4f7499bee3082d52779cc1e60b30557a9fc4e90e33587d', E'!"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~', E'\\x02274c7196bbe0052a4f7499bee3082d', E' !"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~', convert_from(E'\\x202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7ec3a9e6bca2f09fa68065cc81f48fbfbf', 'UTF8'), '["!#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~","read","write"]', convert_from(E'\\x5b2268747470733a2f2f6170692e6578616d706c65222c22c3a9e6bca2f09fa680275c225c5c225d', 'UTF8'), '["https://api.example/a?b=c&d=%20~''()*+,;:@!$","urn:example:b"]', 'jkt', E'\\x173c6186abd0f51a3f6489aed3f81d42678cb1d6fb20456a8fb4d9fe23486d92', 1799999999995, convert_from(E'\\x5b22707764222c225c75303030315c75303030325c75303030335c75303030345c75303030355c75303030365c75303030375c625c745c6e5c75303030625c665c725c75303030655c75303030665c75303031305c75303031315c75303031325c75303031335c75303031345c75303031355c75303031365c75303031375c75303031385c75303031395c75303031615c75303031625c75303031635c75303031645c75303031655c753030316620215c22232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7fc3a9e6bca2f09fa68065cc81e2808de280aeefbbbff48fbfbf225d', 'UTF8'), convert_from(E'\\x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7fc3a9e6bca2f09fa68065cc81e2808de280aeefbbbff48fbfbf', 'UTF8'), 1800000000002, 9223372036854775807, false, E'\\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff');
INSERT INTO access_token (tenant, digest, id, family, client, subject, scope, audience, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, issued_at, expires_at, revoked, extra) VALUES ('default', E'\\x03284d7297bce1062b50759abfe4092e53789dc2e70c31567ba0c5ea0f34597e', 'token-3', E'\\x03284d7297bce1062b50759abfe4092e', 'app', 'alice', '[]', '[]', '[]', 'x5t', E'\\x193e6388add2f71c41668bb0d5fa1f44698eb3d8fd22476c91b6db00254a6f94', 1799999999994, '[]', NULL, 1800000000002, 1800000600000, false, E'\\x');
INSERT INTO access_token (tenant, digest, id, family, client, subject, scope, audience, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, issued_at, expires_at, revoked, extra) VALUES ('default', E'\\x04294e7398bde2072c51769bc0e50a2f54799ec3e80d32577ca1c6eb10355a7f', 'token-4', NULL, 'app', NULL, '[]', '[]', '[]', NULL, NULL, NULL, NULL, NULL, 1800000000002, 1800000600000, true, E'\\x');
INSERT INTO access_token (tenant, digest, id, family, client, subject, scope, audience, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, issued_at, expires_at, revoked, extra) VALUES ('default', E'\\x052a4f7499bee3082d52779cc1e60b30557a9fc4e90e33587da2c7ec11365b80', 'token-5', E'\\x082d52779cc1e60b30557a9fc4e90e33', 'app', 'alice', '[]', '[]', '[]', NULL, NULL, NULL, NULL, NULL, 1800000000002, 1800000600000, false, E'\\x');
INSERT INTO access_token (tenant, digest, id, family, client, subject, scope, audience, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, issued_at, expires_at, revoked, extra) VALUES ('default', E'\\x062b50759abfe4092e53789dc2e70c31567ba0c5ea0f34597ea3c8ed12375c81', 'token-6', NULL, 'app', 'cut off', '[]', '[]', '[]', NULL, NULL, NULL, NULL, NULL, 1799999999000, 1800000600000, false, E'\\x');
INSERT INTO account (tenant, subject, active, scope, password) VALUES ('default', 'bare', false, NULL, NULL);
INSERT INTO account (tenant, subject, active, scope, password) VALUES ('default', 'bounded', true, '[]', NULL);
INSERT INTO account (tenant, subject, active, scope, password) VALUES ('default', convert_from(E'\\x202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7ec3a9e6bca2f09fa68065cc81f48fbfbf', 'UTF8'), true, '["!#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~","read","write"]', '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g');
INSERT INTO claim (tenant, digest, expires_at) VALUES ('default', E'\\x1e43688db2d7fc21466b90b5daff24496e93b8dd02274c7196bbe0052a4f7499', 1800003600000);
INSERT INTO client (tenant, id, name, version, active, auth_methods, secrets, grants, default_scope, scope, redirect_uris, resources, audience, token_format, token_lifetime, refresh_window, refresh_idle, refresh_absolute, networks, acts_for, json_bodies, created_at, updated_at, extra) VALUES ('default', 'bare', '', 0, false, '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]', NULL, NULL, NULL, NULL, NULL, NULL, '[]', false, -9223372036854775808, 9223372036854775807, E'\\x');
INSERT INTO client (tenant, id, name, version, active, auth_methods, secrets, grants, default_scope, scope, redirect_uris, resources, audience, token_format, token_lifetime, refresh_window, refresh_idle, refresh_absolute, networks, acts_for, json_bodies, created_at, updated_at, extra) VALUES ('default', 'eddsa', '', 0, false, '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]', '{"kind":"jwt","alg":"EdDSA","profile":{"name":"rfc9068"}}', 600, NULL, NULL, NULL, NULL, '[]', false, -9223372036854775808, 9223372036854775807, E'\\x');
INSERT INTO client (tenant, id, name, version, active, auth_methods, secrets, grants, default_scope, scope, redirect_uris, resources, audience, token_format, token_lifetime, refresh_window, refresh_idle, refresh_absolute, networks, acts_for, json_bodies, created_at, updated_at, extra) VALUES ('default', 'es256', '', 0, false, '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]', '{"kind":"jwt","alg":"ES256","profile":{"name":"rfc9068"}}', 600, NULL, NULL, NULL, NULL, '[]', false, -9223372036854775808, 9223372036854775807, E'\\x');
INSERT INTO client (tenant, id, name, version, active, auth_methods, secrets, grants, default_scope, scope, redirect_uris, resources, audience, token_format, token_lifetime, refresh_window, refresh_idle, refresh_absolute, networks, acts_for, json_bodies, created_at, updated_at, extra) VALUES ('default', 'opaque', '', 0, false, '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]', '{"kind":"opaque"}', 600, NULL, NULL, NULL, NULL, '[]', false, -9223372036854775808, 9223372036854775807, E'\\x');
INSERT INTO client (tenant, id, name, version, active, auth_methods, secrets, grants, default_scope, scope, redirect_uris, resources, audience, token_format, token_lifetime, refresh_window, refresh_idle, refresh_absolute, networks, acts_for, json_bodies, created_at, updated_at, extra) VALUES ('default', 'ps256', '', 0, false, '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]', '{"kind":"jwt","alg":"PS256","profile":{"name":"legacy","typ":null,"omit":[]}}', 600, NULL, NULL, NULL, NULL, '[]', false, -9223372036854775808, 9223372036854775807, E'\\x');
INSERT INTO client (tenant, id, name, version, active, auth_methods, secrets, grants, default_scope, scope, redirect_uris, resources, audience, token_format, token_lifetime, refresh_window, refresh_idle, refresh_absolute, networks, acts_for, json_bodies, created_at, updated_at, extra) VALUES ('default', 'rs256', '', 0, false, '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]', '{"kind":"jwt","alg":"RS256","profile":{"name":"legacy","typ":"JWT","omit":["client_id","jti","scope","sub"]}}', 600, NULL, NULL, NULL, NULL, '[]', false, -9223372036854775808, 9223372036854775807, E'\\x');
INSERT INTO client (tenant, id, name, version, active, auth_methods, secrets, grants, default_scope, scope, redirect_uris, resources, audience, token_format, token_lifetime, refresh_window, refresh_idle, refresh_absolute, networks, acts_for, json_bodies, created_at, updated_at, extra) VALUES ('default', E' !"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~', convert_from(E'\\x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7fc3a9e6bca2f09fa68065cc81e2808de280aeefbbbff48fbfbf', 'UTF8'), 9223372036854775807, true, '["none","client_secret_basic","client_secret_post"]', '[{"id":"!#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~","kind":"generated","hash":"01264b7095badf04294e7398bde2072c51769bc0e50a2f54799ec3e80d32577c","created_at":1800000000001,"expires_at":null},{"id":"second","kind":"generated","hash":"02274c7196bbe0052a4f7499bee3082d52779cc1e60b30557a9fc4e90e33587d","created_at":1800000000001,"expires_at":1800000000002},{"id":"chosen","kind":"chosen","hash":"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g","created_at":1800000000001,"expires_at":9223372036854775807}]', convert_from(E'\\x5b22636c69656e745f63726564656e7469616c73222c2270617373776f7264222c22726566726573685f746f6b656e222c2275726e3a6578616d706c653a6772616e743a275c225c5cc3a9225d', 'UTF8'), '["read"]', '["!#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~","read","write"]', convert_from(E'\\x5b2268747470733a2f2f6170702e6578616d706c652f63623f613d62275c225c5c222c225c75303030315c75303030325c75303030335c75303030345c75303030355c75303030365c75303030375c625c745c6e5c75303030625c665c725c75303030655c75303030665c75303031305c75303031315c75303031325c75303031335c75303031345c75303031355c75303031365c75303031375c75303031385c75303031395c75303031615c75303031625c75303031635c75303031645c75303031655c753030316620215c22232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7fc3a9e6bca2f09fa68065cc81e2808de280aeefbbbff48fbfbf222c22225d', 'UTF8'), '["https://api.example/a?b=c&d=%20~''()*+,;:@!$","urn:example:b"]', convert_from(E'\\x5b2268747470733a2f2f6170692e6578616d706c65222c22c3a9e6bca2f09fa680275c225c5c225d', 'UTF8'), NULL, 4294967295, 600, 1, 7776000, '["192.0.2.0/24","2001:db8::/32","198.51.100.7/32"]', convert_from(E'\\x5b22616c696365222c2220215c22232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7ec3a9e6bca2f09fa68065cc81f48fbfbf225d', 'UTF8'), true, 1799999999999, 1800000000123, E'\\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff');
INSERT INTO client (tenant, id, name, version, active, auth_methods, secrets, grants, default_scope, scope, redirect_uris, resources, audience, token_format, token_lifetime, refresh_window, refresh_idle, refresh_absolute, networks, acts_for, json_bodies, created_at, updated_at, extra) VALUES ('other', E' !"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~', 'another tenant''s', 0, false, '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]', NULL, NULL, NULL, NULL, NULL, '[]', '[]', false, -9223372036854775808, 9223372036854775807, E'\\x');
INSERT INTO clock_mark (tenant, at) VALUES ('default', 1800000000077);
INSERT INTO cutoff (tenant, kind, key, at) VALUES ('default', 'client', 'cut off', 1799999999000);
INSERT INTO cutoff (tenant, kind, key, at) VALUES ('default', 'client', E' !"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~', 1799999999000);
INSERT INTO cutoff (tenant, kind, key, at) VALUES ('default', 'everything', '', 1799999000000);
INSERT INTO cutoff (tenant, kind, key, at) VALUES ('default', 'subject', 'cut off', 1799999999000);
INSERT INTO cutoff (tenant, kind, key, at) VALUES ('default', 'subject', convert_from(E'\\x202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7ec3a9e6bca2f09fa68065cc81f48fbfbf', 'UTF8'), 1799999999000);
INSERT INTO cutoff (tenant, kind, key, at) VALUES ('other', 'everything', '', 1800000000001);
INSERT INTO family (tenant, id, client, subject, scope, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, code_digest, handle, key_id, generation, current_digest, previous_digest, salt, salt_expires_at, rotated_at, retries, retry_streak, idle_expires_at, issued_at, seen_at, absolute_expires_at, revoked_at, revoked_why, extra) VALUES ('default', E'\\x01264b7095badf04294e7398bde2072c', 'app', 'alice', '["read"]', '[]', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000000, 1800000000000, 1807776000000, NULL, NULL, E'\\x');
INSERT INTO family (tenant, id, client, subject, scope, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, code_digest, handle, key_id, generation, current_digest, previous_digest, salt, salt_expires_at, rotated_at, retries, retry_streak, idle_expires_at, issued_at, seen_at, absolute_expires_at, revoked_at, revoked_why, extra) VALUES ('default', E'\\x02274c7196bbe0052a4f7499bee3082d', E' !"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~', convert_from(E'\\x202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7ec3a9e6bca2f09fa68065cc81f48fbfbf', 'UTF8'), '["!#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~","read","write"]', '["https://api.example/a?b=c&d=%20~''()*+,;:@!$","urn:example:b"]', 'jkt', E'\\x173c6186abd0f51a3f6489aed3f81d42678cb1d6fb20456a8fb4d9fe23486d92', 1799999999995, convert_from(E'\\x5b22707764222c225c75303030315c75303030325c75303030335c75303030345c75303030355c75303030365c75303030375c625c745c6e5c75303030625c665c725c75303030655c75303030665c75303031305c75303031315c75303031325c75303031335c75303031345c75303031355c75303031365c75303031375c75303031385c75303031395c75303031615c75303031625c75303031635c75303031645c75303031655c753030316620215c22232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7fc3a9e6bca2f09fa68065cc81e2808de280aeefbbbff48fbfbf225d', 'UTF8'), convert_from(E'\\x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7fc3a9e6bca2f09fa68065cc81e2808de280aeefbbbff48fbfbf', 'UTF8'), E'\\x183d6287acd1f61b40658aafd4f91e43688db2d7fc21466b90b5daff24496e93', E'\\x02274c7196bbe005', '!#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~', 9223372036854775807, E'\\x153a5f84a9cef3183d6287acd1f61b40658aafd4f91e43688db2d7fc21466b90', E'\\x14395e83a8cdf2173c6186abd0f51a3f6489aed3f81d42678cb1d6fb20456a8f', E'\\x163b6085aacff4193e6388add2f71c41668bb0d5fa1f44698eb3d8fd22476c91', 1800000330000, 1800000000010, 4294967295, 4294967295, 9223372036854775807, 1800000000001, -1, 9223372036854775807, NULL, NULL, E'\\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff');
INSERT INTO family (tenant, id, client, subject, scope, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, code_digest, handle, key_id, generation, current_digest, previous_digest, salt, salt_expires_at, rotated_at, retries, retry_streak, idle_expires_at, issued_at, seen_at, absolute_expires_at, revoked_at, revoked_why, extra) VALUES ('default', E'\\x03284d7297bce1062b50759abfe4092e', 'app', 'alice', '["read"]', '[]', 'x5t', E'\\x193e6388add2f71c41668bb0d5fa1f44698eb3d8fd22476c91b6db00254a6f94', 1799999999994, '[]', NULL, NULL, E'\\x03284d7297bce106', 'derive', 0, E'\\x03284d7297bce1062b50759abfe4092e53789dc2e70c31567ba0c5ea0f34597e', NULL, NULL, NULL, 1800000000000, 0, 0, 1800000001000, 1800000000000, 1800000000000, 1807776000000, NULL, NULL, E'\\x');
INSERT INTO family (tenant, id, client, subject, scope, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, code_digest, handle, key_id, generation, current_digest, previous_digest, salt, salt_expires_at, rotated_at, retries, retry_streak, idle_expires_at, issued_at, seen_at, absolute_expires_at, revoked_at, revoked_why, extra) VALUES ('default', E'\\x04294e7398bde2072c51769bc0e50a2f', 'app', 'alice', '["read"]', '[]', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000000, 1800000000000, 1807776000000, 1800000000004, 'client', E'\\x');
INSERT INTO family (tenant, id, client, subject, scope, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, code_digest, handle, key_id, generation, current_digest, previous_digest, salt, salt_expires_at, rotated_at, retries, retry_streak, idle_expires_at, issued_at, seen_at, absolute_expires_at, revoked_at, revoked_why, extra) VALUES ('default', E'\\x052a4f7499bee3082d52779cc1e60b30', 'app', 'alice', '["read"]', '[]', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000000, 1800000000000, 1807776000000, 1800000000005, 'expired', E'\\x');
INSERT INTO family (tenant, id, client, subject, scope, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, code_digest, handle, key_id, generation, current_digest, previous_digest, salt, salt_expires_at, rotated_at, retries, retry_streak, idle_expires_at, issued_at, seen_at, absolute_expires_at, revoked_at, revoked_why, extra) VALUES ('default', E'\\x062b50759abfe4092e53789dc2e70c31', 'app', 'alice', '["read"]', '[]', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000000, 1800000000000, 1807776000000, 1800000000006, 'host', E'\\x');
INSERT INTO family (tenant, id, client, subject, scope, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, code_digest, handle, key_id, generation, current_digest, previous_digest, salt, salt_expires_at, rotated_at, retries, retry_streak, idle_expires_at, issued_at, seen_at, absolute_expires_at, revoked_at, revoked_why, extra) VALUES ('default', E'\\x072c51769bc0e50a2f54799ec3e80d32', 'app', 'alice', '["read"]', '[]', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000000, 1800000000000, 1807776000000, 1800000000007, 'limit', E'\\x');
INSERT INTO family (tenant, id, client, subject, scope, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, code_digest, handle, key_id, generation, current_digest, previous_digest, salt, salt_expires_at, rotated_at, retries, retry_streak, idle_expires_at, issued_at, seen_at, absolute_expires_at, revoked_at, revoked_why, extra) VALUES ('default', E'\\x082d52779cc1e60b30557a9fc4e90e33', 'app', 'alice', '["read"]', '[]', NULL, NULL, NULL, NULL, NULL, NULL, E'\\x082d52779cc1e60b', 'derive', 0, E'\\x082d52779cc1e60b30557a9fc4e90e33587da2c7ec11365b80a5caef14395e83', NULL, NULL, NULL, 1800000000000, 0, 0, 1800000001000, 1800000000000, 1800000000000, 1807776000000, 1800000000008, 'replay', E'\\x');
INSERT INTO family (tenant, id, client, subject, scope, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, code_digest, handle, key_id, generation, current_digest, previous_digest, salt, salt_expires_at, rotated_at, retries, retry_streak, idle_expires_at, issued_at, seen_at, absolute_expires_at, revoked_at, revoked_why, extra) VALUES ('default', E'\\x092e53789dc2e70c31567ba0c5ea0f34', 'cut off', 'alice', '["read"]', '[]', NULL, NULL, NULL, NULL, NULL, NULL, E'\\x092e53789dc2e70c', 'derive', 0, E'\\x092e53789dc2e70c31567ba0c5ea0f34597ea3c8ed12375c81a6cbf0153a5f84', NULL, NULL, NULL, 1800000000000, 0, 0, 1800000001000, 1799999999000, 1800000000000, 1807776000000, NULL, NULL, E'\\x');
INSERT INTO family (tenant, id, client, subject, scope, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, code_digest, handle, key_id, generation, current_digest, previous_digest, salt, salt_expires_at, rotated_at, retries, retry_streak, idle_expires_at, issued_at, seen_at, absolute_expires_at, revoked_at, revoked_why, extra) VALUES ('default', E'\\x0a2f54799ec3e80d32577ca1c6eb1035', 'app', 'cut off', '["read"]', '[]', NULL, NULL, NULL, NULL, NULL, NULL, E'\\x0a2f54799ec3e80d', 'derive', 0, E'\\x0a2f54799ec3e80d32577ca1c6eb10355a7fa4c9ee13385d82a7ccf1163b6085', NULL, NULL, NULL, 1800000000000, 0, 0, 1800000001000, 1799999998999, 1800000000000, 1807776000000, NULL, NULL, E'\\x');
INSERT INTO family (tenant, id, client, subject, scope, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, code_digest, handle, key_id, generation, current_digest, previous_digest, salt, salt_expires_at, rotated_at, retries, retry_streak, idle_expires_at, issued_at, seen_at, absolute_expires_at, revoked_at, revoked_why, extra) VALUES ('default', E'\\x6489aed3f81d42678cb1d6fb20456a8f', 'app', 'alice', '["read"]', '[]', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000000, 1800000000000, 1807776000000, NULL, NULL, E'\\x');
INSERT INTO family (tenant, id, client, subject, scope, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, code_digest, handle, key_id, generation, current_digest, previous_digest, salt, salt_expires_at, rotated_at, retries, retry_streak, idle_expires_at, issued_at, seen_at, absolute_expires_at, revoked_at, revoked_why, extra) VALUES ('other', E'\\x01264b7095badf04294e7398bde2072c', 'app', 'alice', '["read"]', '[]', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1800000000000, 1800000000000, 1807776000000, NULL, NULL, E'\\x');
INSERT INTO login (tenant, login, subject) VALUES ('default', 'ALICE@example.org', 'bounded');
INSERT INTO login (tenant, login, subject) VALUES ('default', 'alice@example.org', convert_from(E'\\x202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7ec3a9e6bca2f09fa68065cc81f48fbfbf', 'UTF8'));
INSERT INTO login (tenant, login, subject) VALUES ('default', convert_from(E'\\x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7fc3a9e6bca2f09fa68065cc81e2808de280aeefbbbff48fbfbf', 'UTF8'), convert_from(E'\\x202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7ec3a9e6bca2f09fa68065cc81f48fbfbf', 'UTF8'));
INSERT INTO server_key (tenant, issuer, kid, usage, state, public_jwk, sealed, external, announced_at, active_at, retired_at, listed_until) VALUES ('default', 'atm', 'derive', 'derive', 'active', '{"kty":"OKP","crv":"Ed25519","x":"AA"}', E'\\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', NULL, 1800000000000, NULL, NULL, NULL);
INSERT INTO server_key (tenant, issuer, kid, usage, state, public_jwk, sealed, external, announced_at, active_at, retired_at, listed_until) VALUES ('default', convert_from(E'\\x68747470733a2f2f61732e6578616d706c652fc3a93f2722', 'UTF8'), '!#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~', 'EdDSA', 'active', '{"kty":"OKP","crv":"Ed25519","x":"AA"}', E'\\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', NULL, 1799999999996, 1799999999997, 1799999999998, 1799999999999);
INSERT INTO server_key (tenant, issuer, kid, usage, state, public_jwk, sealed, external, announced_at, active_at, retired_at, listed_until) VALUES ('default', convert_from(E'\\x68747470733a2f2f61732e6578616d706c652fc3a93f2722', 'UTF8'), 'derive', 'derive', 'active', NULL, E'\\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', NULL, 1800000000000, NULL, NULL, NULL);
INSERT INTO server_key (tenant, issuer, kid, usage, state, public_jwk, sealed, external, announced_at, active_at, retired_at, listed_until) VALUES ('default', convert_from(E'\\x68747470733a2f2f61732e6578616d706c652fc3a93f2722', 'UTF8'), 'es256', 'ES256', 'announced', '{"kty":"OKP","crv":"Ed25519","x":"AA"}', E'\\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', NULL, 1800000000000, NULL, NULL, NULL);
INSERT INTO server_key (tenant, issuer, kid, usage, state, public_jwk, sealed, external, announced_at, active_at, retired_at, listed_until) VALUES ('default', convert_from(E'\\x68747470733a2f2f61732e6578616d706c652fc3a93f2722', 'UTF8'), 'ps256', 'PS256', 'retired', '{"kty":"OKP","crv":"Ed25519","x":"AA"}', NULL, convert_from(E'\\x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7fc3a9e6bca2f09fa68065cc81e2808de280aeefbbbff48fbfbf', 'UTF8'), 1800000000000, NULL, NULL, NULL);
INSERT INTO server_key (tenant, issuer, kid, usage, state, public_jwk, sealed, external, announced_at, active_at, retired_at, listed_until) VALUES ('default', convert_from(E'\\x68747470733a2f2f61732e6578616d706c652fc3a93f2722', 'UTF8'), 'rs256', 'RS256', 'revoked', '{"kty":"OKP","crv":"Ed25519","x":"AA"}', NULL, NULL, 1800000000000, NULL, NULL, NULL);
INSERT INTO strike (tenant, account, strikes, ends_at) VALUES ('default', E'\\x1f44698eb3d8fd22476c91b6db00254a6f94b9de03284d7297bce1062b50759a', 3, 1800000900000);
INSERT INTO tombstone (tenant, id, expires_at) VALUES ('default', E'!"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~', 1800000600000);
