"""`utils.bounding_boxes` beside real Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.differential.layer_checks import assert_close, keras, tkeras

BOXES = np.array(
    [[[1, 2, 20, 30], [-4, 5, 18, 90], [7, 7, 9, 8]], [[0, 0, 50, 40], [3, 1, 5, 99], [60, 2, 90, 70]]],
    "float32",
)
OTHERS = BOXES[:, ::-1] + np.float32(2.5)
FORMATS = (
    "xyxy",
    "yxyx",
    "xywh",
    "center_xywh",
    "center_yxhw",
    "rel_xyxy",
    "rel_yxyx",
    "rel_xywh",
    "rel_center_xywh",
)
SIZE = {"height": 80, "width": 100}
OURS, REAL = tkeras.utils.bounding_boxes, keras.utils.bounding_boxes


@pytest.mark.parametrize("source", FORMATS)
def test_formats(source: str) -> None:
    given = OURS.convert_format(BOXES, "xyxy", source, **SIZE).numpy()
    for target in FORMATS:
        ours, real = (box.convert_format(given, source, target, **SIZE) for box in (OURS, REAL))
        assert_close(ours, real, target)


def test_clipping() -> None:
    labels = np.array([[1, 2, 3], [4, 5, 6]])
    ours, real = (box.clip_to_image_size({"boxes": BOXES, "labels": labels}, 60, 55) for box in (OURS, REAL))
    assert_close(ours["boxes"], real["boxes"], "boxes")
    assert np.array_equal(ours["labels"], real["labels"])


@pytest.mark.parametrize("first", [BOXES, BOXES[0]])
@pytest.mark.parametrize("second", [OTHERS, OTHERS[1]])
@pytest.mark.parametrize("masked", [False, True])
def test_overlap(first: Any, second: Any, masked: bool) -> None:
    if masked and first.ndim != second.ndim:  # Keras fails there
        return
    first = first.copy()
    first[..., -1, :] = -1
    ours, real = (box.compute_iou(first, second, "xyxy", use_masking=masked) for box in (OURS, REAL))
    assert_close(ours, real, "iou")


def test_complete_overlap() -> None:
    for a, b in ((BOXES, OTHERS), (BOXES, BOXES)):
        assert_close(OURS.compute_ciou(a, b, "xyxy"), REAL.compute_ciou(a, b, "xyxy"), "ciou")


def test_windows_and_margins() -> None:
    assert_close(OURS.crop(BOXES, 3, 5, 40, 30), REAL.crop(BOXES, 3, 5, 40, 30), "crop")
    assert_close(OURS.pad(BOXES, 3, 5, 40, 30), REAL.pad(BOXES, 3, 5, 40, 30), "pad")


@pytest.mark.parametrize("encoding", ["center_xywh", "center_yxhw"])
@pytest.mark.parametrize("variance", [None, (0.1, 0.1, 0.2, 0.2)])
def test_deltas(encoding: str, variance: Any) -> None:
    anchors = np.array([[0, 0, 10, 10], [5, 5, 30, 20], [2, 8, 9, 40]], "float32")
    found = []
    for box in (OURS, REAL):
        deltas = box.encode_box_to_deltas(anchors, BOXES, "xyxy", "xyxy", encoding, variance)
        boxes = box.decode_deltas_to_boxes(anchors, deltas, "xyxy", "xyxy", encoding, variance)
        found.append((deltas, boxes))
    for a, b in zip(*found, strict=True):
        assert_close(a, b, "deltas or boxes")
    assert_close(found[0][1], BOXES, "boxes after a round trip", ulps=256)
