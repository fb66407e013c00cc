-- What the platforms' dialects keep beyond what is the same everywhere.

-- A JSON object: what a dialect shows beside the columns (Tyk's organisation document, ROCKIT's label and title, …).
ALTER TABLE organizations ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';
ALTER TABLE users ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';

-- Lists in pages show the oldest first, so that what is made meanwhile moves nothing from page to page.
CREATE INDEX organizations_by_age ON organizations (created_at, id);

-- The one key of a member, where a dialect gives one instead of tokens (Tyk's access key, ROCKIT's API key). The value is
-- not kept: the signing key, the member and the serial make it again, and its digest finds it.
CREATE TABLE access_keys (
    organization_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    -- Grows with every reset; begins at a random number, so that no value comes back with a member who does.
    serial BIGINT NOT NULL,
    -- SHA-256 of the value, hexadecimal; NULL: revoked. The row stays for its serial.
    digest TEXT UNIQUE,
    PRIMARY KEY (organization_id, user_id),
    FOREIGN KEY (organization_id, user_id) REFERENCES memberships (organization_id, user_id) ON DELETE CASCADE
);

-- Invitations that wait for somebody to open their link; the link's code is made from the signing key and the id.
CREATE TABLE invitations (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    email TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- When a mail server took it; NULL: not yet, or none is configured.
    sent_at BIGINT,
    UNIQUE (organization_id, user_id),
    FOREIGN KEY (organization_id, user_id) REFERENCES memberships (organization_id, user_id) ON DELETE CASCADE
);
