-- What webhooks are still to be told: written together with what happened, and gone when it was taken.
CREATE TABLE deliveries (
    -- A digest of the webhook's URL, which can be a secret.
    webhook  TEXT   NOT NULL,
    approval TEXT   NOT NULL REFERENCES approvals (id),
    version  BIGINT NOT NULL,
    topic    TEXT   NOT NULL,
    -- When it happened, when it is tried next, and how often it was.
    at       BIGINT NOT NULL,
    due      BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    PRIMARY KEY (webhook, approval, version)
);

CREATE INDEX deliveries_due ON deliveries (webhook, due);
