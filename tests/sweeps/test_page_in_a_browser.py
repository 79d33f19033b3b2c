"""The page in a real browser: it draws the map, opens a case, and needs no mouse."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

import harness
from harness.sweeps import page
from tests.sweeps import agents

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
