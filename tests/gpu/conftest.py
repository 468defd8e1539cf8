"""These tests compile and run kernels: they need a CUDA device and are skipped without one."""

import os

import pytest
import torch

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
"""What torch asks for before it promises the same bits, which filling memory with NaN switches on."""


def pytest_collection_modifyitems(items):
    for item in items:
        if "/gpu/" in item.nodeid or item.nodeid.startswith("gpu/"):
            item.add_marker(pytest.mark.gpu)
            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))
