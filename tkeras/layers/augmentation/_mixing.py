"""Layers that put parts of images elsewhere: erasing, MixUp, CutMix, a fixed number of boxes."""

from __future__ import annotations

from typing import Any

import torch

from tkeras import random
from tkeras.bridge import mapped
from tkeras.layers.augmentation._image_layer import ImageLayer, Tensor, check_range, images_of
from tkeras.saving import public

Rectangle = tuple[Tensor, Tensor, Tensor, Tensor]


def _weighed(share: Any, first: Any, second: Any) -> Any:
    return share * first + (1 - share) * second


def _rectangle(height: int, width: int, tall: Tensor, wide: Tensor, seed: Any) -> Rectangle:
    """Rectangles (left, top, right, bottom; each (batch,)) of fractional sizes at random places."""
    wide, tall = wide * width, tall * height
    left = random.uniform(wide.shape, 0, 1, "float32", seed) * (width - wide)
    top = random.uniform(tall.shape, 0, 1, "float32", seed) * (height - tall)
    return left, top, left + wide, top + tall


def _inside(layer: ImageLayer, images: Tensor, rectangle: Rectangle) -> Tensor:
    """Which pixels are in the rectangles: (batch, height, width, 1), or with the channel first."""
    left, top, right, bottom = (edge.to(images.device).reshape(-1, 1, 1) for edge in rectangle)
    height, width = layer.size_of(images)
    y = torch.arange(height, device=images.device).reshape(1, -1, 1)
    x = torch.arange(width, device=images.device).reshape(1, 1, -1)
    found = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    return found.unsqueeze(layer._channel)


@public("keras.layers.RandomErasing")
class RandomErasing(ImageLayer):
    """In training, fills a rectangle of images (Zhong et al., 2017).

    Args:
        factor: the probability, or a pair that it is drawn from for each image; a number f means (0, f).
        scale: range of the squares of the sides, as fractions of the image's.
        fill_value: None for normal noise.
        value_range: lowest and highest value of a pixel.
        seed: for the same draws in every run.
    """

    _config = ("data_format", "factor", "scale", "fill_value", "value_range", "seed")
    _bounds = (0, 1)

    def __init__(
        self, factor: Any = 1.0, scale: Any = (0.02, 0.33), fill_value: Any = None, value_range: Any = (0,
        255),
        seed: Any = None, data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self.scale = self._pair(scale, "scale")
        self.fill_value, self.value_range = fill_value, check_range(value_range)
        self._seeded(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The rectangles, which images (batch,) get one, and what fills it."""
        images, seed = images_of(data), seed or self.generator
        batch, (height, width) = images.shape[0], self.size_of(images)
        sides = torch.sqrt(random.uniform((batch, 2), *self.scale, seed=seed))
        rectangle = _rectangle(height, width, sides[:, 1], sides[:, 0], seed)
        probability = random.uniform((batch,), *self.factor, seed=seed)
        apply = random.uniform((batch,), seed=seed) < probability
        fill: Any = self.fill_value
        if fill is None:
            fill = random.normal(images.shape, dtype="float32", seed=seed) * self.value_range[1]
        return {"apply": apply, "rectangle": rectangle, "fill_value": fill}

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Images with rectangles."""
        if transformation is None:
            return images
        fill = transformation["fill_value"]
        fill = fill.to(images) if isinstance(fill, Tensor) else images.new_tensor(fill)
        mask = _inside(self, images, transformation["rectangle"])
        mask = mask & self._filled(transformation["apply"]).to(images.device)
        return torch.where(mask, torch.clamp(fill, *self.value_range), images)


def _one_kind(labels: Tensor, layer: ImageLayer) -> Tensor:
    """Labels that can be mixed: one row for each image, of floats."""
    if labels.ndim < 2:
        raise ValueError(
            f"Layer '{layer.name}' mixes labels, so they must be one-hot rows (batch, classes). Received: "
            f"shape={tuple(labels.shape)}"
        )
    return labels.to(layer._compute_type)


@public("keras.layers.MixUp")
class MixUp(ImageLayer):
    """In training, mixes each image and its label with another of the batch (Zhang et al., 2018).

    Args:
        alpha: of the beta distribution that the share of the image itself is drawn from.
        seed: for the same draws in every run.
    """

    _config = ("data_format", "alpha", "seed")

    def __init__(self, alpha: float = 0.2, data_format: str | None = None, seed: Any = None, **kwargs: Any):
        super().__init__(data_format=data_format, **kwargs)
        self.alpha = alpha
        self._seeded(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The other image of each, and the share (batch,) of the image itself."""
        batch, seed = images_of(data).shape[0], seed or self.generator
        order = random.shuffle(torch.arange(batch), 0, seed)
        return {
            "permutation_order": order,
            "mix_weight": random.beta((batch,), self.alpha, self.alpha, seed=seed),
        }

    def _mixed(self, values: Tensor, transformation: Any) -> Tensor:
        order = transformation["permutation_order"].to(values.device)
        share = transformation["mix_weight"].to(values).reshape(-1, *(1,) * (values.ndim - 1))
        return mapped(_weighed, share, values, values[order])

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Mixed images."""
        return images if transformation is None else self._mixed(images, transformation)

    def transform_labels(self, labels: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Mixed labels (batch, classes)."""
        return labels if transformation is None else self._mixed(_one_kind(labels, self), transformation)

    def transform_segmentation_masks(
        self, masks: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """Mixed masks."""
        return masks if transformation is None else self._mixed(masks.to(self._compute_type), transformation)

    def transform_bounding_boxes(self, boxes: Any, transformation: Any, training: bool = True) -> Any:
        """The boxes of both images."""
        if transformation is None:
            return boxes
        order = transformation["permutation_order"]
        return {key: torch.cat([value, value[order.to(value.device)]], 1) for key, value in boxes.items()}


@public("keras.layers.CutMix")
class CutMix(ImageLayer):
    """In training, puts a rectangle of another image of the batch into each, and mixes labels (Yun et al.,
    2019).

    Args:
        factor: the parameter of the beta distribution of areas is drawn from this pair; a number f means
            (0, f).
        seed: for the same draws in every run.
    """

    _config = ("data_format", "factor", "seed")
    _bounds = (0, 1)

    def __init__(self, factor: Any = 1.0, seed: Any = None, data_format: str | None = None, **kwargs: Any):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self._seeded(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The rectangles, the share (batch,) of the image itself, and the other image of each."""
        images, seed = images_of(data), seed or self.generator
        batch, (height, width) = images.shape[0], self.size_of(images)
        alpha = random.uniform((), *self.factor, seed=seed) + 1e-6
        share = random.beta((batch,), alpha, alpha, seed=seed)
        side = torch.sqrt(1.0 - share)
        rectangle = _rectangle(height, width, side, side, seed)
        order = random.shuffle(torch.arange(batch), 0, seed)
        return {"permutation_order": order, "mix_weight": share, "rectangle": rectangle}

    def _pasted(self, images: Tensor, transformation: Any) -> Tensor:
        order = transformation["permutation_order"].to(images.device)
        return torch.where(_inside(self, images, transformation["rectangle"]), images[order], images)

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Images with rectangles of others."""
        return images if transformation is None else self._pasted(images, transformation)

    def transform_labels(self, labels: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Mixed labels (batch, classes)."""
        if transformation is None:
            return labels
        labels = _one_kind(labels, self)
        order = transformation["permutation_order"].to(labels.device)
        share = transformation["mix_weight"].to(labels).reshape(-1, *(1,) * (labels.ndim - 1))
        return share * labels + (1 - share) * labels[order]

    def transform_segmentation_masks(
        self, masks: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """Masks with rectangles of others."""
        return masks if transformation is None else self._pasted(masks, transformation)

    def transform_bounding_boxes(self, boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Not possible: an image shows parts of objects of two."""
        raise NotImplementedError("CutMix does not transform bounding boxes. Use MixUp.")


@public("keras.layers.MaxNumBoundingBoxes")
class MaxNumBoundingBoxes(ImageLayer):
    """Cuts or fills up the boxes of every image to one number.

    Args:
        max_number: how many.
        fill_value: of the boxes and labels that are added.
    """

    _config = ("data_format", "max_number")
    _always = True

    def __init__(self, max_number: int, fill_value: float = -1, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(max_number, int) or max_number <= 0:
            raise ValueError(f"`max_number` must be a positive integer. Received: max_number={max_number}")
        self.max_number, self.fill_value = max_number, fill_value
        self._keeps_type = True

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """The images."""
        return images

    def _boxes(self, data: dict[str, Any], images: Tensor, transformation: Any, training: bool) -> Any:
        return {key: self._sized(value) for key, value in data["bounding_boxes"].items()}

    def _sized(self, values: Tensor) -> Tensor:
        values = values[:, : self.max_number]
        missing = self.max_number - values.shape[1]
        fill = values.new_full((values.shape[0], missing, *values.shape[2:]), self.fill_value)
        return torch.cat([values, fill], 1)
