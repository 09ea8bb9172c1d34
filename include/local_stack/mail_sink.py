"""A mail server that takes every mail and sends none: `python -m include.local_stack.mail_sink --folder DIR`.

It listens on 127.0.0.1 alone and keeps each mail as a file; `mail_page` shows them.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session

from include.listening import listen
from include.local_stack.mail_folder import MailFolder
from include.local_stack.mail_page import create_page
from include.local_stack.ports import HOST

SMTP_PORT = 8093
HTTP_PORT = 8094
LARGEST_MAIL_BYTES = 10_000_000
START_S = 10.0


class _Inbox:
    """What the SMTP server asks once a mail is complete."""

    def __init__(self, folder: MailFolder) -> None:
        self._folder = folder

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        try:
            self._folder.keep(envelope.rcpt_tos, envelope.original_content or b"")
        except OSError as error:
            return f"452 The mail could not be kept ({error.strerror})"
        return "250 Kept, and sent nowhere"


class _MailSink(uvicorn.Server):
    """The page's server, with the SMTP server beside it on the same loop.

    Args:
        folder: Where the mails are kept.
        smtp_listener: A listening socket for mails.
        http_listener: A listening socket for the page.
    """

    def __init__(self, folder: Path, smtp_listener: socket.socket, http_listener: socket.socket) -> None:
        self._folder = MailFolder(folder)
        self._smtp_listener = smtp_listener
        self._http_listener = http_listener
        self.ready = threading.Event()
        super().__init__(
            uvicorn.Config(
                create_page(self._folder),
                loop="asyncio",
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=2,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    def take_mails(self) -> None:
        """Serve until `should_exit`."""
        asyncio.run(self._take_mails())

    async def _take_mails(self) -> None:
        loop = asyncio.get_running_loop()
        smtp = await loop.create_server(lambda: self._conversation(loop), sock=self._smtp_listener)
        try:
            await self.serve([self._http_listener])
        finally:
            smtp.close()

    def _conversation(self, loop: asyncio.AbstractEventLoop) -> SMTP:
        return SMTP(
            _Inbox(self._folder),
            data_size_limit=LARGEST_MAIL_BYTES,
            enable_SMTPUTF8=True,
            hostname="localhost",  # otherwise it asks DNS for the machine's name, at every mail
            ident="mail sink",
            loop=loop,
        )


@contextmanager
def _listening(smtp_port: int, http_port: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    with listen(HOST, smtp_port) as smtp, listen(HOST, http_port) as http:
        yield smtp, http


@contextmanager
def serving(folder: Path, smtp_port: int, http_port: int) -> Iterator[str]:
    """Take mails from a thread until the block ends.

    Args:
        folder: Where they are kept; made where it is absent.
        smtp_port: Takes mails, on 127.0.0.1.
        http_port: Shows them, on 127.0.0.1.

    Yields:
        The page's address, without a slash at its end.

    Raises:
        OSError: A port is taken, or the folder cannot be used.
    """
    with _listening(smtp_port, http_port) as (smtp, http):
        sink = _MailSink(folder, smtp, http)
        thread = threading.Thread(target=sink.take_mails, name="mail sink", daemon=True)
        thread.start()
        try:
            if not sink.ready.wait(START_S):
                raise RuntimeError(f"The mail sink did not start within {START_S:g} s.")
            yield f"http://{HOST}:{http_port}"
        finally:
            sink.should_exit = True
            thread.join()


def main(arguments: Sequence[str] | None = None) -> int:
    """Take mails until SIGTERM or SIGINT; 2 when a port or the folder cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m include.local_stack.mail_sink", description=__doc__)
    parser.add_argument("--smtp-port", type=int, default=SMTP_PORT, help="takes mails (default %(default)s)")
    parser.add_argument("--http-port", type=int, default=HTTP_PORT, help="shows them (default %(default)s)")
    parser.add_argument("--folder", type=Path, required=True, help="where they are kept")
    chosen = parser.parse_args(arguments)
    try:
        with _listening(chosen.smtp_port, chosen.http_port) as (smtp, http):
            sink = _MailSink(chosen.folder, smtp, http)
            # uvicorn repeats, once it has ended, the signal that ended it; here the second one finds nothing to do.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: setattr(sink, "should_exit", True))
            sink.take_mails()
    except (OSError, OverflowError) as error:
        parser.exit(2, f"The mail sink cannot start: {error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
