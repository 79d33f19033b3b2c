"""The page in a real browser: it draws the map, opens a case, and needs no mouse."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.sweeps import page
from tests.sweeps import agents, concurrent

pytestmark = pytest.mark.browser
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=1200,1000",
)  # fmt: skip


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return harness.sweep(
        agents.run,
        agents.RECORDING,
        setup=agents.Trusting,
        contract=[agents.DriverError],
        kinds="reset-mid-stream truncate-clean http-401-auth stall-mid-stream",
    ).to_json()


@pytest.fixture(scope="module")
def browser(report: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    if BROWSER is None or DRIVER is None:
        pytest.skip("no chromium and chromedriver on the path")
    folder = tmp_path_factory.mktemp("page")
    (folder / "sweep.html").write_text(page(report), "utf-8")
    options = selenium.ChromeOptions()
    options.binary_location = BROWSER
    for option in (*OPTIONS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(executable_path=DRIVER))
    try:
        driver.get((folder / "sweep.html").as_uri())
        yield driver
    finally:
        driver.quit()


def cells(browser: Any) -> list[Any]:
    found: list[Any] = browser.find_elements("css selector", "td button")
    return found


def detail(browser: Any) -> str:
    return str(browser.find_element("id", "detail").text)


def test_it_draws_the_map_and_the_broken_promises(browser: Any, report: dict[str, Any]) -> None:
    assert browser.title.startswith("sweep of")
    shown = {cell.get_attribute("data-cell") for cell in cells(browser)}
    assert {"V", "e"} <= shown <= {case["cell"] for case in report["cases"]}
    broken = browser.find_element("id", "failures").text
    assert all(failure["checker"] in broken and failure["case"] in broken for failure in report["failures"])
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def test_a_cell_opens_its_case_with_time_requests_and_the_line_to_paste(browser: Any, report: dict[str, Any]) -> None:
    cell = next(cell for cell in cells(browser) if cell.get_attribute("data-cell") == "V")
    case = report["cases"][int(cell.get_attribute("data-case"))]
    cell.click()
    told = detail(browser)
    assert case["name"] in told
    assert case["violations"][0]["text"] in told
    assert case["repro"] in told
    assert len(browser.find_elements("css selector", "ol.time li")) == len(case["timeline"])
    assert len(browser.find_elements("css selector", "#detail details")) == len(case["requests"])
    assert cell.get_attribute("aria-pressed") == "true"


def test_arrow_keys_move_over_the_map_and_enter_opens(browser: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    first = cells(browser)[0]
    first.send_keys(Keys.ARROW_DOWN)
    active = browser.switch_to.active_element
    assert active.get_attribute("data-case") != first.get_attribute("data-case")
    active.send_keys(Keys.ENTER)
    assert active.get_attribute("aria-label").split(": ")[0] in detail(browser)


def test_one_cell_of_each_table_is_in_the_order_of_the_tab_key(browser: Any) -> None:
    tables = browser.find_elements("css selector", "table")
    reachable = [cell for cell in cells(browser) if cell.get_attribute("tabindex") == "0"]
    assert len(reachable) == len(tables) > 1


def test_it_is_no_wider_than_its_window(browser: Any) -> None:
    wide = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert browser.execute_script(wide)


LINES = {"file": "agent.py", "only_under_faults": [{"line": 7, "text": "    raise AgentError"}], "never": []}


@pytest.fixture
def several(browser: Any, report: dict[str, Any], tmp_path: Path) -> Iterator[Any]:
    """The page of a run of tests."""
    before = browser.current_url
    fine = {**report, "name": "test_fine", "failures": []}
    whole = {"version": 1, "ok": False, "sweeps": [report, fine], "coverage": {"files": [LINES]}}
    (tmp_path / "several.html").write_text(page(whole), "utf-8")
    browser.get((tmp_path / "several.html").as_uri())
    yield browser
    browser.get(before)


def test_several_sweeps_are_sections_with_a_way_to_each(several: Any, report: dict[str, Any]) -> None:
    assert several.title == "sweeps of 2 tests"
    links = several.find_elements("css selector", "nav a")
    assert [link.text for link in links] == [report["name"], "test_fine"]
    assert f"{len(report['failures'])} broken promise" in several.find_element("tag name", "nav").text
    links[1].click()
    assert several.current_url.endswith("#sweep-1")
    ids = "return [...document.querySelectorAll('[id]')].map((found) => found.id)"
    named = several.execute_script(ids)
    assert len(named) == len(set(named))
    assert [entry["message"] for entry in several.get_log("browser")] == []


def test_a_cell_opens_its_case_in_its_own_section(several: Any) -> None:
    first, second = several.find_elements("css selector", "section.sweep")
    second.find_element("css selector", "td button[data-cell=V]").click()
    assert "to see it again" in second.find_element("css selector", ".detail").text
    assert "Choose a cell" in first.find_element("css selector", ".detail").text
    assert not first.find_elements("css selector", "td button[aria-pressed=true]")


def test_lines_that_only_ran_under_a_fault_are_shown_with_their_text(several: Any) -> None:
    told = several.find_element("id", "lines").text
    assert "agent.py: 1" in told
    assert "7      raise AgentError" in told
    assert "Handlers that never ran, even under a fault\nNone." in told


def test_orders_have_a_table_of_their_own_with_a_column_for_each(browser: Any, tmp_path: Path) -> None:
    told = harness.sweep(concurrent.last_one_wins, concurrent.RECORDING, kinds="order connect-refused").to_json()
    (tmp_path / "orders.html").write_text(page(told), "utf-8")
    before = browser.current_url
    browser.get((tmp_path / "orders.html").as_uri())
    table = browser.find_element("css selector", "table[aria-label='faults of call 1-3']")
    assert table.text.split() == ["call=1-3", "1-2-3", "1-3-2", "2-3-1", "3-1-2", "3-2-1", "order", ".", *"VVVV"]
    table.find_element("css selector", "button[data-cell=V]").click()
    assert "call=1-3/kind=order,as=1-3-2" in detail(browser)
    assert "order-neutral: in another order it returned" in detail(browser)
    browser.get(before)
