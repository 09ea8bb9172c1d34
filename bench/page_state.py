"""How a thousand sellers stand after a month: what their nights and their lapses leave in the tables."""

from __future__ import annotations

from string import Template

import psycopg

# One in twenty needs somebody, one in ten soon; each has had one mail at least, some a rejected order.
STATE = """
INSERT INTO ops.seller_authorization (seller_id, status, since_utc, amazon_said, last_good_utc, authorized_utc,
    expires_utc, generation, token_fingerprint, selling_partner_id, marketplace_ids, store_names)
SELECT 'seller_' || n,
    CASE WHEN n % 40 = 0 THEN 'reauthorization_required' WHEN n % 40 = 1 THEN 'access_denied'
        WHEN n % 10 = 5 THEN 'expires_soon' ELSE 'connected' END,
    now() - n % 30 * interval '1 day',
    CASE WHEN n % 40 < 2 THEN 'The request has an invalid grant parameter' ELSE '' END,
    now(), now() - interval '200 days', now() + (CASE WHEN n % 10 = 5 THEN 12 ELSE 165 END) * interval '1 day', 1,
    md5(n::text), 'A' || n, ARRAY['A1PA6795UKMFR9'], ARRAY['Shop ' || n]
FROM generate_series(0, $sellers - 1) n;
INSERT INTO ops.watermark (seller_id, complete_from_utc, settled_utc, reread_utc, complete_through_utc)
SELECT 'seller_' || n, now() - interval '60 days', now(), now(), now() - n * interval '1 minute'
FROM generate_series(0, $sellers - 1) n;
INSERT INTO ops.incident (seller_id, error_class, generation, opened_utc, closed_utc)
SELECT 'seller_' || n, 'ReauthorizationRequiredError', 1, now() - month * interval '1 month',
    CASE WHEN month > 1 OR n % 40 > 0 THEN now() - month * interval '1 month' + interval '2 days' END
FROM generate_series(0, $sellers - 1) n, generate_series(1, 3) month;
INSERT INTO ops.outbox (incident_id, kind, audience, recipient, created_utc, due_utc, sent_utc)
SELECT incident_id, kind, 'seller', seller_id || '@seller.example', opened_utc, opened_utc, opened_utc
FROM ops.incident, unnest(ARRAY['reconnect', 'reminder_3']) kind;
INSERT INTO ops.extraction_window (seller_id, window_start_utc, window_end_utc, marketplace_ids, included_data, state,
    complete_through_utc, opened_utc, settled_before_utc, loaded_utc)
SELECT 'seller_' || n, now() - day * interval '1 day', now() - (day - 1) * interval '1 day', '{}', '{}', 'loaded',
    now() - (day - 1) * interval '1 day', now(), now(), now()
FROM generate_series(0, $sellers - 1) n, generate_series(1, 30) day;
INSERT INTO ops.rejected_order (window_id, page_number, order_index, seller_id, json_path, reason, extracted_utc)
SELECT window_id, 1, 1, seller_id, '$$.orders[0]', 'no id', now() FROM ops.extraction_window WHERE window_id % 100 = 0;
INSERT INTO amazon.orders (seller_id, order_id, created_utc, last_updated_utc, programs, extracted_utc)
SELECT 'seller_' || n, day || '-' || number, placed.utc, placed.utc, '{}', now()
FROM generate_series(0, $sellers - 1) n, generate_series(0, 59) day, generate_series(1, $orders + n % 5) number,
    LATERAL (SELECT now() - day * interval '1 day' - number * interval '1 minute' AS utc) placed;
INSERT INTO ops.catch_up (seller_id, way, gap_start_utc, gap_end_utc, expected_orders, planned_utc, totals_expected_utc,
    detail_expected_utc)
SELECT 'seller_' || n, 'report', now() - interval '20 days', now(), 10000, now(), now(), now() + interval '2 hours'
FROM generate_series(0, $sellers - 1, 25) n;
"""


def write_state(dsn: str, sellers: int, orders_a_day: int) -> None:
    """Fill the empty tables: sixty days of orders, thirty of them shown; statistics as autovacuum leaves them."""
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(Template(STATE).substitute(sellers=sellers, orders=orders_a_day).encode())
        owner.execute("VACUUM ANALYZE")
