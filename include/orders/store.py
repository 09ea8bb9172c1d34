"""The store below RAW_URL, a disk or a bucket: whole files in, whole files out, and what its refusals mean.

Knows nothing of sellers and pages. A refusal is told by who must act: somebody where a bucket is missing or closed to
us, nobody where it is only away or slow.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from upath import UPath

from include.errors import SellerOrdersError, SettingsError, TransientError, TransportError

S3: Final = ("s3", "s3a")
# Two rounds of three tries of 15 s at the worst; by default it would be 25 tries, the seller locked all along.
S3_OPTIONS: Final[dict[str, Any]] = {
    "use_listings_cache": False,
    "max_concurrency": 1,  # more would ask for a page's size before each page
    "config_kwargs": {
        "connect_timeout": 5,
        "read_timeout": 15,
        "retries": {"mode": "standard", "total_max_attempts": 3},
    },
}
S3_ROUNDS: Final = 2
# What only people can mend; every other answer of S3 may be another one in a minute.
FOR_PEOPLE: Final = frozenset(
    {
        *("NoSuchBucket", "InvalidBucketName", "AuthorizationHeaderMalformed", "PermanentRedirect"),
        *("InvalidToken", "KMS.NotFoundException", "KMS.DisabledException", "InvalidObjectState"),
        *("NoCredentialsError", "PartialCredentialsError", "NoRegionError", "ProfileNotFound", "ParamValidationError"),
        *("InvalidRegionError", "CredentialRetrievalError", "UnauthorizedSSOTokenError"),
    }
)


def write(url: str, content: bytes) -> None:
    """Write a file whole or not at all; one that is there is replaced.

    Raises:
        SettingsError: The store refuses us, or there is no such bucket (operators act).
        TransientError: It is out of reach, full or busy. Worth another try after a while.
    """
    target = _place(url)
    with refusals(f"{shown(url)} could not be written"):
        if target.protocol in S3:
            # An object shows when it is whole, and not before. Its bucket is nobody's to make but a person's.
            target.fs.pipe_file(target.path, content)
            return
        half = target.with_name(f".{target.name}.half")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            half.write_bytes(content)
            target.fs.mv(half.path, target.path)
        finally:
            half.unlink(missing_ok=True)


def read(url: str) -> bytes | None:
    """Return a file's content, None where there is none. Raises as `write` does."""
    target = _place(url)
    try:
        with refusals(f"{shown(url)} could not be read"):
            content: bytes = target.fs.cat_file(target.path)
    except FileNotFoundError:
        return None
    return content


def delete(url: str) -> None:
    """Delete a file; none is fine. Raises as `write` does."""
    place = _place(url)
    with refusals(f"{shown(url)} could not be deleted"):
        try:
            place.fs.rm_file(place.path)
        except FileNotFoundError:
            return


def entries(url: str) -> list[str]:
    """Return the addresses of what lies in a folder, nothing for no folder. Raises as `write` does."""
    place = _place(url)
    with refusals(f"{shown(url)} could not be listed"):
        try:
            paths = [path.rstrip("/") for path in place.fs.ls(place.path, detail=False)]
            return [f"{url.rstrip('/')}/{path.rpartition('/')[2]}" for path in paths if path != place.path.rstrip("/")]
        except FileNotFoundError as absent:
            if _code(absent) == "NoSuchBucket":
                raise
            return []


def delete_folder(url: str) -> None:
    """Delete a folder with all that is in it; none is fine. Raises as `write` does."""
    if not exists(url):
        return
    place = _place(url)
    with refusals(f"{shown(url)} could not be deleted"):
        place.fs.rm(place.path, recursive=True)
    # S3 answers a deletion of many with 200 and a list of what it left, which s3fs does not look at.
    if exists(url):
        raise SettingsError(
            f"{shown(url)} could not be deleted: something of it is still there.",
            remedy="Let us delete there (docs/aws.md for S3).",
        )


def exists(url: str) -> bool:
    """Tell whether a file, folder or bucket is there. Raises as `write` does."""
    place = _place(url)
    try:
        with refusals(f"{shown(url)} does not answer"):
            # s3fs's own `exists` calls a bucket absent that is closed to us or out of reach.
            place.fs.info(place.path)
    except FileNotFoundError:
        return False
    return True


def shown(url: str) -> str:
    """Return an address without what may stand between scheme and host: a user and a password."""
    return re.sub(r"//[^/]*@", "//", url)


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Turn what a store says into an error that says who must act; a missing file stays a `FileNotFoundError`."""
    try:
        yield
    except _kinds() as refused:
        code = _code(refused)
        if isinstance(refused, FileNotFoundError) and code != "NoSuchBucket":
            raise
        raise _meaning(what, refused, code) from None


def _meaning(what: str, refused: Exception, code: str) -> SellerOrdersError:
    if isinstance(refused, PermissionError) or code in FOR_PEOPLE:
        return SettingsError(
            f"{what}: {_said(refused)}.", remedy="Mend RAW_URL or what we may do there (docs/aws.md for S3).", code=code
        )
    kind = TransientError if isinstance(refused, OSError) else TransportError
    return kind(f"{what}: {_said(refused)}.", code=code)


def _place(url: str) -> UPath:
    place: UPath = UPath(url)
    if place.protocol in S3:
        place = UPath(url, **S3_OPTIONS)
        place.fs.retries = S3_ROUNDS
    return place


def _kinds() -> tuple[type[Exception], ...]:
    """Whatever a store may raise: botocore's errors are no `OSError`, and who uses a disk never imports them."""
    there = [(sys.modules.get(module), name) for module, name in (("botocore.exceptions", "BotoCoreError"),)]
    there.append((sys.modules.get("aiohttp"), "ClientError"))
    return (OSError, *(getattr(module, name) for module, name in there if module))


def _code(refused: Exception) -> str:
    """S3's own code, or the name of an error that never came from S3; "" for a disk's."""
    if not isinstance(refused, OSError):
        return type(refused).__name__
    answer = getattr(refused.__cause__, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))


def _said(refused: Exception) -> str:
    # botocore's own texts may quote a proxy's address.
    words = (refused.strerror or str(refused)) if isinstance(refused, OSError) else type(refused).__name__
    return words.rstrip(".")
