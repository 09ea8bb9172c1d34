CREATE TABLE ops.catch_up (
    catch_up_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seller_id text NOT NULL,
    way text NOT NULL CHECK (way IN ('search', 'report')),
    gap_start_utc timestamptz NOT NULL,
    gap_end_utc timestamptz NOT NULL,
    expected_orders integer NOT NULL,
    planned_utc timestamptz NOT NULL,
    totals_expected_utc timestamptz NOT NULL,
    detail_expected_utc timestamptz NOT NULL,
    totals_utc timestamptz,
    detail_utc timestamptz
);
CREATE UNIQUE INDEX catch_up_open ON ops.catch_up (seller_id) WHERE detail_utc IS NULL;
COMMENT ON TABLE ops.catch_up IS 'One gap each that Amazon''s limits do not let us close at once: what was forecast, and what came of it.';
COMMENT ON COLUMN ops.catch_up.catch_up_no IS 'Counts gaps.';
COMMENT ON COLUMN ops.catch_up.seller_id IS 'The seller''s id in sellers.yaml.';
COMMENT ON COLUMN ops.catch_up.way IS 'search: searchOrders alone. report: reports first, then searchOrders and getOrder together.';
COMMENT ON COLUMN ops.catch_up.gap_start_utc IS 'Where the gap begins.';
COMMENT ON COLUMN ops.catch_up.gap_end_utc IS 'Where it ends.';
COMMENT ON COLUMN ops.catch_up.expected_orders IS 'About how many orders changed in it.';
COMMENT ON COLUMN ops.catch_up.planned_utc IS 'When the way was chosen.';
COMMENT ON COLUMN ops.catch_up.totals_expected_utc IS 'When every order''s totals should be there.';
COMMENT ON COLUMN ops.catch_up.detail_expected_utc IS 'When everything should be there.';
COMMENT ON COLUMN ops.catch_up.totals_utc IS 'When the totals were there.';
COMMENT ON COLUMN ops.catch_up.detail_utc IS 'When everything was there; empty while the gap is open.';
