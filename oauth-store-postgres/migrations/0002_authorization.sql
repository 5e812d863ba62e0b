-- Schema 2: authorization requests, codes and consent; and `cutoff` has a fourth kind, `grant`, whose key is the client, a
-- line feed and the subject. What stands at the head of schema 1 holds here too.

INSERT INTO oauth_schema (version) VALUES (2);

CREATE TABLE authorization_request (
    tenant       TEXT COLLATE "C" NOT NULL,
    handle       BYTEA            NOT NULL,
    origin       TEXT COLLATE "C" NOT NULL,     -- plain or pushed
    client       TEXT COLLATE "C" NOT NULL,
    redirect_uri TEXT COLLATE "C" NOT NULL,
    request      BYTEA            NOT NULL,
    browser      BYTEA,
    subject      TEXT COLLATE "C",              -- NULL until somebody decided
    state        TEXT COLLATE "C" NOT NULL,     -- pushed, begun, approved or denied
    binding_kind TEXT COLLATE "C",
    binding      BYTEA,
    auth_time    BIGINT,
    auth_amr     TEXT COLLATE "C",
    auth_acr     TEXT COLLATE "C",
    resource     TEXT COLLATE "C" NOT NULL,
    usage        BYTEA            NOT NULL,     -- which consent answers it; see there
    begun_at     BIGINT           NOT NULL,
    expires_at   BIGINT           NOT NULL,
    extra        BYTEA            NOT NULL,
    CHECK ((binding_kind IS NULL) = (binding IS NULL)),
    CHECK ((auth_time IS NULL) = (auth_amr IS NULL))
);
CREATE INDEX authorization_request_end ON authorization_request (tenant, expires_at);
-- What the limits count.
CREATE INDEX authorization_request_open ON authorization_request (tenant, expires_at)
    WHERE state IN ('pushed', 'begun');
CREATE INDEX authorization_request_open_of_client ON authorization_request (tenant, client, expires_at)
    WHERE state IN ('pushed', 'begun');
ALTER TABLE authorization_request ADD PRIMARY KEY (tenant, handle);

CREATE TABLE code (
    tenant       TEXT COLLATE "C" NOT NULL,
    digest       BYTEA            NOT NULL,
    client       TEXT COLLATE "C" NOT NULL,
    subject      TEXT COLLATE "C" NOT NULL,
    scope        TEXT COLLATE "C" NOT NULL,
    redirect_uri TEXT COLLATE "C" NOT NULL,
    challenge    BYTEA,
    nonce        TEXT COLLATE "C",
    resource     TEXT COLLATE "C" NOT NULL,
    binding_kind TEXT COLLATE "C",
    binding      BYTEA,
    auth_time    BIGINT,
    auth_amr     TEXT COLLATE "C",
    auth_acr     TEXT COLLATE "C",
    issued_at    BIGINT           NOT NULL,
    expires_at   BIGINT           NOT NULL,
    redeemed_at  BIGINT,
    family       BYTEA,                         -- what it was redeemed for
    keep_until   BIGINT           NOT NULL,     -- its own end; once redeemed, the absolute end of its family
    extra        BYTEA            NOT NULL,
    CHECK ((binding_kind IS NULL) = (binding IS NULL)),
    CHECK ((auth_time IS NULL) = (auth_amr IS NULL)),
    CHECK ((redeemed_at IS NULL) = (family IS NULL))
);
CREATE INDEX code_end ON code (tenant, keep_until);
ALTER TABLE code ADD PRIMARY KEY (tenant, digest);

CREATE TABLE consent (
    tenant       TEXT COLLATE "C" NOT NULL,
    subject      TEXT COLLATE "C" NOT NULL,
    client       TEXT COLLATE "C" NOT NULL,
    -- SHA-256 of redirect URI and resources, which together may be longer than a key of an index may be
    usage        BYTEA            NOT NULL,
    redirect_uri TEXT COLLATE "C" NOT NULL,
    resource     TEXT COLLATE "C" NOT NULL,
    scope        TEXT COLLATE "C" NOT NULL,
    granted_at   BIGINT           NOT NULL,
    expires_at   BIGINT           NOT NULL,
    extra        BYTEA            NOT NULL
);
CREATE INDEX consent_end ON consent (tenant, expires_at);
ALTER TABLE consent ADD PRIMARY KEY (tenant, subject, client, usage);
