"""Time of ``import tkeras`` beside that of its peers."""

from __future__ import annotations

import importlib
import json
import sys
import time

from perf._rounds import Comparison

COMPARISON = Comparison(
    name="import",
    title="import of the package in a new process",
    module="perf.import_time",
    contenders=("tkeras", "torch", "keras"),
    unit="s",
    higher_is_better=False,
)


def measure(package: str) -> dict[str, float]:
    """Seconds to import a package here, torch included where it needs it."""
    start = time.perf_counter()
    importlib.import_module(package)
    return {"value": time.perf_counter() - start}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
