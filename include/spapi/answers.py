"""The body of an answer, read with an end: neither a drip without end nor a page without end holds a worker.

The timeout that `requests` knows counts anew with every byte that arrives, and it puts no bound on the size.
"""

from __future__ import annotations

import re
import time

import msgspec
import requests
import urllib3

from include.errors import ContractError, TransportError

# What reading JSON can end in; the nesting of a hostile answer has no bound either.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError)
# What JSON can say and PostgreSQL's text, or any text, cannot hold: NUL, and half of a pair that is one character.
# Escaped backslashes and whole pairs are matched too, so that what follows them is not mistaken.
ESCAPES = re.compile(rb"\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u(?:0000|[dD][89a-fA-F]..)")
KEPT_LENGTHS = (2, 12)
# A page of 100 orders is below 1 MB; a packed answer can unfold to a thousand times its size.
MOST_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
# In multiples of the timeout, so that an answer that keeps coming in may take longer than its first byte.
LONGEST_ANSWER_TIMEOUTS = 4


def read_body(answer: requests.Response, who: str, *, timeout_s: float, most_bytes: int = MOST_BYTES) -> bytes:
    """Read an answer that was asked for with `stream=True`, unpacked.

    Args:
        answer: Its status and headers are there already.
        who: Whose answer it is, for the error.
        timeout_s: As for the request.
        most_bytes: What is larger is refused.

    Raises:
        TransportError: It was cut off, spoilt, or still coming in after four timeouts.
        ContractError: It is larger than any documented answer.
    """
    deadline = time.monotonic() + LONGEST_ANSWER_TIMEOUTS * timeout_s
    body = bytearray()
    with answer:
        try:
            while chunk := answer.raw.read1(CHUNK_BYTES, decode_content=True):
                body += chunk
                if len(body) > most_bytes:
                    raise ContractError(f"The answer of {who} is larger than {most_bytes // 2**20} MB.")
                if time.monotonic() > deadline:
                    raise TransportError(f"The answer of {who} did not come to its end.")
        except (urllib3.exceptions.HTTPError, OSError) as lost:
            raise TransportError(f"The answer of {who} broke off ({type(lost).__name__}).") from None
    return bytes(body)


def keepable(body: bytes) -> bytes:
    """Return JSON whose every text can be kept: NUL and half characters become U+FFFD, the sign for what was lost.

    Raises:
        UnicodeDecodeError: It is not UTF-8; one of `UNREADABLE`.
    """
    body.decode()
    if b"\\u" not in body:
        return body
    return ESCAPES.sub(lambda found: found[0] if len(found[0]) in KEPT_LENGTHS else rb"\ufffd", body)
