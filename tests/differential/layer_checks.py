"""What every layer is asked beside real Keras: numbers, shapes, configurations, paths, masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.differential.carry import assert_close, carried, compare, flat, inputs_of, numpy_of, ours_of  # isort: skip
import keras

import tkeras

Case = tuple[str, Any, tuple[Any, ...], dict[str, Any]]
L = keras.layers


def f32(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers."""
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype("float32")


def ints(high: int, *shape: int) -> np.ndarray:
    """Integers below ``high``."""
    return np.random.default_rng(shape).integers(0, high, shape).astype("int32")


def booleans(*shape: int) -> np.ndarray:
    """True and False, the first True on each axis."""
    made = ints(2, *shape).astype(bool)
    made[..., 0] = True
    return made


def tensors_of(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments with arrays as tensors."""
    return {k: inputs_of([v])[0] if isinstance(v, (np.ndarray, list)) else v for k, v in kwargs.items()}


def check_numbers(make: Any, inputs: Any, kwargs: dict[str, Any]) -> None:
    """Outputs, gradients, state after a call, and losses."""
    real = make()
    compare(real, *inputs, **tensors_of(kwargs))
    ours = carried(real, *inputs, **tensors_of(kwargs))
    for layer in (ours, real):
        layer._clear_losses()
        layer(*inputs_of(inputs), **tensors_of(kwargs))
    losses = [sum(numpy_of(loss) for loss in layer.losses) for layer in (ours, real)]
    assert_close(*losses, "losses")


def symbolic(library: Any, layer: Any, inputs: Any, unknown: Any, kwargs: dict[str, Any]) -> Any:
    """Shapes and types that a layer gives to symbolic inputs whose axes ``unknown`` have no known size."""

    def tensor(value: Any) -> Any:
        if isinstance(value, list):
            return [tensor(item) for item in value]
        shape = [None if axis in unknown else size for axis, size in enumerate(value.shape)]
        return library.Input(batch_shape=shape, dtype=value.dtype.name)

    outputs = layer(*[tensor(value) for value in inputs], **kwargs)
    return [(tuple(o.shape), o.dtype) for o in flat(outputs)]


def check_shapes(make: Any, inputs: Any, unknown: Any, kwargs: dict[str, Any]) -> None:
    """Symbolic outputs, and that the real ones fit them."""
    plain = {k: v for k, v in kwargs.items() if not isinstance(v, (np.ndarray, list))}
    real = make()
    ours = ours_of(real)
    found = symbolic(tkeras, ours, inputs, unknown, plain)
    assert found == symbolic(keras, real, inputs, unknown, plain)
    for output, (shape, dtype) in zip(flat(ours(*inputs_of(inputs), **plain)), found, strict=True):
        assert all(s in (None, size) for s, size in zip(shape, output.shape, strict=True))
        assert tkeras.config.standardize_dtype(output.dtype) == dtype


def check_configuration(make: Any, inputs: Any, kwargs: dict[str, Any]) -> None:
    """Configurations before and after the build, and the paths of the weights."""
    real = make()
    ours = ours_of(real)
    assert ours.get_config() == real.get_config()
    for layer in (ours, real):
        layer(*inputs_of(inputs), **tensors_of(kwargs))
    assert ours.get_config() == real.get_config()
    assert [w.path for w in ours.weights] == [w.path for w in real.weights]
    assert [tuple(w.shape) for w in ours.weights] == [tuple(w.shape) for w in real.weights]
    assert [w.trainable for w in ours.weights] == [w.trainable for w in real.weights]


def check_masks(make: Any, inputs: Any, masks: Any, kwargs: dict[str, Any]) -> None:
    """Outputs and their masks where the inputs carry masks."""
    real = make()
    ours = carried(real, *inputs, **kwargs)
    results = []
    for layer in (ours, real):
        tensors = inputs_of(inputs)
        for tensor, mask in zip(flat(tensors), flat(masks), strict=True):
            if mask is not None:
                tensor._keras_mask = torch.from_numpy(mask)
        results.append(flat(layer(*tensors, **kwargs)))
    for a, b in zip(*results, strict=True):
        assert_close(numpy_of(a), numpy_of(b), "output")
        mask, real_mask = getattr(a, "_keras_mask", None), getattr(b, "_keras_mask", None)
        assert (mask is None) == (real_mask is None)
        assert mask is None or torch.equal(mask, real_mask)


def suite(cases: list[Case], unknown_axes: Any = None) -> tuple[Any, Any, Any]:
    """Three test functions over a table of layers: numbers, symbolic shapes, configurations.

    Args:
        cases: name, function that makes the real layer, inputs, keyword arguments of the call.
        unknown_axes: from a case's name and inputs the sets of axes without a known size; default: none, the
            batch.
    """
    names = [case[0] for case in cases]
    over_cases = pytest.mark.parametrize(
        ("make", "inputs", "kwargs"), [case[1:] for case in cases], ids=names
    )

    @over_cases
    def numbers(make: Any, inputs: Any, kwargs: Any) -> None:
        check_numbers(make, inputs, kwargs)

    @pytest.mark.parametrize(("name", "make", "inputs", "kwargs"), cases, ids=names)
    def shapes(name: str, make: Any, inputs: Any, kwargs: Any) -> None:
        for unknown in unknown_axes(name, inputs) if unknown_axes else [(), (0,)]:
            check_shapes(make, inputs, unknown, kwargs)

    @over_cases
    def configurations(make: Any, inputs: Any, kwargs: Any) -> None:
        check_configuration(make, inputs, kwargs)

    return numbers, shapes, configurations
