"""Layers that move pixels otherwise: perspective and elastic distortion."""

from __future__ import annotations

from typing import Any

import torch

from tkeras import ops, random
from tkeras.layers.augmentation._image_layer import ImageLayer, Tensor, check_choice, images_of
from tkeras.saving import public

_INTERPOLATION = ("nearest", "bilinear")
_FILL = ("constant", "nearest", "wrap", "mirror", "reflect")


def chosen(layer: ImageLayer, batch: int, seed: Any) -> Tensor:
    """Which of the images (batch,) are changed: each with a probability drawn from ``layer.factor``."""
    probability = random.uniform((batch,), *layer.factor, seed=seed)
    return random.uniform((batch,), seed=seed) < probability


@public("keras.layers.RandomPerspective")
class RandomPerspective(ImageLayer):
    """In training, moves the corners of images.

    Args:
        factor: the probability with which an image is changed, or a pair that it is drawn from; a number f
            means
            (0, f).
        scale: how far corners move, within [0, 1].
        interpolation: ``"bilinear"`` (default) or ``"nearest"``.
        fill_value: what lies outside.
        seed: for the same draws in every run.
    """

    _config = ("data_format", "factor", "scale", "interpolation", "fill_value", "seed")
    _bounds = (0, 1)
    _moves = True

    def __init__(
        self, factor: Any = 1.0, scale: float = 1.0, interpolation: str = "bilinear", fill_value: float = 0.0,
        seed: Any = None, data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        if not isinstance(scale, (int, float)) or not 0 <= scale <= 1:
            raise ValueError(
                f"The `scale` argument should be a number in the range [0,1]. Received: scale={scale}"
            )
        self.scale, self.fill_value = scale, fill_value
        self.interpolation = check_choice("interpolation", interpolation, _INTERPOLATION)
        self._seeded(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Which images are changed, and how far corners (batch, 4, 2) move as fractions of where they are."""
        batch, seed = images_of(data).shape[0], seed or self.generator
        apply = chosen(self, batch, seed)
        half = 0.5 * self.scale
        return {"apply": apply, "offset": random.uniform((batch, 4, 2), -half, half, "float32", seed)}

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Images in perspective."""
        return self._moved(images, transformation, self.interpolation)

    def transform_segmentation_masks(
        self, masks: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """Masks moved by the nearest pixel."""
        return self._moved(masks, transformation, "nearest")

    def _moved(self, images: Tensor, transformation: Any, interpolation: str) -> Tensor:
        if transformation is None or images.is_meta:
            return images
        height, width = self.size_of(images)
        right, low = width - 1.0, height - 1.0
        corners = torch.tensor([[0.0, 0.0], [right, 0.0], [0.0, low], [right, low]], device=images.device)
        offset = transformation["offset"].to(images.device)
        start = corners.expand(offset.shape)
        moved = ops.image.perspective_transform(
            images, start, start + start * offset, interpolation, self.fill_value, self.data_format
        )
        return torch.where(self._filled(transformation["apply"]).to(images.device), moved, images)


@public("keras.layers.RandomElasticTransform")
class RandomElasticTransform(ImageLayer):
    """In training, distorts images as if they were of rubber.

    Args:
        factor: the probability with which an image is changed, or a pair that it is drawn from; a number f
            means
            (0, f).
        scale: how far points move, or a pair that this is drawn from; a number s means (0, s).
        interpolation: ``"bilinear"`` (default) or ``"nearest"``.
        fill_mode: what lies outside: ``"reflect"`` (default), ``"constant"``, ``"nearest"``, ``"mirror"``,
            ``"wrap"``.
        fill_value: the constant.
        value_range: lowest and highest value of a pixel.
        seed: for the same draws in every run.
    """

    _config = (
        "data_format", "factor", "scale", "interpolation", "fill_mode", "fill_value", "value_range", "seed",
    )  # fmt: skip
    _bounds = (0, 1)
    _moves = True

    def __init__(
        self, factor: Any = 1.0, scale: Any = 1.0, interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0, value_range: Any = (0, 255), seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self.scale = self._pair(scale, "scale")
        self.interpolation = check_choice("interpolation", interpolation, _INTERPOLATION)
        self.fill_mode, self.fill_value = check_choice("fill_mode", fill_mode, _FILL), fill_value
        self.value_range = value_range
        self._seeded(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Which images are changed, how much, and the seed of the distortion."""
        seed = seed or self.generator
        apply = chosen(self, images_of(data).shape[0], seed)
        distortion = random.uniform((), *self.scale, seed=seed)
        return {"apply": apply, "distortion": distortion, "seed": random.draw_seed(seed)}

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Distorted images."""
        moved = self._moved(images, transformation, self.interpolation)
        return torch.clamp(moved, *self.value_range) if transformation is not None else moved

    def transform_segmentation_masks(
        self, masks: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """Masks moved by the nearest pixel."""
        return self._moved(masks, transformation, "nearest")

    def _moved(self, images: Tensor, transformation: Any, interpolation: str) -> Tensor:
        if transformation is None or images.is_meta:
            return images
        size = self.size_of(images)
        distortion = transformation["distortion"].to(images.device)
        moved = ops.image.elastic_transform(
            images, 0.1 * max(size) * distortion, 0.05 * min(size) * distortion, interpolation,
            self.fill_mode,
            self.fill_value, transformation["seed"], self.data_format,
        )  # fmt: skip
        return torch.where(self._filled(transformation["apply"]).to(images.device), moved, images)
