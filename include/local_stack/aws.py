"""Amazon S3, SES and Secrets Manager on this machine, as moto's server plays them: for `make story AWS=1`.

What is kept there is gone when the server ends. Nothing of a person's own AWS account is read or reached.
"""

from __future__ import annotations

import email
import email.policy
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any, Final

import boto3
import requests

from include.errors import ContractError, OperatorActionError, TransportError
from include.local_stack.mail_client import SunkMail
from include.local_stack.processes import Supervisor
from include.local_stack.waiting import wait_until

REGION: Final = "eu-central-1"
BUCKET: Final = "seller-orders-raw"
RAW_URL: Final = f"s3://{BUCKET}/raw"
PREFIX: Final = "airflow/connections"
# Ours and nobody else's, or Airflow would ask AWS for every Connection, Variable and option there is.
SECRETS_BACKEND: Final = {
    "AIRFLOW__SECRETS__BACKEND": "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend",
    "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(
        {
            "connections_prefix": PREFIX,
            "connections_lookup_pattern": "^amazon_(application$|seller_)",
            "variables_prefix": None,
            "config_prefix": None,
        }
    ),
}
LOGIN: Final = {"aws_access_key_id": "LOCAL", "aws_secret_access_key": "nobody-checks-it"}
TIMEOUT_S: Final = 30.0
PATIENCE_S: Final = 60.0


class LocalAws:
    """Speaks to a running moto server.

    Args:
        port: Where it listens on loopback.
    """

    def __init__(self, port: int) -> None:
        self.base_url = f"http://127.0.0.1:{port}"
        self._command = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))

    def environment(self) -> dict[str, str]:
        """Return what leads AWS's own clients here and nowhere else, and what tells the product to use them."""
        return {
            "AWS_ENDPOINT_URL": self.base_url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": LOGIN["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": LOGIN["aws_secret_access_key"],
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "RAW_URL": RAW_URL,
            "MAIL_TRANSPORT": "ses",
            "TOKENS_IN": "secrets_manager",
            "SECRETS_PREFIX": PREFIX,
        }

    def start(self, supervisor: Supervisor) -> None:
        """Start the server; `prepare` waits for it."""
        supervisor.start("aws", self._command)

    def prepare(self, supervisor: Supervisor, sender: str) -> None:
        """Make the bucket and verify the sender, as a person does once.

        Raises:
            OperatorActionError: The server ended or does not answer.
        """

        def answers() -> bool:
            supervisor.check()
            try:
                return requests.get(f"{self.base_url}/moto-api/data.json", timeout=TIMEOUT_S).ok
            except requests.RequestException:
                return False

        if not wait_until(answers, PATIENCE_S):
            raise OperatorActionError("Moto's server does not answer.", remedy=f"Read {supervisor.log_file('aws')}.")
        self._client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self._client("ses").verify_email_identity(EmailAddress=sender)

    def has_connection(self, connection_id: str) -> bool:
        """Tell whether there is a secret for a Connection."""
        secrets = self._client("secretsmanager")
        try:
            secrets.describe_secret(SecretId=f"{PREFIX}/{connection_id}")
        except secrets.exceptions.ResourceNotFoundException:
            return False
        return True

    def create_connection(self, connection: Mapping[str, Any]) -> None:
        """Make a Connection's secret from the fields of Airflow's API, as Airflow's backend reads it."""
        fields = {name: value for name, value in connection.items() if name not in ("connection_id", "description")}
        fields["extra"] = json.loads(fields.get("extra") or "{}")
        name = f"{PREFIX}/{connection['connection_id']}"
        self._client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(fields))

    def connection_ids(self, beginning: str) -> set[str]:
        """Return the ids of the Connections there are secrets for, and that begin like this."""
        pages = self._client("secretsmanager").get_paginator("list_secrets").paginate()
        names = [str(secret["Name"]) for page in pages for secret in page["SecretList"]]
        ids = {name.removeprefix(f"{PREFIX}/") for name in names if name.startswith(f"{PREFIX}/")}
        return {connection_id for connection_id in ids if connection_id.startswith(beginning)}

    def create_connections(self, connections: Sequence[Mapping[str, Any]]) -> None:
        """Make many; as `create_connection`."""
        for connection in connections:
            self.create_connection(connection)

    def token_versions(self, connection_id: str) -> int:
        """Count the versions of a Connection's secret that were ever written."""
        answer = self._client("secretsmanager").list_secret_version_ids(
            SecretId=f"{PREFIX}/{connection_id}", IncludeDeprecated=True
        )
        return len(answer["Versions"])

    def pages(self) -> Iterator[tuple[str, bytes]]:
        """Every object of the bucket, name and content."""
        s3 = self._client("s3")
        for answer in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for found in answer.get("Contents", ()):
                yield found["Key"], s3.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read()

    def mails(self) -> list[SunkMail]:
        """Return every mail that SES took, the oldest first; when is what its own head says.

        Raises:
            TransportError: No answer came.
            ContractError: What answered is no moto server.
        """
        try:
            answer = requests.get(f"{self.base_url}/moto-api/data.json", timeout=TIMEOUT_S)
            sent = answer.json().get("ses", {}).get("RawMessage", [])
        except (requests.JSONDecodeError, AttributeError):
            raise ContractError("Something else than moto's server answers.") from None
        except requests.RequestException as lost:
            raise TransportError(f"Moto's server does not answer ({type(lost).__name__}).") from None
        return [_mail(number, raw) for number, raw in enumerate(sent)]

    def _client(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION, endpoint_url=self.base_url, **LOGIN)


def _mail(number: int, raw: Mapping[str, Any]) -> SunkMail:
    head = email.message_from_string(str(raw["raw_data"]), policy=email.policy.default)
    parts = {part.get_content_subtype(): part.get_content() for part in head.walk() if not part.is_multipart()}
    received_utc: datetime = parsedate_to_datetime(str(head["Date"]))
    return SunkMail(
        name=f"{number:04d}",
        received_utc=received_utc,
        to=tuple(address for _, address in getaddresses([str(to) for to in raw["destinations"]])),
        sender=str(head["From"]),
        reply_to=str(head["Reply-To"] or ""),
        subject=str(head["Subject"] or ""),
        message_id=str(head["Message-ID"] or ""),
        text=parts.get("plain", ""),
        html=parts.get("html", ""),
    )
