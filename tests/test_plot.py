"""Pictures of models: the text for Graphviz, the SVG of machines without it, the boxes of both."""

import shutil
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import tkeras
from tests import seed_models
from tests.test_clone import Own, nested
from tkeras import layers, utils
from tkeras.utils import _plot
from tkeras.utils._plot_boxes import Options, picture

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def no_graphviz(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)


def drawn(path):
    """Frames of the boxes, texts and arrows of a file."""
    root = ElementTree.parse(path).getroot()
    rects = [
        {key: float(r.get(key, 0)) for key in ("x", "y", "width", "height")} for r in root.iter(f"{SVG}rect")
    ]
    arrows = [p.get("d") for p in root.iter(f"{SVG}path") if p.get("marker-end")]
    return rects[0], rects[1::2], [text.text for text in root.iter(f"{SVG}text")], arrows


@pytest.mark.parametrize("name", ["toy_resnet", "headline_model", "siamese_model", "ensemble"])
@pytest.mark.parametrize("rankdir", ["TB", "LR", "BT", "RL"])
def test_boxes_have_room_and_arrows_join_them(tmp_path, no_graphviz, name, rankdir) -> None:
    model = getattr(seed_models, name)(tkeras)
    path = tmp_path / "model.svg"
    utils.plot_model(model, path, show_shapes=True, rankdir=rankdir, show_layer_names=True)
    page, boxes, texts, arrows = drawn(path)
    assert len(boxes) == len(model.layers)
    assert len(arrows) == len(
        {
            (a, b.name)
            for b in model.layers
            for n in b.inbound_nodes
            for a in (t._keras_history.operation.name for t in n.input_tensors)
        }
    )
    for index, one in enumerate(boxes):
        assert one["x"] >= 0
        assert one["y"] >= 0
        assert one["x"] + one["width"] <= page["width"]
        assert one["y"] + one["height"] <= page["height"]
        for other in boxes[index + 1 :]:
            assert (
                one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
                or one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
            )  # fmt: skip
    for arrow in arrows:
        start, end = np.array(arrow[1:].split("C")[0].split(), float), np.array(arrow.split()[-2:], float)
        for point in (start, end):
            assert any(
                b["x"] - 0.2 <= point[0] <= b["x"] + b["width"] + 0.2
                and b["y"] - 0.2 <= point[1] <= b["y"] + b["height"] + 0.2
                for b in boxes
            )
    assert f"{model.layers[0].name} (InputLayer)" in texts


def test_other_endings_become_svg_with_a_hint(tmp_path, no_graphviz) -> None:
    with pytest.warns(UserWarning, match=r"Drawn as .*model\.svg.*install Graphviz"):
        utils.plot_model(nested(), tmp_path / "model.png")
    assert [path.name for path in tmp_path.iterdir()] == ["model.svg"]
    assert "Dense" in drawn(tmp_path / "model.svg")[2]


def test_rows_say_what_was_asked_for() -> None:
    model = nested()
    model.get_layer("head").trainable = False
    options = Options(shapes=True, dtype=True, activations=True, trainable=True)
    boxes, edges = picture(model, options)
    head = next(box for box in boxes if box.name == "head")
    assert head.rows == [
        ("Activation", "linear"), ("Input shape", "(None, 2)"), ("Output shape", "(None, 1)"), ("Output dtype", "float32")
    ]  # fmt: skip
    assert head.trainable is False
    assert [box.kind for box in boxes] == ["InputLayer", "Sequential", "Dense", "Multiply"]
    names = {box.key: box.name for box in boxes}
    assert [(names[a], names[b]) for a, b in edges][:2] == [("outer_in", "chain"), ("chain", "head")]


def test_models_inside_can_be_opened() -> None:
    boxes, edges = picture(nested(), Options(nested=True))
    names = {box.key: "/".join((*box.groups, box.name)) for box in boxes}
    shown = [*names.values()]
    assert shown[0] == "outer_in"
    assert "chain/d" in shown
    arrows = [(names[a], names[b]) for a, b in edges]
    assert arrows[:3] == [("chain/d", shown[2]), ("outer_in", "chain/d"), (shown[2], "head")]
    shared = seed_models.siamese_model(tkeras)
    box = next(box for box in picture(shared, Options(shapes=True))[0] if box.kind == "LSTM")
    assert box.rows[0] == ("Input shape", "(None, 10, 12)")


def test_dot() -> None:
    pytest.importorskip("pydot")
    dot = utils.model_to_dot(
        nested(),
        expand_nested=True,
        show_shapes=True,
        show_trainable=True,
        rankdir="LR",
        dpi=50,
        splines="line",
    )
    text = dot.to_string()
    for part in (
        "rankdir=LR",
        "dpi=50",
        "splines=line",
        "subgraph cluster_chain",
        "<b>d</b> (Dense)",
        "Input shape: <b>(None, 3)</b>",
        "forestgreen",
    ):
        assert part in text
    assert utils.model_to_dot(nested(), subgraph=True).get_label() == "outer"
    assert (
        "<b>d</b>" not in utils.model_to_dot(nested(), show_layer_names=False, expand_nested=True).to_string()
    )
    model = seed_models.toy_resnet(tkeras)
    part = utils.model_to_dot(
        model, layer_range=[model.layers[1].name, f"{model.layers[3].name}$"]
    ).to_string()
    assert [part.count(f"<b>{layer.name}</b>") for layer in model.layers[:6]] == [0, 1, 1, 1, 0, 0]
    assert part.count("->") == 2


def test_without_pydot(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pydot", None)
    with pytest.raises(ImportError, match=r"pip install 'tkeras\[plot\]'"):
        utils.model_to_dot(nested())


def test_graphviz_is_used_where_it_is(tmp_path, monkeypatch) -> None:
    pydot = pytest.importorskip("pydot")
    written = []
    monkeypatch.setattr(_plot.shutil, "which", lambda name: "/bin/dot")
    monkeypatch.setattr(pydot.Dot, "write", lambda self, path, format=None: written.append((path, format)))
    utils.plot_model(nested(), tmp_path / "m.pdf")
    utils.plot_model(nested(), tmp_path / "m")
    assert written == [(str(tmp_path / "m.pdf"), "pdf"), (str(tmp_path / "m"), "png")]


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (lambda: tkeras.Sequential([layers.Dense(1)]), {}, "not yet been built"),
        (Own, {}, "not yet been built"),
        (nested, {"rankdir": "UP"}, "rankdir=UP"),
        (nested, {"colour": 1}, "Unrecognized keyword"),
        (nested, {"layer_range": ["x", "y"]}, "do not match"),
    ],
)
def test_wrong_arguments_are_explained(tmp_path, no_graphviz, model, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        utils.plot_model(model(), tmp_path / "a.svg", **options)
