ALTER TABLE amazon.orders ADD COLUMN detail text NOT NULL DEFAULT 'full' CHECK (detail IN ('full', 'report'));
COMMENT ON COLUMN amazon.orders.detail IS
    'full: as the Orders API tells it. report: from a report, totals and lines only, until the details are here.';

ALTER TABLE ops.extraction_window DROP CONSTRAINT extraction_window_purpose_check;
ALTER TABLE ops.extraction_window ADD CONSTRAINT extraction_window_purpose_check
    CHECK (purpose IN ('nightly', 'reread', 'history', 'requested', 'detail'));

ALTER TABLE ops.watermark ADD COLUMN totals_through_utc timestamptz;
COMMENT ON COLUMN ops.watermark.totals_through_utc IS
    'Up to here every order is in the tables at least with its totals, by reports; empty where none was needed.';

CREATE TABLE ops.report (
    report_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seller_id text NOT NULL,
    window_start_utc timestamptz NOT NULL,
    window_end_utc timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'requested', 'landed', 'loaded', 'failed')),
    report_id text,
    wanted_utc timestamptz NOT NULL,
    requested_utc timestamptz,
    landed_utc timestamptz,
    loaded_utc timestamptz,
    document_url text,
    orders integer,
    trouble text NOT NULL DEFAULT '',
    CHECK (window_start_utc < window_end_utc)
);
CREATE INDEX report_open ON ops.report (seller_id, report_no) WHERE state IN ('wanted', 'requested', 'landed');
COMMENT ON TABLE ops.report IS 'One report each, of the orders last updated in a window, from the wish to its rows.';
COMMENT ON COLUMN ops.report.report_no IS 'Counts reports.';
COMMENT ON COLUMN ops.report.seller_id IS 'The seller''s id in sellers.yaml.';
COMMENT ON COLUMN ops.report.window_start_utc IS 'Start of the window, inclusive.';
COMMENT ON COLUMN ops.report.window_end_utc IS 'Its end, inclusive.';
COMMENT ON COLUMN ops.report.state IS
    'wanted, requested at Amazon, landed (its document lies in the store), loaded; or failed, then searchOrders does it.';
COMMENT ON COLUMN ops.report.report_id IS 'Amazon''s id, once requested.';
COMMENT ON COLUMN ops.report.wanted_utc IS 'When the planner chose it.';
COMMENT ON COLUMN ops.report.requested_utc IS 'When Amazon took it.';
COMMENT ON COLUMN ops.report.landed_utc IS 'When its document was here, or Amazon said that there is nothing to tell.';
COMMENT ON COLUMN ops.report.loaded_utc IS 'When its rows were in the tables.';
COMMENT ON COLUMN ops.report.document_url IS 'Where its document lies, without personal columns; empty where there was none.';
COMMENT ON COLUMN ops.report.orders IS 'Orders in it.';
COMMENT ON COLUMN ops.report.trouble IS 'Why it failed, in Amazon''s words.';

CREATE TABLE ops.order_to_fetch (
    seller_id text NOT NULL,
    order_id text NOT NULL,
    last_updated_utc timestamptz NOT NULL,
    PRIMARY KEY (seller_id, order_id)
);
CREATE INDEX order_to_fetch_newest ON ops.order_to_fetch (seller_id, last_updated_utc);
COMMENT ON TABLE ops.order_to_fetch IS 'Orders that a report tells of and whose details are not in the tables yet.';
COMMENT ON COLUMN ops.order_to_fetch.seller_id IS 'The seller''s id in sellers.yaml.';
COMMENT ON COLUMN ops.order_to_fetch.order_id IS 'Amazon''s order id.';
COMMENT ON COLUMN ops.order_to_fetch.last_updated_utc IS 'Its last update, as the report says.';

CREATE OR REPLACE VIEW amazon.seller_freshness AS
SELECT w.seller_id,
    w.complete_from_utc,
    w.complete_through_utc,
    last_load.loaded_utc AS last_run_utc,
    (SELECT count(*) FROM amazon.orders o WHERE o.seller_id = w.seller_id
        AND o.created_utc > w.complete_through_utc - interval '1 day'
        AND o.created_utc <= w.complete_through_utc) AS orders_last_day,
    coalesce(last_load.late_finds, 0) AS late_finds,
    (SELECT count(*) FROM ops.rejected_order r WHERE r.seller_id = w.seller_id) AS rejected_orders,
    greatest(w.complete_through_utc, w.totals_through_utc) AS totals_through_utc,
    (SELECT count(*) FROM ops.order_to_fetch f WHERE f.seller_id = w.seller_id) AS orders_without_detail
FROM ops.watermark w
LEFT JOIN LATERAL (
    SELECT max(x.loaded_utc) AS loaded_utc,
        sum(x.late_finds) FILTER (WHERE x.loaded_utc > now() - interval '30 days') AS late_finds
    FROM ops.extraction_window x WHERE x.seller_id = w.seller_id AND x.state = 'loaded'
) last_load ON true;
COMMENT ON COLUMN amazon.seller_freshness.complete_through_utc IS 'Up to here every order is in the tables in full detail.';
COMMENT ON COLUMN amazon.seller_freshness.totals_through_utc IS 'Up to here every order is in the tables at least with its totals.';
COMMENT ON COLUMN amazon.seller_freshness.orders_without_detail IS 'Orders whose details are still on their way.';
