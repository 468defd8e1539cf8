"""Filters and comparison of images; layouts as in `_image`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from tkeras.ops._convert import convert, is_integer, promoted, together
from tkeras.ops._image import channels_first, image_op, restored
from tkeras.ops._resample import KERNELS, resampled

Tensor = torch.Tensor


def gaussian(size: int, sigma: Any, like: Tensor) -> Tensor:
    """A vector of ``size`` weights of the normal distribution that sum to 1."""
    offset = torch.arange(size, dtype=like.dtype, device=like.device) - (size - 1) / 2
    bell = torch.exp(-0.5 * (offset / sigma) ** 2)
    return bell / bell.sum()


def filtered(x: Tensor, rows: Tensor, columns: Tensor, pad: bool) -> Tensor:
    """Each channel of (batch, channels, height, width) correlated with the outer product of two vectors."""
    channels = x.shape[1]
    margins = [len(v) // 2 if pad else 0 for v in (rows, columns)]
    tall = rows.reshape(1, 1, -1, 1).expand(channels, -1, -1, -1)
    wide = columns.reshape(1, 1, 1, -1).expand(channels, -1, -1, -1)
    x = F.conv2d(x, tall, padding=(margins[0], 0), groups=channels)
    return F.conv2d(x, wide, padding=(0, margins[1]), groups=channels)


@image_op
def gaussian_blur(
    images: Any,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] = (1.0, 1.0),
    data_format: str | None = None,
) -> Tensor:
    """Images blurred with a normal distribution, zeros around them.

    Args:
        kernel_size, sigma: along height and width; the first in pixels, odd.
    """
    x, last, single = channels_first(images, data_format)
    rows, columns = (gaussian(int(n), s, x) for n, s in zip(kernel_size, sigma, strict=True))
    return restored(filtered(x, rows, columns, pad=True), last, single)


@image_op
def sobel_edges(images: Any, data_format: str | None = None) -> Tensor:
    """Gradients along height and width as a new last axis, by Sobel's filters, zeros around the images."""
    x, last, single = channels_first(images, data_format)
    edge, smooth = (x.new_tensor(values) for values in ([-1, 0, 1], [1, 2, 1]))
    pairs = ((edge, smooth), (smooth, edge))
    return torch.stack([restored(filtered(x, *pair, pad=True), last, single) for pair in pairs], -1)


@image_op
def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Tensor:
    """Structural similarity (batch,) of images (Wang et al. 2004).

    Args:
        max_val: the largest value a pixel can have.
        filter_size, filter_sigma: of the window that statistics are taken in.
        k1, k2: constants that keep quotients stable.
    """
    image1, image2 = together(image1, image2)
    dtype = image1.dtype
    x, _, single = channels_first(promoted(image1, float)[0], data_format)
    y, _, _ = channels_first(promoted(image2, float)[0].to(x.dtype), data_format)
    window = gaussian(filter_size, filter_sigma, x)
    mean_x, mean_y, xx, yy, xy = (
        filtered(moment, window, window, pad=False) for moment in (x, y, x * x, y * y, x * y)
    )
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    both = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    similar = (2 * both + c1) * (2 * (xy - both) + c2) / ((squares + c1) * (xx + yy - squares + c2))
    result = similar.mean((1, 2, 3)).to(dtype)
    return result.squeeze(0) if single else result


@image_op
def scale_and_translate(
    images: Any,
    output_shape: Sequence[int],
    scale: Any,
    translation: Any,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Tensor:
    """Images scaled and moved: the point p comes to ``p · scale + translation``, pixels being half-centred.

    Args:
        images: any rank.
        output_shape: sizes of the result, those of ``images`` on axes that are not resampled.
        scale, translation: one number for each of ``spatial_dims``.
        spatial_dims: the axes that are resampled.
        method: "linear", "cubic" (Keys), "lanczos3", "lanczos5" or a synonym such as "bilinear".
        antialias: whether a smaller result averages over all pixels that one of it covers.
    """
    if method not in KERNELS:
        raise ValueError(
            f"Invalid value for argument `method`. Expected one of {sorted(KERNELS)}. "
            f"Received: method={method}"
        )
    x = convert(images)
    scale, translation = promoted(scale, translation, float)
    y = x.float() if is_integer(x) else x
    for i, axis in enumerate(spatial_dims):
        y = resampled(y, axis % x.ndim, int(output_shape[axis]), scale[i], translation[i], method, antialias)
    if is_integer(x):
        return torch.clamp(torch.round(y), x.amin(), x.amax()).to(x.dtype)
    return y
