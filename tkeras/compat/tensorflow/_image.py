"""``tf.image``: images are (height, width, channels) or batches of them."""

from __future__ import annotations

from typing import Any

import torch

from tkeras import ops
from tkeras.compat.tensorflow._dtypes import as_dtype
from tkeras.config import torch_dtype


def resize(
    images: Any,
    size: Any,
    method: str = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    name: str | None = None,
) -> Any:
    """Images of another size."""
    if preserve_aspect_ratio:
        raise ValueError("tf.image.resize: use keras.ops.image.resize with `pad_to_aspect_ratio`.")
    kind = str(getattr(method, "value", method)).lower()
    return ops.image.resize(images, tuple(size), interpolation=kind, antialias=antialias)


def flip_left_right(image: Any) -> Any:
    """Mirrored."""
    return ops.flip(image, -2)


def flip_up_down(image: Any) -> Any:
    """Upside down."""
    return ops.flip(image, -3)


def random_flip_left_right(image: Any, seed: int | None = None) -> Any:
    """Mirrored or not, each image of a batch by itself."""
    return _randomly(image, flip_left_right, seed)


def random_flip_up_down(image: Any, seed: int | None = None) -> Any:
    """Upside down or not, each image of a batch by itself."""
    return _randomly(image, flip_up_down, seed)


def _randomly(image: Any, change: Any, seed: int | None) -> Any:
    image = ops.convert_to_tensor(image)
    generator = None if seed is None else torch.Generator(image.device).manual_seed(seed)
    lots = torch.rand((*image.shape[:-3], 1, 1, 1), generator=generator, device=image.device)
    return torch.where(lots < 0.5, image, change(image))


def rgb_to_grayscale(images: Any, name: str | None = None) -> Any:
    """Luma of red, green and blue, in the type of the images."""
    return ops.cast(ops.image.rgb_to_grayscale(images), ops.dtype(images))


def grayscale_to_rgb(images: Any, name: str | None = None) -> Any:
    """The one channel three times."""
    return ops.repeat(images, 3, axis=-1)


def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False, name: str | None = None) -> Any:
    """Another type, scaled between its range and [0, 1] of floating point images."""
    image, kind = ops.convert_to_tensor(image), as_dtype(dtype)
    if not image.is_floating_point():
        image = image.double() / torch.iinfo(image.dtype).max
    if kind.is_floating:
        return image.to(torch_dtype(kind.name))
    image = image.clamp(0, 1) if saturate else image
    return (image.double() * (kind.max + 0.5)).clamp(max=kind.max).to(torch_dtype(kind.name))


def central_crop(image: Any, central_fraction: float) -> Any:
    """The middle of the image."""
    if not 0 < central_fraction <= 1:
        raise ValueError(f"`central_fraction` must be in (0, 1]. Received: {central_fraction}")
    image = ops.convert_to_tensor(image)
    height, width = image.shape[-3:-1]
    top, left = (int((size - size * central_fraction) / 2) for size in (height, width))
    return image[..., top : height - top, left : width - left, :]
