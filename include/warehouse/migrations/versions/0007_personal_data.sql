CREATE SCHEMA amazon_pii;
COMMENT ON SCHEMA amazon_pii IS
    'Buyers and recipients of sellers with personal_data: yes in sellers.yaml. Every row is deleted by its delete_after_utc; the role analyst sees nothing of it, personal_data_reader reads it.';

CREATE TABLE amazon_pii.buyers (
    seller_id text NOT NULL,
    order_id text NOT NULL,
    name text,
    email text,
    company_name text,
    purchase_order_number text,
    tax_registrations jsonb,
    last_updated_utc timestamptz NOT NULL,
    extracted_utc timestamptz NOT NULL,
    delivered_utc timestamptz,
    delete_after_utc timestamptz NOT NULL,
    loaded_utc timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (seller_id, order_id)
);
CREATE INDEX buyers_due ON amazon_pii.buyers (delete_after_utc);
COMMENT ON TABLE amazon_pii.buyers IS 'Who bought: one row an order whose buyer Amazon tells, as it last told it.';
COMMENT ON COLUMN amazon_pii.buyers.seller_id IS 'The seller''s id in sellers.yaml.';
COMMENT ON COLUMN amazon_pii.buyers.order_id IS 'Amazon''s order id, as in amazon.orders.';
COMMENT ON COLUMN amazon_pii.buyers.name IS 'The buyer''s name.';
COMMENT ON COLUMN amazon_pii.buyers.email IS 'Amazon''s anonymous address of the buyer; orders that the seller sends only.';
COMMENT ON COLUMN amazon_pii.buyers.company_name IS 'The buyer''s company; business orders only.';
COMMENT ON COLUMN amazon_pii.buyers.purchase_order_number IS 'The buyer''s own number of the order; business orders only.';
COMMENT ON COLUMN amazon_pii.buyers.tax_registrations IS
    'The buyer''s tax registrations as Amazon writes them, a JSON array: legalName, taxRegistrationType, taxRegistrationNumber, taxRegistrationAddress. Those of the seller and of Amazon are left out.';
COMMENT ON COLUMN amazon_pii.buyers.last_updated_utc IS 'When the state of the order that this is from was last changed.';
COMMENT ON COLUMN amazon_pii.buyers.extracted_utc IS 'When this was read from Amazon.';
COMMENT ON COLUMN amazon_pii.buyers.delivered_utc IS
    'The earliest change of the order with which every package was delivered: the latest that the delivery can have been.';
COMMENT ON COLUMN amazon_pii.buyers.delete_after_utc IS 'By when personal_data_purge has deleted this row.';
COMMENT ON COLUMN amazon_pii.buyers.loaded_utc IS 'When this row was written here.';

CREATE TABLE amazon_pii.recipients (
    seller_id text NOT NULL,
    order_id text NOT NULL,
    name text,
    company_name text,
    address_line_1 text,
    address_line_2 text,
    address_line_3 text,
    city text,
    district_or_county text,
    state_or_region text,
    municipality text,
    postal_code text,
    country_code text,
    phone text,
    address_type text,
    extended_fields jsonb,
    delivery_preference jsonb,
    last_updated_utc timestamptz NOT NULL,
    extracted_utc timestamptz NOT NULL,
    delivered_utc timestamptz,
    delete_after_utc timestamptz NOT NULL,
    loaded_utc timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (seller_id, order_id)
);
CREATE INDEX recipients_due ON amazon_pii.recipients (delete_after_utc);
COMMENT ON TABLE amazon_pii.recipients IS 'Where to: one row an order whose recipient Amazon tells, as it last told it.';
COMMENT ON COLUMN amazon_pii.recipients.seller_id IS 'The seller''s id in sellers.yaml.';
COMMENT ON COLUMN amazon_pii.recipients.order_id IS 'Amazon''s order id, as in amazon.orders.';
COMMENT ON COLUMN amazon_pii.recipients.name IS 'The recipient''s name.';
COMMENT ON COLUMN amazon_pii.recipients.company_name IS 'The recipient''s company.';
COMMENT ON COLUMN amazon_pii.recipients.address_line_1 IS 'Street and number, mostly.';
COMMENT ON COLUMN amazon_pii.recipients.address_line_2 IS 'More of the address.';
COMMENT ON COLUMN amazon_pii.recipients.address_line_3 IS 'More of the address.';
COMMENT ON COLUMN amazon_pii.recipients.city IS 'The city.';
COMMENT ON COLUMN amazon_pii.recipients.district_or_county IS 'The district or county.';
COMMENT ON COLUMN amazon_pii.recipients.state_or_region IS 'The state or region.';
COMMENT ON COLUMN amazon_pii.recipients.municipality IS 'The municipality.';
COMMENT ON COLUMN amazon_pii.recipients.postal_code IS 'The postal code.';
COMMENT ON COLUMN amazon_pii.recipients.country_code IS 'ISO 3166 code of the country.';
COMMENT ON COLUMN amazon_pii.recipients.phone IS 'The recipient''s phone number.';
COMMENT ON COLUMN amazon_pii.recipients.address_type IS 'RESIDENTIAL, COMMERCIAL or PICKUP_POINT.';
COMMENT ON COLUMN amazon_pii.recipients.extended_fields IS 'Street, number and neighborhood apart, as Amazon writes them; Brazil, mostly.';
COMMENT ON COLUMN amazon_pii.recipients.delivery_preference IS
    'Where to put it down, when and how to deliver, as Amazon writes it: dropOffLocation, addressInstruction, deliveryTime.';
COMMENT ON COLUMN amazon_pii.recipients.last_updated_utc IS 'When the state of the order that this is from was last changed.';
COMMENT ON COLUMN amazon_pii.recipients.extracted_utc IS 'When this was read from Amazon.';
COMMENT ON COLUMN amazon_pii.recipients.delivered_utc IS
    'The earliest change of the order with which every package was delivered: the latest that the delivery can have been.';
COMMENT ON COLUMN amazon_pii.recipients.delete_after_utc IS 'By when personal_data_purge has deleted this row.';
COMMENT ON COLUMN amazon_pii.recipients.loaded_utc IS 'When this row was written here.';

CREATE TABLE ops.personal_data_deletion (
    deletion_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seller_id text NOT NULL,
    order_id text,
    reason text NOT NULL CHECK (reason IN ('due', 'authorization_ended', 'forget', 'offboarding')),
    requested_by text NOT NULL,
    buyers integer NOT NULL,
    recipients integer NOT NULL,
    files integer NOT NULL,
    deleted_utc timestamptz NOT NULL
);
CREATE INDEX personal_data_deletion_marks ON ops.personal_data_deletion (seller_id) WHERE reason = 'forget';
COMMENT ON TABLE ops.personal_data_deletion IS
    'The protocol of deleted personal data: how much, when, why and who asked; nothing of the data themselves.';
COMMENT ON COLUMN ops.personal_data_deletion.deletion_no IS 'Counts deletions.';
COMMENT ON COLUMN ops.personal_data_deletion.seller_id IS 'Whose orders'' personal data.';
COMMENT ON COLUMN ops.personal_data_deletion.order_id IS 'The one order it was about; NULL for all of the seller''s that were due.';
COMMENT ON COLUMN ops.personal_data_deletion.reason IS
    'due (nightly), authorization_ended (30 days ago), forget (by hand: orders placed before come back never) or offboarding.';
COMMENT ON COLUMN ops.personal_data_deletion.requested_by IS
    'Who asked: a login or the number of a ticket, never a buyer''s name; personal_data_purge for the nightly ones.';
COMMENT ON COLUMN ops.personal_data_deletion.buyers IS 'Rows of amazon_pii.buyers.';
COMMENT ON COLUMN ops.personal_data_deletion.recipients IS 'Rows of amazon_pii.recipients.';
COMMENT ON COLUMN ops.personal_data_deletion.files IS 'Encrypted files of pages that waited for their load, deleted or written anew.';
COMMENT ON COLUMN ops.personal_data_deletion.deleted_utc IS 'When.';

CREATE TABLE ops.personal_data_expired (
    seller_id text NOT NULL,
    order_id text NOT NULL,
    expired_utc timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (seller_id, order_id)
);
COMMENT ON TABLE ops.personal_data_expired IS
    'Delivered orders whose personal data have had their 30 days: no later change of the order (a refund, a return) brings them back.';
COMMENT ON COLUMN ops.personal_data_expired.seller_id IS 'Whose order.';
COMMENT ON COLUMN ops.personal_data_expired.order_id IS 'Amazon''s order id, as in amazon.orders.';
COMMENT ON COLUMN ops.personal_data_expired.expired_utc IS 'When they were deleted, or came too late to be kept.';

-- A server where the login may not create roles has the role from its administrator, or nobody reads but the owner.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'personal_data_reader') THEN
        CREATE ROLE personal_data_reader NOLOGIN;
    END IF;
    EXECUTE 'GRANT CONNECT ON DATABASE ' || quote_ident(current_database()) || ' TO personal_data_reader';
    GRANT USAGE ON SCHEMA amazon_pii TO personal_data_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA amazon_pii TO personal_data_reader;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'There is no role personal_data_reader and this login may not create one; docs/runbook.md says how to add it.';
END $$;
