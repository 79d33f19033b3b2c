"""One file, many tests: the axes of a matrix."""

from __future__ import annotations

from typing import Any, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from harness.scenarios._strict import Strict, refused

COMBINATIONS_MAX = 1_000


class Matrix(Strict):
    """Every combination of the values of its axes is a test of its own, less those that `exclude` names, and those that
    `include` names besides. `${axis}` stands for the value anywhere else in the file."""

    model_config = ConfigDict(extra="allow")

    exclude: list[dict[str, JsonValue]] = Field(default_factory=list)
    include: list[dict[str, JsonValue]] = Field(default_factory=list)

    @property
    def axes(self) -> dict[str, Any]:
        """Name to values, in the order of the file."""
        return dict(self.__pydantic_extra__ or {})

    @model_validator(mode="after")
    def _has_axes(self) -> Self:
        if not self.axes and not self.include:
            message = "a matrix without an axis: give one, such as provider: [openai-chat, anthropic]"
            raise refused(message)
        for name, values in self.axes.items():
            if not isinstance(values, list) or not values:
                message = f"the axis {name!r} is a list with at least one value"
                raise refused(message)
        return self
