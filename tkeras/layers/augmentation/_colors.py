"""Layers that change colours, pixel by pixel; each image gets its own random amount."""

from __future__ import annotations

from typing import Any

import torch

from tkeras import ops, random
from tkeras.bridge import mapped
from tkeras.layers.augmentation._image_layer import (
    ImageLayer,
    Tensor,
    check_range,
    grayscale,
    images_of,
    number_pair,
    range_list,
    rescaled,
    rescaled_value,
)
from tkeras.saving import public
from tkeras_kernels import expr

_BYTES = (0, 255)


def _brightened(x: Any, factor: Any, low: float, high: float) -> Any:
    return expr.clip(x + factor * (high - low), low, high)


def _away(x: Any, factor: Any, mean: Any, low: float, high: float) -> Any:
    return expr.clip((x - mean) * factor + mean, low, high)


def _towards(x: Any, factor: Any, other: Any, low: float, high: float) -> Any:
    return expr.clip(x + factor * (other - x), low, high)


def _saturated(saturation: Any, factor: Any, tiny: float) -> Any:
    return expr.clip(saturation * (factor / expr.clip(1 - factor, tiny)), 0, 1)


def _turned(hue: Any, turn: Any) -> Any:
    return hue + turn - expr.floor(hue + turn)


def _as_bytes(x: Any, low: float, high: float) -> Any:
    return x if (low, high) == _BYTES else rescaled_value(x, low, high, *_BYTES)


def _from_bytes(x: Any, low: float, high: float) -> Any:
    return x if (low, high) == _BYTES else rescaled_value(x, *_BYTES, low, high)


def _solarized(x: Any, added: Any, threshold: Any, low: float, high: float) -> Any:
    value = expr.clip(_as_bytes(x, low, high) + added, 0, 255)
    return _from_bytes(expr.where(value < threshold, value, 255 - value), low, high)


def _posterized(x: Any, step: Any, low: float, high: float) -> Any:
    whole = expr.floor(expr.clip(_as_bytes(x, low, high), 0, 255))
    return _from_bytes(expr.floor(whole / step) * step, low, high)


class Colors(ImageLayer):
    """Base: a factor for each image, drawn from a range.

    Args:
        factor: a pair that it is drawn from, or a number f for (-f, f), or for (0, f) where it has no sign.
        value_range: lowest and highest value of a pixel.
        seed: for the same draws in every run.
    """

    _config = ("data_format", "factor", "value_range", "seed")
    _listed = True  # whether Keras keeps the range as a list

    def __init__(
        self,
        factor: Any,
        value_range: Any = _BYTES,
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self.value_range = range_list(value_range) if self._listed else check_range(value_range)
        self._seeded(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The factors (batch, 1, 1, 1)."""
        shape = (images_of(data).shape[0], 1, 1, 1)
        return {"factor": random.uniform(shape, *self.factor, seed=seed or self.generator)}

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Images in other colours."""
        if transformation is None:
            return images
        return self.recolored(images, transformation["factor"].to(images))

    def recolored(self, images: Tensor, factor: Tensor) -> Tensor:
        """Images (batch, …) with these factors (batch, 1, 1, 1)."""
        raise NotImplementedError(f"{type(self).__name__} must define `recolored`.")


@public("keras.layers.RandomBrightness")
class RandomBrightness(Colors):
    """In training, adds a part of the value range, -1 for black and 1 for white. Arguments: see `Colors`."""

    def __init__(self, factor: Any, value_range: Any = _BYTES, seed: Any = None, **kwargs: Any):
        super().__init__(factor, value_range, seed=seed, **kwargs)

    def recolored(self, images: Tensor, factor: Tensor) -> Tensor:
        """Brighter or darker images."""
        low, high = self.value_range
        return mapped(_brightened, images, factor, low=low, high=high)


@public("keras.layers.RandomContrast")
class RandomContrast(Colors):
    """In training, scales the distance of each channel from its mean by ``[1 - lower, 1 + upper]``.

    Arguments: see `Colors`; the factor is within [0, 1], and a number f means (0, f).
    """

    _bounds = (0, 1)
    _listed = False

    def __init__(self, factor: Any, value_range: Any = _BYTES, seed: Any = None, **kwargs: Any):
        super().__init__(factor, value_range, seed=seed, **kwargs)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The factors (batch, 1, 1, 1)."""
        shape, (lower, upper) = (images_of(data).shape[0], 1, 1, 1), self.factor
        drawn = random.uniform(shape, 1.0 - lower, 1.0 + upper, "float32", seed or self.generator)
        return {"factor": drawn}

    def recolored(self, images: Tensor, factor: Tensor) -> Tensor:
        """Images of more or less contrast."""
        mean = images.mean((self._rows, self._columns), keepdim=True)
        low, high = self.value_range
        return mapped(_away, images, factor, mean, low=low, high=high)


@public("keras.layers.RandomColorDegeneration")
class RandomColorDegeneration(Colors):
    """In training, mixes images with their gray versions: 0 of them, up to 1. Arguments: see `Colors`."""

    def recolored(self, images: Tensor, factor: Tensor) -> Tensor:
        """Duller images."""
        low, high = self.value_range
        return mapped(_towards, images, factor, grayscale(images, self.data_format), low=low, high=high)


class _Hsv(Colors):
    """Works on hue, saturation and value of (batch, …) images within [0, 1]."""

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The factors (batch,)."""
        return {"factor": self.drawn(images_of(data).shape[0], seed or self.generator)}

    def drawn(self, batch: int, seed: Any) -> Tensor:
        """The factors (batch,)."""
        return random.uniform((batch,), *self.factor, seed=seed)

    def recolored(self, images: Tensor, factor: Tensor) -> Tensor:
        """Images with other hue or saturation."""
        if images.shape[self._channel] != 3:
            raise ValueError(
                f"Layer '{self.name}' expects images of 3 channels. Received: shape={tuple(images.shape)}"
            )
        unit = rescaled(images, self.value_range, (0, 1))
        hsv = ops.image.rgb_to_hsv(unit, data_format=self.data_format)
        hue, saturation, value = hsv.unbind(self._channel)
        hue, saturation = self.turned(hue, saturation, factor.reshape(-1, 1, 1))
        hsv = torch.stack([hue, saturation, value], self._channel)
        rgb = ops.image.hsv_to_rgb(hsv, data_format=self.data_format)
        return torch.clamp(rescaled(rgb, (0, 1), self.value_range), *self.value_range)

    def turned(self, hue: Tensor, saturation: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        """Hue and saturation changed."""
        raise NotImplementedError(f"{type(self).__name__} must define `turned`.")


@public("keras.layers.RandomSaturation")
class RandomSaturation(_Hsv):
    """In training, multiplies the saturation by ``factor / (1 - factor)``: 0 for gray, 0.5 for no change.

    Arguments: see `Colors`. Saturation ends at its largest value, where Keras goes on past the value range.
    """

    def turned(self, hue: Tensor, saturation: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        """Saturation scaled."""
        return hue, mapped(_saturated, saturation, factor, tiny=torch.finfo(factor.dtype).eps)


@public("keras.layers.RandomHue")
class RandomHue(_Hsv):
    """In training, turns the hue by up to half a circle to a side. Arguments: see `Colors`, in [0, 1]."""

    _bounds = (0, 1)
    _listed = False

    def drawn(self, batch: int, seed: Any) -> Tensor:
        """Turns (batch,) as fractions of the circle."""
        side = torch.where(random.uniform((batch,), seed=seed) > 0.5, -1.0, 1.0)
        return side * random.uniform((batch,), *self.factor, seed=seed) * 0.5

    def turned(self, hue: Tensor, saturation: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        """Hue shifted."""
        return mapped(_turned, hue, factor), saturation


@public("keras.layers.RandomSharpness")
class RandomSharpness(Colors):
    """In training, blurs (factor 0) or sharpens (1) images; 0.5 changes nothing. Arguments: see `Colors`."""

    _bounds = (0, 1)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The factors (batch,)."""
        drawn = random.uniform((images_of(data).shape[0],), *self.factor, seed=seed or self.generator)
        return {"factor": drawn}

    def recolored(self, images: Tensor, factor: Tensor) -> Tensor:
        """Blurred or sharpened images."""
        last = self.data_format == "channels_last"
        x = images.movedim(-1, 1) if last else images
        kernel = images.new_tensor([[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]]) / 13
        blurred = torch.nn.functional.conv2d(
            x, kernel.expand(x.shape[1], 1, 3, 3), padding=1, groups=x.shape[1]
        )
        blurred = blurred.movedim(1, -1) if last else blurred
        low, high = self.value_range
        return mapped(_towards, blurred, 2 * factor.reshape(-1, 1, 1, 1), images, low=low, high=high)


@public("keras.layers.RandomGrayscale")
class RandomGrayscale(ImageLayer):
    """In training, makes images gray, with as many channels as before.

    Args:
        factor: the probability, within [0, 1].
        seed: for the same draws in every run.
    """

    _config = ("data_format", "factor")

    def __init__(self, factor: float = 0.5, data_format: str | None = None, seed: Any = None, **kwargs: Any):
        super().__init__(data_format=data_format, **kwargs)
        if not isinstance(factor, (int, float)) or not 0 <= factor <= 1:
            raise ValueError(f"`factor` should be between 0 and 1. Received: factor={factor}")
        self.factor = factor
        self._seeded(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Which images (batch,) become gray."""
        return random.uniform((images_of(data).shape[0],), 0, 1, seed=seed or self.generator) < self.factor

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Gray images."""
        if transformation is None:
            return images
        gray = grayscale(images, self.data_format)
        return torch.where(self._filled(transformation).to(images.device), gray, images)


@public("keras.layers.RandomInvert")
class RandomInvert(Colors):
    """In training, inverts images: ``highest value - x``.

    Args:
        factor: the probability, or a pair that it is drawn from for each image; a number f means (0, f).
        value_range, seed: see `Colors`.
    """

    _bounds = (0, 1)
    _listed = False

    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Any = _BYTES,
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Which images (batch,) are inverted."""
        shape, seed = (images_of(data).shape[0],), seed or self.generator
        probability = random.uniform(shape, *self.factor, seed=seed)
        return {"factor": (random.uniform(shape, 0, 1, seed=seed) < probability).float()}

    def recolored(self, images: Tensor, factor: Tensor) -> Tensor:
        """Inverted images."""
        return torch.where(self._filled(factor) > 0, self.value_range[1] - images, images)


@public("keras.layers.RandomPosterization")
class RandomPosterization(Colors):
    """In training, keeps the highest bits of each channel.

    Args:
        factor: how many, 1 to 8, or a pair that this is drawn from; a number n means from 1 to n.
        value_range, seed: see `Colors`.
    """

    _bounds = (1, 8)

    def _pair(self, value: Any, name: str = "factor") -> Any:
        low, high = self._bounds
        problem = (
            f"The `{name}` argument should be a number (or a list of two numbers) in the range "
            f"[{low}, {high}]."
        )
        if isinstance(value, (int, float)) and not low <= value <= high:
            raise ValueError(f"{problem} Received: {name}={value}")
        found = (
            number_pair(value, (low, high), problem, name)
            if not isinstance(value, (int, float))
            else (low, value)
        )
        if any(not isinstance(number, int) for number in found):
            raise ValueError(f"{problem} The numbers must be integers. Received: {name}={value}")
        return found

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """By how many bits (batch,) values are shifted."""
        shape, (low, high) = (images_of(data).shape[0],), self.factor
        if low == high:
            bits = torch.full(shape, low)
        else:
            bits = random.randint(shape, low, high, "uint8", seed or self.generator)
        return {"factor": 8.0 - bits}

    def recolored(self, images: Tensor, factor: Tensor) -> Tensor:
        """Images of fewer colours."""
        step = self._filled(torch.exp2(factor))
        low, high = self.value_range
        return mapped(_posterized, images, step, low=low, high=high)


_SOLAR = (
    "The `addition_factor` and `threshold_factor` arguments should be a number (or a list of two "
    "numbers) in the "
    "range [0, 1]."
)


@public("keras.layers.Solarization")
class Solarization(ImageLayer):
    """In training, inverts pixels above a threshold, after something was added to all.

    Args:
        addition_factor, threshold_factor: numbers f for (0, f), or pairs, as fractions of the value range.
            As in
            Keras, the lower number of a pair is not scaled: it counts in 255ths.
        value_range: lowest and highest value of a pixel.
        seed: for the same draws in every run.
    """

    _config = ("data_format", "value_range", "addition_factor", "threshold_factor", "seed")

    def __init__(
        self, addition_factor: Any = 0.0, threshold_factor: Any = 0.0, value_range: Any = _BYTES,
        seed: Any = None,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.addition_factor, self.threshold_factor = (
            number_pair(value, (0, 1), _SOLAR, name, symmetric=False)
            for value, name in ((addition_factor, "addition_factor"), (threshold_factor, "threshold_factor"))
        )
        self.value_range = range_list(value_range)
        self._seeded(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """What is added and the threshold (batch, 1, 1, 1), in values from 0 to 255."""
        shape, seed = (images_of(data).shape[0], 1, 1, 1), seed or self.generator
        added, threshold = (
            random.uniform(shape, low, high * 255, "float32", seed)
            for low, high in (self.addition_factor, self.threshold_factor)
        )
        return {"additions": added, "thresholds": threshold}

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Solarized images."""
        if transformation is None:
            return images
        added, threshold = (transformation[key].to(images) for key in ("additions", "thresholds"))
        low, high = self.value_range
        return mapped(_solarized, images, added, threshold, low=low, high=high)


@public("keras.layers.RandomGaussianBlur")
class RandomGaussianBlur(ImageLayer):
    """In training, blurs images.

    Args:
        factor: the probability, or a pair that it is drawn from for each image; a number f means (0, f).
        kernel_size: an odd number, or two of them (height, width).
        sigma: the standard deviations along height and width are drawn from this pair; a number s means
            (0, s).
        value_range: lowest and highest value of a pixel.
        seed: for the same draws in every run.
    """

    _config = ("data_format", "factor", "kernel_size", "sigma", "value_range", "seed")
    _bounds = (0, 1)

    def __init__(
        self, factor: Any = 1.0, kernel_size: Any = 3, sigma: Any = 1.0, value_range: Any = _BYTES,
        data_format: str | None = None, seed: Any = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self.kernel_size = _odd_pair(kernel_size)
        self.sigma = self._pair(sigma, "sigma")
        self.value_range = check_range(value_range)
        self._seeded(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Which images (batch,) are blurred, and the standard deviations of all."""
        shape, seed = (images_of(data).shape[0],), seed or self.generator
        probability = random.uniform(shape, *self.factor, seed=seed)
        apply = random.uniform(shape, seed=seed) < probability
        return {"apply": apply, "sigma": random.uniform((2,), *self.sigma, seed=seed)}

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """Blurred images."""
        if transformation is None:
            return images
        tiny = torch.finfo(torch.float32).tiny
        sigma: Any = torch.clamp(transformation["sigma"].to(images), min=tiny)
        blurred = ops.image.gaussian_blur(images, self.kernel_size, sigma, self.data_format)
        blurred = torch.clamp(blurred, *self.value_range)
        return torch.where(self._filled(transformation["apply"]).to(images.device), blurred, images)


def _odd_pair(kernel_size: Any) -> tuple[int, int]:
    if isinstance(kernel_size, (tuple, list)):
        if len(kernel_size) != 2:
            raise ValueError(
                "The `kernel_size` argument should be a number (or a list of two numbers) Received: "
                f"kernel_size={kernel_size}"
            )
        pair = tuple(kernel_size)
    else:
        pair = (kernel_size, kernel_size)
    if not all(isinstance(size, int) and size % 2 == 1 and size > 0 for size in pair):
        raise ValueError(f"kernel_size must be an odd number. Received: kernel_size={kernel_size}")
    return pair
