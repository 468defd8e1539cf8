"""Running a script on tkeras, and what can be said of the run."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tkeras.compat._errors import MissingModuleError, MissingNameError
from tkeras.compat._install import install_as_keras


def run_script(
    target: str,
    arguments: Sequence[str],
    *,
    module: bool = False,
    report: bool = False,
    compare: bool = False,
) -> int:
    """Run a script, notebook or module as ``__main__`` with tkeras under the name of Keras.

    Args:
        target: path of a ``.py`` or ``.ipynb`` file, or the name of a module.
        arguments: what it finds in ``sys.argv`` after its own name.
        report: print which kernels ran, fallbacks, seconds an epoch and memory.
        compare: run it on the installed Keras as well, and print both.

    Returns:
        The exit status: that of the script, 1 where it raised an error.
    """
    if not module and not Path(target).is_file():
        print(f"tkeras run: there is no file {target}", file=sys.stderr)
        return 2
    install_as_keras()
    from tkeras.compat import _report

    watch = _report.Watch() if report or compare else None
    status = _execute(target, arguments, module)
    if watch is not None and report:
        print(watch.page())
    if watch is not None and compare:
        theirs = _peer(target, arguments, module)
        print(_report.side_by_side(watch.facts(), theirs) if isinstance(theirs, dict) else theirs)
        status = status or (0 if isinstance(theirs, dict) else 1)
    return status


def _execute(target: str, arguments: Sequence[str], module: bool) -> int:
    sys.argv = [target, *arguments]
    sys.path.insert(0, os.getcwd() if module else str(Path(target).resolve().parent))
    try:
        if module:
            runpy.run_module(target, run_name="__main__", alter_sys=True)
        elif target.endswith(".ipynb"):
            from tkeras.compat._notebook import run_notebook

            run_notebook(Path(target))
        else:
            runpy.run_path(target, run_name="__main__")
    except SystemExit as end:
        return _status(end.code)
    except (MissingModuleError, MissingNameError) as error:
        place = _frames(error.__traceback__)[-1]
        print(f"tkeras run: {place.filename}:{place.lineno}: {error}", file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - the script's own errors end it, as they would under Python
        error.__traceback__ = _from_script(error.__traceback__)
        traceback.print_exception(error)
        return 1
    return 0


def _status(code: Any) -> int:
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)
    return 1


def _is_ours(filename: str) -> bool:
    return "runpy" in filename or filename.startswith("<frozen") or str(Path(__file__).parent) in filename


def _from_script(trace: TracebackType | None) -> TracebackType | None:
    """Without the frames that lead to the script."""
    start = trace
    while start is not None and _is_ours(start.tb_frame.f_code.co_filename):
        start = start.tb_next
    return start or trace


def _frames(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    """The frames of the script and of what it imported, none of ours."""
    frames = traceback.extract_tb(trace)
    return [frame for frame in frames if not _is_ours(frame.filename)] or list(frames)


def _peer(target: str, arguments: Sequence[str], module: bool) -> dict[str, Any] | str:
    """What the installed Keras gave, or why there is nothing to compare with."""
    if target.endswith(".ipynb"):
        return "compare: notebooks run on tkeras alone; save it as a script to compare."
    with tempfile.TemporaryDirectory() as folder:
        facts = Path(folder) / "facts.json"
        words = ["-m", target] if module else [target]
        command = [sys.executable, str(Path(__file__).with_name("_peer.py")), str(facts), *words, *arguments]
        environment = {key: value for key, value in os.environ.items() if key != "TKERAS_AS_KERAS"}
        finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if finished.returncode == 0 and facts.exists():
            return json.loads(facts.read_text())
    last = (finished.stderr.strip().splitlines() or [f"exit status {finished.returncode}"])[-1]
    return f"compare: the installed Keras did not run the script: {last}"
