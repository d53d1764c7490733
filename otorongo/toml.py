"""Strict TOML files as frozen values; an error names file, key, reason and what is allowed."""

import enum
import re
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from otorongo.errors import OtorongoError
from otorongo.language import say, why
from otorongo.toml_words import syntax, value

T = TypeVar("T")

_AT = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`")
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`")


class ConfigError(OtorongoError):
    """A configuration file that cannot be used as it is."""


def load(path: str | Path, kind: type[T]) -> T:
    """Read a TOML file as a value of `kind`, a frozen `msgspec.Struct` with `forbid_unknown_fields`.

    Raises ConfigError, whose text names the file, the key, the reason and what is allowed there.
    """
    try:
        text = Path(path).read_bytes().decode()
    except OSError as error:
        raise ConfigError(say("{path}: cannot be read: {why}", path=path, why=why(error))) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            say("{path}: byte {start} is not UTF-8 text: save the file as UTF-8", path=path, start=error.start)
        ) from error
    return loads(text, kind, where=str(path))


def loads(text: str, kind: type[T], *, where: str = "<text>") -> T:
    """Read TOML text as a value of `kind`. Raises ConfigError as `load` does."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(say("{where}: not valid TOML: {error}", where=where, error=syntax(str(error)))) from error
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {explained(str(error), kind)}") from error


def explained(text: str, kind: Any) -> str:
    """A sentence of msgspec about a value of `kind` as `key: reason (allowed: ...)`, in the language spoken."""
    found = _AT.search(text)
    path = found["path"].lstrip(".") if found else ""
    reason = _AT.sub("", text)
    holder = _type_at(kind, path)
    if unknown := _UNKNOWN.fullmatch(reason):
        return say(
            "{key}: no such key (allowed: {names})",
            key=_join(path, unknown["name"]),
            names=", ".join(_fields(holder)) or say("none"),
        )
    if missing := _MISSING.fullmatch(reason):
        return say("{key}: is missing", key=_join(path, missing["name"]))
    where = path or say("the file")
    return f"{where}: {value(reason)}{_allowed(holder)}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _allowed(kind: Any) -> str:
    """The values that a Literal or an Enum allows, as a parenthesis, or nothing."""
    for member in _members(kind):
        if typing.get_origin(member) is typing.Literal:
            return say(" (allowed: {names})", names=", ".join(map(str, typing.get_args(member))))
        if isinstance(member, type) and issubclass(member, enum.Enum):
            return say(" (allowed: {names})", names=", ".join(str(value.value) for value in member))
    return ""


def _members(kind: Any) -> tuple[Any, ...]:
    """A type without Annotated, and a union taken apart."""
    while typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return tuple(inner for member in typing.get_args(kind) for inner in _members(member))
    return (kind,)


def _struct(kind: Any) -> Any:
    return next((m for m in _members(kind) if isinstance(m, type) and issubclass(m, msgspec.Struct)), None)


def _fields(kind: Any) -> tuple[str, ...]:
    struct = _struct(kind)
    return struct.__struct_encode_fields__ if struct else ()


def _type_at(kind: Any, path: str) -> Any:
    """Follow a msgspec path such as `place[...].kind` into the type."""
    for step in re.findall(r"\[[^\]]*\]|[^.\[\]]+", path):
        if step.startswith("["):
            holders = [m for m in _members(kind) if typing.get_args(m)]
            arguments = typing.get_args(holders[0]) if holders else ()
            kind = arguments[-1] if arguments and arguments[-1] is not Ellipsis else (arguments or (None,))[0]
            continue
        struct = _struct(kind)
        if struct is None:
            return None
        kind = next((f.type for f in msgspec.structs.fields(struct) if f.encode_name == step), None)
    return kind
