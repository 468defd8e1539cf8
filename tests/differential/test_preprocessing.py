"""Preprocessing of Keras 2 and utilities: the same random numbers give the same results as in real Keras."""

import random

import keras
import numpy as np
import pytest
import torch

from tests.differential.carry import assert_close
from tkeras import preprocessing, utils

real_image = pytest.importorskip("keras._tf_keras.keras.preprocessing.image")
real_sequence = pytest.importorskip("keras._tf_keras.keras.preprocessing.sequence")
real_text = pytest.importorskip("keras._tf_keras.keras.preprocessing.text")
RNG = np.random.default_rng(11)
IMAGES = (RNG.random((7, 9, 6, 3)) * 255).astype("float32")
OPTIONS = [
    {}, {"rotation_range": 40}, {"width_shift_range": 0.3, "height_shift_range": 0.2}, {"width_shift_range": 2},
    {"height_shift_range": [-1, 1, 3]}, {"shear_range": 30}, {"zoom_range": 0.4}, {"zoom_range": (0.7, 1.1)},
    {"channel_shift_range": 60.0}, {"horizontal_flip": True, "vertical_flip": True}, {"brightness_range": (0.5, 1.5)},
    {"rotation_range": 70, "zoom_range": 0.5, "fill_mode": "constant", "cval": 9.0},
    {"rotation_range": 70, "zoom_range": 0.5, "fill_mode": "reflect"}, {"rotation_range": 70, "zoom_range": 0.5, "fill_mode": "wrap"},
    {"rotation_range": 30, "width_shift_range": 0.9, "fill_mode": "reflect"}, {"rotation_range": 30, "interpolation_order": 0},
    {"rescale": 1 / 255, "samplewise_center": True}, {"samplewise_std_normalization": True},
    {"preprocessing_function": lambda x: x[::-1] + 1},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=[",".join(o) or "plain" for o in OPTIONS])
def test_same_changes(options) -> None:
    flows = []
    for kind in (preprocessing.image.ImageDataGenerator, real_image.ImageDataGenerator):
        np.random.seed(5)
        flow = kind(**options).flow(IMAGES, np.arange(7), batch_size=3, seed=9)
        flows.append([next(flow) for _ in range(4)] + [flow[1]])
    for (x, y), (real_x, real_y) in zip(*flows, strict=True):
        np.testing.assert_array_equal(y, real_y)
        assert x.dtype == real_x.dtype
        assert_close(x, real_x, "images", ulps=16)


@pytest.mark.parametrize("options", [
    {"featurewise_center": True, "featurewise_std_normalization": True}, {"zca_whitening": True, "zca_epsilon": 1e-2},
])  # fmt: skip
def test_same_statistics(options) -> None:
    made = []
    images = (IMAGES / 255)[:, :4, :3]
    for kind in (preprocessing.image.ImageDataGenerator, real_image.ImageDataGenerator):
        generator = kind(**options, rotation_range=10)
        generator.fit(images, augment=True, rounds=2, seed=4)
        made.append(
            generator.standardize(images[:1].copy() if options.get("zca_whitening") else images.copy())
        )
    assert_close(*made, "images", ulps=4096)  # through a singular value decomposition


@pytest.mark.parametrize("name", ["random_rotation", "random_shift", "random_shear", "random_zoom", "random_channel_shift",
                                  "random_brightness"])  # fmt: skip
def test_same_functions(name) -> None:
    arguments = {"random_rotation": (50,), "random_shift": (0.4, 0.3), "random_shear": (40,), "random_zoom": ((0.5, 1.5),),
                 "random_channel_shift": (50,), "random_brightness": ((0.5, 2.0),)}[name]  # fmt: skip
    made = []
    for module in (preprocessing.image, real_image):
        np.random.seed(3)
        axes = (
            {}
            if name.endswith(("shift", "brightness")) and name != "random_shift"
            else {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
        )
        made.append(getattr(module, name)(IMAGES[0], *arguments, **axes))
    assert_close(*made, name, ulps=16)


@pytest.mark.parametrize("class_mode", ["categorical", "binary", "sparse", "input", None])
@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
def test_same_folders(tmp_path, class_mode, color_mode) -> None:
    from PIL import Image

    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        for index in range(4):
            Image.fromarray(RNG.integers(0, 255, (8, 9, 3), "uint8")).save(tmp_path / name / f"{index}.png")
    made = []
    for kind in (preprocessing.image.ImageDataGenerator, real_image.ImageDataGenerator):
        flow = kind(validation_split=0.5, rotation_range=20).flow_from_directory(
            tmp_path, target_size=(5, 6), class_mode=class_mode, color_mode=color_mode, seed=2, subset="training", batch_size=3,
            interpolation="bilinear", keep_aspect_ratio=True,
        )  # fmt: skip
        batch = next(flow)
        made.append(([batch] if class_mode is None else [*batch], flow.filenames, flow.class_indices))
    (ours, files, classes), (theirs, real_files, real_classes) = made
    assert (files, classes) == (real_files, real_classes)
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype
        assert_close(one, other, "batch", ulps=16)


WORDS = ["The cat sat; on the mat.", "A dog & THE log", "", "cat cat dog"]


@pytest.mark.parametrize("options", [
    {}, {"num_words": 4}, {"oov_token": "<unk>"}, {"oov_token": "<unk>", "num_words": 3}, {"char_level": True}, {"lower": False},
    {"split": "-", "filters": "&"},
])  # fmt: skip
def test_same_tokenizers(options) -> None:
    ours, real = preprocessing.text.Tokenizer(**options), real_text.Tokenizer(**options)
    for tokenizer in (ours, real):
        tokenizer.fit_on_texts(WORDS)
        tokenizer.fit_on_sequences([[1, 2], [2]])
    assert ours.word_index == real.word_index
    assert dict(ours.word_docs) == dict(real.word_docs)
    sequences = ours.texts_to_sequences([*WORDS, "a new dog"])
    assert sequences == real.texts_to_sequences([*WORDS, "a new dog"])
    assert ours.sequences_to_texts([[1, 2, 3, 99]]) == real.sequences_to_texts([[1, 2, 3, 99]])
    for mode in ("binary", "count", "freq", "tfidf"):
        np.testing.assert_allclose(
            ours.texts_to_matrix(WORDS[:2], mode), real.texts_to_matrix(WORDS[:2], mode)
        )
    assert ours.get_config() == real.get_config()


def test_same_words() -> None:
    for function in ("text_to_word_sequence",):
        for word in WORDS:
            assert getattr(preprocessing.text, function)(word) == getattr(real_text, function)(word)
    assert preprocessing.text.one_hot(WORDS[0], 50) == real_text.one_hot(WORDS[0], 50)
    assert preprocessing.text.hashing_trick(WORDS[0], 50, "md5") == real_text.hashing_trick(
        WORDS[0], 50, "md5"
    )


@pytest.mark.parametrize("options", [{}, {"window_size": 2, "negative_samples": 2.0}, {"categorical": True, "seed": 5}, {"negative_samples": 0},
                                     {"shuffle": False}])  # fmt: skip
@pytest.mark.filterwarnings("ignore:non-integer arguments to randrange")
def test_same_skipgrams(options) -> None:
    made = []
    for module in (preprocessing.sequence, real_sequence):
        random.seed(4)
        table = module.make_sampling_table(20, 0.1)
        made.append((module.skipgrams([1, 0, 5, 7, 3, 2], 20, sampling_table=table, **options), table))
    assert made[0][0] == made[1][0]
    np.testing.assert_allclose(made[0][1], made[1][1])


@pytest.mark.parametrize("options", [{}, {"sampling_rate": 2, "stride": 3}, {"reverse": True, "batch_size": 4}, {"start_index": 6, "end_index": 30},
                                     {"shuffle": True}])  # fmt: skip
def test_same_series(options) -> None:
    data, targets = np.arange(80).reshape(40, 2), np.arange(40)
    made = []
    for module in (preprocessing.sequence, real_sequence):
        np.random.seed(1)
        generator = module.TimeseriesGenerator(data, targets, length=5, **options)
        made.append([generator[index] for index in range(len(generator))])
    for ours, theirs in zip(*made, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("options", [{}, {"maxlen": 2}, {"maxlen": 5, "padding": "post", "value": 7.0}, {"truncating": "post", "maxlen": 1},
                                     {"dtype": "float32", "value": -1.5}])  # fmt: skip
@pytest.mark.parametrize(
    "sequences", [[[1], [2, 3], [4, 5, 6], []], [np.ones((2, 3)), np.zeros((4, 3))]], ids=["numbers", "rows"]
)
def test_same_padding(sequences, options) -> None:
    ours, real = utils.pad_sequences(sequences, **options), keras.utils.pad_sequences(sequences, **options)
    np.testing.assert_array_equal(ours, real)
    assert ours.dtype == real.dtype


def test_same_padding_of_strings() -> None:
    words = [["a"], ["b", "c"]]
    np.testing.assert_array_equal(
        utils.pad_sequences(words, dtype=object, value="."),
        keras.utils.pad_sequences(words, dtype=object, value="."),
    )
    for module in (utils, keras.utils):
        for arguments, message in (
            ((5,), "must be iterable"),
            (([5],), "non-iterable"),
            ((words, 3, "int32", "pre", "pre", "x"), "not compatible"),
        ):
            with pytest.raises(ValueError, match=message):
                module.pad_sequences(*arguments)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("scale", [True, False])
def test_same_images(tmp_path, channels, scale) -> None:
    x = RNG.random((6, 5, channels)) * (200 if not scale else 3)
    ours, real = utils.array_to_img(x, scale=scale), keras.utils.array_to_img(x, scale=scale)
    assert ours.mode == real.mode
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(real))
    np.testing.assert_array_equal(utils.img_to_array(ours), keras.utils.img_to_array(real))
    first = x.transpose(2, 0, 1)
    np.testing.assert_array_equal(
        utils.img_to_array(utils.array_to_img(first, "channels_first"), "channels_first"),
        keras.utils.img_to_array(keras.utils.array_to_img(first, "channels_first"), "channels_first"),
    )
    utils.save_img(tmp_path / "a.png", x, scale=scale)
    for options in ({}, {"color_mode": "grayscale"}, {"color_mode": "rgba", "target_size": (4, 9)},
                    {"target_size": (3, 3), "interpolation": "bilinear"}, {"target_size": (4, 2), "keep_aspect_ratio": True}):  # fmt: skip
        mine, theirs = (module.load_img(tmp_path / "a.png", **options) for module in (utils, keras.utils))
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs))


@pytest.mark.parametrize("size", [(4, 4), (3, 8), (12, 5)])
def test_same_smart_resize(size) -> None:
    for x in (IMAGES, IMAGES[0], torch.from_numpy(IMAGES)):
        ours, real = (
            preprocessing.image.smart_resize(x, size),
            keras.preprocessing.image.smart_resize(x, size),
        )
        assert type(ours) is type(real)
        assert_close(ours, real, "image", ulps=16)
