"""Images into what the models were trained on, and predictions into names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from tkeras.config import floatx, image_data_format
from tkeras.graph import is_keras_tensor
from tkeras.utils._get_file import get_file

_CLASSES = (
    "imagenet_class_index.json",
    "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json",
    "c2c37ea517e94d9795004a39431a14cb",
)
_CAFFE_MEAN = (103.939, 116.779, 123.68)
_TORCH_MEAN, _TORCH_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_classes: dict[str, list[str]] = {}


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Colours from 0 to 255 as a model expects them.

    Args:
        x: one image or a batch, array or tensor. Unlike Keras, the array given is never written to.
        data_format: ``"channels_last"`` or ``"channels_first"``; default: as configured.
        mode: ``"caffe"``: blue, green, red, less the mean; ``"tf"``: from -1 to 1; ``"torch"``: from 0 to 1,
            then standardized.

    Raises:
        ValueError: another mode or format, or an array of another rank.
    """
    if mode not in ("caffe", "tf", "torch"):
        raise ValueError(f"Expected mode to be one of `caffe`, `tf` or `torch`. Received: mode={mode}")
    if data_format is None:
        data_format = image_data_format()
    elif data_format not in ("channels_first", "channels_last"):
        raise ValueError(
            "Expected data_format to be one of `channels_first` or `channels_last`. Received: "
            f"data_format={data_format}"
        )
    tensor = hasattr(x, "requires_grad") or is_keras_tensor(x)
    if not tensor:
        x = np.asarray(x)
        x = x if x.dtype.kind == "f" else x.astype(floatx())
    if len(x.shape) not in (3, 4):
        raise ValueError(
            f"Expected an image of rank 3 or a batch of rank 4. Received: shape={tuple(x.shape)}"
        )
    return _symbolic(x, data_format, mode) if tensor else _scaled(x, data_format, mode, np.asarray, np.flip)


def _symbolic(x: Any, data_format: str, mode: str) -> Any:
    """The same on tensors, symbolic ones included."""
    from tkeras import ops

    if "int" in str(x.dtype) or "bool" in str(x.dtype):
        x = ops.cast(x, floatx())
    return _scaled(
        x, data_format, mode, lambda value, dtype: ops.convert_to_tensor(value, dtype=dtype), ops.flip
    )


def _scaled(
    x: Any, data_format: str, mode: str, convert: Callable[..., Any], flip: Callable[..., Any]
) -> Any:
    if mode == "tf":
        return x / 127.5 - 1.0
    axis = -1 if data_format == "channels_last" else -3
    shape = (3,) if axis == -1 else (3, 1, 1)
    dtype = str(x.dtype).removeprefix("torch.")

    def row(values: tuple[float, ...]) -> Any:
        return convert(np.reshape(values, shape), dtype)

    if mode == "torch":
        return (x / 255.0 - row(_TORCH_MEAN)) / row(_TORCH_STD)
    return flip(x, axis) - row(_CAFFE_MEAN)


def caffe(x: Any, data_format: str | None = None) -> Any:
    """Colours from 0 to 255 as blue, green and red, less the mean of ImageNet."""
    return preprocess_input(x, data_format, "caffe")


def tf(x: Any, data_format: str | None = None) -> Any:
    """Colours from 0 to 255 as numbers from -1 to 1."""
    return preprocess_input(x, data_format, "tf")


def torch(x: Any, data_format: str | None = None) -> Any:
    """Colours from 0 to 255 as numbers from 0 to 1, less the mean of ImageNet, over its deviation."""
    return preprocess_input(x, data_format, "torch")


def unchanged(x: Any, data_format: str | None = None) -> Any:
    """The images as they are: the model has layers that scale them."""
    return x


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """The likeliest classes of ImageNet.

    Args:
        preds: ``(n, 1000)``.
        top: how many of each row.

    Returns:
        For each row, tuples of the class' number in WordNet, its name and its score.

    Raises:
        ValueError: another shape.
    """
    if hasattr(preds, "detach"):
        preds = preds.detach().cpu().numpy()
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ValueError(
            "`decode_predictions` expects a batch of predictions (i.e. a 2D array of shape (samples, 1000)). "
            f"Received array with shape: {preds.shape}"
        )
    if not _classes:
        name, origin, digest = _CLASSES
        with open(get_file(name, origin, cache_subdir="models", file_hash=digest)) as file:
            _classes.update(json.load(file))
    best = [row.argsort()[::-1][:top] for row in preds]
    return [
        [(*_classes[str(index)], row[index]) for index in chosen]  # type: ignore[misc]
        for row, chosen in zip(preds, best, strict=True)
    ]
