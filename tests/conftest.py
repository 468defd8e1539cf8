"""Triton's mode, chosen before anything imports it (the interpreter where there is no GPU), and the random seed."""

import os
import random
import zlib

import numpy as np
import pytest
import torch

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
ROUND = int(os.environ.get("TKERAS_TEST_ROUND", "0"))
"""Another number gives every test other random inputs."""


@pytest.fixture(autouse=True)
def _seed(request: pytest.FixtureRequest) -> None:
    """Random numbers of its own for each test, the same ones in each run of a round."""
    seed = zlib.crc32(f"{ROUND} {request.node.nodeid}".encode())
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
