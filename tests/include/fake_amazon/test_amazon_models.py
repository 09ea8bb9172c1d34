"""The fake held against Amazon's own published models and sandbox orders."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from include.fake_amazon import literal
from include.fake_amazon.clock import Clock
from include.fake_amazon.included_data import DATASETS, ITEM_DATASETS, ORDER_DATASETS
from include.fake_amazon.server import serve_in_thread

pytestmark = pytest.mark.needs_amazon_models

ALL = ",".join(sorted(DATASETS))
DEMO_SHOPS = {"nordlicht_kerzen": "eu", "harbour_goods": "eu", "maple_trail": "na", "sakura_kitchen": "fe"}


def _model(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def _closed(schema: Any) -> Any:
    """The schema with every object closed, so that a misspelt field of the fake's own is an error."""
    if isinstance(schema, dict):
        closed = {key: _closed(value) for key, value in schema.items()}
        return closed | {"additionalProperties": False} if "properties" in closed else closed
    return [_closed(entry) for entry in schema] if isinstance(schema, list) else schema


def _validator(model: dict[str, Any], definition: str) -> jsonschema.Draft4Validator:
    # Swagger 2.0 schemas are those of JSON Schema draft 4; their references already point to /definitions.
    schema = {"$ref": f"#/definitions/{definition}", "definitions": _closed(model["definitions"])}
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)


@pytest.fixture(scope="module")
def orders_model(amazon_models):
    return _model(amazon_models, "orders_2026-01-01.json")


@pytest.fixture
def demo_seller(new_seller, fake):
    def make(shop_id, region):
        seller = new_seller(region, (), orders_per_day=0)
        seller.shop_id, seller.refresh_token = shop_id, fake.client.authorize(shop_id).refresh_token
        return seller

    return make


@pytest.mark.parametrize(("shop_id", "region"), DEMO_SHOPS.items())
def test_every_page_of_generated_orders_has_the_shape_of_amazons_model(demo_seller, orders_model, shop_id, region):
    validator = _validator(orders_model, "SearchOrdersResponse")
    seller = demo_seller(shop_id, region)
    pages = []
    for end in ("2026-10-06T12:00:00Z", "2026-11-01T00:00:00Z"):
        window = {"lastUpdatedAfter": "2026-10-05T00:00:00Z", "lastUpdatedBefore": end}
        pages.append(seller.search(**window, includedData=ALL, maxResultsPerPage=60).json())
    assert sum(len(page["orders"]) for page in pages) > 60
    for page in pages:
        validator.validate(page)


def test_pages_in_disorder_have_the_shape_of_amazons_model_too(fake, seller, orders_model):
    validator = _validator(orders_model, "SearchOrdersResponse")
    fake.client.set_page_order(seller.shop_id, repeat=10, shuffled=True)
    pages = seller.pages(lastUpdatedAfter="2026-10-20T00:00:00Z", includedData=ALL, maxResultsPerPage=40)
    assert len(pages) > 2
    for page in pages:
        validator.validate(page)


def test_refusals_have_the_shape_of_amazons_model(fake, seller, orders_model):
    validator = _validator(orders_model, "ErrorList")
    for response in (seller.search(), seller.get("/unknown"), seller.search(lastUpdatedAfter="x")):
        validator.validate(response.json())
    fake.client.expire_client_secret()
    validator.validate(seller.search(lastUpdatedAfter="2026-10-20T00:00:00Z").json())


def test_json_answers_on_record_have_the_shape_of_amazons_model(orders_model):
    validator = _validator(orders_model, "ErrorList")
    answers = [answer for name, answer in vars(literal).items() if name.isupper() and not name.startswith(("LWA", "_"))]
    bodies = [answer.body for answer in answers if answer.content_type == "application/json"]
    assert len(bodies) > 15
    for body in bodies:
        validator.validate(json.loads(body))


def test_participations_have_the_shape_of_amazons_model(amazon_models, new_seller):
    validator = _validator(_model(amazon_models, "sellers.json"), "GetMarketplaceParticipationsResponse")
    for region, countries in {"eu": ("UK", "DE", "PL"), "na": ("US", "CA"), "fe": ("JP",)}.items():
        validator.validate(new_seller(region, countries).get("/sellers/v1/marketplaceParticipations").json())


def test_the_datasets_are_those_of_amazons_model(orders_model):
    parameters = orders_model["paths"]["/orders/2026-01-01/orders"]["get"]["parameters"]
    (included,) = [parameter for parameter in parameters if parameter["name"] == "includedData"]
    assert set(included["items"]["enum"]) == DATASETS
    assert set(ORDER_DATASETS) <= set(orders_model["definitions"]["Order"]["properties"])
    assert set(ITEM_DATASETS) <= set(orders_model["definitions"]["OrderItem"]["properties"])


def test_the_datasets_bring_the_fields_of_amazons_migration_table(amazon_models):
    table = _model(amazon_models, "orders-api-migration-data.json")["includedDataParameters"]
    for dataset, entry in table.items():
        mine = {f"Order.{field}" for field, owner in ORDER_DATASETS.items() if owner == dataset}
        mine |= {f"Order.orderItems.{field}" for field, owner in ITEM_DATASETS.items() if owner == dataset}
        assert mine == set(entry["attributes"])


def _sandbox_orders(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        if "createdTime" in value and "orderItems" in value:
            return [value]
        value = list(value.values())
    return [order for entry in value for order in _sandbox_orders(entry)] if isinstance(value, list) else []


def test_amazons_own_sandbox_orders_come_back_unchanged(amazon_models, tmp_path):
    orders = _sandbox_orders(_model(amazon_models, "sandbox-orders-2026-01-01.json"))
    orders = [order for order in orders if order["createdTime"] < "2025"]
    assert len(orders) >= 6
    path = tmp_path / "sandbox.ndjson"
    path.write_text("\n".join(json.dumps(order, ensure_ascii=False) for order in orders), encoding="utf-8")
    clock = Clock()
    clock.set(datetime(2025, 1, 15, tzinfo=UTC))
    with serve_in_thread(order_files={"sandbox": path}, clock=clock) as fake:
        credentials = fake.client.application()._asdict()
        refresh_token = fake.client.authorize("sandbox").refresh_token
        form = credentials | {"grant_type": "refresh_token", "refresh_token": refresh_token}
        token = requests.post(fake.lwa_token_url, data=form, timeout=10).json()["access_token"]
        region = fake.client.shops()[-1]["region"]
        url = fake.spapi_endpoint(region) + "/orders/2026-01-01/orders"
        query = {"lastUpdatedAfter": "2024-12-01T00:00:00Z", "includedData": ALL}
        page = requests.get(url, params=query, headers={"x-amz-access-token": token}, timeout=10).json()
    expected = sorted(orders, key=lambda order: (order["lastUpdatedTime"], order["orderId"]))
    assert page["orders"] == expected
    assert [json.dumps(order) for order in page["orders"]] == [json.dumps(order) for order in expected]


def test_one_order_has_the_shape_of_amazons_model(seller, orders_model):
    order_id = seller.orders(lastUpdatedAfter="2026-10-20T00:00:00Z")[0]["orderId"]
    answer = seller.get(f"/orders/2026-01-01/orders/{order_id}", query={"includedData": ALL}).json()
    _validator(orders_model, "GetOrderResponse").validate(answer)


def test_the_answers_about_a_report_have_the_shape_of_amazons_model(fake, seller, amazon_models):
    from tests.include.fake_amazon.test_reports import DOCUMENTS, REPORTS, create

    model = _model(amazon_models, "reports_2021-06-30.json")
    fake.client.set_reports(generation_s=0)
    created = create(seller).json()
    said = seller.get(f"{REPORTS}/{created['reportId']}").json()
    given = seller.get(f"{DOCUMENTS}/{said['reportDocumentId']}").json()
    for answer, name in ((created, "CreateReportResponse"), (said, "Report"), (given, "ReportDocument")):
        _validator(model, name).validate(answer)
    refused = create(seller, marketplaceIds=[]).json()
    _validator(model, "ErrorList").validate(refused)
