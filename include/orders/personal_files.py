"""Personal parts of pages on their way to the tables: one encrypted file a page, below RAW_URL/personal, deleted whole.

The store itself is the record of what lies there: a file's name says which page it belongs to and by when it must be
gone, so that nothing has to be decrypted to delete it and no crash can leave a file that nobody knows of.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from upath import UPath

from include.errors import SettingsError, UnreadableFileError
from include.orders import store
from include.orders.landing import COMPRESSION_LEVEL
from include.orders.personal_parts import LandedPart, read_parts, write_parts
from include.sellers.registry import Seller
from include.settings import Settings

FOLDER: Final = "personal"
NAME: Final = re.compile(r"(\d+)-(\d+)-(\d{8}T\d{6})Z\.fernet")
DUE: Final = "%Y%m%dT%H%M%S"
MAKE_ONE: Final = "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"


@dataclass(frozen=True, slots=True)
class PersonalFile:
    """A file in a seller's folder.

    Attributes:
        url: Where it lies.
        root: The RAW_URL that the folder is below.
        window_id: The window whose page it belongs to, None for what a killed process left half written.
        page: The page.
        due_utc: When the first of its orders is due.
    """

    url: str
    root: str
    window_id: int | None = None
    page: int | None = None
    due_utc: datetime | None = None


class PersonalFiles:
    """A seller's files, to be written and read under PERSONAL_DATA_KEY.

    Args:
        seller_id: Whose.
        keys: The first encrypts, each decrypts.
    """

    def __init__(self, seller_id: str, keys: MultiFernet) -> None:
        self._seller_id = seller_id
        self._keys = keys

    def write(self, root: str, window_id: int, page: int, parts: Mapping[str, LandedPart]) -> str:
        """Write the parts of a page whole or not at all, and return where; "" for no parts.

        Raises:
            SellerOrdersError: The store refused it, as `include.orders.store.write` says.
        """
        if not parts:
            return ""
        # Digits below a second are cut: earlier is allowed, later is not.
        due_utc = min(landed.term.delete_after_utc for landed in parts.values())
        name = f"{window_id}-{page:04d}-{due_utc.astimezone(UTC).strftime(DUE)}Z.fernet"
        url = str(UPath(folder_of(root, self._seller_id)) / name)
        store.write(url, self._keys.encrypt(gzip.compress(write_parts(parts), COMPRESSION_LEVEL)))
        return url

    def read(self, file: PersonalFile) -> dict[str, LandedPart]:
        """Return a file's parts by order id; none where it was deleted meanwhile.

        Raises:
            UnreadableFileError: None of the keys opens it.
            SellerOrdersError: The store refused it, as `include.orders.store.write` says.
        """
        content = store.read(file.url)
        try:
            return {} if content is None else read_parts(gzip.decompress(self._keys.decrypt(content)))
        except InvalidToken:
            raise UnreadableFileError(
                f"PERSONAL_DATA_KEY does not open {store.shown(file.url)}.",
                remedy="Append the key that was there before, after a comma; or delete that file: its orders load"
                " without names, and the DAG triggered with from_utc asks for them again.",
            ) from None


def personal_files(seller: Seller, settings: Settings) -> PersonalFiles | None:
    """Return the door to a seller's files, None where its personal data are not wanted.

    Raises:
        SettingsError: They are, and PERSONAL_DATA_KEY is absent or no key.
    """
    if not seller.personal_data:
        return None
    if not settings.personal_data_keys:
        raise SettingsError(
            f"Seller {seller.seller_id} has personal_data: yes, but PERSONAL_DATA_KEY is not set.",
            remedy=f"Set it to what `{MAKE_ONE}` prints, or write personal_data: no.",
        )
    return PersonalFiles(seller.seller_id, read_keys(settings.personal_data_keys))


def read_keys(keys: Iterable[str]) -> MultiFernet:
    """Read keys as Fernet makes them.

    Raises:
        SettingsError: One is none; the message says which, not what it is.
    """
    fernets = []
    for number, key in enumerate(keys, start=1):
        try:
            fernets.append(Fernet(key))
        except ValueError:
            raise SettingsError(
                f"Key {number} of PERSONAL_DATA_KEY is no Fernet key.", remedy=f"`{MAKE_ONE}` prints one."
            ) from None
    return MultiFernet(fernets)


def folder_of(root: str, seller_id: str) -> str:
    """Name the folder of a seller's files; it holds nothing else, so that it can be deleted whole."""
    return str(UPath(root) / FOLDER / seller_id)


def sellers_in(root: str) -> set[str]:
    """Return the ids of the sellers who have a folder. Raises as `include.orders.store.write` does."""
    return {_name(url) for url in store.entries(str(UPath(root) / FOLDER))}


def files_of(root: str, seller_id: str) -> Iterator[PersonalFile]:
    """Yield a seller's files, half-written ones too. Raises as `include.orders.store.write` does."""
    for url in store.entries(folder_of(root, seller_id)):
        if named := NAME.fullmatch(_name(url)):
            due_utc = datetime.strptime(named[3], DUE).replace(tzinfo=UTC)
            yield PersonalFile(url, root, int(named[1]), int(named[2]), due_utc)
        else:
            yield PersonalFile(url, root)


def delete_files(urls: Iterable[str]) -> None:
    """Delete files; one that is gone is no error. Raises as `include.orders.store.write` does."""
    for url in list(urls):
        store.delete(url)


def _name(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2]
