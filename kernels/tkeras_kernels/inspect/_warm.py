"""Compiling the kernels of recorded launches ahead, in several processes that see no GPU.

A worker takes Triton's own way to a launch up to the compiler, with a driver that names the target and does
nothing else. So what it leaves in Triton's cache on disk has the key under which the launch will look.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..runtime import Launch, Target, leaf_source
from ..runtime._tuned_store import cache_folder, identity

FEWEST = 3
"""New kernels for which processes are worth their start."""
MOST_WORKERS = 8


def warm(
    launches: Sequence[Launch], target: Target, timeout: float = 300.0, workers: int | None = None
) -> list[dict[str, Any]]:
    """Compile the kernels of launches that have not been compiled on this machine before.

    A kernel that does not compile, or kills its process, is left to its first launch.

    Args:
        launches: as :func:`~tkeras_kernels.runtime.recording` wrote them down.
        target: what they were planned for.
        timeout: seconds for all of them.
        workers: processes; default: one for two kernels, as many as there are processors, 8 at most.

    Returns:
        for each kernel that a worker was asked for its name, and the hash of its key or an error.
    """
    found = {json.dumps(wanted, sort_keys=True): wanted for wanted in map(request, launches) if wanted}
    marks = {text: _mark(text, target) for text in found}
    new = [text for text in found if not marks[text].exists()]
    if len(new) < FEWEST:
        return []
    count = workers or min(os.cpu_count() or 1, (len(new) + 1) // 2, MOST_WORKERS)
    results: list[dict[str, Any]] = []
    running = [_start([found[text] for text in new[part::count]], target) for part in range(count)]
    end = time.monotonic() + timeout
    for part, worker in enumerate(running):
        lines = _finish(worker, end)
        for text, line in zip(new[part::count], lines, strict=False):
            results.append({"kernel": found[text]["name"], **json.loads(line)})
            if "hash" in results[-1]:
                marks[text].parent.mkdir(parents=True, exist_ok=True)
                marks[text].touch()
    return results


def _mark(text: str, target: Target) -> Path:
    """A file that is there once a kernel has been compiled into the cache that Triton uses now."""
    whose = {**identity(target.name), "cache": os.environ.get("TRITON_CACHE_DIR", "")}
    digest = hashlib.sha256((json.dumps(whose, sort_keys=True) + text).encode()).hexdigest()[:24]
    return cache_folder().parent / "warm" / digest


def request(launch: Launch) -> dict[str, Any] | None:
    """A launch as plain data; None where an argument is more than a tensor or a number."""
    try:
        arguments = [_argument(value) for value in launch.arguments]
        constants = {name: _argument(value) for name, value in launch.constants.items()}
    except TypeError:
        return None
    function = launch.kernel.fn
    return {
        "module": function.__module__, "name": function.__name__, "arguments": arguments,
        "constants": constants, "warps": launch.warps, "stages": launch.stages,
        "cooperative": launch.cooperative,
    }  # fmt: skip


def _argument(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return {"tensor": str(value.dtype).removeprefix("torch.")}
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is tuple:
        return {"tuple": [_argument(item) for item in value]}
    source = leaf_source(value)
    if source is not None:
        return {"source": source[0], "name": source[1]}
    function = getattr(value, "fn", None)
    if function is not None and not isinstance(value, type):
        return {"module": function.__module__, "function": function.__name__}
    raise TypeError(f"a launch with a {type(value).__name__}")


def _start(requests: list[dict[str, Any]], target: Target) -> subprocess.Popen[str]:
    task = {
        "target": {"name": target.name, "backend": target.backend, "arch": target.arch},
        "requests": requests,
    }
    hidden = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "TRITON_INTERPRET": "0"}
    path = os.pathsep.join(filter(None, sys.path))
    worker = subprocess.Popen(
        [sys.executable, "-m", "tkeras_kernels.inspect._warm_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **hidden, "PYTHONPATH": path},
        start_new_session=True,
    )
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(task))
    worker.stdin.close()
    worker.stdin = None
    return worker


def _finish(worker: subprocess.Popen[str], end: float) -> list[str]:
    """The lines of a worker; one that is late is killed with all it has started."""
    try:
        output, _ = worker.communicate(timeout=max(0.0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        os.killpg(worker.pid, signal.SIGKILL)
        output, _ = worker.communicate()
    return output.splitlines()
