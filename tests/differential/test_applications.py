"""Applications: the graph of real Keras' models, and their outputs with the same weights."""

import re

import keras
import numpy as np
import pytest
import torch

from tests.differential.carry import assert_close
from tkeras import applications

SMALL = {"weights": None, "classes": 7}
CASES = [
    ("VGG16", {"include_top": False, "pooling": "avg", "input_shape": (32, 32, 3)}),
    ("VGG19", {"include_top": False, "input_shape": (32, 33, 3)}),
    ("ResNet50", {"input_shape": (33, 32, 3)}),
    ("ResNet50V2", {"input_shape": (32, 32, 3), "include_top": False, "pooling": "max"}),
    ("Xception", {"input_shape": (71, 71, 3)}),
    ("InceptionV3", {"input_shape": (75, 75, 3)}),
    ("MobileNet", {"input_shape": (32, 32, 3), "alpha": 0.5}),
    (
        "MobileNet",
        {"input_shape": (33, 32, 3), "include_top": False, "pooling": "avg", "depth_multiplier": 2},
    ),
    ("MobileNetV2", {"input_shape": (33, 32, 3), "alpha": 1.3}),
    ("DenseNet121", {"input_shape": (32, 32, 3)}),
    ("EfficientNetB0", {"input_shape": (33, 32, 3)}),
    ("EfficientNetV2B0", {"input_shape": (32, 33, 3)}),
    ("InceptionResNetV2", {"input_shape": (75, 76, 3), "include_top": False, "pooling": "max"}),
    ("MobileNetV3Small", {"include_top": False}),
    ("ConvNeXtTiny", {"input_shape": (32, 36, 3)}),
    ("MobileNetV3Large", {"input_shape": (33, 32, 3), "minimalistic": True, "include_preprocessing": False}),
]
FUNCTION = re.compile("^mul(?=_|$)")  # a product of a tensor and a number
IGNORED = {"name", "dtype", "quantization_config"}


@pytest.fixture
def cheap_weights(monkeypatch):
    """Real Keras' models start from zeros."""
    for name in ("GlorotUniform", "VarianceScaling", "RandomInitializer"):
        kind = getattr(keras.src.initializers.random_initializers, name)
        if "__call__" in vars(kind):
            monkeypatch.setattr(
                kind, "__call__", lambda self, shape, dtype=None, **kwargs: torch.zeros(tuple(shape))
            )


def calls_of(config, names) -> list:
    """What a layer is called on, in the order of the arguments."""
    found = []

    def walk(value):
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            found.append(names.get(value["config"]["keras_history"][0], value["config"]["keras_history"][0]))
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, list | tuple):
            for item in value:
                walk(item)

    walk(config["inbound_nodes"])
    return found


def plain(value):
    """A configuration with tuples as lists, and initializers by their class."""
    if isinstance(value, dict) and "class_name" in value:
        return value["class_name"]
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def assert_same_graph(ours, real) -> None:
    layers, expected = ours.get_config()["layers"], real.get_config()["layers"]
    assert len(layers) == len(expected)
    names = {theirs["name"]: mine["name"] for mine, theirs in zip(layers, expected, strict=True)}
    for mine, theirs in zip(layers, expected, strict=True):
        assert re.sub(r"_\d+$", "", FUNCTION.sub("multiply", mine["name"])) == re.sub(
            r"_\d+$", "", theirs["name"]
        )
        assert mine["class_name"] == theirs["class_name"]
        assert calls_of(mine, {}) == calls_of(theirs, names)
        for key in theirs["config"].keys() - IGNORED:
            assert plain(mine["config"][key]) == plain(theirs["config"][key]), (mine["name"], key)


def random_weights(model, rng) -> list:
    """Weights that keep the size of what flows through."""
    made = []
    for weight in model.weights:
        shape, name = tuple(weight.shape), weight.path.rsplit("/", 1)[-1]
        if "layer_scale" in weight.path:
            made.append(rng.uniform(0.1, 0.2, shape))
        elif name in ("gamma", "moving_variance", "variance"):
            made.append(rng.uniform(0.8, 1.2, shape))
        elif name == "count":
            made.append(np.zeros(shape))
        elif len(shape) == 1:
            made.append(rng.normal(0, 0.05, shape))
        else:
            fan = np.prod(shape[:2]) if "depthwise" in name else np.prod(shape[:-1])
            made.append(rng.normal(0, np.sqrt(1.5 / fan), shape))
    return [weight.astype("float32") for weight in made]


@pytest.mark.parametrize(("name", "options"), CASES, ids=[name for name, _ in CASES])
def test_same_graph_and_outputs(cheap_weights, name, options) -> None:
    rng = np.random.default_rng(7)
    real = getattr(keras.applications, name)(**SMALL, **options)
    ours = getattr(applications, name)(**SMALL, **options)
    assert_same_graph(ours, real)
    assert ours.name == real.name
    weights = random_weights(ours, rng)
    ours.set_weights(weights)
    real.set_weights(weights)
    images = rng.normal(size=(2, *options.get("input_shape", (33, 34, 3)))).astype("float32")
    with torch.no_grad():
        mine, theirs = (model(torch.from_numpy(images), training=False).numpy() for model in (ours, real))
    assert np.ptp(mine) > 1e-4
    assert_close(mine, theirs, "outputs", ulps=512)


MODES = {"vgg16": "caffe", "resnet": "caffe", "resnet50": "caffe", "vgg19": "caffe", "xception": "tf", "inception_v3": "tf",
         "mobilenet": "tf", "mobilenet_v2": "tf", "resnet_v2": "tf", "densenet": "torch", "efficientnet": None}  # fmt: skip


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("shape", [(2, 5, 4, 3), (5, 4, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_same_preprocessing(name, shape, dtype) -> None:
    images = np.random.default_rng(3).integers(0, 256, shape).astype(dtype)
    mine = getattr(applications, name).preprocess_input(images)
    theirs = getattr(keras.applications, name).preprocess_input(images.copy())
    assert mine.dtype == theirs.dtype
    assert_close(mine, theirs, "image", ulps=4)
    first = np.moveaxis(images, -1, -3)
    mine = getattr(applications, name).preprocess_input(first, data_format="channels_first")
    assert_close(
        mine,
        getattr(keras.applications, name).preprocess_input(first.copy(), data_format="channels_first"),
        "image",
        ulps=4,
    )


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("ending", ["h5", "weights.h5", "keras"])
def test_files_of_real_keras_load_as_weights(tmp_path, ending) -> None:
    options = {"alpha": 0.25, "input_shape": (32, 32, 3), "include_top": False, "pooling": "avg"}
    real = keras.applications.MobileNet(weights=None, **options)
    path = tmp_path / f"mobilenet.{ending}"
    (real.save_weights if ending == "weights.h5" else real.save)(path)
    ours = applications.MobileNet(weights=path, **options)
    for mine, theirs in zip(ours.get_weights(), real.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
