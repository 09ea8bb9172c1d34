"""Replies on the wire: JSON with the headers Amazon sends."""

from __future__ import annotations

import uuid

import msgspec
from starlette.responses import Response

from include.fake_amazon.errors import LwaRefusal, Refusal

_encode = msgspec.json.Encoder().encode


def json_answer(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON reply."""
    return Response(_encode(body), status, headers, media_type="application/json")


def amazon_answer(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON reply with Amazon's request id."""
    return json_answer(body, status, {"x-amzn-RequestId": str(uuid.uuid4()), **(headers or {})})


def refused(refusal: Refusal, headers: dict[str, str] | None = None) -> Response:
    """A refusal of the Selling Partner API."""
    return amazon_answer(refusal.body(), refusal.status, {**refusal.headers(), **(headers or {})})


def lwa_refused(refusal: LwaRefusal) -> Response:
    """A refusal of Login with Amazon."""
    request_id = str(uuid.uuid4())
    return json_answer(refusal.body(request_id), refusal.status, {"x-amzn-RequestId": request_id, **refusal.headers()})
