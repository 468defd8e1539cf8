"""Every operator's kernels compiled for GPUs that are not there, held against the gates."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import torch

from ..operators import Case, Operator
from ..runtime import TARGETS, planning_for, set_matmul_precision
from ._compile import CompileResult, cross_compile
from ._occupancy import occupancy
from ._reviewed import broken_gates
from ._specification import Specification, case_tensors, operator_passes

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "tf32": torch.float32}
"""float32 is compiled with tf32 products, which have to use tensor cores."""
EXACT = "fp32"
"""float32 without tensor cores: the products of matrices and convolutions have tiles of their own for it."""
_BATCH = 32
"""Kernels a worker compiles: enough that its start costs little, few enough that all workers end together."""


class Row(NamedTuple):
    """One kernel of a case, or why there is none."""

    op: str
    case: str
    dtype: str
    pass_: str
    kernel: str
    target: str
    registers: int
    spill_bytes: int
    shared_bytes: int
    wgmma: int
    occupancy: float
    ok: bool
    reason: str

    def as_dict(self) -> dict[str, object]:
        """With the key ``pass``, for JSON."""
        return {key.rstrip("_"): value for key, value in self._asdict().items()}


@dataclass(frozen=True)
class Wanted:
    """A kernel that a case launches in a pass."""

    op: str
    case: str
    dtype: str
    pass_: str
    target: str
    specification: Specification


def wanted(operator: Operator, case: Case, dtype: str, target: str) -> tuple[list[Wanted], list[Row]]:
    """The kernels of a case, or a row that says why there are none."""

    def row(reason: str, ok: bool) -> list[Row]:
        return [Row(operator.name, case.name, dtype, "", "", target, 0, 0, 0, 0, 0.0, ok, reason)]

    kind = DTYPES.get(dtype, torch.float32)
    set_matmul_precision("ieee" if dtype == EXACT else "tf32")
    try:
        with planning_for(TARGETS[target]):
            reason = operator.unsupported(tuple(case_tensors(case, kind, "meta")), case.attributes)
        if reason is not None:
            return [], row(f"torch: {reason}", True)
        passes = operator_passes(operator, case, kind, target)
    except Exception as error:  # noqa: BLE001 - whatever planning raises is the result
        return [], row(f"not planned: {type(error).__name__}: {error}", False)
    finally:
        set_matmul_precision(None)
    found = [
        Wanted(operator.name, case.name, dtype, name, target, kernel)
        for name, kernels in passes.items()
        for kernel in kernels
    ]
    return found, [] if found else row("torch: no kernel is launched", True)


def compile_all(
    kernels: Sequence[Wanted], jobs: int, done: Callable[[int, int], None] = lambda ready, of: None
) -> list[Row]:
    """Rows of the kernels, each different one compiled once, by ``jobs`` processes at a time."""
    unique: dict[tuple[str, str], Specification] = {}
    for kernel in kernels:
        unique.setdefault((kernel.target, _key(kernel.specification)), kernel.specification)
    results: dict[tuple[str, str], CompileResult] = {}

    def compile_batch(target: str, keys: Sequence[tuple[str, str]]) -> None:
        found = cross_compile([unique[key] for key in keys], target, timeout=300.0)
        results.update(zip(keys, found, strict=True))
        done(len(results), len(unique))

    with ThreadPoolExecutor(jobs) as pool:
        for future in [pool.submit(compile_batch, *batch) for batch in _batches(unique)]:
            future.result()
    seen: dict[tuple[str, ...], None] = {}
    rows = []
    for kernel in kernels:
        row = _row(kernel, results[kernel.target, _key(kernel.specification)])
        place = tuple(map(str, row))
        if place not in seen:
            seen[place] = None
            rows.append(row)
    return rows


def _batches(unique: Iterable[tuple[str, str]]) -> list[tuple[str, list[tuple[str, str]]]]:
    by_target: dict[str, list[tuple[str, str]]] = {}
    for key in unique:
        by_target.setdefault(key[0], []).append(key)
    return [
        (target, keys[start : start + _BATCH])
        for target, keys in by_target.items()
        for start in range(0, len(keys), _BATCH)
    ]


def _key(specification: Specification) -> str:
    return json.dumps(specification.as_dict(), sort_keys=True, default=str)


def _row(kernel: Wanted, result: CompileResult) -> Row:
    missed, reasons = broken_gates(kernel.specification, result, kernel.dtype)
    resident = occupancy(kernel.target, result.registers, result.shared, kernel.specification.warps)
    return Row(
        kernel.op,
        kernel.case,
        kernel.dtype,
        kernel.pass_,
        kernel.specification.name,
        kernel.target,
        result.registers,
        result.stack,
        result.shared,
        result.instructions.get("wgmma", 0),
        0.0 if result.error else round(resident, 3),
        not missed,
        "; ".join([*missed, *reasons]),
    )


def _has_exact_tiles(specification: Specification) -> bool:
    from ._reviewed import multiplies_tiles

    family = specification.module.rsplit(".", 1)[1]
    products = family.startswith(("_matmul", "_conv"))
    return products and multiplies_tiles(specification.module, specification.name)


def plan(
    operators: Mapping[str, Operator], targets: Sequence[str], quick: bool = False
) -> tuple[list[Wanted], list[Row]]:
    """Kernels to compile, and rows of what has none: every case in bf16 and tf32, in fp16 where tiles are
    multiplied on sm_90, and the first case in exact float32 where that has tiles of its own; with ``quick``
    the first case of each operator in bf16."""
    from ._reviewed import multiplies_tiles

    kernels: list[Wanted] = []
    rows: list[Row] = []
    for target in targets:
        for operator in operators.values():
            for case in operator.cases[:1] if quick else operator.cases:
                for dtype in ("bf16",) if quick else DTYPES:
                    if dtype == "fp16" and target != "sm_90":
                        continue
                    found, missing = wanted(operator, case, dtype, target)
                    if dtype == "fp16":
                        missing = []
                        found = [
                            kernel
                            for kernel in found
                            if multiplies_tiles(kernel.specification.module, kernel.specification.name)
                        ]
                    kernels += found
                    rows += missing
            if not quick:
                found, _ = wanted(operator, operator.cases[0], EXACT, target)
                kernels += [kernel for kernel in found if _has_exact_tiles(kernel.specification)]
    return kernels, rows
