"""A mail by Amazon SES, through the Amazon provider's hook and Connection."""

from __future__ import annotations

from email.message import EmailMessage

from airflow.providers.amazon.aws.hooks.ses import SesHook
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from include.errors import SettingsError, TransportError
from include.notifications.sending import MailRefusedError

# What Amazon SES says of one mail; everything else is about the account or the moment.
SES_REFUSES_MAIL = ("MessageRejected", "InvalidParameterValue")
SES_TRANSIENT = ("Throttling", "ThrottlingException", "ServiceUnavailable", "InternalFailure")


def send_by_ses(message: EmailMessage, connection_id: str) -> None:
    """Send a mail to the addresses in its own header; raises as `PostOffice.mail` says."""
    try:
        SesHook(aws_conn_id=connection_id).get_conn().send_raw_email(RawMessage={"Data": message.as_bytes()})
    except ClientError as refused:
        code = refused.response.get("Error", {}).get("Code", "")
        if code in SES_REFUSES_MAIL:
            raise MailRefusedError(f"Amazon SES refuses it ({code}).", for_good=True) from None
        if code in SES_TRANSIENT:
            raise TransportError(f"Amazon SES did not take the mail ({code}).") from None
        raise SettingsError(
            f"Amazon SES refuses us ({code}).", remedy=f"Check MAIL_FROM and the Connection {connection_id}."
        ) from None
    except (NoCredentialsError, NoRegionError) as missing:
        raise SettingsError(
            f"Amazon SES cannot be asked ({type(missing).__name__}).",
            remedy=f"Make the Connection {connection_id}, with region_name in its extra.",
        ) from None
    except BotoCoreError as lost:
        raise TransportError(f"Amazon SES did not answer ({type(lost).__name__}).") from None
