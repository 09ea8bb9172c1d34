"""A mail by Amazon SES, through the Amazon provider's hook and Connection; without one, by the machine's own role."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import parseaddr
from typing import Final

from airflow.providers.amazon.aws.hooks.ses import SesHook
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
)

from include.errors import OperatorActionError, SettingsError, TransportError
from include.notifications.sending import AnswerLostError, MailRefusedError

# What Amazon SES says of one mail; everything else is about the account or the moment.
SES_REFUSES_MAIL = ("MessageRejected", "InvalidParameterValue")
SES_TRANSIENT = ("Throttling", "ThrottlingException", "ServiceUnavailable", "InternalFailure")
# One try: the outbox has its own, and another one here would send a mail twice whose answer was lost.
ONE_TRY: Final = Config(connect_timeout=10, read_timeout=30, retries={"total_max_attempts": 1})


def send_by_ses(message: EmailMessage, connection_id: str) -> None:
    """Send a mail to the addresses in its own header; raises as `PostOffice.mail` says."""
    hook = SesHook(aws_conn_id=connection_id)
    try:
        client = hook.get_client_type(region_name=hook.region_name, config=hook.config.merge(ONE_TRY))
        client.send_raw_email(RawMessage={"Data": message.as_bytes()})
    except ClientError as refused:
        code = refused.response.get("Error", {}).get("Code", "")
        if code in SES_TRANSIENT:
            raise TransportError(f"Amazon SES did not take the mail ({code}).") from None
        raise _refusal(message, code, refused.response.get("Error", {}).get("Message", ""), connection_id) from None
    except (NoCredentialsError, NoRegionError) as missing:
        raise SettingsError(
            f"Amazon SES cannot be asked ({type(missing).__name__}).",
            remedy=f"Give the workers a role and AWS_DEFAULT_REGION, or make the Connection {connection_id}, with"
            " region_name in its extra.",
        ) from None
    except (ReadTimeoutError, ConnectionClosedError) as lost:
        raise AnswerLostError(f"Amazon SES gave no answer to the mail ({type(lost).__name__}).") from None
    except BotoCoreError as lost:
        raise TransportError(f"Amazon SES did not answer ({type(lost).__name__}).") from None


def _refusal(message: EmailMessage, code: str, words: str, connection_id: str) -> OperatorActionError:
    """Tell whose trouble it is: an address that is not verified is the sender's own, or one more in SES's sandbox."""
    sender = parseaddr(str(message["From"]))[1].lower()
    is_unverified = code == "MessageRejected" and "not verified" in words.lower()
    if code in SES_REFUSES_MAIL and not (is_unverified and sender in words.lower()):
        why = "; the account is in SES's sandbox, and this recipient is not verified" if is_unverified else ""
        return MailRefusedError(f"Amazon SES refuses it ({code}{why}).", for_good=True)
    if is_unverified:
        return SettingsError(
            f"Amazon SES has not verified {sender} ({code}).", remedy="Verify it, or its domain, there: docs/aws.md."
        )
    return SettingsError(
        f"Amazon SES refuses us ({code}).",
        remedy=f"Check MAIL_FROM, our role, and the Connection {connection_id} where there is one.",
    )
