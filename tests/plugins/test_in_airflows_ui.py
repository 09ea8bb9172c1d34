"""The operators' page where operators meet it: in the frames of Airflow's real UI, in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.local_stack.waiting import wait_until
from tests.payloads.machine import Machine, machine_in, read_until_it_serves

pytestmark = [pytest.mark.airflow, pytest.mark.stack, pytest.mark.timeout(600)]

SELLERS_FILE = """
sellers:
  - id: nordlicht_kerzen
    name: Nordlicht Kerzen
    region: eu
    marketplaces: [DE, FR]
    contacts: [shop@nordlicht.example]
    language: de
    timezone: Europe/Berlin
"""
DAG = "amazon_orders__nordlicht_kerzen"
PHONE = {"width": 390, "height": 844}
# By language: the list's title, the status, the button.
WORDS = {
    "de-DE": ("Amazon-Verkäufer", "Verbunden", "Bei Amazon EU anmelden", "Link kopieren"),
    "en-GB": ("Amazon sellers", "Connected", "Sign in at Amazon EU", "Copy link"),
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A `make run` with one seller, which stays."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / "sellers.yaml").write_text(SELLERS_FILE)
    machine = machine_in(folder, folder / "sellers.yaml")
    with machine.start("run") as process:
        try:
            read_until_it_serves(process)
            yield machine
        finally:
            machine.kill_everything()
            process.kill()


def _signed_in(chromium: Any, machine: Machine, path: str, **how: Any) -> Any:
    page = chromium.new_context(**how).new_page()
    # The UI's first page is a megabyte of script, and two cores have much to do.
    page.set_default_timeout(120_000)
    page.goto(machine.ui_url + path)
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", machine.passwords()["ui"])
    page.keyboard.press("Enter")
    page.wait_for_selector("iframe")
    return page


def _is_dark(frame: Any) -> bool | None:
    colour = frame.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    found = re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", colour)
    return sum(map(int, found.groups())) < 3 * 128 if found else None


@pytest.mark.parametrize("locale", WORDS)
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_list_speaks_the_uis_language_and_wears_its_colours(
    chromium: Any, machine: Machine, pictures: Path, locale: str, scheme: str
):
    title, state, *_ = WORDS[locale]
    page = _signed_in(chromium, machine, "/plugin/seller-orders", locale=locale, color_scheme=scheme)
    frame = page.frame_locator("iframe")
    frame.locator("h1", has_text=title).wait_for()
    row = frame.locator("tbody tr")
    assert "Nordlicht Kerzen" in row.inner_text()
    assert state in row.inner_text()
    # A heading can be seen before the style sheet is there: until then the body has no colour of its own.
    assert wait_until(lambda: _is_dark(frame) is (scheme == "dark"), 30)
    page.screenshot(path=pictures / f"operators_{locale}_{scheme}.png")


def test_the_page_follows_when_airflow_changes_its_language_and_colours_later(chromium: Any, machine: Machine):
    page = _signed_in(chromium, machine, "/plugin/seller-orders", locale="en-GB", color_scheme="light")
    frame = page.frame_locator("iframe")
    frame.locator("h1", has_text="Amazon sellers").wait_for()
    page.evaluate("document.documentElement.lang = 'de'; document.documentElement.classList.add('dark')")
    frame.locator("html[lang=de][data-theme=dark] h1", has_text="Amazon-Verkäufer").wait_for()


def test_on_a_phone_nothing_is_cut_off_and_each_figure_has_its_name(chromium: Any, machine: Machine, pictures: Path):
    page = _signed_in(chromium, machine, "/plugin/seller-orders", locale="de-DE", viewport=PHONE)
    frame = page.frame_locator("iframe")
    frame.locator("h1", has_text="Amazon-Verkäufer").wait_for()
    width = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    # A heading can be seen before the style sheet is there.
    assert wait_until(lambda: frame.locator("body").evaluate(width) <= 0, 30)
    label = "cell => getComputedStyle(cell, '::before').content"
    labels = [cell.evaluate(label) for cell in frame.locator("tbody td").all()]
    assert any("Daten vollständig bis" in told for told in labels)
    page.screenshot(path=pictures / "operators_phone.png", full_page=True)


@pytest.mark.parametrize("locale", WORDS)
def test_a_sellers_tab_has_the_button_and_the_link(chromium: Any, machine: Machine, pictures: Path, locale: str):
    page = _signed_in(chromium, machine, f"/dags/{DAG}/plugin/amazon-seller", locale=locale)
    frame = page.frame_locator("iframe")
    _, state, go, copy = WORDS[locale]
    frame.locator("#go", has_text=go).wait_for()
    assert state in frame.locator("main").inner_text()
    assert frame.locator("#copy").inner_text() == copy
    assert frame.locator("#link").input_value().startswith("http://127.0.0.1:")
    assert "built-in" not in frame.locator("main").inner_text()
    page.screenshot(path=pictures / f"operators_seller_{locale}.png", full_page=True)


def test_out_of_the_frame_through_amazon_and_back_the_shop_is_connected_anew(chromium: Any, machine: Machine):
    page = _signed_in(chromium, machine, f"/dags/{DAG}/plugin/amazon-seller", locale="de-DE")
    with page.context.expect_page() as opened:
        # Its script leads out of the frame; before it has run, the sandbox blocks the link.
        page.frame_locator("iframe").locator("html[lang=de][data-theme] #go").click()
    way = opened.value
    way.click("button.act")
    way.click("a.act")
    (shop,) = [shop for shop in machine.amazon.shops() if shop["shop_id"] == "nordlicht_kerzen"]
    way.select_option("#account", shop["selling_partner_id"])
    way.click("#sign-in")
    way.check("#agree")
    way.click("#confirm")
    assert "Die Anbindung steht" in way.inner_text("h1")

    gateway = machine.gateway()
    assert wait_until(lambda: gateway.run(DAG, "reconnected__1")["state"] == "success", 120, interval_s=0.5)
    page.reload()
    history = page.frame_locator("iframe").locator(".history")
    history.wait_for()
    assert ": done" in history.inner_text()
