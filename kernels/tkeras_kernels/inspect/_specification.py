"""What the compiler must be told about a kernel, as plain data that another process can read."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ..operators import Case, Operator
from ..runtime import TARGETS, Launch, leaf_source, recording

_POINTERS = {
    torch.float32: "*fp32",
    torch.bfloat16: "*bf16",
    torch.float16: "*fp16",
    torch.float64: "*fp64",
    torch.int64: "*i64",
    torch.int32: "*i32",
    torch.int8: "*i8",
    torch.uint8: "*u8",
    torch.bool: "*i1",
}

Path = tuple[int, ...]
_SEED = 2025


@dataclass(frozen=True)
class Specification:
    """A kernel and one specialisation of it.

    Attributes:
        module, name: where the kernel is.
        signature: type of each argument by name; a list for a tuple, "constexpr" for a constant.
        constants: (path of argument positions, value); a leaf function is ``{"source": ..., "name": ...}``.
        divisible: paths of the pointers and sizes that are multiples of 16.
    """

    module: str
    name: str
    signature: dict[str, Any]
    constants: list[tuple[Path, Any]]
    divisible: list[Path]
    warps: int
    stages: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def specify(launch: Launch) -> Specification:
    """The specialisation that Triton would compile for a recorded launch."""
    function = launch.kernel.fn
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    constants: list[tuple[Path, Any]] = []
    divisible: list[Path] = []
    signature: dict[str, Any] = {}
    general = _unspecialised(launch.kernel)
    for position, name in enumerate(names):
        if name in general:
            signature[name] = "i32"
        elif position < len(launch.arguments):
            signature[name] = _type(launch.arguments[position], (position,), constants, divisible)
        else:
            signature[name] = "constexpr"
            constants.append(((position,), _plain(launch.constants[name])))
    return Specification(
        function.__module__, function.__name__, signature, constants, divisible, launch.warps, launch.stages
    )


def _unspecialised(kernel: Any) -> Sequence[str]:
    """The integers that a kernel takes as they come, whether compiled or interpreted."""
    given = getattr(kernel, "do_not_specialize", None)
    return given or getattr(kernel, "kwargs", {}).get("do_not_specialize") or ()


def _type(value: Any, path: Path, constants: list[tuple[Path, Any]], divisible: list[Path]) -> Any:
    if isinstance(value, tuple):
        return [_type(part, (*path, i), constants, divisible) for i, part in enumerate(value)]
    if isinstance(value, torch.Tensor):
        divisible.append(path)
        return _POINTERS[value.dtype]
    if isinstance(value, float):
        return "fp32"
    if hasattr(value, "block_shape"):  # a tensor descriptor, whose class lives in Triton
        return f"tensordesc<{_POINTERS[value.base.dtype][1:]}{list(value.block_shape)}>"
    if value is None or value == 1:
        constants.append((path, value))
        return "constexpr"
    if value % 16 == 0:
        divisible.append(path)
    return "i32" if -(2**31) <= value < 2**31 else "i64"


def _plain(value: Any) -> Any:
    source = leaf_source(value)
    return value if source is None else {"source": source[0], "name": source[1]}


def operator_kernels(operator: Operator, case: Case, dtype: torch.dtype, target: str) -> list[Specification]:
    """Every kernel that a forward and backward of ``operator`` launches on ``target`` for a case; nothing
    runs.

    Args:
        target: a name out of ``runtime.TARGETS``.
    """
    passes = operator_passes(operator, case, dtype, target)
    return [specification for kernels in passes.values() for specification in kernels]


def operator_passes(
    operator: Operator, case: Case, dtype: torch.dtype, target: str
) -> dict[str, list[Specification]]:
    """The same by pass: "forward", and "backward" where the operator has one."""
    attributes, _ = operator.split(dict(case.attributes))
    tensors = case_tensors(case, dtype, "meta")
    found: dict[str, list[Specification]] = {}
    with torch.no_grad():
        with recording(TARGETS[target]) as launches:
            outputs, saved = operator.forward(*tensors, **attributes)
        found["forward"] = [specify(launch) for launch in launches]
        if operator.differentiable:
            gradients = outputs if isinstance(outputs, tuple) else (outputs,)
            needs = [tensor is not None and tensor.is_floating_point() for tensor in tensors]
            with recording(TARGETS[target]) as launches:
                operator.backward(saved, gradients, needs, **attributes)
            found["backward"] = [specify(launch) for launch in launches]
    return found


def case_tensors(case: Case, dtype: torch.dtype, device: Any) -> list[torch.Tensor | None]:
    """Empty tensors for a case's arguments."""
    return [
        None if shape is None else torch.empty(shape, dtype=case.dtypes.get(position, dtype), device=device)
        for position, shape in enumerate(case.shapes)
    ]


def case_attributes(operator: Operator, case: Case, device: Any) -> dict[str, Any]:
    """A case's attributes, with a seed on the device where the operator draws random numbers."""
    attributes = dict(case.attributes)
    draws = "seed" in inspect.signature(operator.reference).parameters
    if draws and (attributes.get("rate") or attributes.get("stddev")):
        attributes["seed"] = torch.tensor([_SEED], device=device)
    return attributes
