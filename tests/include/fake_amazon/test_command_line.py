"""`python -m include.fake_amazon`: it serves, and what it cannot do it says in one sentence."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from include.fake_amazon.__main__ import main
from include.fake_amazon.client import FakeAmazonClient
from include.fake_amazon.server import listen

pytestmark = pytest.mark.slow


@contextmanager
def _running(*arguments):
    command = [sys.executable, "-m", "include.fake_amazon", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            line = process.stdout.readline()
            yield process, re.search(r"http://\S+", line).group()
        finally:
            process.kill()


def _refused(capsys, *arguments):
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    return output.err


def test_it_serves_survives_a_kill_with_its_changes_and_logs_no_token(tmp_path):
    arguments = ["--state-dir", str(tmp_path), "--seed", "5", "--rate-scale", "1000"]
    with _running(*arguments) as (process, url):
        client = FakeAmazonClient(url)
        client.wait_until_ready()
        authorized = client.authorize("maple_trail")
        client.calls()
        process.send_signal(signal.SIGKILL)
        log = process.stdout.read()
    assert log == ""
    with _running(*arguments) as (process, url):
        assert FakeAmazonClient(url).authorize("maple_trail") == authorized
        process.send_signal(signal.SIGINT)
        process.wait(10)
        assert "Traceback" not in process.stdout.read()


def test_it_ends_cleanly_on_sigterm():
    with _running() as (process, _):
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        assert process.stdout.read() == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_a_host_beyond_loopback_is_refused(capsys, host):
    assert "can be reached from outside" in _refused(capsys, "--host", host)


def test_a_host_that_is_no_address_is_refused(capsys):
    assert "is no address" in _refused(capsys, "--host", "example.com")


def test_a_busy_port_is_told(capsys):
    with listen("127.0.0.1", 0) as listener:
        port = str(listener.getsockname()[1])
        assert f"Port {port} of 127.0.0.1 cannot be used" in _refused(capsys, "--port", port)


def test_a_bad_file_of_orders_is_told_with_file_line_and_field(capsys, tmp_path):
    path = tmp_path / "orders.ndjson"
    path.write_text('{"orderId": "1"}\n')
    assert f"{path}, line 1: createdTime is missing." in _refused(capsys, "--orders", f"x={path}")


def test_a_missing_file_of_orders_is_told(capsys, tmp_path):
    path = tmp_path / os.urandom(4).hex()
    assert f"{path} cannot be read: No such file or directory." in _refused(capsys, "--orders", f"x={path}")


@pytest.mark.parametrize("text", ["x", "=x", "x="])
def test_orders_need_a_seller_and_a_file(capsys, text):
    assert "is not of the form SELLER=FILE.ndjson" in _refused(capsys, "--orders", text)


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "inf"])
def test_a_rate_scale_must_be_above_zero(capsys, scale):
    assert "is not above 0" in _refused(capsys, f"--rate-scale={scale}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[shops", "is no TOML"),
        ("[shops.x]\nregion = 'eu'", "`marketplaces`"),
        ("[shops.x]\nregion = 'eu'\nmarketplaces = ['AT']", "Shop 'x': Amazon has no marketplace 'AT'."),
        ("[shops.x]\nregion = 'eu'\nmarketplaces = []\nb2b_share = 2", "Shop 'x': Expected `float` <= 1"),
    ],
)
def test_a_bad_file_of_shops_is_told(capsys, tmp_path, text, sentence):
    path = tmp_path / "shops.toml"
    path.write_text(text)
    assert sentence in _refused(capsys, "--shops", str(path))


def test_a_missing_file_of_shops_is_told(capsys, tmp_path):
    assert "cannot be read" in _refused(capsys, "--shops", str(tmp_path / "none.toml"))


def test_a_journal_that_does_not_fit_the_shops_any_more_is_told(capsys, tmp_path):
    lines = '{"change":"world","seed":1}\n{"change":"revoke","shop_id":"gone"}\n'
    (tmp_path / "changes.ndjson").write_text(lines)
    assert "does not fit these shops and orders any more: There is no shop 'gone'." in _refused(
        capsys, "--state-dir", str(tmp_path)
    )


def test_a_state_directory_of_another_seed_is_told(capsys, tmp_path):
    (tmp_path / "changes.ndjson").write_text('{"change":"world","seed":1}\n')
    assert "belongs to another seed" in _refused(capsys, "--state-dir", str(tmp_path), "--seed", "2")
