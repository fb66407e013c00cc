-- The directory: organisations, their roles, users, memberships, projects and tokens.
--
-- Times are milliseconds since 1970 UTC. Ids are text in whatever form the dialect gives them. No name is unique here:
-- platforms differ in that, so the dialect that writes checks it inside its transaction; the indexes only make the
-- look-ups fast. What is the same everywhere (nothing outlives what it belongs to, one default project, one object per
-- idempotency key) is held by the tables themselves.

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE organizations (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    display_name TEXT,
    owner TEXT,
    -- SubjectPublicKeyInfo PEM; the private key never comes here.
    public_key TEXT,
    created_at BIGINT NOT NULL,
    idempotency_key TEXT UNIQUE
);
CREATE INDEX organizations_by_name ON organizations (name);
CREATE INDEX organizations_by_owner ON organizations (owner);

CREATE TABLE roles (
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- Sum of: create 1, read 2, update 4, delete 8, execute 16.
    rights INTEGER NOT NULL,
    PRIMARY KEY (organization_id, name)
);

-- Users are global; what ties one to an organisation is a membership.
CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('Person', 'Machine')),
    username TEXT NOT NULL,
    email TEXT,
    first_name TEXT,
    last_name TEXT,
    -- PHC string; NULL: no login by password.
    password_hash TEXT,
    enabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX users_by_username ON users (username);
CREATE INDEX users_by_email ON users (email);

CREATE TABLE memberships (
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    owner TEXT,
    created_at BIGINT NOT NULL,
    idempotency_key TEXT,
    PRIMARY KEY (organization_id, user_id),
    UNIQUE (organization_id, idempotency_key)
);
CREATE INDEX memberships_by_user ON memberships (user_id);
CREATE INDEX memberships_by_owner ON memberships (organization_id, owner);

CREATE TABLE membership_roles (
    organization_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (organization_id, user_id, role),
    FOREIGN KEY (organization_id, user_id) REFERENCES memberships (organization_id, user_id) ON DELETE CASCADE,
    FOREIGN KEY (organization_id, role) REFERENCES roles (organization_id, name)
);
CREATE INDEX membership_roles_by_role ON membership_roles (organization_id, role);

CREATE TABLE projects (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- Whose membership made it; the project outlives that user.
    owner_id TEXT REFERENCES users (id) ON DELETE SET NULL,
    is_default BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX projects_by_organization ON projects (organization_id);
CREATE INDEX projects_by_owner ON projects (owner_id);
CREATE UNIQUE INDEX projects_one_default ON projects (organization_id) WHERE is_default;

-- A token's value is not kept: the signing key and these columns make it again. An organisation is absent where a
-- dialect mints a token for a user who has none yet.
CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization_id TEXT,
    owner TEXT,
    issuer TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    idempotency_key TEXT,
    UNIQUE (user_id, organization_id, idempotency_key),
    FOREIGN KEY (organization_id, user_id) REFERENCES memberships (organization_id, user_id) ON DELETE CASCADE
);
CREATE INDEX tokens_by_member ON tokens (organization_id, user_id);
