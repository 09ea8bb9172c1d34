"""What Amazon knows us by, and what a seller entrusted to us; secrets stay out of every repr."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ApplicationCredentials:
    """The application registered at Amazon.

    Attributes:
        client_id: Login with Amazon's client id.
        client_secret: Its secret, good for 180 days.
    """

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SellerCredentials:
    """What a seller's authorization gave us.

    Attributes:
        refresh_token: Exchanged for hourly access tokens; lives as long as the authorization.
        selling_partner_id: Amazon's id of the seller, "" where unknown.
        region: eu, na or fe.
    """

    refresh_token: str = field(repr=False)
    selling_partner_id: str
    region: str
