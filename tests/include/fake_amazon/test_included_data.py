"""`includedData`: each dataset brings its own fields and no others."""

from __future__ import annotations

import json

import pytest

AFTER = "2026-10-01T00:00:00Z"
ALWAYS = {"orderId", "createdTime", "lastUpdatedTime", "programs", "salesChannel", "orderItems"}
ITEM_ALWAYS = {"orderItemId", "quantityOrdered", "product", "programs"}
DATASETS = {
    "BUYER": ({"buyer"}, set()),
    "RECIPIENT": ({"recipient"}, set()),
    "PROCEEDS": ({"proceeds"}, {"proceeds"}),
    "EXPENSE": (set(), {"expense"}),
    "PROMOTION": (set(), {"promotion"}),
    "CANCELLATION": (set(), {"cancellation"}),
    "FULFILLMENT": ({"fulfillment"}, {"fulfillment"}),
    "PACKAGES": ({"packages"}, set()),
    "TAX": ({"tax"}, {"tax"}),
    "PAYMENT": ({"payment"}, set()),
    "FULFILLMENT_ORDERS": ({"fulfillmentOrders"}, set()),
}


def _fields(orders):
    order_fields = {field for order in orders for field in order}
    return order_fields, {field for order in orders for item in order["orderItems"] for field in item}


@pytest.fixture(scope="module")
def full_order():
    """An order that holds every dataset, of a marketplace that `make_order` uses too."""
    item = {"orderItemId": "1", "quantityOrdered": 1, "product": {"title": "Kerze"}, "programs": [], "newField": 1}
    order = {
        "orderId": "300-0000000-0000009",
        "createdTime": "2026-11-01T08:00:00Z",
        "lastUpdatedTime": "2026-11-01T08:00:00Z",
        "programs": [],
        "salesChannel": {"channelName": "AMAZON"},
        "anotherNewField": {"a": [1.50, 2]},
        "orderItems": [item | {field: {} for _, fields in DATASETS.values() for field in fields}],
    }
    return order | {field: {} for fields, _ in DATASETS.values() for field in fields}


@pytest.fixture
def stocked_seller(fake, quiet_seller, full_order):
    fake.client.add_orders(quiet_seller.shop_id, [full_order])
    return quiet_seller


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_dataset_adds_exactly_its_own_fields(stocked_seller, dataset):
    order_fields, item_fields = _fields(stocked_seller.orders(lastUpdatedAfter=AFTER, includedData=dataset))
    assert order_fields == ALWAYS | {"anotherNewField"} | DATASETS[dataset][0]
    assert item_fields == ITEM_ALWAYS | {"newField"} | DATASETS[dataset][1]


def test_without_included_data_only_what_is_always_there_is_shown(stocked_seller):
    order_fields, item_fields = _fields(stocked_seller.orders(lastUpdatedAfter=AFTER))
    assert (order_fields, item_fields) == (ALWAYS | {"anotherNewField"}, ITEM_ALWAYS | {"newField"})


def test_all_datasets_show_the_order_as_it_was_given(stocked_seller, full_order):
    assert stocked_seller.orders(lastUpdatedAfter=AFTER, includedData=",".join(DATASETS)) == [full_order]


def test_fields_keep_the_order_in_which_they_were_given(stocked_seller, full_order):
    (order,) = stocked_seller.orders(lastUpdatedAfter=AFTER, includedData=list(DATASETS))
    assert json.dumps(order) == json.dumps(full_order)


def test_generated_orders_bring_personal_data_only_when_it_is_asked_for(seller):
    plain = json.dumps(seller.orders(lastUpdatedAfter=AFTER, includedData="PROCEEDS,PROMOTION,EXPENSE,CANCELLATION"))
    full = seller.orders(lastUpdatedAfter=AFTER, includedData=",".join(DATASETS))
    names = {order["buyer"]["buyerName"] for order in full}
    assert len(names) > 10
    assert not [name for name in names if name in plain]
