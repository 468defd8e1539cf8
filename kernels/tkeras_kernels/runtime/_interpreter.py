"""Corrections to Triton's interpreter, without which bfloat16 is silently wrong in it.

Each correction replaces a private name of ``triton.runtime.interpreter``; all of them are looked up before
anything is changed, so that a Triton that renamed one is refused instead of half corrected. Tried with Triton
3.6 to 3.9.
"""

from __future__ import annotations

from typing import Any

FIXES = {
    "loop bounds": "a scalar of the interpreter is an index again under numpy 2.4 (Triton 3.6)",
    "bfloat16 dot": "operands are widened; the interpreter multiplies their bit patterns as integers",
    "bfloat16 rounding": "float32 rounds to nearest even; the interpreter truncates",
    "bfloat16 arithmetic": "raises; the interpreter adds the bit patterns, and templates compute in float32",
}
_NAMES = ("InterpreterBuilder", "TensorHandle", "_patch_lang_tensor")
_METHODS = ("create_dot", "cast_impl", "binary_op")
_installed = False


def fixes_in_force() -> list[str]:
    """Names of the corrections that this process runs with."""
    return list(FIXES) if _installed else []


def install_fixes() -> None:
    """Correct the interpreter of this process, once.

    Raises:
        RuntimeError: this Triton lacks a name that the corrections replace.
    """
    global _installed
    if _installed:
        return
    import triton
    from triton.runtime import interpreter

    missing = [name for name in _NAMES if not hasattr(interpreter, name)]
    builder = getattr(interpreter, _NAMES[0], None)
    missing += [name for name in _METHODS if not hasattr(builder, name)]
    if missing:
        raise RuntimeError(
            f"Triton {triton.__version__} has no {', '.join(missing)}, which the interpreter's corrections "
            "replace. Use a Triton from 3.6 to 3.9, or the backend 'torch'."
        )
    _fix_index(interpreter)
    _fix_bfloat16(interpreter)
    _installed = True


def _fix_index(interpreter: Any) -> None:
    patch = interpreter._patch_lang_tensor

    def patch_with_index(tensor: Any, scope: Any) -> None:
        patch(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda value: int(value.handle.data.reshape(-1)[0]))

    interpreter._patch_lang_tensor = patch_with_index


def _fix_bfloat16(interpreter: Any) -> None:
    import numpy as np
    from triton.language import bfloat16, float32

    builder, handle = interpreter.InterpreterBuilder, interpreter.TensorHandle
    dot, cast, binary = builder.create_dot, builder.cast_impl, builder.binary_op

    def widened(value: Any) -> Any:
        if value.dtype.scalar != bfloat16:
            return value
        return handle((value.data.astype(np.uint32) << 16).view(np.float32), float32)

    def create_dot(self: Any, a: Any, b: Any, *rest: Any) -> Any:
        return dot(self, widened(a), widened(b), *rest)

    def cast_impl(self: Any, value: Any, dtype: Any) -> Any:
        if value.dtype.scalar == float32 and dtype.scalar == bfloat16:
            return handle(_round_to_bfloat16(value.data), bfloat16)
        return cast(self, value, dtype)

    def binary_op(self: Any, left: Any, right: Any, operation: Any) -> Any:
        if bfloat16 in (left.dtype.scalar, right.dtype.scalar):
            raise TypeError("bfloat16 arithmetic in the interpreter: convert to float32 before computing")
        return binary(self, left, right, operation)

    builder.create_dot, builder.cast_impl, builder.binary_op = create_dot, cast_impl, binary_op


def _round_to_bfloat16(values: Any) -> Any:
    """Bit patterns of float32 values rounded to nearest even; NaN stays NaN."""
    import numpy as np

    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(values), 0x7FC0, rounded).astype(np.uint16)
