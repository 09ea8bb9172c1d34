CREATE TABLE ops.seller_authorization (
    seller_id text PRIMARY KEY,
    status text NOT NULL CHECK (status IN (
        'never_connected', 'connected', 'expires_soon', 'verifying', 'reauthorization_required', 'access_denied',
        'application_credentials')),
    since_utc timestamptz NOT NULL,
    first_seen_utc timestamptz NOT NULL DEFAULT now(),
    amazon_said text NOT NULL DEFAULT '',
    last_good_utc timestamptz,
    authorized_utc timestamptz,
    expires_utc timestamptz,
    generation integer NOT NULL DEFAULT 0,
    token_fingerprint text NOT NULL DEFAULT ''
);
COMMENT ON TABLE ops.seller_authorization IS 'May we ask Amazon for a seller: one row each, as last seen.';
COMMENT ON COLUMN ops.seller_authorization.status IS
    'never_connected, connected, expires_soon, verifying (refused once, being checked), reauthorization_required (the '
    'seller acts), access_denied or application_credentials (operators act).';
COMMENT ON COLUMN ops.seller_authorization.since_utc IS 'Since when this status.';
COMMENT ON COLUMN ops.seller_authorization.amazon_said IS 'Amazon''s last refusal in its own words, empty while connected.';
COMMENT ON COLUMN ops.seller_authorization.last_good_utc IS 'When Amazon last accepted the authorization.';
COMMENT ON COLUMN ops.seller_authorization.authorized_utc IS
    'When the seller gave the present authorization; NULL where nobody told us, as for a token pasted by hand.';
COMMENT ON COLUMN ops.seller_authorization.expires_utc IS
    'authorized_utc and 365 days; NULL where that is unknown, and for private applications, which do not expire by date.';
COMMENT ON COLUMN ops.seller_authorization.generation IS
    'Counts the seller''s authorizations; a refresh token that Amazon accepts and that is not the recorded one is the next.';
COMMENT ON COLUMN ops.seller_authorization.token_fingerprint IS
    'Which refresh token that is: a hash under SECRET_KEY, with the key''s own mark before the colon.';

CREATE TABLE ops.incident (
    incident_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seller_id text,
    error_class text NOT NULL,
    generation integer NOT NULL DEFAULT 0,
    opened_utc timestamptz NOT NULL,
    verified_utc timestamptz,
    held_utc timestamptz,
    closed_utc timestamptz,
    missing_since_utc timestamptz,
    facts jsonb NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX incident_one_open ON ops.incident (coalesce(seller_id, ''), error_class) WHERE closed_utc IS NULL;
CREATE INDEX incident_by_seller ON ops.incident (seller_id, opened_utc);
COMMENT ON TABLE ops.incident IS 'Something that somebody must know of, from its first sign to its end.';
COMMENT ON COLUMN ops.incident.seller_id IS 'Whom it is about; NULL for all sellers.';
COMMENT ON COLUMN ops.incident.error_class IS 'Its class, one of the names in include/errors.py or of a watch.';
COMMENT ON COLUMN ops.incident.generation IS 'The authorization that it is about.';
COMMENT ON COLUMN ops.incident.verified_utc IS 'When it was made sure that it is the seller and not Amazon; no seller is told before.';
COMMENT ON COLUMN ops.incident.held_utc IS 'Since when its mails are held because it may be Amazon''s fault.';
COMMENT ON COLUMN ops.incident.missing_since_utc IS 'How far the seller''s data were complete when it opened.';
COMMENT ON COLUMN ops.incident.facts IS 'Amazon''s code, words and request id, the task and its log.';

CREATE TABLE ops.outbox (
    message_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES ops.incident ON DELETE CASCADE,
    kind text NOT NULL,
    audience text NOT NULL CHECK (audience IN ('seller', 'operators')),
    recipient text NOT NULL,
    message_ref uuid NOT NULL DEFAULT gen_random_uuid(),
    facts jsonb NOT NULL DEFAULT '{}',
    created_utc timestamptz NOT NULL,
    due_utc timestamptz NOT NULL,
    leased_until_utc timestamptz,
    tries integer NOT NULL DEFAULT 0,
    last_trouble text NOT NULL DEFAULT '',
    sent_utc timestamptz,
    dropped_utc timestamptz,
    UNIQUE (incident_id, kind, recipient)
);
CREATE INDEX outbox_owed ON ops.outbox (due_utc) WHERE sent_utc IS NULL AND dropped_utc IS NULL;
COMMENT ON TABLE ops.outbox IS 'Every message that is owed to somebody, until it is sent, and after.';
COMMENT ON COLUMN ops.outbox.kind IS 'Which message: reconnect, reminder_3, expires_30, reconnected, alert and others.';
COMMENT ON COLUMN ops.outbox.recipient IS 'A mail address; "notifier" for the operators'' Airflow notifier.';
COMMENT ON COLUMN ops.outbox.message_ref IS 'The Message-ID, the same at every try.';
COMMENT ON COLUMN ops.outbox.facts IS 'What this message says beyond its incident''s facts.';
COMMENT ON COLUMN ops.outbox.leased_until_utc IS 'Until when a sender has it in hand.';
COMMENT ON COLUMN ops.outbox.last_trouble IS 'Why the last try failed.';
COMMENT ON COLUMN ops.outbox.dropped_utc IS 'When it became pointless: the incident was over before it was sent.';

CREATE TABLE ops.heartbeat (
    name text PRIMARY KEY,
    beat_utc timestamptz NOT NULL
);
COMMENT ON TABLE ops.heartbeat IS 'When something that must not fall silent last came to its end: authorization_watch.';
COMMENT ON COLUMN ops.seller_authorization.first_seen_utc IS 'When we first knew of the seller.';
COMMENT ON COLUMN ops.seller_authorization.seller_id IS 'The seller''s id in sellers.yaml.';
COMMENT ON COLUMN ops.incident.incident_id IS 'Counts incidents.';
COMMENT ON COLUMN ops.incident.opened_utc IS 'When it was first seen.';
COMMENT ON COLUMN ops.incident.closed_utc IS 'When it was over; NULL while it is not.';
COMMENT ON COLUMN ops.outbox.message_id IS 'Counts messages; the order in which they go.';
COMMENT ON COLUMN ops.outbox.incident_id IS 'Because of what.';
COMMENT ON COLUMN ops.outbox.audience IS 'seller or operators.';
COMMENT ON COLUMN ops.outbox.created_utc IS 'When it became owed.';
COMMENT ON COLUMN ops.outbox.due_utc IS 'When it may go next.';
COMMENT ON COLUMN ops.outbox.tries IS 'How often a sender took it in hand.';
COMMENT ON COLUMN ops.outbox.sent_utc IS 'When a server took it; NULL while it is owed.';
COMMENT ON COLUMN ops.heartbeat.name IS 'What beats.';
COMMENT ON COLUMN ops.heartbeat.beat_utc IS 'When it last did.';
