"""Applications: parameter counts, arguments, published weights, preprocessing."""

import json

import numpy as np
import pytest
import torch

import tkeras
from tests.loopback import serve, sha256
from tkeras import applications, layers
from tkeras.applications import _imagenet, _weights

COUNTS = {
    "Xception": 22_910_480, "VGG16": 138_357_544, "VGG19": 143_667_240, "ResNet50": 25_636_712,
    "InceptionV3": 23_851_784, "MobileNet": 4_253_864, "MobileNetV2": 3_538_984, "ResNet50V2": 25_613_800,
    "ResNet101": 44_707_176, "ResNet101V2": 44_675_560, "ResNet152": 60_419_944, "ResNet152V2": 60_380_648,
    "EfficientNetB0": 5_330_571, "EfficientNetV2B0": 7_200_312, "EfficientNetV2S": 21_612_360, "InceptionResNetV2": 55_873_736, "ConvNeXtTiny": 28_589_128, "NASNetMobile": 5_326_716,
    "MobileNetV3Small": 2_554_968, "MobileNetV3Large": 5_507_432, "DenseNet121": 8_062_504, "DenseNet169": 14_307_880, "DenseNet201": 20_242_984,
}  # fmt: skip


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_parameters(name, count) -> None:
    with torch.device("meta"):
        model = getattr(applications, name)(weights=None)
    assert model.count_params() == count
    assert model.output_shape == (None, 1000)
    assert model.layers[-1].name in ("predictions", f"{model.name}_head_dense")


def small(**options):
    return applications.MobileNet(input_shape=(32, 32, 3), alpha=0.25, **options)


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("VGG16", {"weights": "none"}, "the path to the weights file to be loaded"),
        ("VGG16", {"classes": 5}, "`classes` should be 1000"),
        ("VGG16", {"weights": None, "input_shape": (20, 40, 3)}, "must be at least 32x32"),
        ("Xception", {"weights": None, "input_shape": (70, 99, 3)}, "must be at least 71x71"),
        ("ResNet50", {"weights": None, "input_shape": (40,)}, "tuple of three integers"),
        ("ResNet50", {"weights": None, "input_shape": (None, None, 3)}, "specify a static `input_shape`"),
        ("ResNet50", {"input_shape": (40, 40, 1), "include_top": False}, "must have 3 channels"),
        ("ResNet50", {"input_shape": (40, 40, 3)}, r"should be \(224, 224, 3\)"),
        ("VGG16", {"weights": None, "pooling": "mean"}, "`pooling` must be"),
        ("VGG16", {"weights": None, "input_tensor": torch.ones(1, 32, 32, 3)}, "must be a symbolic tensor"),
        ("MobileNet", {"alpha": 0.3}, "alpha can be one of"),
        ("MobileNet", {"depth_multiplier": 2}, "depth multiplier must be 1"),
        ("MobileNet", {"classifier_activation": "relu"}, "Only `None` and `softmax`"),
    ],
)
def test_wrong_arguments_are_explained(function, options, message) -> None:
    with torch.device("meta"), pytest.raises(ValueError, match=message):
        getattr(applications, function)(**options)


def test_arguments() -> None:
    base = small(weights=None, include_top=False, pooling="avg", name="base")
    assert (base.name, base.output_shape) == ("base", (None, 256))
    assert small(weights=None, include_top=False).output_shape == (None, 1, 1, 256)
    logits = small(weights=None, classes=7, classifier_activation=None)
    assert logits.layers[-1].activation is tkeras.activations.linear
    with pytest.warns(UserWarning, match="usually expects 1 or 3 input channels"):
        applications.MobileNet(input_shape=(32, 32, 5), alpha=0.25, weights=None, include_top=False)
    mine = tkeras.Input((32, 32, 3), name="mine")
    model = small(weights=None, include_top=False, input_tensor=layers.Rescaling(2.0)(mine))
    assert model.inputs[0] is mine
    assert [layer.name for layer in model.layers[:3]][::2] == ["mine", "conv1"]


def test_features_of_layers_and_a_new_head() -> None:
    base = small(weights=None, include_top=False, pooling="max")
    base.trainable = False
    model = tkeras.Model(base.input, layers.Dense(2)(base.output))
    model.compile("sgd", "mse")
    before = [weight.copy() for weight in base.get_weights()]
    images = np.random.default_rng(0).random((4, 32, 32, 3), dtype="float32")
    model.fit(images, np.ones((4, 2)), verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, base.get_weights(), strict=True))
    features = tkeras.Model(base.inputs, [layer.output for layer in base.layers[:4]])
    assert features.predict(images, verbose=0)[3].shape == (4, 16, 16, 8)


def test_published_weights(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    source = applications.MobileNet(alpha=0.25, input_shape=(128, 128, 3), weights=None, include_top=False)
    source.save_weights(tmp_path / "source.h5")
    content = (tmp_path / "source.h5").read_bytes()
    name, folder, _ = _weights.published("mobilenet_0.25_128", False)
    assert (name, folder) == ("mobilenet_2_5_128_tf_no_top.h5", "mobilenet")
    entry = (name, folder, sha256(content))
    monkeypatch.setattr(_weights, "published", lambda key, top: entry)
    with serve() as files:
        monkeypatch.setattr(_weights, "_BASE", files.root + "/")
        files[f"/{folder}/{name}"] = content
        for _ in range(2):
            model = applications.MobileNet(alpha=0.25, input_shape=(128, 128, 3), include_top=False)
        assert len(files.asked) == 1
    assert (tmp_path / "models" / name).exists()
    by_path = applications.MobileNet(
        alpha=0.25, input_shape=(128, 128, 3), include_top=False, weights=tmp_path / "source.h5"
    )
    for weight, ours, theirs in zip(
        source.get_weights(), model.get_weights(), by_path.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, weight)
        np.testing.assert_array_equal(theirs, weight)
    (tmp_path / "models" / name).unlink()
    with pytest.raises(ConnectionError, match=r"URL fetch failure.*put it at"):
        applications.MobileNet(alpha=0.25, input_shape=(128, 128, 3), include_top=False)


def test_every_model_has_published_weights() -> None:
    for key in _weights.HASHES:
        for top in (True, False):
            name, folder, digest = _weights.published(key, top)
            assert key.replace("nasnet_", "NASNet-") in name
            assert folder in key or folder in ("densenet", "resnet", "efficientnet_v2", "convnext", "")
            assert digest is not None
            assert len(digest) in (32, 64)
    assert _weights.published("mobilenet_v2_1.4_224", True)[0].endswith("kernels_1.4_224.h5")


def test_preprocessing_of_tensors_and_symbols() -> None:
    image = np.random.default_rng(1).integers(0, 256, (2, 5, 4, 3), dtype="uint8")
    for mode in ("caffe", "tf", "torch"):
        expected = _imagenet.preprocess_input(image, mode=mode)
        tensor = _imagenet.preprocess_input(torch.from_numpy(image), mode=mode)
        np.testing.assert_allclose(tensor.numpy(), expected, rtol=1e-6, atol=1e-6)
        inputs = tkeras.Input((5, 4, 3))
        model = tkeras.Model(inputs, _imagenet.preprocess_input(inputs, mode=mode))
        np.testing.assert_allclose(model.predict(image, verbose=0), expected, rtol=1e-6, atol=1e-6)
    for options in ({"mode": "x"}, {"data_format": "x"}):
        with pytest.raises(ValueError, match=r"Received: .*=x"):
            _imagenet.preprocess_input(image, **options)
    with pytest.raises(ValueError, match="rank 3"):
        _imagenet.preprocess_input(image[0, 0])


def test_names_of_classes(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    content = json.dumps({str(i): [f"n{i}", f"name {i}"] for i in range(1000)}).encode()
    monkeypatch.setattr(_imagenet, "_classes", {})
    scores = np.zeros((2, 1000), "float32")
    scores[0, [3, 7]], scores[1, 999] = (0.25, 0.5), 1.0
    with serve() as files:
        files["/classes"] = content
        monkeypatch.setattr(_imagenet, "_CLASSES", ("c.json", files.root + "/classes", sha256(content)))
        decoded = applications.vgg16.decode_predictions(torch.from_numpy(scores), top=2)
    assert decoded[0] == [("n7", "name 7", 0.5), ("n3", "name 3", 0.25)]
    assert decoded[1][0] == ("n999", "name 999", 1.0)
    with pytest.raises(ValueError, match=r"2D array of shape \(samples, 1000\)"):
        applications.vgg16.decode_predictions(scores[:, :3])
