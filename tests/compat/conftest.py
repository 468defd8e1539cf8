"""Scripts run by ``tkeras run``, each in a process of its own, since that one takes the name of keras."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_script(tmp_path: Path) -> Run:
    """Run the text of a script: ``run_script(text, "argument", options=["--report"])``."""

    def run(text: str, *arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(text))
        command = [sys.executable, "-m", "tkeras", "run", *options, str(script), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    return run


@pytest.fixture
def passes(run_script: Run) -> Callable[[str], str]:
    """Run a script that must end well; what it printed."""

    def run(text: str) -> str:
        done = run_script(text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def in_process() -> Callable[[str], BaseException | None]:
    """Execute code with tkeras as keras in this process, and put everything back; the error it raised."""
    from tkeras.compat import _install

    def run(code: str) -> BaseException | None:
        names = ("keras", "tf_keras", "tensorflow")
        hidden = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in names}
        for name in hidden:
            del sys.modules[name]
        finder = _install._Finder()
        sys.meta_path.insert(0, finder)
        try:
            exec(code, {})
        except (ImportError, AttributeError) as error:
            return error
        finally:
            sys.meta_path.remove(finder)
            for name in [name for name in sys.modules if name.partition(".")[0] in names]:
                del sys.modules[name]
            sys.modules.update(hidden)
        return None

    return run
