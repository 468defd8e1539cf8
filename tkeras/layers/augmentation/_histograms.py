"""Layers that spread the values of images over their range."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.layers.augmentation._image_layer import ImageLayer, Tensor, check_range, range_list, rescaled
from tkeras.saving import public

_BYTES = (0, 255)


class _Spreading(ImageLayer):
    """Acts in training and at inference, with nothing random."""

    _always = True

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Images whose values are spread."""
        last = self.data_format == "channels_last"
        planes = images.movedim(-1, 1) if last else images
        planes = self.spread(rescaled(planes, self.value_range, _BYTES))
        planes = rescaled(planes, _BYTES, self.value_range)
        return planes.movedim(1, -1) if last else planes

    value_range: Any

    def spread(self, planes: Tensor) -> Tensor:
        """(batch, channels, height, width) with values from 0 to 255."""
        raise NotImplementedError(f"{type(self).__name__} must define `spread`.")


@public("keras.layers.AutoContrast")
class AutoContrast(_Spreading):
    """Stretches each channel of each image over the whole value range.

    Args:
        value_range: lowest and highest value of a pixel.
    """

    _config = ("data_format", "value_range")

    def __init__(self, value_range: Any = _BYTES, **kwargs: Any):
        super().__init__(**kwargs)
        self.value_range = range_list(value_range)

    def spread(self, planes: Tensor) -> Tensor:
        """Linearly; channels of one value stay."""
        low, high = planes.amin((2, 3), keepdim=True), planes.amax((2, 3), keepdim=True)
        scale = 255.0 / torch.where(high > low, high - low, 1.0)
        return torch.where(high > low, torch.clamp((planes - low) * scale, 0, 255), planes)


def _histograms(indices: Tensor, bins: int) -> Tensor:
    """How often each of ``bins`` integers occurs in the rows (…, size): (…, bins)."""
    counts = torch.zeros((*indices.shape[:-1], bins), device=indices.device)
    return counts.scatter_add_(-1, indices, torch.ones((), device=indices.device).expand(indices.shape))


@public("keras.layers.Equalization")
class Equalization(_Spreading):
    """Makes all values of a channel about equally frequent; as in Keras, over all images of a batch together.

    Args:
        value_range: lowest and highest value of a pixel.
        bins: how many values are told apart.
    """

    _config = ("data_format", "bins", "value_range")

    def __init__(
        self, value_range: Any = _BYTES, bins: int = 256, data_format: str | None = None, **kwargs: Any
    ):
        super().__init__(data_format=data_format, **kwargs)
        if not isinstance(bins, int) or bins < 2:
            raise ValueError(f"`bins` must be an integer of at least 2. Received: bins={bins}")
        self.bins, self.value_range = bins, range_list(value_range)

    def spread(self, planes: Tensor) -> Tensor:
        """By the cumulated histogram of each channel; channels of one value stay."""
        top = self.bins - 1
        rows = planes.movedim(1, 0).flatten(1)
        indices = torch.clamp(torch.floor(rows * (top / 255)), 0, top).long()
        counts = _histograms(indices, self.bins)
        sums = counts.cumsum(-1)
        first = torch.where(counts > 0, sums, sums[..., -1:]).amin(-1, keepdim=True)
        above = sums[..., -1:] - first
        table = torch.clamp(torch.round((sums - first) / torch.clamp(above, min=1) * 255), 0, 255)
        found = torch.where(above > 0, table.gather(-1, indices), rows)
        return found.reshape(planes.movedim(1, 0).shape).movedim(0, 1)


@public("keras.layers.ContrastLimitedAdaptiveHistogramEqualization")
class ContrastLimitedAdaptiveHistogramEqualization(_Spreading):
    """Equalizes tiles of images, frequent values being limited, and blends neighbouring tiles (Zuiderveld,
    1994).

    Args:
        value_range: lowest and highest value of a pixel.
        clip_limit: how much more frequent than the average a value may count.
        tile_grid_size: how many tiles there are along height and width.
    """

    _config = ("data_format", "value_range", "clip_limit", "tile_grid_size")

    def __init__(
        self, value_range: Any = _BYTES, clip_limit: float = 4.0, tile_grid_size: Any = (8, 8),
        data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(data_format=data_format, **kwargs)
        pair = isinstance(tile_grid_size, (tuple, list)) and len(tile_grid_size) == 2
        if not pair or not all(isinstance(n, int) and n > 0 for n in tile_grid_size):
            raise ValueError(
                f"`tile_grid_size` must be two positive integers. Received: tile_grid_size={tile_grid_size}"
            )
        if clip_limit <= 0:
            raise ValueError(f"`clip_limit` must be positive. Received: clip_limit={clip_limit}")
        self.value_range = check_range(value_range)
        self.clip_limit, self.tile_grid_size = clip_limit, tile_grid_size

    def spread(self, planes: Tensor) -> Tensor:
        """Each pixel by the tables of the four tiles around it."""
        height, width = planes.shape[2:]
        rows, columns = self.tile_grid_size
        tall, wide = -(-height // rows), -(-width // columns)
        values = torch.clamp(planes, 0, 255).long()
        y, x = (
            _mirrored(n * step, size, planes)
            for n, step, size in ((rows, tall, height), (columns, wide, width))
        )
        tiles = values[:, :, y][:, :, :, x].unflatten(3, (columns, wide)).unflatten(2, (rows, tall))
        tables = self._tables(tiles.transpose(3, 4).flatten(4))
        found: Any = 0
        for vertical, share in _around(height, tall, rows, planes):
            for horizontal, part in _around(width, wide, columns, planes):
                tile = (vertical.unsqueeze(1) * columns + horizontal) * 256
                place = (tile + values).flatten(2)
                mapped = tables.flatten(2).gather(2, place).reshape(values.shape)
                found = found + share.unsqueeze(1) * part * mapped
        return found

    def _tables(self, tiles: Tensor) -> Tensor:
        """What each of 256 values becomes (…, 256) in tiles (…, size)."""
        counts = _histograms(tiles, 256)
        limit = int(self.clip_limit * tiles.shape[-1] / 256)
        over = torch.clamp(counts - limit, min=0).sum(-1, keepdim=True)
        sums = (torch.clamp(counts, max=limit) + over / 256).cumsum(-1)
        first, last = sums[..., :1], sums[..., -1:]
        return (sums - first) * 255 / torch.clamp(last - first, min=torch.finfo(sums.dtype).tiny)


def _mirrored(count: int, size: int, like: Tensor) -> Tensor:
    """Indices 0, 1, … of an axis that is mirrored, without its end, after ``size`` elements."""
    index = torch.arange(count, device=like.device)
    return (size - 1) - ((size - 1) - index % max(1, 2 * size - 2)).abs() if size > 1 else index * 0


def _around(size: int, step: int, tiles: int, like: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The two tiles around each pixel of an axis, with their shares."""
    place = torch.arange(size, dtype=torch.float32, device=like.device) / step - 0.5
    lower = torch.floor(place)
    share = place - lower
    index = lower.long()
    return [(index.clamp(0, tiles - 1), 1 - share), ((index + 1).clamp(0, tiles - 1), share)]
