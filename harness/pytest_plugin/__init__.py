"""The pytest plugin: the marker `harness`, the fixtures around it, and a miss as the failure of the test that made it.

Loading it loads neither vcr nor httpx, yaml or asyncio: who has it installed and does not use it pays next to nothing.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from harness.pytest_plugin import (
    _calls,
    _collected,
    _ending,
    _hookspecs,
    _outcome,
    _scenarios,
    _sweep,
    _sweep_left,
    _sweep_lines,
    _sweep_page,
    _sweep_refused,
    _sweep_told,
    _sweep_whole,
    _swept,
)
from harness.pytest_plugin._fixtures import (
    _harness_blocked,
    _harness_marked,
    _harness_opener,
    harness_config,
    harness_server,
    replay,
    replay_class,
    replay_module,
    replay_session,
    transcript_snapshot,
    virtual_time,
)
from harness.pytest_plugin._run import WORKER_KEY, open_run, run_of
from harness.pytest_plugin._settings import CHOICES

__all__ = [
    "_harness_blocked",
    "_harness_marked",
    "_harness_opener",
    "harness_config",
    "harness_server",
    "replay",
    "replay_class",
    "replay_module",
    "replay_session",
    "transcript_snapshot",
    "virtual_time",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Every option is prefixed: pytest-recording has `--record-mode` and `--block-network`."""
    group = parser.getgroup("harness", "recorded model sessions")
    group.addoption(
        "--harness-record",
        choices=CHOICES["mode"],
        help="record mode of every session; else HARNESS_RECORD, the marker, [tool.harness] mode; default: none",
    )
    group.addoption(
        "--harness-unplayed",
        choices=CHOICES["unplayed"],
        help="what recorded answers are that no test asked for; default: fail",
    )
    group.addoption(
        "--harness-block-network",
        action="store_true",
        help="refuse every real connection, in tests without a session too; allowed_hosts stay open",
    )
    _sweep.add_options(group)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """The hooks that a conftest may implement."""
    pluginmanager.add_hookspecs(_hookspecs)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """`from time import sleep` copies what stands there, so the stand-ins have to be in place before any conftest."""
    from harness.clock import install_trampolines  # noqa: PLC0415 - loads asyncio, which anyio's plugin has by now

    install_trampolines()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read what is configured, once, before anything runs."""
    config.addinivalue_line(
        "markers",
        "harness(cassette=None, *, scenario=None, case=None, mode=None, clock=None, unplayed=None, ignore=(), "
        "redact=(), allow=(), on_exhausted=None, allowed_hosts=(), ignored_hosts=(), matcher=None): "
        "replay the test's recorded model session, virtually and offline.",
    )
    config.addinivalue_line(
        "markers",
        "harness_sweep(*, kinds='default', tier='smart', contract=(), invariants=None, checkers=(), modes=('once', "
        "'persistent'), budget=None, seed=0, known=(), attempts_max=5, idempotent=False, cancel=None, schedules=None): "
        "run the test again for every fault at every place of its recording.",
    )
    config.pluginmanager.register(_sweep_whole.Whole(), "harness-sweep-whole")
    config.pluginmanager.register(_sweep_whole.Twins(), "harness-sweep-twins")
    if config.getoption("harness_sweep_coverage"):
        config.pluginmanager.register(_sweep_lines.Measured(config), "harness-sweep-lines")
    if _sweep_page.is_wanted(config):
        config.pluginmanager.register(_sweep_page.Page(config), "harness-sweep-page")
    open_run(config)
    _sweep_refused.refuse_to_record(config, run_of(config).modes.decide(None))
    pytest_load_initial_conftests()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A scenario that names a driver is tests of its own, unless `collect_scenarios = false`."""
    if not run_of(parent.config).project.values.get("collect_scenarios", True):
        return None
    return _scenarios.collected(file_path, parent)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`case="*"`, or a list of cases, is a test for each."""
    _scenarios.parametrised(metafunc)


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """A case of a sweep can be asked for by its name."""
    return _sweep.of_one_case((yield), collector.config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist starts a worker, which is a part of this run."""
    node.workerinput[WORKER_KEY] = run_of(node.config).id


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Before anybody deselects or shuffles."""
    _sweep.sweep(config, items)
    _collected.note(run_of(config), items)


@pytest.hookimpl(optionalhook=True, trylast=True)
def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Any:
    """A virtual loop for tests that replay. Last, because a project's own hook knows better."""
    from harness.pytest_plugin._loops import factories  # noqa: PLC0415 - loads asyncio, as pytest-asyncio did

    return factories(run_of(config), item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool | None, bool | None]:
    """A session that several tests share keeps its window open between them, where pytest-xdist waits for real."""
    from harness.clock import in_real_time, installed_clock  # noqa: PLC0415 - loaded with the trampolines

    run = run_of(item.config)
    run.between.close()
    with _sweep_left.told_within(item), _sweep.seeded(item):
        result = yield
    if installed_clock() is not None:
        run.between.enter_context(in_real_time())
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that runs once more is judged anew, and so is a case of one."""
    _outcome.forget(item)
    _sweep_left.begin(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Around every other plugin: what is raised here is the failure of the call."""
    if _swept.SWEPT in item.stash:
        return (yield from _swept.judged(run_of(item.config), item))
    return (yield from _calls.blame(run_of(item.config), item))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember how the test went; and a miss is no expected failure unless it was expected by name."""
    ours_only = call.excinfo is not None and not _calls.without_us(call.excinfo, item.config.rootpath)
    report = yield
    if ours_only and report.failed and call.excinfo is not None:
        report.longrepr = call.excinfo.exconly()  # a traceback through our own files tells a test's author nothing
    if _calls.is_hidden(call, report, item):
        report.outcome = "failed"
        del report.wasxfail
    _outcome.remember(item, report)
    _sweep_page.attach(item, report)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What only the whole run can tell."""
    run_of(session.config).between.close()
    _ending.finish(session)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of pytest-xdist is done."""
    _ending.join(run_of(node.config), getattr(node, "workeroutput", None) or {})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """What was written, and what nobody asked for."""
    _ending.summarise(run_of(config), terminalreporter)
    _sweep_told.summarise(terminalreporter)
