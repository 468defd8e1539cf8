"""``python -m tkeras coverage``: what of Keras' public names is here, and how equal it is."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Iterator
from importlib import resources
from typing import Any, NamedTuple

from tkeras.cli._differences import DIFFERENT, LEFT_OUT

HELP = "list Keras' public names: equal, different or missing"
KERAS_VERSION = "3.15"
STATES = ("equal", "different", "missing")


class Entry(NamedTuple):
    """One public name of Keras.

    Attributes:
        name: its path, such as ``keras.layers.Dense``.
        state: ``"equal"``, ``"different"`` or ``"missing"``.
        reason: of a difference, or why a name was left out; empty for those that are equal.
    """

    name: str
    state: str
    reason: str


def keras_names() -> list[str]:
    """The public names of Keras, sorted."""
    return resources.files("tkeras.cli").joinpath("keras_names.txt").read_text(encoding="utf-8").split()


def _found(name: str) -> bool:
    module, _, attribute = name.replace("keras", "tkeras", 1).rpartition(".")
    try:
        return hasattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("tkeras"):
            raise
        return False


def _reason(name: str, table: dict[str, str]) -> str:
    """The reason of a name, or of the closest namespace around it."""
    while name and name not in table:
        name = name.rpartition(".")[0]
    return table.get(name, "")


def entries(namespace: str | None = None) -> Iterator[Entry]:
    """Every name, or those right below a namespace."""
    for name in keras_names():
        if namespace is not None and name.rpartition(".")[0] != namespace:
            continue
        if not _found(name):
            yield Entry(name, "missing", _reason(name, LEFT_OUT) or "not there yet")
        elif name in DIFFERENT:
            yield Entry(name, "different", DIFFERENT[name])
        else:
            yield Entry(name, "equal", "")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to list, and how."""
    parser.add_argument("--namespace", help="one of them alone, such as keras.layers")
    parser.add_argument("--json", action="store_true", help="every name with its state and the reason")


def run(arguments: argparse.Namespace) -> int:
    """The sub-command."""
    return coverage(arguments.namespace, arguments.json)


def coverage(namespace: str | None = None, as_json: bool = False) -> int:
    """Print the state of Keras' public names.

    Args:
        namespace: one of them alone, with or without ``keras.`` in front.
        as_json: every name with its state and reason, for programs.

    Returns:
        0, or 1 where Keras has no such namespace.
    """
    if namespace is not None and namespace.split(".")[0] != "keras":
        namespace = f"keras.{namespace.removeprefix('tkeras.')}"
    found = list(entries(namespace))
    if not found:
        spaces = sorted({name.rpartition(".")[0] for name in keras_names()})
        print(f"Keras {KERAS_VERSION} has no namespace {namespace!r}. There are: {', '.join(spaces)}")
        return 1
    if as_json:
        print(json.dumps([entry._asdict() for entry in found], indent=1))
        return 0
    _print_table(found)
    for state in STATES[1:]:
        _print_list(state, [entry for entry in found if entry.state == state])
    return 0


def _print_table(found: list[Entry]) -> None:
    counts: dict[str, dict[str, Any]] = {}
    for entry in found:
        row = counts.setdefault(entry.name.rpartition(".")[0], dict.fromkeys(STATES, 0))
        row[entry.state] += 1
    rows = [*counts.items(), ("all", {state: sum(row[state] for row in counts.values()) for state in STATES})]
    print(f"{f'Keras {KERAS_VERSION}':36}" + "".join(f"{state:>11}" for state in STATES))
    for name, row in rows:
        print(f"{name:36}" + "".join(f"{row[state]:11}" for state in STATES))


def _print_list(state: str, found: list[Entry]) -> None:
    if not found:
        return
    print(f"\n{state}:")
    by_reason: dict[tuple[str, str], list[str]] = {}
    for entry in found:
        space, _, name = entry.name.rpartition(".")
        by_reason.setdefault((space, entry.reason), []).append(name)
    for (space, reason), names in by_reason.items():
        print(f"  {space}: {', '.join(names)}\n      {reason}")
