"""Addresses of Amazon's consent pages, and which addresses are Amazon's.

Source: Amazon's website and Appstore authorization workflows, read in November 2026.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from include.sellers.marketplaces import MARKETPLACES

CONSENT_PATH = "/apps/authorize/consent"
CONFIRM_PATH = "/apps/authorize/confirm/"
AMAZON = "https://amazon.com"


def consent_url(
    seller_central_url: str, *, application_id: str, state: str, redirect_uri: str | None = None, is_draft: bool = False
) -> str:
    """Where a seller gives the consent; without `redirect_uri` Amazon sends back to the first one registered."""
    query = {"application_id": application_id, "state": state} | _optional(redirect_uri, is_draft)
    return f"{seller_central_url}{CONSENT_PATH}?{urlencode(query)}"


def login_return_url(
    amazon_callback_uri: str,
    *,
    amazon_state: str,
    state: str,
    redirect_uri: str | None = None,
    is_draft: bool = False,
) -> str:
    """Where a browser that Seller Central sent to our Login URI goes on; the address was checked before."""
    query = {"amazon_state": amazon_state, "state": state} | _optional(redirect_uri, is_draft)
    return f"{amazon_callback_uri}?{urlencode(query)}"


def amazon_origins(seller_central_override: str = "") -> frozenset[str]:
    """Every origin that may call our Login URI: amazon.com, the Seller Centrals, and the one from the settings."""
    own = [_origin(seller_central_override)] if seller_central_override else []
    return frozenset([AMAZON, *(marketplace.seller_central_url for marketplace in MARKETPLACES), *own])


def is_amazon_callback(uri: str, *, allowed_origins: frozenset[str]) -> bool:
    """Tell whether an address is Amazon's place to confirm: one of these origins exactly, that path, nothing else."""
    if not (uri.isascii() and uri.isprintable()) or any(sign in uri for sign in "\\@?# \t%"):
        return False
    if any(step in ("", ".", "..") for step in uri.split("/")[3:]):
        return False
    try:
        parts = urlsplit(uri)
        origin = _origin(uri)
    except ValueError:
        return False
    return origin in allowed_origins and uri == f"{origin}{parts.path}" and parts.path.startswith(CONFIRM_PATH)


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _optional(redirect_uri: str | None, is_draft: bool) -> dict[str, str]:
    return ({"redirect_uri": redirect_uri} if redirect_uri else {}) | ({"version": "beta"} if is_draft else {})
