"""`ImageLayer`: one protocol for images alone and for images with labels, masks and boxes."""

from __future__ import annotations

from typing import Any

import torch

from tkeras import ops
from tkeras.bridge import mapped
from tkeras.config import standardize_data_format
from tkeras.layers._layer import Layer
from tkeras.layers.augmentation._boxes import converted
from tkeras.random import SeedGenerator

Tensor = torch.Tensor
Pair = tuple[float, float]
_SPATIAL = ("images", "segmentation_masks")


def check_range(value_range: Any) -> Any:
    """A pair (lowest, highest value of a pixel)."""
    if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
        raise ValueError(
            f"The `value_range` argument should be a list of two numbers. Received: value_range={value_range}"
        )
    return value_range


def range_list(value_range: Any) -> list[Any]:
    """A pair (lowest, highest value of a pixel) as a rising list."""
    return sorted(check_range(value_range))


def check_choice(name: str, value: Any, known: tuple[str, ...]) -> str:
    """``value`` if it is one of those known."""
    if value not in known:
        raise NotImplementedError(f"Unknown `{name}` {value}. Expected of one {known}.")
    return value


def number_pair(value: Any, bounds: Pair, problem: str, name: str = "factor", symmetric: bool = True) -> Any:
    """(lower, upper) from a pair, or from a number f: ``(-f, f)`` within the bounds, or ``(0, f)``.

    Args:
        problem: what is wrong where it is not so.
    """
    low, high = bounds
    if isinstance(value, (tuple, list)):
        if len(value) == 2:
            for number in value:
                _within(number, bounds, f"{problem} Received: input_number={number}")
            return tuple(sorted(value))
    elif isinstance(value, (int, float)):
        if not symmetric:
            _within(value, bounds, f"{problem} Received: input_number={value}")
            return 0, value
        if abs(value) <= high and (value >= low or low < 0):
            return max(-abs(value), low), abs(value)
    raise ValueError(f"{problem} Received: {name}={value}")


def _within(number: Any, bounds: Pair, problem: str) -> None:
    if not isinstance(number, (int, float)) or not bounds[0] <= number <= bounds[1]:
        raise ValueError(problem)


def rescaled(images: Tensor, old: Any, new: Any) -> Tensor:
    """Values of one range in another."""
    if tuple(old) == tuple(new):
        return images
    ranges = {"low": old[0], "high": old[1], "new_low": new[0], "new_high": new[1]}
    return mapped(rescaled_value, images, **ranges)


def rescaled_value(x: Any, low: float, high: float, new_low: float, new_high: float) -> Any:
    """The same of an expression."""
    return (x - low) / (high - low) * (new_high - new_low) + new_low


class ImageLayer(Layer):
    """Base of layers that change images.

    Their input is images, (batch, height, width, channels) or one image without the batch, or a dictionary of
    ``images`` and any of ``labels``, ``segmentation_masks`` and ``bounding_boxes`` (itself a dictionary of
    ``boxes`` and ``labels``). With the same seed the random numbers are those of Keras on torch.

    A subclass draws what is random in :meth:`get_random_transformation`, and uses it in
    :meth:`transform_images`
    and its siblings, all of which see a batch.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``.
        bounding_box_format: of the boxes, such as ``"xyxy"`` or ``"rel_xywh"``.
    """

    _bounds: Pair = (-1.0, 1.0)
    _always = False  # whether it acts at inference as well
    _moves = False  # whether pixels change place, and boxes with them

    def __init__(
        self,
        factor: Any = None,
        data_format: str | None = None,
        bounding_box_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.bounding_box_format = bounding_box_format
        last = self.data_format == "channels_last"
        self._channel, self._rows, self._columns = (-1, -3, -2) if last else (-3, -2, -1)
        self._keeps_type = False
        self.autocast = False
        if factor is not None:
            self.factor = self._pair(factor)

    def _pair(self, value: Any, name: str = "factor") -> Any:
        low, high = (int(bound) if bound == int(bound) else bound for bound in self._bounds)
        return number_pair(
            value, (low, high),
            f"The `{name}` argument should be a number (or a list of two numbers) in the range [{low}, "
            f"{high}].",
        )  # fmt: skip

    def _seeded(self, seed: Any) -> None:
        self.seed = seed
        self.generator = SeedGenerator(seed)

    def size_of(self, images: Any) -> tuple[int, int]:
        """(height, width) of images."""
        return images.shape[self._rows], images.shape[self._columns]

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """What is drawn for a batch, or None where nothing is to be done.

        Args:
            data: images (batch, …), or a dictionary with them.
        """
        return None

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Images of the compute type changed."""
        raise NotImplementedError(f"{type(self).__name__} must define `transform_images`.")

    def transform_labels(self, labels: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Labels changed along."""
        return labels

    def transform_segmentation_masks(
        self, masks: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """Masks changed along: as images where pixels move, else not at all."""
        return self.transform_images(masks, transformation, training) if self._moves else masks

    def transform_bounding_boxes(self, boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Boxes changed along: ``boxes`` (batch, count, 4) in pixels (xyxy), and ``labels``."""
        if self._moves:
            raise NotImplementedError(
                f"{type(self).__name__} does not transform bounding boxes. Use RandomFlip, RandomCrop, "
                "CenterCrop, Resizing, RandomTranslation, RandomZoom, RandomRotation or RandomShear."
            )
        return boxes

    def call(self, data: Any, training: bool = True) -> Any:
        """The same structure, images of the compute type."""
        training = training or self._always
        if not isinstance(data, dict):
            return self._changed({"images": data}, training)["images"]
        return self._changed(dict(data), training)

    def _changed(self, data: dict[str, Any], training: bool) -> dict[str, Any]:
        images = data["images"]
        if images.ndim not in (3, 4):
            raise ValueError(
                "Expected image tensor to have rank 3 (single image) or 4 (batch of images). Received: "
                f"data.shape={tuple(images.shape)}"
            )
        single = images.ndim == 3
        data = {key: _with_batch(value) if single else value for key, value in data.items()}
        transformation = self.get_random_transformation(data, training) if training else None
        found = self._transformed(data, transformation, training)
        return {key: _without_batch(value) if single else value for key, value in found.items()}

    def _transformed(self, data: dict[str, Any], transformation: Any, training: bool) -> dict[str, Any]:
        found = dict(data)
        kind = data["images"].dtype if self._keeps_type else self._compute_type
        found["images"] = self.transform_images(data["images"].to(kind), transformation, training)
        for key, change in (
            ("labels", self.transform_labels),
            ("segmentation_masks", self.transform_segmentation_masks),
        ):
            if key in data:
                found[key] = change(data[key], transformation, training)
        if "bounding_boxes" in data:
            found["bounding_boxes"] = self._boxes(data, found["images"], transformation, training)
        return found

    def _boxes(self, data: dict[str, Any], images: Tensor, transformation: Any, training: bool) -> Any:
        if self.bounding_box_format is None:
            raise ValueError(
                f"Layer '{self.name}' got bounding boxes: give it `bounding_box_format`, such as \"xyxy\"."
            )
        given = data["bounding_boxes"]
        boxes = converted(
            given["boxes"].float(), self.bounding_box_format, "xyxy", *self.size_of(data["images"])
        )
        self._sizes = self.size_of(data["images"])
        moved = self.transform_bounding_boxes({**given, "boxes": boxes}, transformation, training)
        after = converted(moved["boxes"], "xyxy", self.bounding_box_format, *self.size_of(images))
        return {**moved, "boxes": after}

    def compute_output_spec(self, data: Any, training: bool = True) -> Any:
        """Symbolic images and what goes with them."""
        from tkeras.graph import KerasTensor

        if not isinstance(data, dict):
            return KerasTensor(
                self.compute_output_shape(data.shape), data.dtype if self._keeps_type else self.compute_dtype
            )
        made = {key: self.compute_output_spec(data[key]) for key in _SPATIAL if key in data}
        return {**data, **made}

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape

    def _filled(self, mask: Tensor) -> Tensor:
        """A number for each image (batch,) as (batch, 1, 1, 1)."""
        return mask.reshape(-1, 1, 1, 1)


def _with_batch(value: Any) -> Any:
    return (
        {key: _with_batch(item) for key, item in value.items()}
        if isinstance(value, dict)
        else value.unsqueeze(0)
    )


def _without_batch(value: Any) -> Any:
    return (
        {key: _without_batch(item) for key, item in value.items()}
        if isinstance(value, dict)
        else value.squeeze(0)
    )


def grayscale(images: Tensor, data_format: str) -> Tensor:
    """Luminance in each of the channels."""
    return ops.image.rgb_to_grayscale(images, data_format=data_format).expand(images.shape)


def images_of(data: Any) -> Tensor:
    """The images of a dictionary, or what was given."""
    return data["images"] if isinstance(data, dict) else data
