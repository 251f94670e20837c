"""Sensor rows from JSON lines: an object a line, its keys the columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from edgeinfer.errors import SettingsError
from edgeinfer.processing.spec import InputSpec, WindowInput
from edgeinfer.sources.clock import Clock
from edgeinfer.sources.lines import Line
from edgeinfer.sources.options import RowOptions
from edgeinfer.sources.rows import RowSource, check_stdin, finite_number, missing_columns
from edgeinfer.sources.uri import SourceUri
from edgeinfer.strict import decode_json


class JsonLinesSource(RowSource):
    """Windows of the keys that the model wants; an object may have others, of any type."""

    def _parse(self, line: Line) -> Sequence[float]:
        try:
            table = decode_json(line.data, dict[str, Any], "row")
        except SettingsError as error:
            raise self._bad(line, error.message.removeprefix("row: ")) from error
        missing = missing_columns(self._spec.columns, table)
        if missing:
            raise self._bad(line, f"the object lacks {missing}")
        return [self._number(line, column, table[column]) for column in self._spec.columns]

    def _number(self, line: Line, column: str, value: object) -> float:
        number = None if isinstance(value, str) else finite_number(value)
        if number is None:
            raise self._bad(line, f"`{column}` is {str(value)[:40]!r}, which is not a finite number")
        return number


def create(uri: SourceUri, spec: InputSpec, clock: Clock) -> JsonLinesSource:
    """The source of a `jsonl:` URI."""
    options = uri.options_as(RowOptions)
    check_stdin(uri, options)
    return JsonLinesSource(uri, options, cast(WindowInput, spec), clock)
