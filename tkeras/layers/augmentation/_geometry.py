"""Layers that move pixels by an affine map: flips, rotations, shifts, zooms, shears."""

from __future__ import annotations

import math
from typing import Any

import torch

from tkeras import ops, random
from tkeras.layers.augmentation._boxes import clipped, mapped
from tkeras.layers.augmentation._image_layer import ImageLayer, Tensor, check_choice, images_of, number_pair
from tkeras.saving import public

_FILL = ("reflect", "wrap", "constant", "nearest")
_INTERPOLATION = ("nearest", "bilinear")


@public("keras.layers.RandomFlip")
class RandomFlip(ImageLayer):
    """In training, mirrors about half of the images.

    Args:
        mode: ``"horizontal"``, ``"vertical"`` or ``"horizontal_and_vertical"`` (default).
        seed: for the same draws in every run.
    """

    _config = ("data_format", "seed", "mode")
    _moves = True

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(data_format=data_format, **kwargs)
        if mode not in ("horizontal", "vertical", "horizontal_and_vertical"):
            raise ValueError(
                "The `mode` argument should be 'horizontal', 'vertical' or 'horizontal_and_vertical'. "
                f"Received: mode={mode}"
            )
        self.mode = mode
        self._seeded(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Which images are mirrored."""
        shape = (images_of(data).shape[0], 1, 1, 1)
        return {"flips": random.uniform(shape, seed=seed or self.generator) <= 0.5}

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Mirrored images."""
        if transformation is None:
            return images
        flips = transformation["flips"].to(images.device)
        for word, axis in (("horizontal", self._columns), ("vertical", self._rows)):
            if word in self.mode:
                images = torch.where(flips, images.flip(axis), images)
        return images

    def transform_bounding_boxes(self, boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Mirrored boxes."""
        if transformation is None:
            return boxes
        (height, width), found = self._sizes, boxes["boxes"]
        flips = transformation["flips"].to(found.device).reshape(-1, 1, 1)
        for word, size, (low, high) in (("horizontal", width, (0, 2)), ("vertical", height, (1, 3))):
            if word in self.mode:
                mirrored = found.clone()
                mirrored[..., low], mirrored[..., high] = size - found[..., high], size - found[..., low]
                found = torch.where(flips, mirrored, found)
        return {**boxes, "boxes": found}


class Affine(ImageLayer):
    """In training, samples images at affinely moved points.

    Args:
        fill_mode: what lies outside: ``"reflect"`` (default), ``"constant"``, ``"nearest"`` or ``"wrap"``.
        interpolation: ``"bilinear"`` (default) or ``"nearest"``.
        fill_value: the constant.
    """

    _moves = True

    def _sampled(self, interpolation: str, fill_mode: str, fill_value: float) -> None:
        self.interpolation = check_choice("interpolation", interpolation, _INTERPOLATION)
        self.fill_mode = check_choice("fill_mode", fill_mode, _FILL)
        self.fill_value = fill_value

    def matrix(self, transformation: Any, height: int, width: int) -> Tensor:
        """Maps (batch, 2, 3) from points (x, y) of the result to points of the input."""
        raise NotImplementedError(f"{type(self).__name__} must define `matrix`.")

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Moved images."""
        return self._moved(images, transformation, self.interpolation)

    def transform_segmentation_masks(
        self, masks: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """Masks moved by the nearest pixel."""
        return self._moved(masks, transformation, "nearest")

    def _moved(self, images: Tensor, transformation: Any, interpolation: str) -> Tensor:
        if transformation is None or images.is_meta:
            return images
        matrix = self.matrix(transformation, *self.size_of(images)).to(images.device).flatten(1)
        transform = torch.cat([matrix, matrix.new_zeros(matrix.shape[0], 2)], 1)
        return ops.image.affine_transform(
            images, transform, interpolation, self.fill_mode, self.fill_value, self.data_format
        )

    def transform_bounding_boxes(self, boxes: Any, transformation: Any, training: bool = True) -> Any:
        """The boxes around what the map makes of boxes, cut at the edges."""
        if transformation is None:
            return boxes
        height, width = self._sizes
        forward = self.matrix(transformation, height, width)
        row = forward.new_tensor([0.0, 0.0, 1.0]).expand(forward.shape[0], 1, 3)
        back = torch.linalg.inv(torch.cat([forward, row], 1))[:, :2].to(boxes["boxes"].device)
        return clipped({**boxes, "boxes": mapped(boxes["boxes"], back)}, height, width)


def _rows_of(*numbers: Tensor | float) -> Tensor:
    """(batch, 2, 3) of six numbers, each (batch,) or plain."""
    like = next(number for number in numbers if isinstance(number, Tensor))
    spread = [
        torch.as_tensor(number, dtype=like.dtype, device=like.device).expand_as(like) for number in numbers
    ]
    return torch.stack(spread, -1).reshape(-1, 2, 3)


@public("keras.layers.RandomRotation")
class RandomRotation(Affine):
    """In training, turns images about their centre.

    Args:
        factor: the largest angle to either side, or a pair of angles, as fractions of 2π; positive turns
            counter
            clockwise.
        fill_mode, interpolation, fill_value: see `Affine`.
        seed: for the same draws in every run.
    """

    _config = ("data_format", "factor", "fill_mode", "fill_value", "interpolation", "seed")

    def __init__(
        self, factor: Any, fill_mode: str = "reflect", interpolation: str = "bilinear", seed: Any = None,
        fill_value: float = 0.0, data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self._sampled(interpolation, fill_mode, fill_value)
        self._seeded(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The angles (batch,) in degrees."""
        low, high = (360.0 * bound for bound in self.factor)
        return {"angle": random.uniform((images_of(data).shape[0],), low, high, seed=seed or self.generator)}

    def matrix(self, transformation: Any, height: int, width: int) -> Tensor:
        """Rotations about the centre."""
        angle = transformation["angle"] * (math.pi / 180)
        cos, sin = torch.cos(angle), torch.sin(angle)
        x, y = width - 1.0, height - 1.0
        return _rows_of(cos, -sin, (x - (cos * x - sin * y)) / 2, sin, cos, (y - (sin * x + cos * y)) / 2)


_SHIFT = "The `factor` argument should be a number (or a list of two numbers) in the range [-1.0, 1.0]."


@public("keras.layers.RandomTranslation")
class RandomTranslation(Affine):
    """In training, shifts images.

    Args:
        height_factor, width_factor: the largest shift to either side, or a pair, as fractions of the size;
            positive
            shifts down and right.
        fill_mode, interpolation, fill_value: see `Affine`.
        seed: for the same draws in every run.
    """

    _config = (
        "data_format",
        "height_factor",
        "width_factor",
        "fill_mode",
        "interpolation",
        "seed",
        "fill_value",
    )

    def __init__(
        self, height_factor: Any, width_factor: Any, fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None, fill_value: float = 0.0, data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(data_format=data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height = number_pair(height_factor, (-1.0, 1.0), _SHIFT, "height_factor")
        self._width = number_pair(width_factor, (-1.0, 1.0), _SHIFT, "width_factor")
        self._sampled(interpolation, fill_mode, fill_value)
        self._seeded(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The shifts (batch, 1) of both axes, in pixels."""
        images = images_of(data)
        height, width = self.size_of(images)
        shape, seed = (images.shape[0], 1), seed or self.generator
        down = random.uniform(shape, *self._height, seed=seed) * height
        return {"height": down, "width": random.uniform(shape, *self._width, seed=seed) * width}

    def matrix(self, transformation: Any, height: int, width: int) -> Tensor:
        """Shifts."""
        down, right = transformation["height"].reshape(-1), transformation["width"].reshape(-1)
        return _rows_of(1.0, 0.0, -right, 0.0, 1.0, -down)


_ZOOM = (
    "The `height_factor` and `width_factor` arguments should be a number (or a list of two numbers) in "
    "the range "
    "(-1.0, 1.0]."
)


@public("keras.layers.RandomZoom")
class RandomZoom(Affine):
    """In training, zooms into images (negative factors) or out of them (positive ones).

    Args:
        height_factor: the largest change to either side, or a pair, as fractions of the size.
        width_factor: likewise; None for the same as the height.
        fill_mode, interpolation, fill_value: see `Affine`.
        seed: for the same draws in every run.
    """

    _config = (
        "data_format",
        "height_factor",
        "width_factor",
        "fill_mode",
        "interpolation",
        "seed",
        "fill_value",
    )

    def __init__(
        self, height_factor: Any, width_factor: Any = None, fill_mode: str = "reflect",
        interpolation: str = "bilinear", seed: Any = None, fill_value: float = 0.0,
        data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(data_format=data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height = number_pair(height_factor, (-1.0, 1.0), _ZOOM, "height_factor")
        self._width = (
            None if width_factor is None else number_pair(width_factor, (-1.0, 1.0), _ZOOM, "width_factor")
        )
        self._sampled(interpolation, fill_mode, fill_value)
        self._seeded(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """How much larger (batch, 1) the part of the image is that is shown, along both axes.

        As in Keras, the first draw belongs to the width where both axes are drawn.
        """
        shape, seed = (images_of(data).shape[0], 1), seed or self.generator
        first = random.uniform(shape, *(1.0 + bound for bound in self._height), seed=seed)
        if self._width is None:
            return {"height_zoom": first, "width_zoom": first}
        second = random.uniform(shape, *(1.0 + bound for bound in self._width), seed=seed)
        return {"height_zoom": first, "width_zoom": second}

    def matrix(self, transformation: Any, height: int, width: int) -> Tensor:
        """Zooms about the centre."""
        tall, wide = (transformation[key].reshape(-1) for key in ("height_zoom", "width_zoom"))
        return _rows_of(wide, 0.0, (width - 1.0) / 2 * (1 - wide), 0.0, tall, (height - 1.0) / 2 * (1 - tall))


_SHEAR = "The `factor` argument should be a number (or a list of two numbers) in the range [0, 1.0]."


@public("keras.layers.RandomShear")
class RandomShear(Affine):
    """In training, shears images along both axes.

    Args:
        x_factor, y_factor: the largest shear, or a pair of shears, within [0, 1].
        interpolation, fill_mode, fill_value: see `Affine`.
        seed: for the same draws in every run.
    """

    _config = ("data_format", "x_factor", "y_factor", "fill_mode", "interpolation", "seed", "fill_value")

    def __init__(
        self, x_factor: Any = 0.0, y_factor: Any = 0.0, interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0, data_format: str | None = None, seed: Any = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(data_format=data_format, **kwargs)
        self.x_factor, self.y_factor = (
            _shears(v, n) for v, n in ((x_factor, "x_factor"), (y_factor, "y_factor"))
        )
        self._sampled(interpolation, fill_mode, fill_value)
        self._seeded(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The shears (batch,) of x and y, to one side or the other."""
        shape, seed = (images_of(data).shape[0], 1), seed or self.generator
        side = torch.where(random.uniform(shape, 0, 1, "float32", seed) > 0.5, -1.0, 1.0)
        y = random.uniform(shape, *self.y_factor, seed=seed) * side
        return {
            "y": y.reshape(-1),
            "x": (random.uniform(shape, *self.x_factor, seed=seed) * side).reshape(-1),
        }

    def matrix(self, transformation: Any, height: int, width: int) -> Tensor:
        """Shears."""
        return _rows_of(1.0, transformation["x"], 0.0, transformation["y"], 1.0, 0.0)


def _shears(value: Any, name: str) -> Any:
    """A pair; a number f is ``(-f, f)``, which a configuration may hold as well."""
    if isinstance(value, (tuple, list)) and len(value) == 2 and -value[0] == value[1]:
        return number_pair(value, (-1.0, 1.0), _SHEAR, name)
    low, high = number_pair(value, (0, 1.0), _SHEAR, name)
    return (-high, high) if not isinstance(value, (tuple, list)) else (low, high)
