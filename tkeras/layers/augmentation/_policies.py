"""Layers that combine others: RandomColorJitter, RandAugment, AugMix, Pipeline."""

from __future__ import annotations

from typing import Any

import torch

from tkeras import random
from tkeras.layers._layer import Layer
from tkeras.layers.augmentation._colors import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
    RandomHue,
    RandomPosterization,
    RandomSaturation,
    RandomSharpness,
    Solarization,
)
from tkeras.layers.augmentation._geometry import RandomRotation, RandomShear, RandomTranslation
from tkeras.layers.augmentation._histograms import AutoContrast, Equalization
from tkeras.layers.augmentation._image_layer import ImageLayer, Tensor, check_choice, check_range
from tkeras.saving import deserialize_keras_object, public, serialize_keras_object

_BYTES = (0, 255)
_INTERPOLATION = ("nearest", "bilinear")


@public("keras.layers.RandomColorJitter")
class RandomColorJitter(ImageLayer):
    """In training, changes brightness, contrast, saturation and hue, one after the other.

    Args:
        value_range: lowest and highest value of a pixel.
        brightness_factor, contrast_factor, saturation_factor, hue_factor: as of `RandomBrightness`,
            `RandomContrast`,
            `RandomSaturation` and `RandomHue`; None to leave it out.
        seed: for the same draws in every run.
    """

    _config = (
        "data_format", "value_range", "brightness_factor", "contrast_factor", "saturation_factor",
        "hue_factor", "seed",
    )  # fmt: skip

    def __init__(
        self, value_range: Any = _BYTES, brightness_factor: Any = None, contrast_factor: Any = None,
        saturation_factor: Any = None, hue_factor: Any = None, seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = check_range(value_range)
        self._seeded(seed)
        made = {"value_range": value_range, "seed": seed, "data_format": data_format}
        made["dtype"] = self.dtype_policy
        table = (
            ("brightness", RandomBrightness, brightness_factor), ("contrast", RandomContrast,
            contrast_factor),
            ("saturation", RandomSaturation, saturation_factor), ("hue", RandomHue, hue_factor),
        )  # fmt: skip
        for name, kind, factor in table:
            setattr(self, f"{name}_factor", factor)
            setattr(self, f"random_{name}", None if factor is None else kind(factor, **made))
        self._steps = [step for name, _, _ in table if (step := getattr(self, f"random_{name}")) is not None]

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """What each of the layers draws."""
        seed = seed or self.generator
        return [step.get_random_transformation(data, training, seed) for step in self._steps]

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Images in other colours."""
        for step, drawn in zip(self._steps, transformation or (), strict=transformation is not None):
            images = step.transform_images(images, drawn, training)
        return images


def _operations(layer: Any, factor: Any, names: tuple[str, ...]) -> dict[str, ImageLayer]:
    """Layers by the names that Keras' policies give them, as strong as ``factor``."""
    common = {"data_format": layer.data_format, "dtype": layer.dtype_policy}
    colors = dict(common, value_range=layer.value_range, seed=layer.seed)
    moves = dict(common, interpolation=layer.interpolation, seed=layer.seed)
    low, high = factor
    bits = layer.__dict__.get("_bits", (1, 4))
    makers = {
        "random_shear": lambda: RandomShear((low, high), (low, high), **moves),
        "random_translation": lambda: RandomTranslation((low, high), (low, high), **moves),
        "random_rotation": lambda: RandomRotation((low, high), **moves),
        "random_brightness": lambda: RandomBrightness((low, high), **colors),
        "random_color_degeneration": lambda: RandomColorDegeneration((low, high), **colors),
        "random_contrast": lambda: RandomContrast((low, high), **colors),
        "random_sharpness": lambda: RandomSharpness((low, high), **colors),
        "random_posterization": lambda: RandomPosterization(bits, **colors),
        "solarization": lambda: Solarization((low, high), (low, high), **colors),
        "auto_contrast": lambda: AutoContrast(layer.value_range, **common),
        "equalization": lambda: Equalization(layer.value_range, **common),
    }
    return {name: makers[name]() for name in names}


_RAND_AUGMENT = (
    "random_shear", "random_translation", "random_rotation", "random_brightness", "random_color_degeneration",
    "random_contrast", "random_sharpness", "random_posterization", "solarization", "auto_contrast",
    "equalization",
)  # fmt: skip


class _Policy(ImageLayer):
    """Holds operations under names; boxes and labels go with those that move pixels."""

    _bounds = (0, 1)
    _operations: dict[str, ImageLayer]

    def _hold(self, names: tuple[str, ...]) -> None:
        found = _operations(self, self.factor, names)
        for name, operation in found.items():
            setattr(self, name, operation)
        self.__dict__["_operations"] = found

    def transform_segmentation_masks(
        self, masks: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """Masks changed along."""
        for name, drawn in self._applied(transformation):
            masks = self._operations[name].transform_segmentation_masks(masks, drawn, training)
        return masks

    def transform_bounding_boxes(self, boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Boxes changed along."""
        for name, drawn in self._applied(transformation):
            self._operations[name].__dict__["_sizes"] = self._sizes
            boxes = self._operations[name].transform_bounding_boxes(boxes, drawn, training)
        return boxes

    def _applied(self, transformation: Any) -> Any:
        """(name of an operation, what it drew) in order."""
        raise NotImplementedError(f"{type(self).__name__} must define `_applied`.")


@public("keras.layers.RandAugment")
class RandAugment(_Policy):
    """In training, applies some of eleven operations, drawn for each batch (Cubuk et al., 2020).

    Args:
        value_range: lowest and highest value of a pixel.
        num_ops: how many, one after the other.
        factor: how strong, within [0, 1].
        interpolation: ``"bilinear"`` (default) or ``"nearest"``.
        seed: for the same draws in every run.
    """

    _config = ("data_format", "value_range", "num_ops", "factor", "interpolation", "seed")

    def __init__(
        self, value_range: Any = _BYTES, num_ops: int = 2, factor: Any = 0.5, interpolation: str = "bilinear",
        seed: Any = None, data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self.value_range, self.num_ops = check_range(value_range), num_ops
        self.interpolation = check_choice("interpolation", interpolation, _INTERPOLATION)
        self._seeded(seed)
        self._hold(_RAND_AUGMENT)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Which operations, and what each of them draws."""
        seed = seed or self.generator
        chosen = random.randint((self.num_ops,), 0, len(_RAND_AUGMENT), seed=seed)
        drawn = {
            name: operation.get_random_transformation(data, training, seed)
            for name, operation in self._operations.items()
        }
        return None if chosen.is_meta else {"operations": chosen.tolist(), **drawn}

    def _applied(self, transformation: Any) -> Any:
        if transformation is None:
            return ()
        names = [_RAND_AUGMENT[index] for index in transformation["operations"]]
        return [(name, transformation[name]) for name in names]

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Changed images."""
        for name, drawn in self._applied(transformation):
            images = self._operations[name].transform_images(images, drawn, training)
        return images


_PLAIN = (
    "random_shear", "random_translation", "random_rotation", "solarization", "auto_contrast", "equalization",
    "random_posterization",
)  # fmt: skip
_EXTRA = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")


@public("keras.layers.AugMix")
class AugMix(_Policy):
    """In training, mixes images with several chains of operations on them (Hendrycks et al., 2020).

    The operations are drawn with ``seed``; Keras draws them with Python's ``random``, so they differ.

    Args:
        value_range: lowest and highest value of a pixel.
        num_chains: how many chains are mixed.
        chain_depth: the largest number of operations of a chain.
        factor: how strong they are, within [0, 1].
        alpha: of the Dirichlet distribution of the chains and the beta distribution of the images themselves.
        all_ops: whether brightness, colour degeneration, contrast and sharpness are among the operations.
        interpolation: ``"bilinear"`` (default) or ``"nearest"``.
        seed: for the same draws in every run.
    """

    _config = (
        "data_format", "value_range", "num_chains", "chain_depth", "factor", "alpha", "all_ops",
        "interpolation", "seed",
    )  # fmt: skip

    def __init__(
        self, value_range: Any = _BYTES, num_chains: int = 3, chain_depth: int = 3, factor: Any = 0.3,
        alpha: float = 1.0, all_ops: bool = True, interpolation: str = "bilinear", seed: Any = None,
        data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self.value_range, self.num_chains, self.chain_depth = (
            check_range(value_range),
            num_chains,
            chain_depth,
        )
        self.alpha, self.all_ops = alpha, all_ops
        self.interpolation = check_choice("interpolation", interpolation, _INTERPOLATION)
        self._seeded(seed)
        self.__dict__["_names"] = (*_PLAIN, *_EXTRA) if all_ops else _PLAIN
        self._hold(self._names)

    _names: tuple[str, ...]

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Shares of the chains and of the images, and the chains: names of operations and what they draw."""
        seed = seed or self.generator
        gammas = random.gamma((self.num_chains,), self.alpha, seed=seed)
        own = random.beta((), self.alpha, self.alpha, seed=seed)
        depths = random.randint((self.num_chains,), 1, self.chain_depth + 1, seed=seed)
        picks = random.randint((self.num_chains, self.chain_depth), 0, len(self._names), seed=seed)
        if own.is_meta:
            return None
        chains = [
            [
                (
                    name := self._names[pick],
                    self._operations[name].get_random_transformation(data, training, seed),
                )
                for pick in row[:depth]
            ]
            for row, depth in zip(picks.tolist(), depths.tolist(), strict=True)
        ]
        return {"shares": gammas / gammas.sum(), "own": own, "chains": chains}

    def _applied(self, transformation: Any) -> Any:
        return ()

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Mixed images."""
        if transformation is None:
            return images
        mixed = torch.zeros_like(images)
        for share, chain in zip(transformation["shares"].to(images), transformation["chains"], strict=True):
            changed = images
            for name, drawn in chain:
                changed = self._operations[name].transform_images(changed, drawn, training)
            mixed = mixed + share * changed
        own = transformation["own"].to(images)
        return torch.clamp(own * images + (1 - own) * mixed, *self.value_range)


@public("keras.layers.Pipeline")
class Pipeline(Layer):
    """Applies layers one after the other; a layer, where `Sequential` is a model.

    Args:
        layers: the layers.
    """

    def __init__(self, layers: Any, name: str | None = None, **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self._pipeline_layers = list(layers)
        self.autocast = False

    @property
    def layers(self) -> list[Any]:
        """The layers."""
        return list(self._pipeline_layers)

    def call(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        """What the last layer gives."""
        for layer in self._pipeline_layers:
            kwargs = {"training": training} if _takes_training(layer) else {}
            inputs = layer(inputs, **kwargs)
        return inputs

    def compute_output_spec(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        """Symbolic outputs of the last layer."""
        for layer in self._pipeline_layers:
            inputs = layer.compute_output_spec(inputs)
        return inputs

    def get_config(self) -> dict[str, Any]:
        """The layers' configurations."""
        return {
            "name": self.name,
            "layers": [serialize_keras_object(layer) for layer in self._pipeline_layers],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A pipeline from :meth:`get_config`."""
        made = [deserialize_keras_object(layer) for layer in config["layers"]]
        return cls(made, **{key: value for key, value in config.items() if key != "layers"})


def _takes_training(layer: Any) -> bool:
    from tkeras.layers._signature import call_signature

    return call_signature(type(layer).call).training
