"""Airflow's api-server masks what it masked before, and nothing is compiled for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from include.orchestration.many_secrets import MASKERS, PlainTexts

pytestmark = pytest.mark.airflow

SERVER = """
import sys
from importlib import import_module
masker = import_module(sys.argv.pop())
masker._secrets_masker().add_mask("known (before) 1+1")
sys.argv = ["airflow", "api-server"]
import include.orchestration.preload
known = masker._secrets_masker()
print(type(known.replacer).__name__)
for number in range(1000):
    known.add_mask(f"Atzr|seller-{number}-token")
known.add_mask({"password": "p(a)s+s|w*rd", "harmless": "visible"})
print(masker.redact("a Atzr|seller-7-token b p(a)s+s|w*rd c known (before) 1+1 d visible"))
print(masker.redact({"password": "anything", "text": "Atzr|seller-999-token"}))
known.reset_masker()
print(masker.redact("Atzr|seller-7-token"), known.replacer)
"""


@pytest.mark.parametrize("masker", MASKERS)
def test_the_api_server_masks_a_thousand_tokens_and_all_that_it_knew(masker: str):
    told = subprocess.run(
        [sys.executable, "-c", SERVER, masker], capture_output=True, text=True, timeout=120, check=True
    )
    assert told.stdout.splitlines()[-4:] == [
        # Compiling them, as Airflow does, takes half a minute.
        "PlainTexts",
        "a *** b *** c *** d visible",
        "{'password': '***', 'text': '***'}",
        "Atzr|seller-7-token None",
    ]


def test_of_two_secrets_one_of_which_holds_the_other_nothing_is_left():
    assert PlainTexts({"abcde", "abcdefgh"}).sub("***", "x abcdefgh abcde y") == "x *** *** y"
