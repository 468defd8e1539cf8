"""Soak test of the scan kernels whose programs wait for each other, in a process that may hang without harm."""

import os
import subprocess
import sys

SECONDS = 300


def test_many_launches_give_the_same_numbers():
    """A barrier that fails shows as a hang or as stale states: both end this test."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.gpu.grid_soak"],
        capture_output=True, text=True, env=environment, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all equal" in done.stdout
