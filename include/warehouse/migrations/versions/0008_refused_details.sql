ALTER TABLE ops.order_to_fetch ADD COLUMN is_refused boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN ops.order_to_fetch.is_refused IS 'Whether getOrder was asked for it and did not show it; it is asked once more when all others are here.';
