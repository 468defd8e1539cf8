"""Galleries of images, and masks in the colors that Keras gives them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tkeras import visualization

pyplot = pytest.importorskip("matplotlib.pyplot")
IMAGES = np.arange(54).reshape(2, 3, 3, 3).astype("float32") * 4
MASKS = np.array([[[0, 1, 2], [1, 1, 0], [2, 2, -1]]] * 2)[..., None]


@pytest.fixture(autouse=True)
def _without_windows():
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")


def test_masks_in_colors() -> None:
    drawn = visualization.draw_segmentation_masks(IMAGES, MASKS, num_classes=3)
    assert drawn.dtype == np.uint8
    assert drawn[0].tolist() == [
        [[0, 0, 1], [3, 104, 28], [6, 208, 56]],
        [[8, 109, 33], [10, 112, 36], [12, 12, 13]],
        [[16, 218, 65], [18, 220, 68], [96, 100, 104]],
    ]  # as real Keras draws them
    colors = {0: (10, 20, 30), 1: (100, 110, 120), 2: (200, 210, 220)}
    plain = visualization.draw_segmentation_masks(IMAGES, MASKS, color_mapping=colors, blend=False)
    assert plain[0, 0].tolist() == [[10, 20, 30], [100, 110, 120], [200, 210, 220]]
    assert plain[0, 2, 2].tolist() == IMAGES[0, 2, 2].tolist()
    with pytest.raises(TypeError, match="integer dtype"):
        visualization.draw_segmentation_masks(IMAGES, MASKS.astype("float32"))
    with pytest.raises(ValueError, match="batched 4D"):
        visualization.draw_segmentation_masks(IMAGES[0], MASKS[0])


def test_galleries(tmp_path: Path) -> None:
    names = {0: "a", 1: "b"}
    visualization.plot_image_gallery(
        IMAGES, y_true=[0, 1], y_pred=[1, 0], label_map=names, rows=1, cols=2, show=False
    )
    figure = pyplot.gcf()
    assert [axes.get_title() for axes in figure.axes] == ["Label: a  Pred: b", "Label: b  Pred: a"]
    assert figure.get_size_inches().tolist() == [4, 2]
    visualization.plot_segmentation_mask_gallery(IMAGES, 3, y_true=MASKS, path=str(tmp_path / "g.png"))
    assert (tmp_path / "g.png").stat().st_size > 0


@pytest.mark.parametrize(
    ("images", "options", "words"),
    [
        (IMAGES[0], {}, "batch your"),
        (IMAGES, {"y_pred": [0, 1]}, "label_map"),
        (IMAGES, {"path": "x.png", "show": True}, "either `path`"),
    ],
)
def test_wrong_galleries_are_refused(images, options, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        visualization.plot_image_gallery(images, **options)
