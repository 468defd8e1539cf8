"""Images as files, as Pillow's images and as arrays."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from tkeras.config import floatx, standardize_data_format

_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_INTERPOLATIONS = {
    "nearest": "NEAREST", "bilinear": "BILINEAR", "bicubic": "BICUBIC", "hamming": "HAMMING", "box": "BOX",
    "lanczos": "LANCZOS",
}  # fmt: skip


def pillow() -> Any:
    """Pillow's module ``Image``.

    Raises:
        ImportError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("Images need Pillow: pip install 'tkeras[image]'") from error
    return Image


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """An image file as a Pillow image.

    Args:
        path: the file, or an open one.
        color_mode: ``"rgb"``, ``"rgba"`` or ``"grayscale"``.
        target_size: ``(height, width)`` to resize to.
        interpolation: of the resizing: ``"nearest"``, ``"bilinear"``, ``"bicubic"``, ``"hamming"``, ``"box"``
            or ``"lanczos"``.
        keep_aspect_ratio: cut the largest part of the target's shape from the middle first.

    Raises:
        ValueError: an unknown ``color_mode`` or ``interpolation``.
        TypeError: ``path`` is neither a path nor a file.
    """
    if isinstance(path, io.BytesIO):
        source: Any = path
    elif isinstance(path, str | bytes | Path | os.PathLike):
        source = io.BytesIO(Path(os.fsdecode(path)).read_bytes())
    else:
        raise TypeError(f"path should be path-like or io.BytesIO, not {type(path)}")
    if color_mode not in _MODES:
        raise ValueError(f'color_mode must be "grayscale", "rgb", or "rgba". Received: {color_mode}')
    image = pillow().open(source)
    mode = _MODES[color_mode]
    if image.mode != mode and not (mode == "L" and image.mode in ("L", "I;16", "I")):
        image = image.convert(mode)
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    height, width = target_size
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(
            f"Invalid interpolation method {interpolation} specified. Supported methods are "
            f"{', '.join(_INTERPOLATIONS)}"
        )
    resampling = getattr(pillow().Resampling, _INTERPOLATIONS[interpolation])
    box = _middle(image.size, width, height) if keep_aspect_ratio else None
    return image.resize((width, height), resampling, box)


def _middle(size: tuple[int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """The largest box in the middle of an image that has the shape of the target."""
    have_width, have_height = size
    crop_height = min(have_height, have_width * height // width)
    crop_width = min(have_width, have_height * width // height)
    top, left = (have_height - crop_height) // 2, (have_width - crop_width) // 2
    return left, top, left + crop_width, top + crop_height


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """A Pillow image as an array of rank 3.

    Args:
        img: the image.
        data_format: ``"channels_last"`` or ``"channels_first"``; default: as configured.
        dtype: default ``floatx()``.
    """
    data_format = standardize_data_format(data_format)
    x = np.asarray(img, dtype=dtype or floatx())
    if x.ndim == 2:
        return x[None] if data_format == "channels_first" else x[..., None]
    if x.ndim != 3:
        raise ValueError(f"Unsupported image shape: {x.shape}")
    return x.transpose(2, 0, 1) if data_format == "channels_first" else x


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """An array of rank 3 as a Pillow image.

    Args:
        x: one, three or four channels.
        data_format: ``"channels_last"`` or ``"channels_first"``; default: as configured.
        scale: move the least value to 0 and the largest to 255.
        dtype: to compute in; default ``floatx()``.

    Raises:
        ValueError: another rank or number of channels.
    """
    data_format = standardize_data_format(data_format)
    x = x.detach().cpu().numpy() if hasattr(x, "detach") else x
    x = np.asarray(x, dtype=dtype or floatx())
    if x.ndim != 3:
        raise ValueError(
            f"Expected image array to have rank 3 (single image). Got array with shape: {x.shape}"
        )
    x = x.transpose(1, 2, 0) if data_format == "channels_first" else x
    if scale:
        x = x - x.min()
        top = x.max()
        x = x / top * 255 if top != 0 else x
    channels = x.shape[2]
    if channels in (3, 4):
        return pillow().fromarray(x.astype("uint8"), "RGB" if channels == 3 else "RGBA")
    if channels != 1:
        raise ValueError(f"Unsupported channel number: {channels}")
    wide = x.size and x.max() > 255
    return pillow().fromarray(x[:, :, 0].astype("int32" if wide else "uint8"), "I" if wide else "L")


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as an image file.

    Args:
        path: the file, or an open one.
        x: array of rank 3.
        data_format: ``"channels_last"`` or ``"channels_first"``; default: as configured.
        file_format: default: by the ending of the name.
        scale: move the least value to 0 and the largest to 255.
        kwargs: for Pillow's ``save``.
    """
    image = array_to_img(x, data_format=data_format, scale=scale)
    if image.mode == "RGBA" and file_format in ("jpg", "jpeg"):
        warnings.warn("The JPG format does not support RGBA images, converting to RGB.", stacklevel=2)
        image = image.convert("RGB")
    image.save(path, format="jpeg" if file_format == "jpg" else file_format, **kwargs)


def smart_resize(
    x: Any, size: tuple[int, int], interpolation: str = "bilinear", data_format: str = "channels_last"
) -> Any:
    """Images of another size without distortion: what does not fit the shape is cut off at the sides.

    Args:
        x: one image or a batch, array or tensor.
        size: ``(height, width)``.
        interpolation: see `tkeras.ops.image.resize`.
        data_format: ``"channels_last"`` or ``"channels_first"``.

    Raises:
        ValueError: ``size`` is no pair, or another rank.
    """
    from tkeras import ops

    if len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers, but got: {size}.")
    if len(x.shape) not in (3, 4):
        raise ValueError(
            "Expected an image array with shape `(height, width, channels)`, or `(batch_size, height, width,"
            f" channels)`, but got input with incorrect rank, of shape {x.shape}."
        )
    last = data_format == "channels_last"
    have = x.shape[-3:-1] if last else x.shape[-2:]
    left, top, right, bottom = _middle((int(have[1]), int(have[0])), size[1], size[0])
    part = x[..., top:bottom, left:right, :] if last else x[..., top:bottom, left:right]
    resized = ops.image.resize(
        ops.convert_to_tensor(part), size, interpolation=interpolation, data_format=data_format
    )
    return ops.convert_to_numpy(resized) if isinstance(x, np.ndarray) else resized
