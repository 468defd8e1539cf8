"""``python _peer.py FACTS SCRIPT|-m MODULE [ARGUMENT ...]``: a script on the installed Keras, observed.

Run by path, so that nothing of tkeras is loaded beside it. Writes what it saw to FACTS as JSON.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import runpy
import sys
from pathlib import Path


def main(facts: str, *target: str) -> None:
    """Run the script with its ``fit`` calls observed."""
    here = str(Path(__file__).parent)
    sys.path[:] = [entry for entry in sys.path if entry != here]
    specification = importlib.util.spec_from_file_location("observe", Path(here) / "_observe.py")
    assert specification is not None
    assert specification.loader is not None
    observe = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(observe)
    os.environ.setdefault("KERAS_BACKEND", "torch")
    observer = observe.Observer()
    keras = importlib.import_module("keras")
    observer.watch(keras)
    try:
        if target[0] == "-m":
            sys.argv = [*target[1:]]
            sys.path.insert(0, os.getcwd())
            runpy.run_module(target[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = [*target]
            sys.path.insert(0, str(Path(target[0]).resolve().parent))
            runpy.run_path(target[0], run_name="__main__")
    finally:
        Path(facts).write_text(json.dumps({**observer.facts(), "version": f"keras {keras.__version__}"}))


if __name__ == "__main__":
    main(*sys.argv[1:])
