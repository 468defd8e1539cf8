"""Layers that give images another size: Resizing, CenterCrop, RandomCrop."""

from __future__ import annotations

from typing import Any

import torch

from tkeras import ops, random
from tkeras.layers.augmentation._boxes import clipped
from tkeras.layers.augmentation._image_layer import ImageLayer, Tensor, images_of
from tkeras.saving import public


class Sized(ImageLayer):
    """Gives images a height and a width."""

    _moves = True
    height: int
    width: int

    def _size(self, height: int, width: int) -> None:
        for name, value in (("height", height), ("width", width)):
            if not isinstance(value, int) or value <= 0:
                raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value}")
        self.height, self.width = height, width

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape with the new height and width."""
        shape = list(input_shape)
        if len(shape) not in (3, 4):
            raise ValueError(
                "Expected image tensor to have rank 3 (single image) or 4 (batch of images). Received: "
                f"shape={tuple(shape)}"
            )
        shape[self._rows], shape[self._columns] = self.height, self.width
        return tuple(shape)

    def _fitted(self, images: Tensor, interpolation: str = "bilinear") -> Tensor:
        """The largest window of the target's proportions, resized."""
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation,
            crop_to_aspect_ratio=True,
            data_format=self.data_format,
        )

    def _fitted_boxes(self, boxes: Any) -> Any:
        """Boxes in what :meth:`_fitted` shows."""
        height, width = self._sizes
        rows = max(min(height, int(width * self.height / self.width)), 1)
        columns = max(min(width, int(height * self.width / self.height)), 1)
        return self._window(boxes, (height - rows) // 2, (width - columns) // 2, rows, columns)

    def _window(self, boxes: Any, top: int, left: int, rows: int, columns: int) -> Any:
        """Boxes in a window of the image that is then resized."""
        found = boxes["boxes"]
        scale = found.new_tensor([self.width / columns, self.height / rows] * 2)
        moved = (found - found.new_tensor([left, top] * 2)) * scale
        return clipped({**boxes, "boxes": moved}, self.height, self.width)


@public("keras.layers.Resizing")
class Resizing(Sized):
    """Resizes images, in training and at inference.

    Args:
        height, width: of the result.
        interpolation: ``"bilinear"`` (default), ``"nearest"``, ``"bicubic"``, ``"lanczos3"`` or
            ``"lanczos5"``.
        crop_to_aspect_ratio: whether to cut off what would distort the image.
        pad_to_aspect_ratio: whether to add ``fill_value`` around it instead.
        fill_mode: only ``"constant"``.
        antialias: whether a smaller result averages over all pixels that one of it covers.

    The element type is kept.
    """

    _config = (
        "data_format", "height", "width", "interpolation", "crop_to_aspect_ratio", "pad_to_aspect_ratio",
        "fill_mode", "fill_value", "antialias",
    )  # fmt: skip
    _always = True

    def __init__(
        self, height: int, width: int, interpolation: str = "bilinear", crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False, fill_mode: str = "constant", fill_value: float = 0.0,
        antialias: bool = False, data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(data_format=data_format, **kwargs)
        self._size(height, width)
        self.interpolation, self.antialias = interpolation, antialias
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = crop_to_aspect_ratio, pad_to_aspect_ratio
        self.fill_mode, self.fill_value = fill_mode, fill_value
        self._keeps_type = True
        self._resized(
            torch.empty((1, 1, 1, 1), device="meta"), interpolation
        )  # refuses what resize does not know

    def _resized(self, images: Tensor, interpolation: str) -> Tensor:
        return ops.image.resize(
            images, (self.height, self.width), interpolation, self.antialias, self.crop_to_aspect_ratio,
            self.pad_to_aspect_ratio, self.fill_mode, self.fill_value, self.data_format,
        )  # fmt: skip

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Resized images."""
        return self._resized(images, self.interpolation)

    def transform_segmentation_masks(
        self, masks: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """Masks resized by the nearest pixel."""
        return self._resized(masks, "nearest")

    def transform_bounding_boxes(self, boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Boxes in the resized images."""
        height, width = self._sizes
        if self.crop_to_aspect_ratio:
            return self._fitted_boxes(boxes)
        if not self.pad_to_aspect_ratio:
            return self._window(boxes, 0, 0, height, width)
        rows, columns = (
            max(height, int(width * self.height / self.width)),
            max(width, int(height * self.width / self.height)),
        )
        return self._window(boxes, -((rows - height) // 2), -((columns - width) // 2), rows, columns)


@public("keras.layers.CenterCrop")
class CenterCrop(Sized):
    """Cuts out the middle of images; smaller images are resized.

    Args:
        height, width: of the result.
    """

    _config = ("data_format", "height", "width")
    _always = True

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format=data_format, **kwargs)
        self._size(height, width)

    def _start(self, height: int, width: int) -> tuple[int, int] | None:
        if height < self.height or width < self.width:
            return None
        return int((height - self.height) / 2), int((width - self.width) / 2)

    def _cut(self, images: Tensor, interpolation: str) -> Tensor:
        start = self._start(*self.size_of(images))
        if start is None:
            return self._fitted(images, interpolation)
        cut = images.narrow(self._rows, start[0], self.height)
        return cut.narrow(self._columns, start[1], self.width)

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """The middle of images."""
        return self._cut(images, "bilinear")

    def transform_segmentation_masks(
        self, masks: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """The middle of masks."""
        return self._cut(masks, "nearest")

    def transform_bounding_boxes(self, boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Boxes in the middle of images."""
        start = self._start(*self._sizes)
        return (
            self._fitted_boxes(boxes)
            if start is None
            else self._window(boxes, *start, self.height, self.width)
        )


@public("keras.layers.RandomCrop")
class RandomCrop(Sized):
    """In training, cuts out a window at a random place, the same of all images of a batch.

    At inference, the largest window of the same proportions in the middle is resized, as Keras documents
    it (its
    layer of 3.15 leaves images at their size there).

    Args:
        height, width: of the result.
        seed: for the same draws in every run.
    """

    _config = ("data_format", "height", "width", "seed")

    def __init__(
        self, height: int, width: int, seed: Any = None, data_format: str | None = None,
        name: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(data_format=data_format, name=name, **kwargs)
        self._size(height, width)
        self._seeded(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Where the window begins, from the top and from the left."""
        height, width = self.size_of(images_of(data))
        seed = seed or self.generator
        top = random.uniform((), 0, max(height - self.height + 1.0, 0.0), seed=seed)
        left = random.uniform((), 0, max(width - self.width + 1.0, 0.0), seed=seed)
        return top.floor().long(), left.floor().long()

    def _cut(self, images: Tensor, start: Any, interpolation: str) -> Tensor:
        if start is None:
            return self._fitted(images, interpolation)
        (height, width), (top, left) = self.size_of(images), start
        for axis, first, size in (
            (self._rows, top, min(height, self.height)),
            (self._columns, left, min(width, self.width)),
        ):
            index = first.to(images.device) + torch.arange(size, device=images.device)
            images = images.index_select(axis, index)
        if self.size_of(images) == (self.height, self.width):
            return images
        return ops.image.resize(
            images, (self.height, self.width), interpolation, data_format=self.data_format
        )

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Windows of images."""
        return self._cut(images, transformation, "bilinear")

    def transform_segmentation_masks(
        self, masks: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """Windows of masks."""
        return self._cut(masks, transformation, "nearest")

    def transform_bounding_boxes(self, boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Boxes in the windows."""
        if transformation is None:
            return self._fitted_boxes(boxes)
        (height, width), (top, left) = self._sizes, (int(start) for start in transformation)
        return self._window(boxes, top, left, min(height, self.height), min(width, self.width))
