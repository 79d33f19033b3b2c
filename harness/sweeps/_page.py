"""The report as a page: one file that loads nothing, for a person with a browser."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from harness.model import Json

_PLACE = "__REPORT__"


def page(report: Mapping[str, Json]) -> str:
    """`report`, as `SweepReport.to_json` gives it, as HTML; or several of them, as `joined` gives them, each a section.

    Everything in it is data: a text of a model that looks like markup is shown and does nothing, and the page's own
    policy lets nothing be loaded or sent.
    """
    data = json.dumps(report, ensure_ascii=False).replace("<", "\\u003c")
    return _template().replace(_PLACE, data)


@cache
def _template() -> str:
    return files("harness.sweeps").joinpath("page.html").read_text("utf-8")
