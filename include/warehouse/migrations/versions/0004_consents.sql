ALTER TABLE ops.seller_authorization
    ADD COLUMN selling_partner_id text NOT NULL DEFAULT '',
    ADD COLUMN marketplace_ids text[] NOT NULL DEFAULT '{}',
    ADD COLUMN store_names text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN ops.seller_authorization.selling_partner_id IS
    'Amazon''s id of the seller, as its Connection or its last consent said; empty where unknown.';
COMMENT ON COLUMN ops.seller_authorization.marketplace_ids IS
    'Where the seller took part when Amazon last accepted the authorization; what another account is told by.';
COMMENT ON COLUMN ops.seller_authorization.store_names IS 'The shop''s names at Amazon at that time.';

CREATE TABLE ops.consent (
    consent_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state_hash text NOT NULL UNIQUE,
    browser_hash text NOT NULL,
    seller_id text NOT NULL DEFAULT '',
    purpose text NOT NULL CHECK (purpose IN ('reconnect', 'renew', 'connect', 'login', 'paste')),
    generation integer NOT NULL DEFAULT 0,
    started_by text NOT NULL DEFAULT 'seller',
    language text NOT NULL DEFAULT 'de',
    step text NOT NULL DEFAULT 'started' CHECK (step IN (
        'started', 'returned', 'kept', 'confirming', 'stored', 'done', 'refused')),
    started_utc timestamptz NOT NULL,
    expires_utc timestamptz NOT NULL,
    consumed_utc timestamptz,
    authorized_utc timestamptz,
    ended_utc timestamptz,
    selling_partner_id text NOT NULL DEFAULT '',
    sealed_token text NOT NULL DEFAULT '',
    confirmed_by text NOT NULL DEFAULT '',
    trouble text NOT NULL DEFAULT '',
    seller_ids text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX consent_unfinished ON ops.consent (consent_id) WHERE step IN ('kept', 'confirming', 'stored');
CREATE INDEX consent_by_seller ON ops.consent (seller_id, started_utc);
COMMENT ON TABLE ops.consent IS 'One way through Amazon''s consent page each, from its start to the stored authorization.';
COMMENT ON COLUMN ops.consent.consent_id IS 'Counts consents; the runs they start are called after it.';
COMMENT ON COLUMN ops.consent.state_hash IS 'Hash of the one-time value that travels to Amazon and back.';
COMMENT ON COLUMN ops.consent.browser_hash IS 'Hash of the cookie of the browser that started it.';
COMMENT ON COLUMN ops.consent.seller_id IS
    'Whose; empty where Seller Central started it, until Amazon says which account gave its consent.';
COMMENT ON COLUMN ops.consent.purpose IS
    'reconnect (it had lapsed), renew (before its end), connect (the first), login (from Seller Central), paste (by an operator).';
COMMENT ON COLUMN ops.consent.generation IS 'The seller''s authorization when it was started.';
COMMENT ON COLUMN ops.consent.started_by IS 'seller, or the operator''s user name.';
COMMENT ON COLUMN ops.consent.language IS 'Of the pages on the way.';
COMMENT ON COLUMN ops.consent.step IS
    'How far it came: started, returned (from Amazon), kept (token received), confirming (an operator looks first), stored '
    '(in the Connection), done (runs started), refused.';
COMMENT ON COLUMN ops.consent.started_utc IS 'When it was started.';
COMMENT ON COLUMN ops.consent.expires_utc IS 'Until when Amazon must have sent the browser back.';
COMMENT ON COLUMN ops.consent.consumed_utc IS 'When the browser came back; only once.';
COMMENT ON COLUMN ops.consent.authorized_utc IS 'When Amazon gave us the token.';
COMMENT ON COLUMN ops.consent.ended_utc IS 'When it came to its end, good or bad.';
COMMENT ON COLUMN ops.consent.selling_partner_id IS 'The account that the browser came back with; not proven by itself.';
COMMENT ON COLUMN ops.consent.sealed_token IS
    'The refresh token, encrypted under SECRET_KEY, until the Connection holds it; empty before and after.';
COMMENT ON COLUMN ops.consent.confirmed_by IS 'The operator who said that the account is the right one.';
COMMENT ON COLUMN ops.consent.trouble IS 'Why it waits or was refused, in words.';
COMMENT ON COLUMN ops.consent.seller_ids IS 'Every entry of sellers.yaml that its token went to.';
