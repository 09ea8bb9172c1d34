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
    error = {"code": refusal.code, "message": refusal.message}
    if refusal.details is not None:
        error["details"] = refusal.details
    error_type = {"x-amzn-errortype": refusal.error_type} if refusal.error_type else {}
    return amazon_answer({"errors": [error]}, refusal.status, {**error_type, **(headers or {})})


def lwa_refused(refusal: LwaRefusal) -> Response:
    """A refusal of Login with Amazon."""
    body = {"error_description": refusal.description, "error": refusal.error}
    request_id = str(uuid.uuid4())
    if refusal.has_ids:
        body = {"error_index": request_id.replace("-", "").upper(), **body, "request_id": request_id}
    headers = {"x-amzn-RequestId": request_id}
    if refusal.error_type:
        headers["x-amzn-errortype"] = refusal.error_type
    return json_answer(body, refusal.status, headers)
