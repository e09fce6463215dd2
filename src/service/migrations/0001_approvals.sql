-- Standard enough for SQLite and PostgreSQL alike: text and whole numbers only. Times are milliseconds since 1970.

CREATE TABLE approvals (
    id          TEXT   NOT NULL PRIMARY KEY,
    version     BIGINT NOT NULL,
    fingerprint TEXT   NOT NULL,
    -- 1 while an identical call finds it.
    is_open     BIGINT NOT NULL,
    status      TEXT   NOT NULL,
    -- Since when no caller waits; 0 while one does.
    absent      BIGINT NOT NULL,
    asked       BIGINT NOT NULL,
    expires     BIGINT NOT NULL,
    issuer      TEXT   NOT NULL,
    subject     TEXT   NOT NULL,
    operation   TEXT   NOT NULL,
    -- Which set of calls it is a step of, and which step; empty and 0 for none.
    set_key     TEXT   NOT NULL,
    step        BIGINT NOT NULL,
    record      TEXT   NOT NULL,
    call        TEXT   NOT NULL,
    preview     TEXT   NOT NULL,
    state       TEXT   NOT NULL
);

-- One call, one open approval: what makes concurrent questions meet.
CREATE UNIQUE INDEX approvals_open ON approvals (fingerprint) WHERE is_open = 1;
CREATE INDEX approvals_fingerprint ON approvals (fingerprint, asked);
CREATE INDEX approvals_caller ON approvals (issuer, subject, is_open);
CREATE INDEX approvals_asked ON approvals (asked);
CREATE INDEX approvals_expires ON approvals (is_open, expires);
CREATE INDEX approvals_absent ON approvals (absent) WHERE is_open = 1 AND absent > 0;
CREATE INDEX approvals_set ON approvals (set_key) WHERE set_key <> '';

-- What happened, one row for each version of an approval.
CREATE TABLE events (
    approval TEXT   NOT NULL REFERENCES approvals (id),
    version  BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    kind     TEXT   NOT NULL,
    event    TEXT   NOT NULL,
    PRIMARY KEY (approval, version)
);

CREATE INDEX events_at ON events (at);
