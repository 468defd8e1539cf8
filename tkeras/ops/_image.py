"""Size, colours and patches of images (batch, height, width, channels), or channels first, or one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from tkeras.bridge import mapped
from tkeras.config import standardize_data_format
from tkeras.ops._convert import convert, is_integer
from tkeras.ops._core import saturate_cast
from tkeras.ops._op import op
from tkeras.ops._resample import LANCZOS, resampled
from tkeras.ops._shape import Ints
from tkeras_kernels import expr

Tensor = torch.Tensor

image_op = op(module="tkeras.ops.image")

_MODES = {"bilinear": "bilinear", "nearest": "nearest-exact", "bicubic": "bicubic"}


def batched(images: Any) -> tuple[Tensor, bool]:
    """Images with a batch axis, and whether it was missing."""
    images = convert(images)
    if images.ndim not in (3, 4):
        raise ValueError(
            "Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). "
            f"Received input with shape: images.shape={tuple(images.shape)}"
        )
    return (images.unsqueeze(0), True) if images.ndim == 3 else (images, False)


def channels_first(images: Any, data_format: str | None) -> tuple[Tensor, bool, bool]:
    """Images as (batch, channels, height, width); whether channels were last, and the batch missing."""
    images, single = batched(images)
    last = standardize_data_format(data_format) == "channels_last"
    return (images.movedim(-1, 1) if last else images), last, single


def restored(images: Tensor, last: bool, single: bool) -> Tensor:
    """Back from what :func:`channels_first` gives."""
    images = images.movedim(1, -1) if last else images
    return images.squeeze(0) if single else images


@image_op
def resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Images of another size.

    Args:
        images: rank 3 or 4.
        size: (height, width) of the result.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        antialias: whether to average over all pixels that one of a smaller result covers.
        crop_to_aspect_ratio: whether to cut off what would distort the image.
        pad_to_aspect_ratio: whether to add ``fill_value`` around it instead.
        fill_mode: only "constant".
    """
    if len(size) != 2 or min(size) <= 0:
        raise ValueError(f"Expected `size` to be a tuple of 2 positive integers. Received: size={size}")
    if interpolation not in _MODES and interpolation not in LANCZOS:
        raise ValueError(
            f"Invalid value for argument `interpolation`. Expected one of {[*_MODES, *LANCZOS]}. "
            f"Received: interpolation={interpolation}"
        )
    if fill_mode != "constant":
        raise ValueError(
            "Invalid value for argument `fill_mode`. Only `'constant'` is supported. "
            f"Received: fill_mode={fill_mode}"
        )
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ValueError("Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`.")
    x, last, single = channels_first(images, data_format)
    dtype = x.dtype
    x = x if dtype in (torch.float32, torch.float64) else x.float()
    height, width = int(size[0]), int(size[1])
    if crop_to_aspect_ratio:
        x = _cropped(x, height, width)
    elif pad_to_aspect_ratio:
        x = _padded(x, height, width, fill_value)
    y = _interpolated(x, (height, width), interpolation, antialias)
    if not dtype.is_floating_point:
        y = saturate_cast(torch.round(y), dtype)
    return restored(y.to(dtype), last, single)


def _interpolated(x: Tensor, size: tuple[int, int], interpolation: str, antialias: bool) -> Tensor:
    if interpolation in LANCZOS:
        for axis, target in zip((2, 3), size, strict=True):
            scale = convert(target / x.shape[axis], x.dtype, x)
            x = resampled(x, axis, target, scale, torch.zeros_like(scale), interpolation, antialias)
        return x
    smooth = interpolation != "nearest"
    corners = False if smooth else None
    return F.interpolate(
        x, size, mode=_MODES[interpolation], align_corners=corners, antialias=antialias and smooth
    )


def _cropped(x: Tensor, height: int, width: int) -> Tensor:
    rows = max(min(x.shape[2], int(x.shape[3] * height / width)), 1)
    columns = max(min(x.shape[3], int(x.shape[2] * width / height)), 1)
    top, left = (x.shape[2] - rows) // 2, (x.shape[3] - columns) // 2
    return x[:, :, top : top + rows, left : left + columns]


def _padded(x: Tensor, height: int, width: int, fill_value: float) -> Tensor:
    rows = max(x.shape[2], int(x.shape[3] * height / width))
    columns = max(x.shape[3], int(x.shape[2] * width / height))
    top, left = (rows - x.shape[2]) // 2, (columns - x.shape[3]) // 2
    return F.pad(x, (left, left, top, top), value=fill_value)


def _sides(
    before: Any, after: Any, target: Any, size: int, sign: int, names: tuple[str, str, str]
) -> tuple[int, int]:
    """What is added (sign 1) or cut off (-1) before and after an axis, of which two of three are given."""
    values = (before, after, target)
    if values.count(None) != 1:
        raise ValueError(
            f"Must specify exactly two of {', '.join(names)}. "
            f"Received: {', '.join(f'{n}={v}' for n, v in zip(names, values, strict=True))}"
        )
    if target is not None:
        other = sign * (target - size) - (after if before is None else before)
        before, after = (other, after) if before is None else (before, other)
    found = (before, after, size + sign * (before + after))
    if min(found) < 0:
        raise ValueError(
            f"Expected {', '.join(names)} to be >= 0. "
            f"Received: {', '.join(f'{n}={v}' for n, v in zip(names, found, strict=True))}"
        )
    return before, after


_HEIGHT = ("top", "bottom", "target_height")
_WIDTH = ("left", "right", "target_width")


def _names(axis: tuple[str, str, str], what: str) -> tuple[str, str, str]:
    return f"{axis[0]}_{what}", f"{axis[1]}_{what}", axis[2]


@image_op
def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Zeros around images, given exactly two of top, bottom and target height, and two for the width."""
    x, last, single = channels_first(images, data_format)
    rows = _sides(top_padding, bottom_padding, target_height, x.shape[2], 1, _names(_HEIGHT, "padding"))
    columns = _sides(left_padding, right_padding, target_width, x.shape[3], 1, _names(_WIDTH, "padding"))
    return restored(F.pad(x, (*columns, *rows)), last, single)


@image_op
def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images without their edges: arguments as of :func:`pad_images`."""
    x, last, single = channels_first(images, data_format)
    rows = _sides(top_cropping, bottom_cropping, target_height, x.shape[2], -1, _names(_HEIGHT, "cropping"))
    columns = _sides(left_cropping, right_cropping, target_width, x.shape[3], -1, _names(_WIDTH, "cropping"))
    cut = x[:, :, rows[0] : x.shape[2] - rows[1], columns[0] : x.shape[3] - columns[1]]
    return restored(cut, last, single)


def _planes(images: Any, data_format: str | None) -> tuple[tuple[Tensor, ...], int]:
    """The channels of images of floats, and their axis."""
    images = convert(images)
    batched(images)
    if is_integer(images):
        raise ValueError(f"Invalid images dtype: expected float dtype. Received: images.dtype={images.dtype}")
    axis = -1 if standardize_data_format(data_format) == "channels_last" else -3
    if images.shape[axis] != 3:
        raise ValueError(f"Expected 3 channels. Received: images.shape={tuple(images.shape)}")
    return images.unbind(axis), axis


@image_op
def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Tensor:
    """``0.2989 R + 0.587 G + 0.114 B`` as one channel; one channel stays."""
    images = convert(images)
    batched(images)
    axis = -1 if standardize_data_format(data_format) == "channels_last" else -3
    if images.shape[axis] not in (1, 3):
        raise ValueError(
            "Invalid channel size: expected 3 (RGB) or 1 (Grayscale). "
            f"Received input with shape: images.shape={tuple(images.shape)}"
        )
    if images.shape[axis] == 1:
        return images.clone()
    return mapped(_luminance, *images.unbind(axis)).to(images.dtype).unsqueeze(axis)


def _luminance(red: Any, green: Any, blue: Any) -> Any:
    return 0.2989 * red + 0.587 * green + 0.114 * blue


@image_op
def rgb_to_hsv(images: Any, data_format: str | None = None) -> Tensor:
    """Hue, saturation and value, all within [0, 1], of red, green and blue within [0, 1]."""
    planes, axis = _planes(images, data_format)
    return torch.stack(mapped(_hsv, *planes, tiny=torch.finfo(planes[0].dtype).eps), axis)


def _hsv(red: Any, green: Any, blue: Any, tiny: float) -> Any:
    r, g, b = (expr.where(expr.abs(plane) < tiny, 0.0, plane) for plane in (red, green, blue))
    value = expr.maximum(expr.maximum(r, g), b)
    spread = value - expr.minimum(expr.minimum(r, g), b)
    saturation = expr.where(value > 0, spread / expr.where(value > 0, value, 1.0), 0.0)
    sixth = 1 / (6 * expr.where(spread > 0, spread, 1.0))
    hue = expr.where(value == g, sixth * (b - r) + 2 / 6, sixth * (r - g) + 4 / 6)
    hue = expr.where(spread > 0, expr.where(value == r, sixth * (g - b), hue), 0.0)
    return expr.where(hue < 0, hue + 1.0, hue), saturation, value


@image_op
def hsv_to_rgb(images: Any, data_format: str | None = None) -> Tensor:
    """Inverse of :func:`rgb_to_hsv`."""
    planes, axis = _planes(images, data_format)
    return torch.stack(mapped(_rgb, *planes), axis)


def _rgb(hue: Any, saturation: Any, value: Any) -> Any:
    angle = (hue - expr.floor(hue)) * 6
    red = expr.clip(expr.abs(angle - 3) - 1, 0, 1)
    green, blue = (expr.clip(2 - expr.abs(angle - centre), 0, 1) for centre in (2, 4))
    return tuple(value * (1 - saturation + saturation * c) for c in (red, green, blue))


@image_op
def extract_patches(
    images: Any,
    size: Ints,
    strides: Ints | None = None,
    dilation_rate: Ints = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Patches of images, or of volumes where ``size`` has three numbers, flat in place of the channels.

    Args:
        images: rank 3 or 4; volumes rank 4 or 5.
        size: of a patch.
        strides: from one patch to the next, default ``size``.
        dilation_rate: from one pixel of a patch to the next.
        padding: "valid" or "same".

    Returns:
        (batch, rows, columns, patch height · patch width · channels), channels first if the images are.
    """
    if not isinstance(size, (int, tuple, list)) or (not isinstance(size, int) and len(size) not in (2, 3)):
        raise ValueError(f"Invalid `size` argument. Expected an int or 2 or 3 ints. Received: size={size}")
    rank = 2 if isinstance(size, int) else len(size)
    return _patches(images, size, strides or size, dilation_rate, padding, data_format, rank)


@image_op
def extract_patches_3d(
    volumes: Any,
    size: Ints,
    strides: Ints | None = None,
    dilation_rate: Ints = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Patches of volumes, rank 4 or 5; arguments as of :func:`extract_patches`."""
    return _patches(volumes, size, strides or size, dilation_rate, padding, data_format, 3)


def _patches(
    images: Any, size: Ints, strides: Ints, dilation: Ints, padding: str, data_format: str | None, rank: int
) -> Tensor:
    x = convert(images)
    if x.ndim not in (rank + 1, rank + 2):
        raise ValueError(f"Expected rank {rank + 1} or {rank + 2}. Received: shape={tuple(x.shape)}")
    if padding.lower() not in ("valid", "same"):
        raise ValueError(f"Expected padding to be 'valid' or 'same'. Received: padding={padding}")
    single = x.ndim == rank + 1
    last = standardize_data_format(data_format) == "channels_last"
    x = x.unsqueeze(0) if single else x
    x = x.movedim(-1, 1) if last else x
    axes = [(n,) * rank if isinstance(n, int) else tuple(n) for n in (size, strides, dilation)]
    for axis, (count, step, apart) in enumerate(zip(*axes, strict=True), start=2):
        reach = (count - 1) * apart + 1
        if padding.lower() == "same":
            total = max(0, (-(-x.shape[axis] // step) - 1) * step + reach - x.shape[axis])
            x = F.pad(x, (0, 0) * (x.ndim - 1 - axis) + (total // 2, total - total // 2))
        x = x.unfold(axis, reach, step)[..., ::apart]
    patches = x.movedim(1, -1).flatten(rank + 1)
    patches = patches if last else patches.movedim(-1, 1)
    return patches.squeeze(0) if single else patches
