"""Python expressions on which tkeras and real Keras agree: the same value, or the same kind of error."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tests.differential.carry import assert_close

WORDS = 4
"""So many words, with the class, are compared of the message of a ValueError."""


def plain(value: Any) -> Any:
    """What is compared of a result: tensors and variables as arrays, symbolic ones as shape and type."""
    if type(value).__name__ == "KerasTensor":
        return "symbolic", tuple(value.shape), value.dtype
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, (np.ndarray, np.generic, torch.Tensor)) or type(value).__name__ == "Variable":
        value = getattr(value, "value", value)
        value = value.detach().cpu() if isinstance(value, torch.Tensor) else value
        kind = str(value.dtype).removeprefix("torch.")
        return kind, np.asarray(value.float() if kind == "bfloat16" else value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__


def outcome(expression: str, library: Any, names: dict[str, Any]) -> Any:
    """The result of an expression in which ``k`` is the library, or the name of the error's class."""
    scope = {**names, "k": library, "np": np, "torch": torch}
    try:
        return plain(eval(expression, scope))
    except Exception as error:  # noqa: BLE001 - errors are outcomes
        return f"{type(error).__name__}: {error}"


def agree(ours: Any, real: Any, what: str, compared: int = WORDS) -> None:
    """Equal outcomes: values within float32 rounding, the same class and first words of errors."""
    if isinstance(real, str) and ": " in real and isinstance(ours, str):
        wrapped = "Exception encountered" in real  # Keras tells of the call before it says what is wrong
        words = compared if real.startswith("ValueError") and not wrapped else 1
        found, wanted = ([word.strip(".,:") for word in text.split()[:words]] for text in (ours, real))
        assert found == wanted, f"{what}: {ours!r} against {real!r}"
    elif isinstance(real, tuple) and isinstance(real[-1], np.ndarray):
        assert isinstance(ours, tuple), f"{what}: {ours!r} against {real!r}"
        assert ours[0] == real[0], f"{what}: {ours[0]} against {real[0]}"
        if real[1].dtype.kind in "biufc" and np.isfinite(real[1]).all():
            assert_close(ours[1], real[1], what)
        else:
            assert repr(ours[1].tolist()) == repr(real[1].tolist()), what
    elif isinstance(real, (list, dict)):
        assert type(ours) is type(real), f"{what}: {ours!r} against {real!r}"
        assert len(ours) == len(real), f"{what}: {ours!r} against {real!r}"
        for key in real if isinstance(real, dict) else range(len(real)):
            agree(ours[key], real[key], f"{what}[{key!r}]")
    else:
        assert ours == real, f"{what}: {ours!r} against {real!r}"
