"""As much of Airflow's REST API as a consent asks for: Connections, in the file that tasks read, and runs to start."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

# Starts a run of a DAG under an id; false where that run exists.
StartRun = Callable[[str, str], bool]


class AirflowApi:
    """What the server keeps.

    Attributes:
        connections_file: JSON, as Airflow's LocalFilesystemBackend reads it.
        start_run: Called for each run that is asked for.
        password: The only user's; whoever signs in gets it back as token.
    """

    def __init__(self, connections_file: Path, password: str) -> None:
        self.connections_file = connections_file
        self.password = password
        self.start_run: StartRun = lambda _dag_id, _run_id: True
        self.url = ""

    def connections(self) -> dict[str, dict[str, Any]]:
        """Every Connection by its id."""
        return dict(json.loads(self.connections_file.read_text()))

    def put(self, connection_id: str, fields: dict[str, Any]) -> None:
        """Make a Connection, or replace these fields of it."""
        known = self.connections()
        known[connection_id] = {**known.get(connection_id, {}), **fields}
        new = self.connections_file.with_suffix(".new")
        new.write_text(json.dumps(known))
        new.replace(self.connections_file)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer one request: status and document."""
        if path == "/auth/token":
            return 201, {"access_token": self.password}
        parts = path.removeprefix("/api/v2/").split("/")
        if parts[0] == "connections":
            if method != "GET":
                self.put(body["connection_id"], {name: body[name] for name in body if name != "connection_id"})
                return 200, {}
            known = self.connections().get(parts[1])
            return (200, {"connection_id": parts[1], "login": known.get("login")}) if known else (404, {})
        if method == "POST":
            return (200, {}) if self.start_run(parts[1], body["dag_run_id"]) else (409, {})
        return 200, {"dag_id": parts[1], "is_paused": False}


@contextmanager
def airflow_api(connections_file: Path, password: str) -> Iterator[AirflowApi]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    api = AirflowApi(connections_file, password)
    handler = type("Handler", (_Handler,), {"api": api})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    api: AirflowApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, document = self.api.answer(self.command, urlsplit(self.path).path, json.loads(body or b"{}"))
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_PATCH = do_GET  # noqa: N815 - the names http.server calls

    def log_message(self, *_args: object) -> None:
        """Say nothing: bodies and addresses carry tokens."""
