-- Who is logged in. The token itself is only where its owner keeps it.

CREATE TABLE sessions (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    issuer     TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    -- Empty for none.
    name       TEXT   NOT NULL,
    -- Separated by spaces.
    scopes     TEXT   NOT NULL,
    seen       BIGINT NOT NULL,
    ends       BIGINT NOT NULL
);

CREATE INDEX sessions_ends ON sessions (ends);
CREATE INDEX sessions_seen ON sessions (seen);
