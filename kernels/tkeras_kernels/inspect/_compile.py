"""Compiling kernels for a GPU that is not there, in a process that may crash or hang without harm."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..runtime import TARGETS, Target
from ._specification import Specification


@dataclass(frozen=True)
class CompileResult:
    """What the compiler made of a kernel; ``error`` says why it made nothing.

    Attributes:
        registers: a thread.
        stack: bytes a thread; more than none means registers were spilled.
        shared: bytes a program, to be compared with ``shared_limit``: compilers do not refuse too much.
        instructions: static counts in PTX or AMDGCN, by kind: wgmma, mma, tcgen05, mfma, async_copy,
        wide_load...
    """

    kernel: str
    target: str
    shared_limit: int
    registers: int = 0
    stack: int = 0
    shared: int = 0
    seconds: float = 0.0
    instructions: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None

    @property
    def fits(self) -> bool:
        """Whether it compiled and its shared memory is there."""
        return self.error is None and self.shared <= self.shared_limit


def cross_compile(
    specifications: Sequence[Specification], target: str, timeout: float = 120.0
) -> list[CompileResult]:
    """Compile kernels for ``target``, a name out of ``runtime.TARGETS``; works on any Linux machine.

    Equal ones are compiled once.

    Some compilers abort the process instead of raising. The worker is then started again with the kernels
    after the one that killed it.

    Args:
        timeout: seconds for one worker; what it had not finished by then has an error.
    """
    facts = TARGETS[target]
    results: list[CompileResult] = []
    distinct: list[Specification] = []
    positions = [_position(distinct, specification) for specification in specifications]
    while len(results) < len(distinct):
        remaining = distinct[len(results) :]
        lines, death = _work(remaining, facts, timeout)
        found = [json.loads(line) for line in lines]
        if death and len(found) < len(remaining):
            found.append({"error": death})
        for specification, fields in zip(remaining, found, strict=False):
            results.append(CompileResult(specification.name, target, facts.shared, **fields))
    return [results[position] for position in positions]


def _position(distinct: list[Specification], specification: Specification) -> int:
    """Where a specification is in the list, which it joins if it is new."""
    if specification not in distinct:
        distinct.append(specification)
    return distinct.index(specification)


def _work(
    specifications: Sequence[Specification], target: Target, timeout: float
) -> tuple[list[str], str | None]:
    """Result lines of a worker, and how it died if it did not finish."""
    task = {
        "target": {"name": target.name, "backend": target.backend, "arch": target.arch},
        "specifications": [specification.as_dict() for specification in specifications],
    }
    environment = {
        **os.environ,
        "TRITON_INTERPRET": "0",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    environment.pop("TKERAS_BACKEND", None)
    worker = subprocess.Popen(
        [sys.executable, "-m", "tkeras_kernels.inspect._worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    try:
        output, errors = worker.communicate(json.dumps(task), timeout)
        death = f"the compiler ended with status {worker.returncode}: {errors.strip()[-400:]}"
    except subprocess.TimeoutExpired:
        os.killpg(worker.pid, signal.SIGKILL)
        output, _ = worker.communicate()
        death = f"not compiled within {timeout:g} s"
    return output.splitlines(), death
