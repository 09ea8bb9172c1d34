-- What an order holds ------------------------------------------------------------------------------------------------

ALTER TABLE amazon.orders
    ADD COLUMN seller_order_id text,
    ADD COLUMN replaces_order_id text,
    ADD COLUMN exchanges_order_id text,
    ADD COLUMN ship_from_utc timestamptz,
    ADD COLUMN deliver_from_utc timestamptz,
    ADD COLUMN invoice_status text,
    ADD COLUMN landed_page text;
COMMENT ON COLUMN amazon.orders.seller_order_id IS 'The seller''s own number of the order, where one was given.';
COMMENT ON COLUMN amazon.orders.replaces_order_id IS 'The order that this one replaces free of charge.';
COMMENT ON COLUMN amazon.orders.exchanges_order_id IS 'The order that this one is an exchange for.';
COMMENT ON COLUMN amazon.orders.ship_from_utc IS 'Earliest instant to hand it to the carrier.';
COMMENT ON COLUMN amazon.orders.deliver_from_utc IS 'Earliest promised delivery.';
COMMENT ON COLUMN amazon.orders.invoice_status IS
    'State of the tax invoice; only where Amazon keeps one (Brazil), and only if TAX is among INCLUDED_DATA.';
COMMENT ON COLUMN amazon.orders.landed_page IS
    'Where this state was read: window/page of ops.landed_page. NULL for rows loaded before this column came.';
COMMENT ON COLUMN amazon.orders.grand_total_amount IS
    'The order''s total, grandTotal: in Amazon''s words what the seller receives from the sale. NULL while Amazon tells none.';

-- An order and what belongs to it are written together by the load alone. Foreign keys would look up the order once a row,
-- which is half of what the load costs the server; a trigger below deletes what they would have.
ALTER TABLE amazon.order_items DROP CONSTRAINT order_items_seller_id_order_id_fkey;
ALTER TABLE amazon.order_items
    ADD COLUMN item_number integer,
    ADD COLUMN condition_subtype text,
    ADD COLUMN price_designation text,
    ADD COLUMN programs text[] NOT NULL DEFAULT '{}',
    ADD COLUMN item_amount numeric,
    ADD COLUMN item_tax_amount numeric,
    ADD COLUMN shipping_amount numeric,
    ADD COLUMN shipping_tax_amount numeric,
    ADD COLUMN gift_wrap_amount numeric,
    ADD COLUMN gift_wrap_tax_amount numeric,
    ADD COLUMN cod_fee_amount numeric,
    ADD COLUMN other_amount numeric,
    ADD COLUMN tax_amount numeric,
    ADD COLUMN discount_amount numeric,
    ADD COLUMN points_granted bigint,
    ADD COLUMN points_granted_amount numeric,
    ADD COLUMN points_currency_code text,
    ADD COLUMN gift_wrap_level text,
    ADD COLUMN measurement_unit text,
    ADD COLUMN measurement_value numeric,
    ADD COLUMN scheduled_delivery_from_utc timestamptz,
    ADD COLUMN scheduled_delivery_by_utc timestamptz,
    ADD COLUMN ioss_number text,
    ADD COLUMN tax_reporting_scheme text,
    ADD COLUMN tax_collection_model text,
    ADD COLUMN tax_collection_party text,
    ADD COLUMN cancellation_requested_by text,
    ADD COLUMN cancellation_request_reason text;
COMMENT ON COLUMN amazon.order_items.proceeds_total_amount IS
    'The line''s total, proceedsTotal: in Amazon''s words the line''s money in all. NULL while Amazon tells none.';
COMMENT ON COLUMN amazon.order_items.unit_price_amount IS 'Price of one unit as the shop shows it, before discounts.';
COMMENT ON COLUMN amazon.order_items.item_number IS 'Place of the line in the order, from 1; NULL for rows loaded before this column came.';
COMMENT ON COLUMN amazon.order_items.condition_subtype IS 'NEW, MINT, VERY_GOOD, GOOD, ACCEPTABLE and others.';
COMMENT ON COLUMN amazon.order_items.price_designation IS 'BUSINESS_PRICE where a business price was paid.';
COMMENT ON COLUMN amazon.order_items.programs IS 'Programs of the line, such as SUBSCRIBE_AND_SAVE; empty for none.';
COMMENT ON COLUMN amazon.order_items.item_amount IS
    'Price of the line''s units: the ITEM breakdown. Like all amounts of the line NULL where Amazon tells none, or tells it in another currency than currency_code; order_charges has every one.';
COMMENT ON COLUMN amazon.order_items.item_tax_amount IS 'Tax on item_amount. In the EU often absent: prices include it.';
COMMENT ON COLUMN amazon.order_items.shipping_amount IS 'Shipping charged for the line.';
COMMENT ON COLUMN amazon.order_items.shipping_tax_amount IS 'Tax on shipping_amount.';
COMMENT ON COLUMN amazon.order_items.gift_wrap_amount IS 'Gift wrapping charged for the line.';
COMMENT ON COLUMN amazon.order_items.gift_wrap_tax_amount IS 'Tax on gift_wrap_amount.';
COMMENT ON COLUMN amazon.order_items.cod_fee_amount IS 'Fee for cash on delivery.';
COMMENT ON COLUMN amazon.order_items.other_amount IS 'What Amazon puts under OTHER.';
COMMENT ON COLUMN amazon.order_items.tax_amount IS 'All tax of the line: the TAX breakdown as a whole.';
COMMENT ON COLUMN amazon.order_items.discount_amount IS 'Discounts of the line, with the sign Amazon gives them.';
COMMENT ON COLUMN amazon.order_items.points_granted IS 'Amazon Points granted to the buyer (Japan).';
COMMENT ON COLUMN amazon.order_items.points_granted_amount IS 'What those points are worth.';
COMMENT ON COLUMN amazon.order_items.points_currency_code IS 'ISO 4217 code of points_granted_amount.';
COMMENT ON COLUMN amazon.order_items.gift_wrap_level IS 'Kind of gift wrapping; NULL for none.';
COMMENT ON COLUMN amazon.order_items.measurement_unit IS 'Unit of measurement_value, for goods sold by measure.';
COMMENT ON COLUMN amazon.order_items.measurement_value IS 'Measured amount of one unit.';
COMMENT ON COLUMN amazon.order_items.scheduled_delivery_from_utc IS 'Start of the delivery appointment, where one was made.';
COMMENT ON COLUMN amazon.order_items.scheduled_delivery_by_utc IS 'End of the delivery appointment.';
COMMENT ON COLUMN amazon.order_items.ioss_number IS 'Import One Stop Shop number under which tax was paid.';
COMMENT ON COLUMN amazon.order_items.tax_reporting_scheme IS 'UOSS or IOSS; only if TAX is among INCLUDED_DATA.';
COMMENT ON COLUMN amazon.order_items.tax_collection_model IS
    'MARKETPLACE_FACILITATOR where Amazon collects the tax; only if TAX is among INCLUDED_DATA.';
COMMENT ON COLUMN amazon.order_items.tax_collection_party IS 'Who collects it; only if TAX is among INCLUDED_DATA.';
COMMENT ON COLUMN amazon.order_items.cancellation_requested_by IS 'BUYER where the buyer asked to cancel.';
COMMENT ON COLUMN amazon.order_items.cancellation_request_reason IS
    'The reason given with that; where Amazon passes the buyer''s own words on, they stand here.';

CREATE TABLE amazon.order_charges (
    seller_id text NOT NULL,
    order_id text NOT NULL,
    charge_number integer NOT NULL,
    order_item_id text,
    type text NOT NULL,
    subtype text,
    status text,
    detail_of integer,
    amount numeric NOT NULL,
    currency_code text NOT NULL,
    PRIMARY KEY (seller_id, order_id, charge_number)
);
COMMENT ON TABLE amazon.order_charges IS
    'Every amount of every proceeds breakdown as Amazon gives it, one row each. Sum either the rows without order_item_id or those with it, and either those without detail_of or the details: each level tells the same money again.';
COMMENT ON COLUMN amazon.order_charges.seller_id IS 'The seller''s id in sellers.yaml.';
COMMENT ON COLUMN amazon.order_charges.order_id IS 'Amazon''s order id.';
COMMENT ON COLUMN amazon.order_charges.charge_number IS 'Counts the order''s rows in Amazon''s sequence, from 1.';
COMMENT ON COLUMN amazon.order_charges.order_item_id IS 'The line; NULL for a breakdown of the whole order.';
COMMENT ON COLUMN amazon.order_charges.type IS
    'ITEM, SHIPPING, GIFT_WRAP, COD_FEE, TAX, DISCOUNT, DELIVERY_TIP, OTHER; a word Amazon adds appears as it is.';
COMMENT ON COLUMN amazon.order_charges.subtype IS 'For a detail: what the tax or discount is on, such as SHIPPING.';
COMMENT ON COLUMN amazon.order_charges.status IS 'PENDING or FINALIZED, where Amazon says so (order level).';
COMMENT ON COLUMN amazon.order_charges.detail_of IS 'For a detail: charge_number of the row it is a part of.';
COMMENT ON COLUMN amazon.order_charges.amount IS 'With Amazon''s sign; exact.';
COMMENT ON COLUMN amazon.order_charges.currency_code IS 'ISO 4217 code of amount.';

CREATE TABLE amazon.order_packages (
    seller_id text NOT NULL,
    order_id text NOT NULL,
    package_number integer NOT NULL,
    package_reference_id text NOT NULL,
    status text,
    detailed_status text,
    carrier text,
    shipping_service text,
    tracking_number text,
    created_utc timestamptz,
    shipped_utc timestamptz,
    ship_from_country_code text,
    order_item_ids text[] NOT NULL,
    quantities bigint[] NOT NULL,
    PRIMARY KEY (seller_id, order_id, package_number)
);
COMMENT ON TABLE amazon.order_packages IS
    'One row a package of an order that the seller ships; Amazon tells none of its own. Read and loaded with its order.';
COMMENT ON COLUMN amazon.order_packages.seller_id IS 'The seller''s id in sellers.yaml.';
COMMENT ON COLUMN amazon.order_packages.order_id IS 'Amazon''s order id.';
COMMENT ON COLUMN amazon.order_packages.package_number IS 'Counts the order''s packages in Amazon''s sequence, from 1.';
COMMENT ON COLUMN amazon.order_packages.package_reference_id IS 'The seller''s number of the package.';
COMMENT ON COLUMN amazon.order_packages.status IS 'PENDING, IN_TRANSIT, SHIPPED, DELIVERED, CANCELLED or UNDELIVERABLE.';
COMMENT ON COLUMN amazon.order_packages.detailed_status IS 'Finer state, such as OUT_FOR_DELIVERY or RETURNED_TO_SELLER.';
COMMENT ON COLUMN amazon.order_packages.carrier IS 'Who carries it.';
COMMENT ON COLUMN amazon.order_packages.shipping_service IS 'The carrier''s service.';
COMMENT ON COLUMN amazon.order_packages.tracking_number IS 'The carrier''s number.';
COMMENT ON COLUMN amazon.order_packages.created_utc IS 'When the package was announced.';
COMMENT ON COLUMN amazon.order_packages.shipped_utc IS 'When it left.';
COMMENT ON COLUMN amazon.order_packages.ship_from_country_code IS 'Country it left from.';
COMMENT ON COLUMN amazon.order_packages.order_item_ids IS 'The lines in it; goes with quantities: unnest(order_item_ids, quantities).';
COMMENT ON COLUMN amazon.order_packages.quantities IS 'Units of each of those lines.';

CREATE TABLE amazon.order_promotions (
    seller_id text NOT NULL,
    order_id text NOT NULL,
    order_item_id text NOT NULL,
    promotion_id text NOT NULL,
    PRIMARY KEY (seller_id, order_id, order_item_id, promotion_id)
);
COMMENT ON TABLE amazon.order_promotions IS 'One row a promotion of a line; its money is in discount_amount and order_charges.';
COMMENT ON COLUMN amazon.order_promotions.seller_id IS 'The seller''s id in sellers.yaml.';
COMMENT ON COLUMN amazon.order_promotions.order_id IS 'Amazon''s order id.';
COMMENT ON COLUMN amazon.order_promotions.order_item_id IS 'The line.';
COMMENT ON COLUMN amazon.order_promotions.promotion_id IS 'Amazon''s id of the promotion.';

-- What belongs to an order goes with it, once a statement instead of once a row.
CREATE FUNCTION ops.delete_what_belongs_to_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM amazon.order_items x USING gone g WHERE x.seller_id = g.seller_id AND x.order_id = g.order_id;
    DELETE FROM amazon.order_charges x USING gone g WHERE x.seller_id = g.seller_id AND x.order_id = g.order_id;
    DELETE FROM amazon.order_packages x USING gone g WHERE x.seller_id = g.seller_id AND x.order_id = g.order_id;
    DELETE FROM amazon.order_promotions x USING gone g WHERE x.seller_id = g.seller_id AND x.order_id = g.order_id;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_go_whole AFTER DELETE ON amazon.orders REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ops.delete_what_belongs_to_orders();

CREATE TABLE amazon.marketplaces (
    marketplace_id text PRIMARY KEY,
    country_code text NOT NULL,
    name text NOT NULL,
    region text NOT NULL,
    currency_code text NOT NULL,
    timezone text NOT NULL
);
COMMENT ON TABLE amazon.marketplaces IS 'Amazon''s marketplaces.';
COMMENT ON COLUMN amazon.marketplaces.marketplace_id IS 'Amazon''s id, as in orders.';
COMMENT ON COLUMN amazon.marketplaces.country_code IS 'Two letters; the United Kingdom is UK.';
COMMENT ON COLUMN amazon.marketplaces.name IS 'Such as Amazon.de.';
COMMENT ON COLUMN amazon.marketplaces.region IS 'eu, na or fe.';
COMMENT ON COLUMN amazon.marketplaces.currency_code IS 'ISO 4217 code of its prices.';
COMMENT ON COLUMN amazon.marketplaces.timezone IS
    'IANA zone of its business day; Los Angeles for the United States, Canada and Mexico.';
INSERT INTO amazon.marketplaces VALUES
    ('A2EUQ1WTGCTBG2', 'CA', 'Amazon.ca', 'na', 'CAD', 'America/Los_Angeles'),
    ('ATVPDKIKX0DER', 'US', 'Amazon.com', 'na', 'USD', 'America/Los_Angeles'),
    ('A1AM78C64UM0Y8', 'MX', 'Amazon.com.mx', 'na', 'MXN', 'America/Los_Angeles'),
    ('A2Q3Y263D00KWC', 'BR', 'Amazon.com.br', 'na', 'BRL', 'America/Sao_Paulo'),
    ('A28R8C7NBKEWEA', 'IE', 'Amazon.ie', 'eu', 'EUR', 'Europe/Dublin'),
    ('A1RKKUPIHCS9HS', 'ES', 'Amazon.es', 'eu', 'EUR', 'Europe/Madrid'),
    ('A1F83G8C2ARO7P', 'UK', 'Amazon.co.uk', 'eu', 'GBP', 'Europe/London'),
    ('A13V1IB3VIYZZH', 'FR', 'Amazon.fr', 'eu', 'EUR', 'Europe/Paris'),
    ('AMEN7PMS3EDWL', 'BE', 'Amazon.com.be', 'eu', 'EUR', 'Europe/Brussels'),
    ('A1805IZSGTT6HS', 'NL', 'Amazon.nl', 'eu', 'EUR', 'Europe/Amsterdam'),
    ('A1PA6795UKMFR9', 'DE', 'Amazon.de', 'eu', 'EUR', 'Europe/Berlin'),
    ('APJ6JRA9NG5V4', 'IT', 'Amazon.it', 'eu', 'EUR', 'Europe/Rome'),
    ('A2NODRKZP88ZB9', 'SE', 'Amazon.se', 'eu', 'SEK', 'Europe/Stockholm'),
    ('AE08WJ6YKNBMC', 'ZA', 'Amazon.co.za', 'eu', 'ZAR', 'Africa/Johannesburg'),
    ('A1C3SOZRARQ6R3', 'PL', 'Amazon.pl', 'eu', 'PLN', 'Europe/Warsaw'),
    ('ARBP9OOSHTCHU', 'EG', 'Amazon.eg', 'eu', 'EGP', 'Africa/Cairo'),
    ('A33AVAJ2PDY3EV', 'TR', 'Amazon.com.tr', 'eu', 'TRY', 'Europe/Istanbul'),
    ('A17E79C6D8DWNP', 'SA', 'Amazon.sa', 'eu', 'SAR', 'Asia/Riyadh'),
    ('A2VIGQ35RCS4UG', 'AE', 'Amazon.ae', 'eu', 'AED', 'Asia/Dubai'),
    ('A21TJRUUN4KGV', 'IN', 'Amazon.in', 'eu', 'INR', 'Asia/Kolkata'),
    ('A19VAU5U5O7RUS', 'SG', 'Amazon.sg', 'fe', 'SGD', 'Asia/Singapore'),
    ('A39IBJ37TRP1C6', 'AU', 'Amazon.com.au', 'fe', 'AUD', 'Australia/Sydney'),
    ('A1VC38T7YXB528', 'JP', 'Amazon.co.jp', 'fe', 'JPY', 'Asia/Tokyo');

-- What the machinery remembers ---------------------------------------------------------------------------------------

ALTER TABLE ops.extraction_window
    ADD COLUMN purpose text NOT NULL DEFAULT 'nightly' CHECK (purpose IN ('nightly', 'reread', 'history', 'requested')),
    ADD COLUMN run_id text,
    ADD COLUMN expected_orders bigint,
    ADD COLUMN settled_before_utc timestamptz,
    ADD COLUMN late_finds integer,
    ADD COLUMN pages_deleted_utc timestamptz;
COMMENT ON COLUMN ops.extraction_window.purpose IS
    'nightly (moves the watermark forward), reread (the weekly second look), history (moves complete_from_utc back) or requested (a run with from_utc and to_utc).';
COMMENT ON COLUMN ops.extraction_window.run_id IS 'For a requested one: the Airflow run that asked.';
COMMENT ON COLUMN ops.extraction_window.expected_orders IS 'What was expected in it when it opened; NULL for no idea.';
COMMENT ON COLUMN ops.extraction_window.settled_before_utc IS
    'Changes before this were old enough, by the overlap, to be in Amazon''s index when it was asked.';
COMMENT ON COLUMN ops.extraction_window.late_finds IS
    'Orders of a time already read that its load found for the first time: late in Amazon''s index. NULL before the load.';
COMMENT ON COLUMN ops.extraction_window.pages_deleted_utc IS 'When its landed pages were deleted for their age.';
UPDATE ops.extraction_window SET settled_before_utc = opened_utc - interval '6 hours';
ALTER TABLE ops.extraction_window ALTER COLUMN settled_before_utc SET NOT NULL;
CREATE INDEX extraction_window_of_seller ON ops.extraction_window (seller_id, window_id);
CREATE INDEX extraction_window_with_pages ON ops.extraction_window (seller_id, loaded_utc)
    WHERE state = 'loaded' AND pages_deleted_utc IS NULL;

ALTER TABLE ops.watermark
    ADD COLUMN complete_from_utc timestamptz,
    ADD COLUMN settled_utc timestamptz,
    ADD COLUMN reread_utc timestamptz;
UPDATE ops.watermark w SET
    complete_from_utc = coalesce(
        (SELECT min(x.window_start_utc) FROM ops.extraction_window x WHERE x.seller_id = w.seller_id AND x.state = 'loaded'),
        w.complete_through_utc),
    settled_utc = w.complete_through_utc - interval '6 hours',
    reread_utc = w.moved_utc;
ALTER TABLE ops.watermark
    ALTER COLUMN complete_from_utc SET NOT NULL,
    ALTER COLUMN settled_utc SET NOT NULL,
    ALTER COLUMN reread_utc SET NOT NULL;
COMMENT ON COLUMN ops.watermark.complete_from_utc IS 'Every change from here on, up to complete_through_utc, is in the tables.';
COMMENT ON COLUMN ops.watermark.settled_utc IS
    'Every change up to here was asked for when it was older than the overlap; the next night looks again from here on.';
COMMENT ON COLUMN ops.watermark.reread_utc IS 'When the last weekly re-read was planned, at first when the seller began.';

CREATE TABLE ops.rejected_order (
    window_id bigint NOT NULL REFERENCES ops.extraction_window ON DELETE CASCADE,
    page_number integer NOT NULL,
    order_index integer NOT NULL,
    seller_id text NOT NULL,
    order_id text,
    json_path text NOT NULL,
    reason text NOT NULL,
    extracted_utc timestamptz NOT NULL,
    PRIMARY KEY (window_id, page_number, order_index)
);
CREATE INDEX rejected_order_of_seller ON ops.rejected_order (seller_id, order_id);
COMMENT ON TABLE ops.rejected_order IS
    'Orders that could not be read, by place and reason, never by content. A row goes when a later state of the order is loaded.';
COMMENT ON COLUMN ops.rejected_order.window_id IS 'The window.';
COMMENT ON COLUMN ops.rejected_order.page_number IS 'Its page.';
COMMENT ON COLUMN ops.rejected_order.order_index IS 'Place on the page, from 0, as in the JSON path.';
COMMENT ON COLUMN ops.rejected_order.seller_id IS 'The seller''s id in sellers.yaml.';
COMMENT ON COLUMN ops.rejected_order.order_id IS 'Amazon''s order id, where that much could be read.';
COMMENT ON COLUMN ops.rejected_order.json_path IS 'What could not be read.';
COMMENT ON COLUMN ops.rejected_order.reason IS 'What was expected there.';
COMMENT ON COLUMN ops.rejected_order.extracted_utc IS 'When Amazon told it so.';

CREATE TABLE ops.quota_bucket (
    client_id text NOT NULL,
    seller_id text NOT NULL,
    operation text NOT NULL,
    rate_per_s double precision NOT NULL CHECK (rate_per_s > 0),
    burst double precision NOT NULL CHECK (burst >= 1),
    tokens double precision NOT NULL,
    filled_utc timestamptz NOT NULL,
    refused boolean NOT NULL DEFAULT false,
    PRIMARY KEY (client_id, seller_id, operation)
);
COMMENT ON TABLE ops.quota_bucket IS 'What is left of Amazon''s request quota, one bucket an application, seller and operation.';
COMMENT ON COLUMN ops.quota_bucket.client_id IS 'The application.';
COMMENT ON COLUMN ops.quota_bucket.seller_id IS 'The seller''s id in sellers.yaml.';
COMMENT ON COLUMN ops.quota_bucket.operation IS 'Amazon''s name of the operation.';
COMMENT ON COLUMN ops.quota_bucket.rate_per_s IS 'Tokens added a second: documented, or as Amazon''s last reply says.';
COMMENT ON COLUMN ops.quota_bucket.burst IS 'Tokens it can hold.';
COMMENT ON COLUMN ops.quota_bucket.tokens IS 'Tokens it held at filled_utc.';
COMMENT ON COLUMN ops.quota_bucket.filled_utc IS 'When tokens was true.';
COMMENT ON COLUMN ops.quota_bucket.refused IS 'Whether the last call that asked found no token.';

-- What analysts ask every day ----------------------------------------------------------------------------------------

CREATE VIEW amazon.daily_sales AS
SELECT o.seller_id,
    o.marketplace_id,
    m.country_code,
    (o.created_utc AT TIME ZONE coalesce(m.timezone, 'UTC'))::date AS day,
    c.currency_code,
    count(*) AS orders,
    count(*) FILTER (WHERE c.is_cancelled) AS cancelled_orders,
    count(*) FILTER (WHERE o.grand_total_amount IS NULL AND NOT c.is_cancelled) AS orders_without_total,
    coalesce(sum(i.units), 0)::bigint AS units,
    coalesce(sum(o.grand_total_amount) FILTER (WHERE NOT c.is_cancelled), 0) AS grand_total_amount,
    coalesce(sum(i.item_amount), 0) AS item_amount,
    coalesce(sum(i.shipping_amount), 0) AS shipping_amount,
    coalesce(sum(i.tax_amount), 0) AS tax_amount,
    coalesce(sum(i.discount_amount), 0) AS discount_amount
FROM amazon.orders o
LEFT JOIN amazon.marketplaces m USING (marketplace_id)
CROSS JOIN LATERAL (
    SELECT coalesce(o.currency_code, m.currency_code) AS currency_code,
        o.fulfillment_status IS NOT DISTINCT FROM 'CANCELLED' AS is_cancelled
) c
-- One row an order, so that an order's own total is counted once however many lines it has.
LEFT JOIN LATERAL (
    SELECT sum(CASE WHEN x.cancelled_by IS NULL THEN x.quantity_ordered
            ELSE coalesce(x.quantity_fulfilled + x.quantity_unfulfilled, 0) END) AS units,
        sum(x.item_amount) FILTER (WHERE x.currency_code = c.currency_code) AS item_amount,
        sum(x.shipping_amount) FILTER (WHERE x.currency_code = c.currency_code) AS shipping_amount,
        sum(x.tax_amount) FILTER (WHERE x.currency_code = c.currency_code) AS tax_amount,
        sum(x.discount_amount) FILTER (WHERE x.currency_code = c.currency_code) AS discount_amount
    FROM amazon.order_items x WHERE x.seller_id = o.seller_id AND x.order_id = o.order_id AND NOT c.is_cancelled
) i ON true
GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW amazon.daily_sales IS
    'Orders and money by seller, marketplace, day of the order in the marketplace''s own zone, and currency. Units and amounts leave orders cancelled as a whole out.';
COMMENT ON COLUMN amazon.daily_sales.seller_id IS 'The seller''s id in sellers.yaml.';
COMMENT ON COLUMN amazon.daily_sales.marketplace_id IS 'Amazon''s id of the marketplace; NULL for orders from elsewhere.';
COMMENT ON COLUMN amazon.daily_sales.country_code IS 'Its country; NULL for orders from elsewhere.';
COMMENT ON COLUMN amazon.daily_sales.day IS 'Day on which the orders were placed, in the marketplace''s zone, else UTC.';
COMMENT ON COLUMN amazon.daily_sales.currency_code IS
    'ISO 4217 code of all amounts. An order without a total counts under the marketplace''s own; NULL where neither is known.';
COMMENT ON COLUMN amazon.daily_sales.orders IS 'All orders, cancelled and pending ones too.';
COMMENT ON COLUMN amazon.daily_sales.cancelled_orders IS 'Those of them that were cancelled as a whole.';
COMMENT ON COLUMN amazon.daily_sales.orders_without_total IS
    'Those not cancelled for which Amazon tells no total (pending ones, mostly): their money is still missing in the amounts.';
COMMENT ON COLUMN amazon.daily_sales.units IS 'Units ordered; of a cancelled line what is left of it.';
COMMENT ON COLUMN amazon.daily_sales.grand_total_amount IS 'Sum of orders.grand_total_amount.';
COMMENT ON COLUMN amazon.daily_sales.item_amount IS
    'Sum of order_items.item_amount. Like the other sums over lines without lines in another currency than the order''s.';
COMMENT ON COLUMN amazon.daily_sales.shipping_amount IS 'Sum of order_items.shipping_amount.';
COMMENT ON COLUMN amazon.daily_sales.tax_amount IS 'Sum of order_items.tax_amount: tax that Amazon tells, 0 where it tells none.';
COMMENT ON COLUMN amazon.daily_sales.discount_amount IS 'Sum of order_items.discount_amount, with Amazon''s sign.';

CREATE VIEW amazon.seller_freshness AS
SELECT w.seller_id,
    w.complete_from_utc,
    w.complete_through_utc,
    last_load.loaded_utc AS last_run_utc,
    (SELECT count(*) FROM amazon.orders o WHERE o.seller_id = w.seller_id
        AND o.created_utc > w.complete_through_utc - interval '1 day'
        AND o.created_utc <= w.complete_through_utc) AS orders_last_day,
    coalesce(last_load.late_finds, 0) AS late_finds,
    (SELECT count(*) FROM ops.rejected_order r WHERE r.seller_id = w.seller_id) AS rejected_orders
FROM ops.watermark w
LEFT JOIN LATERAL (
    SELECT max(x.loaded_utc) AS loaded_utc,
        sum(x.late_finds) FILTER (WHERE x.loaded_utc > now() - interval '30 days') AS late_finds
    FROM ops.extraction_window x WHERE x.seller_id = w.seller_id AND x.state = 'loaded'
) last_load ON true;
COMMENT ON VIEW amazon.seller_freshness IS 'How far each seller''s tables are complete, and what is missing. Ask it before trusting a sum. A seller who is not in it was never loaded.';
COMMENT ON COLUMN amazon.seller_freshness.seller_id IS 'The seller''s id in sellers.yaml.';
COMMENT ON COLUMN amazon.seller_freshness.complete_from_utc IS 'Orders that last changed before this were not asked for.';
COMMENT ON COLUMN amazon.seller_freshness.complete_through_utc IS 'Every change from complete_from_utc up to here is in the tables.';
COMMENT ON COLUMN amazon.seller_freshness.last_run_utc IS 'When the last load that brought a window was written.';
COMMENT ON COLUMN amazon.seller_freshness.orders_last_day IS 'Orders placed within the 24 hours before complete_through_utc.';
COMMENT ON COLUMN amazon.seller_freshness.late_finds IS
    'Orders of the last 30 days'' loads that were late in Amazon''s index and found by a second look.';
COMMENT ON COLUMN amazon.seller_freshness.rejected_orders IS 'Orders whose last state could not be read: they are missing here, or stand in an older state.';
