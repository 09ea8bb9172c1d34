"""Where raw pages go, and how it fails: a folder on a disk that may be full, or moto's S3 that may refuse."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import SHUT_RDWR
from threading import Thread
from typing import Any, Protocol

BUCKET = "seller-orders-raw"
REFUSALS = {
    "SlowDown": ("503 Slow Down", "SlowDown"),
    "InternalError": ("500 Internal Server Error", "InternalError"),
    "AccessDenied": ("403 Forbidden", "AccessDenied"),
}
ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>chaos</Message></Error>'


class Store(Protocol):
    """A store of raw pages.

    Attributes:
        raw_root: Its folder, "" where pages are no files.
        environment: What the product is told of it.
    """

    raw_root: str
    environment: dict[str, str]

    def reset(self) -> None:
        """Begin anew, empty."""

    def pages(self) -> Iterator[tuple[str, str]]:
        """Address and text of everything that lies there."""

    def fail(self, how: str, times: int) -> None:
        """Refuse the next requests."""

    def calm(self) -> None:
        """Refuse nothing any more."""


class FileStore:
    """A folder; a full disk is a limit on its files, set in the process that meets it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.raw_root = str(folder)
        self.environment = {"RAW_URL": f"file://{folder}"}

    def reset(self) -> None:
        """Begin anew, empty."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def pages(self) -> Iterator[tuple[str, str]]:
        """Address and text of everything that lies there; halves of pages too."""
        for path in self.folder.rglob("*"):
            if path.is_file():
                yield str(path), _text(path.read_bytes())

    def fail(self, how: str, times: int) -> None:
        """A folder has no requests to refuse."""

    def calm(self) -> None:
        """Nor did it."""


class ObjectStore:
    """moto's S3, with something in front of it that answers in its place when told to."""

    raw_root = ""

    def __init__(self, url: str, backend: Any) -> None:
        self._backend = backend
        self._refusals: list[str] = []
        # One try each: what botocore repeats by itself would only take time.
        self.environment = {
            "RAW_URL": f"s3://{BUCKET}/raw",
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
        }

    @classmethod
    @contextmanager
    def serving(cls) -> Iterator[ObjectStore]:
        """Serve on a free port of 127.0.0.1 until the block ends."""
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class _Quiet(WSGIRequestHandler):
            def log(self, *_: Any) -> None:
                """Say nothing."""

        backend = DomainDispatcherApplication(create_backend_app)
        server = make_server("127.0.0.1", 0, backend, threaded=True, request_handler=_Quiet)
        store = cls(f"http://127.0.0.1:{server.server_port}", backend)
        server.app = store.answer
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield store
        finally:
            server.shutdown()
            thread.join()

    def answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request, as WSGI asks for."""
        if not self._refusals:
            return self._backend(environ, start_response)  # type: ignore[no-any-return]
        how = self._refusals.pop(0)
        if how == "closed":
            environ["werkzeug.socket"].shutdown(SHUT_RDWR)
            raise ConnectionError("chaos")
        status, code = REFUSALS[how]
        body = b"" if environ["REQUEST_METHOD"] == "HEAD" else ERROR.format(code=code).encode()
        start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body]

    def reset(self) -> None:
        """Begin anew with an empty bucket."""
        from moto.s3.models import s3_backends

        self._refusals.clear()
        for account in list(s3_backends.values()):
            account.reset()
        self._client().create_bucket(Bucket=BUCKET)

    def pages(self) -> Iterator[tuple[str, str]]:
        """Address and text of everything that lies there."""
        client = self._client()
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for found in page.get("Contents", []):
                body = client.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read()
                yield f"s3://{BUCKET}/{found['Key']}", _text(body)

    def fail(self, how: str, times: int) -> None:
        """Refuse the next requests."""
        self._refusals += [how] * times

    def calm(self) -> None:
        """Refuse nothing any more."""
        self._refusals.clear()

    def _client(self) -> Any:
        import boto3

        names = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
        return boto3.client("s3", endpoint_url=self.environment["AWS_ENDPOINT_URL"], **names)


def _text(content: bytes) -> str:
    try:
        return gzip.decompress(content).decode(errors="replace")
    except (OSError, EOFError):
        return content.decode(errors="replace")
