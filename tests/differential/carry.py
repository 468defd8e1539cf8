"""Carrying a layer of real Keras over to tkeras, and comparing what the two do."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "torch"

from typing import Any

import numpy as np
import torch

from tkeras.saving import public_object


def ours_of(real: Any) -> Any:
    """The tkeras layer with the configuration of a real one."""
    return public_object(f"keras.layers.{type(real).__name__}").from_config(real.get_config())


def carried(real: Any, *inputs: np.ndarray, **kwargs: Any) -> Any:
    """The tkeras layer with the configuration and weights of a real one, both built on these inputs."""
    real(*inputs_of(inputs, real=True), **kwargs)
    ours = ours_of(real)
    ours(*inputs_of(inputs), **kwargs)
    ours.set_weights(real.get_weights())
    return ours


def inputs_of(inputs: Any, real: bool = False, grad: bool = False) -> list[Any]:
    """Arrays (or lists of them) as tensors."""

    def tensor(value: Any) -> Any:
        if isinstance(value, list):
            return [tensor(item) for item in value]
        made = torch.from_numpy(np.array(value))
        return made.requires_grad_() if grad and made.is_floating_point() else made

    return [tensor(value) for value in inputs]


def flat(structure: Any) -> list[torch.Tensor]:
    """The tensors of a nested structure."""
    if isinstance(structure, (list, tuple)):
        return [leaf for item in structure for leaf in flat(item)]
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flat(structure[key])]
    return [structure]


def assert_close(ours: Any, real: Any, what: str, ulps: float = 64.0, floor: float = 1e-6) -> None:
    """Equal within float32 rounding: ``ulps`` units in the last place of the largest magnitude or ``floor``."""
    ours, real = np.asarray(ours, dtype="float64"), np.asarray(real, dtype="float64")
    assert ours.shape == real.shape, f"{what}: shape {ours.shape} against {real.shape}"
    scale = max(np.abs(real).max(initial=0.0), floor)
    error = np.abs(ours - real).max(initial=0.0)
    assert error <= ulps * np.finfo("float32").eps * scale, (
        f"{what}: differs by {error:.3g} at magnitude {scale:.3g}"
    )


def numpy_of(tensor: Any) -> np.ndarray:
    """A tensor as an array."""
    return tensor.detach().cpu().numpy()


def compare(real: Any, *inputs: np.ndarray, **kwargs: Any) -> None:
    """Outputs, gradients with respect to inputs and weights, and the moving state of a layer in both libraries."""
    ours = carried(real, *inputs, **kwargs)
    state = real.get_weights()
    results = []
    for layer in (ours, real):
        layer.set_weights(state)
        tensors = inputs_of(inputs, grad=True)
        outputs = flat(layer(*tensors, **kwargs))
        loss = sum(
            (
                output.float()
                * torch.cos(torch.arange(output.numel(), dtype=torch.float32)).reshape(output.shape)
            ).sum()
            for output in outputs
        )
        weights = [w if layer is ours else w.value for w in layer.trainable_weights]
        leaves = [leaf for leaf in flat(tensors) if leaf.requires_grad] + weights
        gradients = torch.autograd.grad(loss, leaves, allow_unused=True) if loss.requires_grad else []
        results.append((outputs, gradients, layer.get_weights()))
    (outputs, gradients, after), (real_outputs, real_gradients, real_after) = results
    for index, (a, b) in enumerate(zip(outputs, real_outputs, strict=True)):
        assert_close(numpy_of(a), numpy_of(b), f"output {index}")
    magnitudes = [float(g.abs().max()) for g in real_gradients if g is not None and g.numel()]
    floor = max(
        [1e-6, *(0.1 * size for size in magnitudes)]
    )  # what cancels to 0 keeps the rounding of its terms
    for index, (a, b) in enumerate(zip(gradients, real_gradients, strict=True)):
        if b is None:
            assert a is None or not a.any()
        else:
            assert a is not None, f"gradient {index} is missing"
            assert_close(numpy_of(a), numpy_of(b), f"gradient {index}", floor=floor)
    for index, (a, b) in enumerate(zip(after, real_after, strict=True)):
        assert_close(a, b, f"weight {index} after the call")
