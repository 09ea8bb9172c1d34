"""Orders and their items for analysts, and what the machinery must remember between runs."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ORDERS = """
CREATE TABLE amazon.orders (
    seller_id text NOT NULL,
    order_id text NOT NULL,
    created_utc timestamptz NOT NULL,
    last_updated_utc timestamptz NOT NULL,
    fulfillment_status text,
    fulfilled_by text,
    fulfillment_service_level text,
    channel_name text,
    marketplace_id text,
    marketplace_name text,
    programs text[] NOT NULL,
    grand_total_amount numeric,
    currency_code text,
    ship_by_utc timestamptz,
    deliver_by_utc timestamptz,
    extracted_utc timestamptz NOT NULL,
    loaded_utc timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (seller_id, order_id)
);
CREATE INDEX orders_created ON amazon.orders (seller_id, created_utc);
CREATE INDEX orders_last_updated ON amazon.orders (seller_id, last_updated_utc);
"""
ORDER_ITEMS = """
CREATE TABLE amazon.order_items (
    seller_id text NOT NULL,
    order_id text NOT NULL,
    order_item_id text NOT NULL,
    asin text,
    seller_sku text,
    title text,
    condition_type text,
    quantity_ordered bigint NOT NULL,
    quantity_fulfilled bigint,
    quantity_unfulfilled bigint,
    unit_price_amount numeric,
    unit_price_currency_code text,
    proceeds_total_amount numeric,
    currency_code text,
    cancelled_by text,
    cancel_reason text,
    extracted_utc timestamptz NOT NULL,
    loaded_utc timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (seller_id, order_id, order_item_id),
    FOREIGN KEY (seller_id, order_id) REFERENCES amazon.orders ON DELETE CASCADE
);
CREATE INDEX order_items_sku ON amazon.order_items (seller_id, seller_sku);
"""
OPS = """
CREATE TABLE ops.extraction_window (
    window_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seller_id text NOT NULL,
    window_start_utc timestamptz NOT NULL,
    window_end_utc timestamptz NOT NULL,
    marketplace_ids text[] NOT NULL,
    included_data text[] NOT NULL,
    state text NOT NULL DEFAULT 'extracting' CHECK (state IN ('extracting', 'extracted', 'loaded')),
    next_token text,
    next_token_utc timestamptz,
    complete_through_utc timestamptz NOT NULL,
    opened_utc timestamptz NOT NULL,
    loaded_utc timestamptz,
    CHECK (window_start_utc <= window_end_utc),
    CHECK (complete_through_utc <= window_end_utc)
);
CREATE UNIQUE INDEX extraction_window_one_open ON ops.extraction_window (seller_id) WHERE state = 'extracting';
CREATE INDEX extraction_window_to_load ON ops.extraction_window (seller_id, window_id) WHERE state = 'extracted';
CREATE TABLE ops.landed_page (
    window_id bigint NOT NULL REFERENCES ops.extraction_window ON DELETE CASCADE,
    page_number integer NOT NULL CHECK (page_number > 0),
    page_url text NOT NULL,
    orders integer NOT NULL,
    extracted_utc timestamptz NOT NULL,
    PRIMARY KEY (window_id, page_number)
);
CREATE TABLE ops.watermark (
    seller_id text PRIMARY KEY,
    complete_through_utc timestamptz NOT NULL,
    moved_utc timestamptz NOT NULL DEFAULT now()
);
"""
COMMENTS = {
    "SCHEMA amazon": "Amazon sellers' orders, for analysts. Times are UTC; amounts are exact, in the currency beside.",
    "SCHEMA ops": "What the machinery remembers between runs. Not for analysts.",
    "TABLE amazon.orders": "One row an order of a seller, as Amazon last told it.",
    "COLUMN amazon.orders.seller_id": "The seller's id in sellers.yaml.",
    "COLUMN amazon.orders.order_id": "Amazon's order id, 3-7-7 digits; one id can occur at two sellers.",
    "COLUMN amazon.orders.created_utc": "When the order was placed.",
    "COLUMN amazon.orders.last_updated_utc": "When Amazon or the seller last changed it.",
    "COLUMN amazon.orders.fulfillment_status": "PENDING_AVAILABILITY, PENDING, UNSHIPPED, PARTIALLY_SHIPPED, SHIPPED, "
    "CANCELLED or UNFULFILLABLE; a word Amazon adds later appears as it is.",
    "COLUMN amazon.orders.fulfilled_by": "AMAZON (FBA) or MERCHANT.",
    "COLUMN amazon.orders.fulfillment_service_level": "Shipping speed: STANDARD, EXPEDITED, NEXT_DAY and others.",
    "COLUMN amazon.orders.channel_name": "AMAZON, or NON_AMAZON for an order from elsewhere that Amazon ships.",
    "COLUMN amazon.orders.marketplace_id": "Amazon's id of the marketplace; NULL outside Amazon.",
    "COLUMN amazon.orders.marketplace_name": "Its name, such as Amazon.de.",
    "COLUMN amazon.orders.programs": "Programs the order belongs to, such as PRIME or AMAZON_BUSINESS; empty for none.",
    "COLUMN amazon.orders.grand_total_amount": "What the buyer pays in all; NULL while Amazon tells none.",
    "COLUMN amazon.orders.currency_code": "ISO 4217 code of grand_total_amount.",
    "COLUMN amazon.orders.ship_by_utc": "Latest instant to hand it to the carrier.",
    "COLUMN amazon.orders.deliver_by_utc": "Latest promised delivery.",
    "COLUMN amazon.orders.extracted_utc": "When this state was read from Amazon.",
    "COLUMN amazon.orders.loaded_utc": "When this row was written here.",
    "TABLE amazon.order_items": "One row an item line of an order; replaced as a set whenever its order changes.",
    "COLUMN amazon.order_items.seller_id": "The seller's id in sellers.yaml.",
    "COLUMN amazon.order_items.order_id": "Amazon's order id.",
    "COLUMN amazon.order_items.order_item_id": "Amazon's id of the line, unique within the order.",
    "COLUMN amazon.order_items.asin": "Amazon's product id.",
    "COLUMN amazon.order_items.seller_sku": "The seller's own product id.",
    "COLUMN amazon.order_items.title": "The product's name in the marketplace's language.",
    "COLUMN amazon.order_items.condition_type": "NEW, USED, REFURBISHED and others.",
    "COLUMN amazon.order_items.quantity_ordered": "Units ordered; a cancelled line keeps what Amazon says.",
    "COLUMN amazon.order_items.quantity_fulfilled": "Units shipped so far.",
    "COLUMN amazon.order_items.quantity_unfulfilled": "Units not shipped yet.",
    "COLUMN amazon.order_items.unit_price_amount": "List price of one unit.",
    "COLUMN amazon.order_items.unit_price_currency_code": "ISO 4217 code of unit_price_amount.",
    "COLUMN amazon.order_items.proceeds_total_amount": "What the buyer pays for the line in all.",
    "COLUMN amazon.order_items.currency_code": "ISO 4217 code of proceeds_total_amount.",
    "COLUMN amazon.order_items.cancelled_by": "BUYER, MERCHANT or AMAZON where the line was cancelled.",
    "COLUMN amazon.order_items.cancel_reason": "Amazon's reason for that.",
    "COLUMN amazon.order_items.extracted_utc": "When this state was read from Amazon.",
    "COLUMN amazon.order_items.loaded_utc": "When this row was written here.",
    "TABLE ops.extraction_window": "Each stretch of time asked of Amazon, bounds frozen for pages and retries.",
    "COLUMN ops.extraction_window.window_id": "Counts windows.",
    "COLUMN ops.extraction_window.seller_id": "The seller's id in sellers.yaml.",
    "COLUMN ops.extraction_window.window_start_utc": "lastUpdatedAfter as sent, inclusive.",
    "COLUMN ops.extraction_window.window_end_utc": "lastUpdatedBefore as sent, inclusive.",
    "COLUMN ops.extraction_window.marketplace_ids": "marketplaceIds as sent.",
    "COLUMN ops.extraction_window.included_data": "includedData as sent.",
    "COLUMN ops.extraction_window.state": "extracting, extracted (all pages landed) or loaded.",
    "COLUMN ops.extraction_window.next_token": "Asks for the next page; NULL before the first, after the last.",
    "COLUMN ops.extraction_window.next_token_utc": "When that token was given; it is good for 24 hours.",
    "COLUMN ops.extraction_window.complete_through_utc": "The smallest bound so far: ours, or the replies' own.",
    "COLUMN ops.extraction_window.opened_utc": "When its bounds were frozen.",
    "COLUMN ops.extraction_window.loaded_utc": "When its orders were in the tables.",
    "TABLE ops.landed_page": "Each page of a window that lies in the landing, in the order Amazon gave them.",
    "COLUMN ops.landed_page.window_id": "The window it belongs to.",
    "COLUMN ops.landed_page.page_number": "1 for the first page.",
    "COLUMN ops.landed_page.page_url": "Where it lies, below RAW_URL.",
    "COLUMN ops.landed_page.orders": "Orders on it.",
    "COLUMN ops.landed_page.extracted_utc": "When Amazon's answer came.",
    "TABLE ops.watermark": "How far each seller's tables are complete.",
    "COLUMN ops.watermark.seller_id": "The seller's id in sellers.yaml.",
    "COLUMN ops.watermark.complete_through_utc": "Every change up to here is in the tables.",
    "COLUMN ops.watermark.moved_utc": "When that was last moved.",
}
# A server where the login may not create roles has the role from its administrator.
ANALYST = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'analyst') THEN CREATE ROLE analyst NOLOGIN; END IF;
END $$;
GRANT USAGE ON SCHEMA amazon TO analyst;
ALTER DEFAULT PRIVILEGES IN SCHEMA amazon GRANT SELECT ON TABLES TO analyst;
"""


def upgrade() -> None:
    """Make both schemas, their tables and the read-only role `analyst`."""
    op.execute("CREATE SCHEMA amazon")
    op.execute(ANALYST)
    op.execute(ORDERS)
    op.execute(ORDER_ITEMS)
    op.execute(OPS)
    for place, comment in COMMENTS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON {place} IS '{quoted}'")
