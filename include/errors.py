"""Everything that can go wrong, named by who must act next.

A class says what to do (tell the seller, tell the operators, wait, come back later); its message is for people; the
facts ride along as attributes. Nothing secret and nobody's personal data ever enters an error. This file imports
nothing, because every room and Airflow's retry policy import it.
"""

from __future__ import annotations

from datetime import datetime


class SellerOrdersError(Exception):
    """The root of all errors of this project.

    Attributes:
        remedy: What the reader should do, one sentence, or "" where the message says it already.
        request_id: Amazon's id of the refused request, for a support case; "" where there is none.
        code: Amazon's error code as sent, "" where there is none.
        generation: The seller's authorization that it happened under, None where nobody noted it.
        amazon_said: Amazon's own words, cleaned of control characters and secrets, "" where it said nothing.
    """

    generation: int | None = None

    def __init__(
        self, message: str, *, remedy: str = "", request_id: str = "", code: str = "", amazon_said: str = ""
    ) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.request_id = request_id
        self.code = code
        self.amazon_said = amazon_said

    def __str__(self) -> str:
        """Message, remedy and request id as one text, the form logs and the UI show."""
        text = " ".join(part for part in (super().__str__(), self.remedy) if part)
        return f"{text} (Amazon request id {self.request_id})" if self.request_id else text


class SellerActionError(SellerOrdersError):
    """Raised when only the seller can help; no retry makes sense."""


class ReauthorizationRequiredError(SellerActionError):
    """Raised when Login with Amazon refuses the refresh token: lapsed after 365 days, revoked or disabled."""


class OperatorActionError(SellerOrdersError):
    """Raised when the operators of this installation must act; no retry makes sense and no seller is told."""


class ApplicationCredentialsError(OperatorActionError):
    """Raised when Amazon refuses the application itself: wrong or expired client secret, foreign client id."""


class AccessDeniedError(OperatorActionError):
    """Raised when the Selling Partner API answers 403 although the access token is fresh."""


class SettingsError(OperatorActionError):
    """Raised when a setting, a seller's entry or a Connection is missing or wrong; the message names the field."""


class UnreadableFileError(SettingsError):
    """Raised when none of the keys of PERSONAL_DATA_KEY opens a file; no other trouble with the file is one."""


class NotYetError(SellerOrdersError):
    """Raised when there is nothing to do before an instant; not a failure.

    Attributes:
        until_utc: When it is worth coming back.
    """

    def __init__(self, message: str, *, until_utc: datetime) -> None:
        super().__init__(message)
        self.until_utc = until_utc


class TransientError(SellerOrdersError):
    """Raised when waiting and repeating is the cure.

    Attributes:
        retry_after_s: Seconds to wait before the repetition, None where only a growing back-off can guess.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        request_id: str = "",
        code: str = "",
        amazon_said: str = "",
    ) -> None:
        super().__init__(message, request_id=request_id, code=code, amazon_said=amazon_said)
        self.retry_after_s = retry_after_s


class ThrottledError(TransientError):
    """Raised on HTTP 429: the operation's quota is used up."""


class OnlyWaitedError(ThrottledError):
    """Raised where a whole run was waits for quota and no page: waiting on in it helps nobody."""


class ServiceUnavailableError(TransientError):
    """Raised on HTTP 5xx, whatever the body."""


class TransportError(TransientError):
    """Raised when no answer came: refused, reset, cut off or timed out."""


class AccessTokenExpiredError(TransientError):
    """Raised when the hourly access token is refused; a fresh one cures it, once."""


class ContractError(SellerOrdersError):
    """Raised when a reply is not what Amazon documents; the message names the place, never the content."""


class LoadError(SellerOrdersError):
    """Raised when the warehouse refuses what was extracted; the landed pages stay."""


class ConsentError(SellerOrdersError):
    """Raised when a consent did not come to its end; the page shows it, and its visitor starts again."""


class AuthorizationCodeExpiredError(ConsentError):
    """Raised when Login with Amazon refuses the consent's code: older than five minutes, or used already."""


class StateUnknownError(ConsentError):
    """Raised when a one-time value was never issued, or has been used already."""


class StateExpiredError(ConsentError):
    """Raised when somebody comes back from Amazon later than the one-time value allows."""


class OtherBrowserError(ConsentError):
    """Raised when somebody comes back from Amazon in another browser than the consent was started in.

    Attributes:
        seller_id: Whose consent it is, "" where nobody knows yet.
    """

    def __init__(self, message: str, *, seller_id: str) -> None:
        super().__init__(message)
        self.seller_id = seller_id


class TokenUnreadableError(ConsentError):
    """Raised when a refresh token on its way was sealed under another SECRET_KEY; the seller starts again."""
