"""AWS on loopback: moto's server as a process, and before it a door that notes each call and can be told to fail.

moto keeps what it is given and checks no rights; what AWS refuses, throttles or leaves unanswered, the door plays, in
AWS's own three manners: JSON of Secrets Manager, XML of SES and of S3.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import boto3
import requests

from include.local_stack.ports import free_port
from include.local_stack.waiting import wait_until

REGION = "eu-central-1"
HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass
class Trouble:
    """How an operation fails: an answer of AWS's, a slammed door, silence; `after` good calls, `times` calls long."""

    code: str = ""
    status: int = 400
    message: str = "words of Amazon's"
    body: bytes = b""
    slam: bool = False
    silent: bool = False
    times: int | None = None
    after: int = 0


@dataclass
class Aws:
    """What stands for AWS.

    Attributes:
        url: The door, for `AWS_ENDPOINT_URL`.
        moto_port: moto itself, behind it.
        calls: Every call that came to the door, as operations are named: `GetSecretValue`, `SendRawEmail`, `S3 PUT`.
        troubles: By operation, how it fails.
    """

    url: str
    moto_port: int
    calls: list[str] = field(default_factory=list)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    ended: Event = field(default_factory=Event)

    def fail(self, operation: str, code: str = "", **how: Any) -> None:
        """Let an operation fail from now on."""
        self.troubles[operation] = Trouble(code, **how)

    def fail_after(self, good_calls: int, operation: str, code: str = "", **how: Any) -> None:
        """Let an operation work so often more, and then fail."""
        self.fail(operation, code, after=good_calls, **how)

    def mend(self) -> None:
        """Let everything work again."""
        self.troubles.clear()

    def client(self, service: str) -> Any:
        """A client of moto's own, past the door."""
        address = f"http://127.0.0.1:{self.moto_port}"
        login = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        return boto3.client(service, region_name=REGION, endpoint_url=address, **login)

    def environment(self) -> dict[str, str]:
        """What leads AWS's clients to the door, and to nobody's real account."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }

    def objects(self, bucket: str) -> list[str]:
        """Names of a bucket's objects."""
        return [found["Key"] for found in self.client("s3").list_objects_v2(Bucket=bucket).get("Contents", ())]

    def mails(self) -> list[str]:
        """What SES sent, raw, the oldest first."""
        data = requests.get(f"http://127.0.0.1:{self.moto_port}/moto-api/data.json", timeout=30).json()
        return [mail["raw_data"] for mail in data.get("ses", {}).get("RawMessage", [])]

    def take(self, operation: str) -> Trouble | None:
        """Note a call; the trouble it meets."""
        self.calls.append(operation)
        trouble = self.troubles.get(operation)
        if trouble and trouble.after > 0:
            trouble.after -= 1
            return None
        if trouble and trouble.times is not None:
            trouble.times -= 1
            if trouble.times < 0:
                return None
        return trouble


class _Door(BaseHTTPRequestHandler):
    aws: Aws
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self._body()
        operation = _operation(self.command, self.path, self.headers.get("X-Amz-Target", ""), body)
        trouble = self.aws.take(operation)
        self.close_connection = True
        if trouble and trouble.silent:
            self.aws.ended.wait(60)
        elif trouble and trouble.slam:
            self.connection.close()
        elif trouble:
            is_json = "X-Amz-Target" in self.headers
            self._answer(trouble.status, trouble.body or _words(operation, trouble, is_json), {})
        else:
            self._pass_on(body)

    do_POST = do_PUT = do_HEAD = do_DELETE = do_GET  # noqa: N815 - the names http.server calls

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _pass_on(self, body: bytes) -> None:
        behind = http.client.HTTPConnection("127.0.0.1", self.aws.moto_port, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        behind.request(self.command, self.path, body, headers)
        answer = behind.getresponse()
        content = answer.read()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP}
        if self.command == "HEAD":
            kept["Content-Length"] = answer.getheader("Content-Length") or "0"
        self._answer(answer.status, content, kept)
        behind.close()

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(content)), **headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: a test that fails shows `calls`."""


def _operation(method: str, path: str, target: str, body: bytes) -> str:
    if target:
        return target.rpartition(".")[2]
    action = re.search(rb"(?:^|&)Action=(\w+)", body[:2000])
    if action and path == "/":
        return action[1].decode()
    return "S3 DELETE" if method == "POST" and "delete" in path else f"S3 {method}"


def _words(operation: str, trouble: Trouble, is_json: bool) -> bytes:
    if is_json:
        return json.dumps({"__type": trouble.code, "message": trouble.message}).encode()
    if operation.startswith("S3"):
        return f"<Error><Code>{trouble.code}</Code><Message>{trouble.message}</Message></Error>".encode()
    inner = f"<Error><Type>Sender</Type><Code>{trouble.code}</Code><Message>{trouble.message}</Message></Error>"
    return f"<ErrorResponse>{inner}<RequestId>x</RequestId></ErrorResponse>".encode()


@contextmanager
def moto_server(log: Any = subprocess.DEVNULL) -> Iterator[int]:
    """Run moto's server until the block ends; yields its port."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True) as process:

        def answers() -> bool:
            assert process.poll() is None, "moto's server ended"
            try:
                return requests.get(f"http://127.0.0.1:{port}/moto-api/", timeout=5).ok
            except requests.RequestException:
                return False

        try:
            assert wait_until(answers, 60), "moto's server does not answer"
            yield port
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def aws_on_loopback(moto_port: int) -> Iterator[Aws]:
    """An empty AWS behind a door of its own."""
    requests.post(f"http://127.0.0.1:{moto_port}/moto-api/reset", timeout=30)
    handler = type("Door", (_Door,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        aws = handler.aws = Aws(f"http://127.0.0.1:{server.server_address[1]}", moto_port)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield aws
        finally:
            aws.ended.set()
            server.shutdown()
            thread.join()
