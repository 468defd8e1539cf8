"""Image layers beside real Keras: the same seed gives the same images, in both layouts, batched and single."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.differential.layer_checks import assert_close, keras, tkeras

L = keras.layers
IMAGES = np.random.default_rng(0).integers(0, 255, (3, 9, 12, 3)).astype("float32")
UNIT = {"value_range": (0, 1)}
ONE = {"factor": (1.0, 1.0)}

CASES: list[tuple[str, dict[str, Any]]] = [
    ("RandomBrightness", {"factor": 0.2}),
    ("RandomBrightness", {"factor": (0.1, 0.4), **UNIT}),
    ("RandomColorDegeneration", {"factor": 0.5}),
    ("RandomContrast", {"factor": 0.3}),
    ("RandomContrast", {"factor": (0.3, 0.6), **UNIT}),
    ("RandomCrop", {"height": 4, "width": 5}),
    ("RandomCrop", {"height": 14, "width": 5}),
    ("RandomErasing", ONE),
    ("RandomErasing", {"fill_value": 3.0, "scale": (0.1, 0.5)}),
    *[("RandomFlip", {"mode": mode}) for mode in ("horizontal", "vertical", "horizontal_and_vertical")],
    ("RandomGaussianBlur", {**ONE, "kernel_size": 5, "sigma": (0.7, 0.7)}),
    ("RandomGaussianBlur", {}),
    ("RandomGrayscale", {}),
    ("RandomGrayscale", {"factor": 1.0}),
    ("RandomHue", {"factor": 0.3}),
    ("RandomHue", {"factor": (0.2, 1.0), **UNIT}),
    ("RandomInvert", ONE),
    ("RandomInvert", {"factor": 0.9, **UNIT}),
    ("RandomPerspective", ONE),
    ("RandomPerspective", {"factor": 1.0, "scale": 0.4, "interpolation": "nearest", "fill_value": 7.0}),
    ("RandomPosterization", {"factor": 4}),
    ("RandomPosterization", {"factor": (3, 3), **UNIT}),
    ("RandomRotation", {"factor": 0.2}),
    ("RandomRotation", {"factor": (0.1, 0.3), "fill_mode": "constant", "fill_value": 3.0}),
    ("RandomRotation", {"factor": 0.2, "fill_mode": "nearest", "interpolation": "nearest"}),
    ("RandomRotation", {"factor": 0.2, "fill_mode": "wrap"}),
    ("RandomSaturation", {"factor": 0.4}),
    ("RandomSaturation", {"factor": (0.1, 0.5), **UNIT}),
    ("RandomSharpness", {"factor": 0.5}),
    ("RandomSharpness", {"factor": (0.3, 0.9)}),
    ("RandomShear", {"x_factor": 0.2, "y_factor": 0.3}),
    ("RandomShear", {"x_factor": (0.2, 0.4), "y_factor": (0.3, 0.5), "fill_mode": "constant"}),
    ("RandomTranslation", {"height_factor": 0.2, "width_factor": 0.3}),
    ("RandomTranslation", {"height_factor": (0.2, 0.3), "width_factor": (-0.3, -0.1), "fill_mode": "nearest"}),
    ("RandomZoom", {"height_factor": 0.2}),
    ("RandomZoom", {"height_factor": (-0.4, -0.2), "width_factor": (0.1, 0.3), "fill_mode": "constant"}),
    ("Solarization", {"threshold_factor": 0.3, "addition_factor": 0.2}),
    ("Solarization", {"threshold_factor": (0.3, 0.5), **UNIT}),
    ("MixUp", {}),
    ("CutMix", {}),
    ("AutoContrast", {}),
    ("AutoContrast", UNIT),
    ("Equalization", {}),
    ("Equalization", {"bins": 16, **UNIT}),
    ("ContrastLimitedAdaptiveHistogramEqualization", {}),
    ("ContrastLimitedAdaptiveHistogramEqualization", {"clip_limit": 2.0, "tile_grid_size": (2, 3)}),
    ("Resizing", {"height": 4, "width": 5}),
    ("Resizing", {"height": 14, "width": 5, "crop_to_aspect_ratio": True, "interpolation": "bicubic"}),
    ("Resizing", {"height": 14, "width": 5, "pad_to_aspect_ratio": True, "fill_value": 3.0, "antialias": True}),
    ("CenterCrop", {"height": 4, "width": 5}),
    ("CenterCrop", {"height": 14, "width": 5}),
    ("RandomColorJitter", {"brightness_factor": 0.1, "contrast_factor": 0.2, "saturation_factor": 0.3, "hue_factor": 0.1}),
    ("RandomColorJitter", {"contrast_factor": 0.2}),
    ("RandomElasticTransform", {"factor": (0.0, 0.0)}),
    ("RandAugment", {}),
    ("AugMix", {}),
]  # fmt: skip
NAMES = [f"{index}-{name}" for index, (name, _) in enumerate(CASES)]
UNSEEDED = (
    "AutoContrast",
    "Equalization",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "Resizing",
    "CenterCrop",
)
OTHER_NUMBERS = {
    "RandAugment": "Keras adds brightness to some of the operations",
    "AugMix": "Keras draws operations without the seed",
}
LAST_ONLY = {
    "AutoContrast": "Keras takes the extremes of rows and channels where channels come first",
    "RandomColorJitter": "Keras fails where channels come first",
}


def pair(layer: str, arguments: dict[str, Any], **more: Any) -> tuple[Any, Any]:
    """Our layer and Keras'."""
    arguments = {**arguments, **more, **({} if layer in UNSEEDED else {"seed": 7})}
    return tuple(getattr(library.layers, layer)(**arguments) for library in (tkeras, keras))  # type: ignore[return-value]


def images(arguments: dict[str, Any], data_format: str = "channels_last", single: bool = False) -> np.ndarray:
    """Images that fit."""
    made = IMAGES / 255 if arguments.get("value_range") == (0, 1) else IMAGES
    made = made if data_format == "channels_last" else made.transpose(0, 3, 1, 2).copy()
    return (made[0] if single else made).copy()


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [case for case in CASES if case[0] not in OTHER_NUMBERS],
    ids=[n for n in NAMES if n.split("-")[1] not in OTHER_NUMBERS],
)
def test_images_equal_keras(name: str, arguments: Any, data_format: str, single: bool) -> None:
    if (single and name in ("MixUp", "CutMix")) or (data_format == "channels_first" and name in LAST_ONLY):
        return
    x = images(arguments, data_format, single)
    ours, real = pair(name, arguments, data_format=data_format)
    given = torch.from_numpy(x.copy())
    found = ours(given, training=True)
    assert np.array_equal(given, x)
    expected = real(torch.from_numpy(x), training=True)
    assert found.dtype == torch.float32
    assert_close(found, expected, "images", ulps=128)


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=NAMES)
def test_configurations_and_shapes_equal_keras(name: str, arguments: Any) -> None:
    ours, real = pair(name, arguments, name="layer")
    assert ours.get_config() == real.get_config()
    assert type(ours).from_config(real.get_config()).get_config() == real.get_config()
    for shape in ((None, 9, 12, 3), (9, 12, 3), (None, None, None, 3)):
        specs = [library.Input(batch_shape=shape) for library in (tkeras, keras)]
        found, expected = ours(specs[0]), real(specs[1])
        assert (tuple(found.shape), found.dtype) == (tuple(expected.shape), expected.dtype)


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=NAMES)
def test_inference_is_what_keras_does(name: str, arguments: Any) -> None:
    ours, real = pair(name, arguments)
    x = images(arguments)
    found = ours(torch.from_numpy(x.copy()), training=False)
    if name == "Equalization":  # Keras leaves images alone, and documents that it does not
        assert torch.equal(found, ours(torch.from_numpy(x), training=True))
        return
    if name == "RandomCrop":  # Keras leaves images at their size; this is what it documents
        real = L.Resizing(arguments["height"], arguments["width"], crop_to_aspect_ratio=True)
    assert_close(found, real(torch.from_numpy(x), training=False), "images", ulps=128)


@pytest.mark.parametrize("name", ["MixUp", "CutMix", "RandomFlip", "RandomBrightness"])
def test_labels_equal_keras(name: str) -> None:
    arguments = {"factor": 0.3} if name == "RandomBrightness" else {}
    data = {"images": torch.from_numpy(IMAGES.copy()), "labels": torch.eye(3)}
    ours, real = (layer(dict(data), training=True) for layer in pair(name, arguments))
    assert_close(ours["labels"], real["labels"], "labels")
    assert_close(ours["images"], real["images"], "images")


MOVING = ("RandomFlip", "RandomTranslation", "RandomZoom", "RandomShear", "RandomPerspective", "Resizing")


def with_masks(name: str, arguments: Any) -> tuple[Any, Any]:
    """What both make of images with masks of a few classes."""
    masks = torch.from_numpy(np.floor(IMAGES[..., :1] / 60))
    data = {"images": torch.from_numpy(IMAGES.copy()), "segmentation_masks": masks}
    return tuple(layer(dict(data), training=True) for layer in pair(name, arguments))  # type: ignore[return-value]


@pytest.mark.parametrize(("name", "arguments"), [case for case in CASES if case[0] in MOVING])
def test_masks_equal_keras(name: str, arguments: Any) -> None:
    ours, real = with_masks(name, arguments)
    assert_close(ours["segmentation_masks"], real["segmentation_masks"], "masks")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [case for case in CASES if case[0] in ("RandomRotation", "CenterCrop", "RandomCrop")],
)
def test_masks_go_where_images_go(name: str, arguments: Any) -> None:
    """By the nearest pixel, where Keras turns masks about another point and mixes classes when it resizes."""
    ours, _ = with_masks(name, arguments)
    layer, _ = pair(name, {**arguments, **({"interpolation": "nearest"} if name == "RandomRotation" else {})})
    as_image = layer(torch.from_numpy(np.floor(IMAGES / 60)), training=True)[..., :1]
    resized = name != "RandomRotation" and arguments["height"] > IMAGES.shape[1]
    if resized:
        assert set(ours["segmentation_masks"].unique().tolist()) <= {0.0, 1.0, 2.0, 3.0, 4.0}
        assert (ours["segmentation_masks"] - as_image).abs().max() < 4
    else:
        assert torch.equal(ours["segmentation_masks"], as_image)


@pytest.mark.parametrize("single", [False, True])
def test_boxes_go_where_pixels_go(single: bool) -> None:
    """A white rectangle and its box, through every layer that moves boxes."""
    x = torch.zeros(2, 40, 60, 1)
    x[:, 12:20, 21:33] = 255.0
    boxes = {"boxes": torch.tensor([[[21.0, 12.0, 33.0, 20.0]]] * 2), "labels": torch.tensor([[3]] * 2)}
    data = {"images": x, "bounding_boxes": boxes}
    if single:
        data = {"images": x[0], "bounding_boxes": {key: value[0] for key, value in boxes.items()}}
    for name, arguments in (
        ("RandomFlip", {"seed": 2}), ("RandomTranslation", {"height_factor": 0.2, "width_factor": 0.2, "seed": 1}),
        ("RandomZoom", {"height_factor": (0.1, 0.3), "seed": 1}), ("RandomRotation", {"factor": (0.25, 0.25), "seed": 1}),
        ("Resizing", {"height": 80, "width": 90}), ("Resizing", {"height": 30, "width": 30, "crop_to_aspect_ratio": True}),
        ("Resizing", {"height": 50, "width": 50, "pad_to_aspect_ratio": True}), ("CenterCrop", {"height": 30, "width": 40}),
        ("RandomCrop", {"height": 36, "width": 50, "seed": 4}), ("CenterCrop", {"height": 80, "width": 90}),
    ):  # fmt: skip
        for box_format in ("xyxy", "rel_xywh", "center_yxhw"):
            layer = getattr(tkeras.layers, name)(**arguments, bounding_box_format=box_format, **(
                {"fill_mode": "constant"} if name in ("RandomTranslation", "RandomZoom", "RandomRotation") else {}
            ))  # fmt: skip
            convert = tkeras.utils.bounding_boxes.convert_format
            sizes = {"height": 40, "width": 60}
            given = {
                **data["bounding_boxes"],
                "boxes": convert(data["bounding_boxes"]["boxes"], "xyxy", box_format, **sizes),
            }
            made = layer({**data, "bounding_boxes": given}, training=True)
            height, width = made["images"].shape[-3:-1]
            found = convert(made["bounding_boxes"]["boxes"], box_format, "xyxy", height=height, width=width)
            for image, box in zip(
                made["images"].reshape(-1, height, width), found.reshape(-1, 4), strict=True
            ):
                ys, xs = torch.where(image > 127)
                seen = torch.stack([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
                assert (box - seen).abs().max() <= 1.51, (name, box_format, box, seen)


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("RandomBrightness", {"factor": 2.0}), ("RandomBrightness", {"factor": "x"}),
    ("RandomBrightness", {"factor": (0.1, 0.2, 0.3)}), ("RandomBrightness", {"factor": 0.1, "value_range": 3}),
    ("RandomContrast", {"factor": 2.0}), ("RandomContrast", {"factor": -0.5}),
    ("RandomRotation", {"factor": 0.1, "fill_mode": "x"}), ("RandomRotation", {"factor": 0.1, "interpolation": "x"}),
    ("RandomRotation", {"factor": 2.0}), ("RandomTranslation", {"height_factor": 0.1, "width_factor": "x"}),
    ("RandomZoom", {"height_factor": (-2.0, 0.1)}), ("RandomPerspective", {"factor": 2.0}),
    ("RandomPerspective", {"scale": -1.0}), ("RandomElasticTransform", {"factor": 2.0}),
    ("RandomGaussianBlur", {"kernel_size": 2}), ("RandomGaussianBlur", {"kernel_size": (3,)}),
    ("RandomGrayscale", {"factor": 2.0}), ("RandomHue", {"factor": 2.0}), ("RandomInvert", {"factor": 2.0}),
    ("RandomPosterization", {"factor": 9}), ("RandomSaturation", {"factor": 2.0}), ("RandomSharpness", {"factor": 2.0}),
    ("Solarization", {"addition_factor": 2.0}), ("AutoContrast", {"value_range": 3}), ("CutMix", {"factor": 2.0}),
    ("RandAugment", {"factor": 2.0}), ("AugMix", {"factor": 2.0}), ("RandomErasing", {"factor": 2.0}),
    ("RandomFlip", {"nope": 1}), ("RandomFlip", {"data_format": "x"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), REFUSED)
def test_wrong_arguments_are_refused_in_keras_words(name: str, arguments: Any) -> None:
    errors = []
    for library in (keras, tkeras):
        with pytest.raises((ValueError, NotImplementedError)) as caught:
            getattr(library.layers, name)(**arguments)
        errors.append(caught.value)
    assert type(errors[0]) is type(errors[1])
    assert str(errors[0]) == str(errors[1])
