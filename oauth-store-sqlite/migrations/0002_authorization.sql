-- Schema 2: authorization requests, codes, remembered consent. From here on the table `cutoff` has one more kind: `grant`,
-- whose key is the client, a line feed and the subject.

PRAGMA user_version = 2;

CREATE TABLE authorization_request (
    tenant       TEXT    NOT NULL,
    handle       BLOB    NOT NULL,
    origin       TEXT    NOT NULL,
    client       TEXT    NOT NULL,
    redirect_uri TEXT    NOT NULL,
    request      BLOB    NOT NULL,     -- the parameters, as the core wrote them down
    browser      BLOB,                 -- NULL until a browser came
    subject      TEXT,                 -- who decided; NULL until then
    state        TEXT    NOT NULL,     -- pushed and begun are open
    binding_kind TEXT,
    binding      BLOB,
    auth_time    INTEGER,
    auth_amr     TEXT,
    auth_acr     TEXT,
    resource     TEXT    NOT NULL,
    begun_at     INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    extra        BLOB    NOT NULL,
    PRIMARY KEY (tenant, handle),
    CHECK ((binding_kind IS NULL) = (binding IS NULL)),
    CHECK ((auth_time IS NULL) = (auth_amr IS NULL))
) STRICT;
CREATE INDEX authorization_request_end ON authorization_request (tenant, expires_at);
-- What the limits count: nothing that was decided. With the state in them, counting touches no row of the table.
CREATE INDEX authorization_request_open ON authorization_request (tenant, expires_at, state)
    WHERE state IN ('pushed', 'begun');
CREATE INDEX authorization_request_open_of_client ON authorization_request (tenant, client, expires_at, state)
    WHERE state IN ('pushed', 'begun');

CREATE TABLE code (
    tenant          TEXT    NOT NULL,
    digest          BLOB    NOT NULL,
    client          TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    scope           TEXT    NOT NULL,
    redirect_uri    TEXT    NOT NULL,
    challenge       BLOB,              -- NULL for a client without PKCE
    nonce           TEXT,
    resource        TEXT    NOT NULL,
    binding_kind    TEXT,
    binding         BLOB,
    auth_time       INTEGER,
    auth_amr        TEXT,
    auth_acr        TEXT,
    issued_at       INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    redeemed_at     INTEGER,
    redeemed_family BLOB,
    keep_until      INTEGER NOT NULL,  -- its own end; once redeemed, the absolute end of its family
    extra           BLOB    NOT NULL,
    PRIMARY KEY (tenant, digest),
    CHECK ((binding_kind IS NULL) = (binding IS NULL)),
    CHECK ((auth_time IS NULL) = (auth_amr IS NULL)),
    CHECK ((redeemed_at IS NULL) = (redeemed_family IS NULL))
) STRICT;
CREATE INDEX code_end ON code (tenant, keep_until);

CREATE TABLE consent (
    tenant       TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    client       TEXT    NOT NULL,
    redirect_uri TEXT    NOT NULL,
    resource     TEXT    NOT NULL,     -- sorted, each once
    scope        TEXT    NOT NULL,
    granted_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    extra        BLOB    NOT NULL,
    PRIMARY KEY (tenant, subject, client, redirect_uri, resource)
) STRICT;
CREATE INDEX consent_end ON consent (tenant, expires_at);
