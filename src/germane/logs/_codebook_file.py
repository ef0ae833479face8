"""Codebooks as files: TOML text to a :class:`Codebook`, every key known and in its place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import InvalidParameter, MalformedFile
from ._codebook import Codebook
from ._columns import (
    Categories,
    Edges,
    IdleColumn,
    LevelColumn,
    Levels,
    Quantiles,
    RewardColumn,
    TimeColumn,
    require_name,
    require_word,
)
from ._split import Split

_LEVEL_KEYS = (
    *("unit", "label", "edges", "closed", "categories", "quantiles", "learned_on"),
    *("labels", "missing", "otherwise"),
)
_KEYS: dict[str, tuple[str, ...]] = {
    "time": ("unit", "period", "jitter"),
    "state": _LEVEL_KEYS,
    "action": (*_LEVEL_KEYS, "belongs_to"),
    "reward": ("unit", "weight", "belongs_to", "range", "otherwise"),
    "episode": (),
    "idle": ("values",),
}
"""The roles, and what each says of its column besides ``name`` and ``role``."""


def read_codebook(source: str | PathLike[str]) -> Codebook:
    """The codebook in a TOML file, or one that is shipped with germane, by its name.

    Args:
        source: a path that ends in ``.toml``, or one of :func:`shipped_codebooks`.

    Raises:
        MalformedFile: the file is not TOML, or no codebook: naming the column and key at fault.
        InvalidParameter: neither a ``.toml`` file nor the name of one that is shipped.
        OSError: the file cannot be opened.
    """
    if not str(source).endswith(".toml"):
        if str(source) not in shipped_codebooks():
            raise InvalidParameter(
                f"a codebook is a .toml file or one of {', '.join(shipped_codebooks())}; got {str(source)!r}"
            )
        source = Path(str(_shipped() / f"{source}.toml"))
    path = Path(source)
    try:
        return parse_codebook(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise MalformedFile(path, None, f"not UTF-8 text: {error}") from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise MalformedFile(path, int(line[1]) if line else None, f"not TOML: {error}") from None
    except InvalidParameter as error:
        raise MalformedFile(path, None, str(error)) from None


def shipped_codebooks() -> tuple[str, ...]:
    """The names of the codebooks that come with germane."""
    files = (Path(file.name) for file in _shipped().iterdir())
    return tuple(sorted(file.stem for file in files if file.suffix == ".toml"))


def parse_codebook(text: str) -> Codebook:
    """The codebook that a TOML text describes.

    Raises:
        InvalidParameter: naming the column and the key at fault.
        tomllib.TOMLDecodeError: the text is not TOML.
    """
    table = tomllib.loads(text)
    _refuse_unknown("the codebook", table, ("order", "actions", "missing", "path", "column"))
    columns = table.get("column", [])
    if not isinstance(columns, list) or not all(isinstance(x, dict) for x in columns):
        raise InvalidParameter("columns are written as [[column]] tables, with double brackets")
    by_role: dict[str, list[Any]] = {role: [] for role in _KEYS}
    for k, entry in enumerate(columns, 1):
        where = f"column {entry['name']!r}" if "name" in entry else f"[[column]] number {k}"
        try:
            role, column = _column(entry)
        except InvalidParameter as error:
            raise InvalidParameter(f"{where}: {error}") from None
        by_role[role].append(column)
    if len(by_role["time"]) != 1:
        names = ", ".join(repr(column.name) for column in by_role["time"])
        raise InvalidParameter(
            f"a codebook needs one column with role 'time'; got {names or 'none'}"
        )
    if len(by_role["reward"]) > 1:
        for entry in columns:
            if entry.get("role") == "reward" and "weight" not in entry:
                raise InvalidParameter(
                    f"column {entry['name']!r}: of several reward columns each needs a weight: the "
                    "reward is their weighted sum"
                )
    return Codebook(
        time=by_role["time"][0],
        states=tuple(by_role["state"]),
        actions=tuple(by_role["action"]),
        rewards=tuple(by_role["reward"]),
        episode=tuple(by_role["episode"]),
        idle=tuple(by_role["idle"]),
        order=table.get("order", "time"),
        combinations=_tuples(table.get("actions", "all")),
        missing=_listed("missing", table.get("missing", [])),
        path=_text("path", table.get("path")),
    )


def _column(entry: Mapping[str, Any]) -> tuple[str, Any]:
    """Role and column of a ``[[column]]`` table; for an episode, its name."""
    _require_keys(entry, ("name", "role"))
    role, name = entry["role"], entry["name"]
    require_word("role", role, tuple(_KEYS))
    _refuse_unknown(f"role {role!r}", entry, ("name", "role", *_KEYS[role]))
    said = {key: value for key, value in entry.items() if key != "role"}
    if role == "episode":
        require_name(name)
        return role, name
    if role == "time":
        _require_keys(entry, _KEYS["time"])
        return role, TimeColumn(**said)
    if role == "idle":
        _require_keys(entry, _KEYS["idle"])
        return role, IdleColumn(name=name, values=_listed("values", said["values"]))
    if role == "reward":
        _require_keys(entry, ("belongs_to",))
        if "range" in said:
            said["range"] = _listed("range", said["range"])
        return role, RewardColumn(**said)
    return role, _level_column(said)


def _level_column(said: dict[str, Any]) -> LevelColumn:
    ways = [key for key in ("edges", "categories", "quantiles") if key in said]
    if len(ways) != 1:
        raise InvalidParameter(
            f"it needs one of edges, categories and quantiles; got {' and '.join(ways) or 'none'}"
        )
    for key, way in (("closed", "edges"), ("learned_on", "quantiles")):
        if key in said and way not in ways:
            raise InvalidParameter(f"{key} goes with {way}; got {ways[0]}")
    levels: Levels
    if "edges" in said:
        levels = Edges(_listed("edges", said.pop("edges")), said.pop("closed", "left"))
    elif "categories" in said:
        levels = Categories(_listed("categories", said.pop("categories")))
    else:
        _require_keys(said, ("learned_on",))
        levels = Quantiles(said.pop("quantiles"), _split(said.pop("learned_on")))
    if "labels" in said:
        said["labels"] = _listed("labels", said["labels"])
    return LevelColumn(levels=levels, **said)


def _split(said: Any) -> Split:
    if not isinstance(said, dict):
        raise InvalidParameter(
            f"learned_on must be a table such as {{ part = [0, 2] }} or {{ only = {{ run = [1] }} }}; "
            f"got {said!r}"
        )
    _refuse_unknown("learned_on", said, ("part", "only"))
    only = said.get("only", {})
    if not isinstance(only, dict):
        raise InvalidParameter(f"only must be a table of columns and lists of values; got {only!r}")
    return Split(
        _listed("part", said.get("part", [0, 1])),
        {name: _listed(name, values) for name, values in only.items()},
    )


def _require_keys(entry: Mapping[str, Any], keys: Iterable[str]) -> None:
    for key in keys:
        if key not in entry:
            raise InvalidParameter(f"the key {key!r} is missing")


def _refuse_unknown(where: str, entry: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in entry:
        if key not in known:
            close = get_close_matches(key, known, 1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; it may have {', '.join(known)}"
            raise InvalidParameter(f"{where} has no key {key!r}{hint}")


def _listed(what: str, values: Any) -> tuple[Any, ...]:
    if not isinstance(values, list):
        raise InvalidParameter(f"{what} must be a list in brackets; got {values!r}")
    return tuple(values)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _text(what: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidParameter(f"{what} must be a text; got {value!r}")
    return value


def _shipped() -> Any:
    return resources.files(__package__) / "codebooks"
