"""The examples: unedited through ``tkeras run``, and with ``import tkeras as keras``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if path.name != "demo.py")


def test_there_are_ten() -> None:
    assert len(SCRIPTS) == 10


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_through_run(path: Path) -> None:
    command = [sys.executable, "-m", "tkeras", "run", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_with_tkeras_imported_as_keras(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = re.sub(r"^from keras", "from tkeras", path.read_text(), flags=re.M)
    source = re.sub(r"^import keras$", "import tkeras as keras", source, flags=re.M)
    assert "\nimport tkeras as keras\n" in source
    exec(compile(source, str(path), "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out
