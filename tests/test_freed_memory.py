"""What a step frees stays with the process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tkeras.training._freed_memory import _is_glibc

PROGRAM = """
import resource
import torch
import tkeras
model = tkeras.Sequential([tkeras.Input((1,)), tkeras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(torch.rand(2, 1), torch.rand(2, 1), verbose=0)
def faults():
    for _ in range(6):
        parts = [torch.ones(2 << 20) for _ in range(3)]
        del parts
        yield resource.getrusage(resource.RUSAGE_SELF).ru_minflt
*_, before, last = faults()
print(last - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
@pytest.mark.parametrize("tuned", [False, True])
def test_pages_are_not_handed_back_between_steps(tuned: bool) -> None:
    if not _is_glibc():
        pytest.skip("another C library")
    own = {"MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_MMAP_THRESHOLD_": "131072"} if tuned else {}
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MALLOC_", "GLIBC_TUN"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=kept | own, capture_output=True, text=True, check=True
    )
    pages = int(done.stdout)  # of the last round
    assert (pages > 5000) if tuned else (pages < 50)
