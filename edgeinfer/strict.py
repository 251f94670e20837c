"""Strict decoding of TOML and JSON into frozen structs: the one place that knows msgspec.

Law: `decode_json(encode_json(x), type(x), where) == x` for every `Struct` of this package.
An unknown field, a missing one or a wrong type is a `SettingsError` that names the file, the place
in it and, for a misspelt field, the likely one.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Meta, field

from edgeinfer.errors import SettingsError
from edgeinfer.terminal import printable

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover - Python 3.10 on JetPack 6
    import tomli as tomllib

__all__ = [
    "Meta",
    "Struct",
    "convert",
    "convert_all",
    "convert_text",
    "decode_json",
    "decode_toml",
    "encode_json",
    "field",
    "list_faults",
    "plain",
    "replace",
    "toml_table",
]

T = TypeVar("T")
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(?P<name>[^`]*)`")


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen value, checked when it is decoded from a file."""


def decode_toml(data: bytes, kind: type[T], where: str) -> T:
    """Decode TOML text; `where` names the file in error messages."""
    return convert(toml_table(data, where), kind, where)


def toml_table(data: bytes, where: str) -> dict[str, Any]:
    """The plain table of a TOML text, for files whose type depends on one of their own fields."""
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{where}: not UTF-8 text ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where}: not valid TOML: {error}") from error


def decode_json(data: bytes, kind: type[T], where: str) -> T:
    """Decode JSON text; `where` names the file in error messages."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {_explain(error, kind)}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"{where}: not valid JSON: {error}") from error


def convert(table: object, kind: type[T], where: str) -> T:
    """Check an already parsed table against a type."""
    try:
        return msgspec.convert(table, type=kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {_explain(error, kind)}") from error


def convert_all(table: object, kind: type[T], where: str) -> T:
    """Like `convert`, for files that people write: the error lists every fault, not only the first."""
    faults = list(_all_faults(table, kind, ""))
    if faults:
        raise SettingsError(list_faults(where, faults))
    return convert(table, kind, where)


def convert_text(texts: Mapping[str, str], kind: type[T], where: str) -> T:
    """Like `convert_all`, for options written as text: `1` is a number, or true, as the field has it."""
    fields = msgspec.structs.fields(kind)  # type: ignore[arg-type]  # the caller gives a Struct
    known = {one.encode_name: one.type for one in fields}
    faults = []
    for name, text in texts.items():
        if name not in known:
            faults.append(f"unknown option `{name}`{_did_you_mean(name, known) or _all_of(known)}")
            continue
        try:
            msgspec.convert(text, type=known[name], strict=False)
        except msgspec.ValidationError as error:
            fault = str(error).replace("got `str`", f"got `{text}`")
            faults.append(f"option `{name}`: {fault}{_did_you_mean(text, _choices(known[name]))}")
    if faults:
        raise SettingsError(list_faults(where, faults))
    return msgspec.convert(dict(texts), type=kind, strict=False)


def _choices(kind: Any) -> tuple[str, ...]:
    return tuple(part for part in get_args(kind) if isinstance(part, str))


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, tuple(known), n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _all_of(known: Iterable[str]) -> str:
    return f"; known are {', '.join(sorted(known))}"


def list_faults(where: str, faults: Iterable[str]) -> str:
    """One message for all faults of a file: a line each where there are several."""
    lines = list(faults)
    return f"{where}: {lines[0]}" if len(lines) == 1 else "\n  ".join([f"{where}:", *lines])


def encode_json(value: object, *, indent: int = 0) -> bytes:
    """JSON text of a struct, its fields in the order of their declaration."""
    compact = msgspec.json.encode(value)
    return msgspec.json.format(compact, indent=indent) if indent else compact


def plain(value: object) -> Any:
    """The value as plain dicts, lists, strings and numbers."""
    return msgspec.to_builtins(value)


def replace(value: T, **changes: Any) -> T:
    """A copy of a struct with some fields changed."""
    return msgspec.structs.replace(value, **changes)  # type: ignore[type-var]


def _all_faults(value: object, kind: Any, place: str) -> Iterator[str]:
    structs = [part for part in (kind, *get_args(kind)) if _is_struct(part)]
    if len(structs) == 1 and isinstance(value, dict):
        yield from _table_faults(value, structs[0], f"{place}." if place else "")
    elif len(structs) == 1 and isinstance(value, list):
        for number, item in enumerate(value):
            yield from _all_faults(item, structs[0], f"{place}[{number}]")
    else:
        try:
            msgspec.convert(value, type=kind)
        except msgspec.ValidationError as error:
            yield f"{place}: {error}"


def _table_faults(table: dict[str, Any], kind: type[msgspec.Struct], place: str) -> Iterator[str]:
    known = {one.encode_name: one for one in msgspec.structs.fields(kind)}
    for name, value in table.items():
        if name in known:
            yield from _all_faults(value, known[name].type, f"{place}{name}")
            continue
        yield f"{place}{name}: unknown field{_did_you_mean(name, known)}"
    yield from (
        f"{place}{name}: missing" for name, one in known.items() if one.required and name not in table
    )


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _explain(error: msgspec.ValidationError, kind: type[Any]) -> str:
    text = printable(str(error))
    found = _UNKNOWN_FIELD.search(text)
    if not found:
        return text
    near = difflib.get_close_matches(found["name"], sorted(set(_field_names(kind))), n=1)
    return f"{text}; did you mean `{near[0]}`?" if near else text


def _field_names(kind: Any, seen: set[Any] | None = None) -> Iterator[str]:
    seen = set() if seen is None else seen
    if kind in seen:
        return
    seen.add(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            yield field.encode_name
            yield from _field_names(field.type, seen)
    parts: Iterable[Any] = get_args(kind)
    for part in parts:
        yield from _field_names(part, seen)
