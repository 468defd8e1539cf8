"""`plot_model` and `model_to_dot`: pictures of models."""

from __future__ import annotations

import os
import shutil
import warnings
from html import escape
from pathlib import Path
from typing import Any

from tkeras.utils._plot_boxes import Box, Options, picture
from tkeras.utils._plot_svg import svg

_INSTALL = "install Graphviz (https://graphviz.org/download) and pydot (pip install 'tkeras[plot]')"
_RANKDIRS = ("TB", "BT", "LR", "RL")


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """A model as a graph of pydot.

    Args:
        show_shapes: write the shapes of inputs and outputs.
        show_dtype: write the types of outputs.
        show_layer_names: write the names of layers.
        rankdir: ``"TB"`` from top to bottom, ``"LR"`` from left to right; ``"BT"``, ``"RL"``.
        expand_nested: show the layers of models inside, in frames.
        dpi: dots an inch.
        subgraph: give a ``pydot.Cluster`` instead of a ``pydot.Dot``.
        show_layer_activations: write the activations of layers.
        show_trainable: mark layers that train and that do not.
        splines: form of the arrows.
        kwargs: ``layer_range``: two names or patterns; only the layers between them are shown.

    Raises:
        ImportError: no pydot.
        ValueError: the model is not built, or an unknown ``rankdir``.
    """
    try:
        import pydot
    except ImportError as error:
        raise ImportError(f"`model_to_dot` needs pydot: {_INSTALL}.") from error
    options = Options(
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable, expand_nested
    )
    boxes, edges = _chosen(model, options, rankdir, kwargs)
    graph: Any
    if subgraph:
        graph = pydot.Cluster(style="dashed", graph_name=model.name, label=model.name, labeljust="l")
    else:
        graph = pydot.Dot()
        for name, value in (("rankdir", rankdir), ("concentrate", True), ("dpi", dpi), ("splines", splines)):
            graph.set(name, value)
        graph.set_node_defaults(shape="record")
    frames: dict[tuple[str, ...], Any] = {(): graph}
    for box in boxes:
        for depth in range(1, len(box.groups) + 1):
            groups = box.groups[:depth]
            if groups not in frames:
                name = "_".join(groups)
                frames[groups] = pydot.Cluster(
                    style="dashed", graph_name=name, label=groups[-1], labeljust="l"
                )
        frames[box.groups].add_node(
            pydot.Node(box.key, label=_label(box), fontname="Helvetica", border="0", margin="0")
        )
    for groups in sorted(frames, key=len, reverse=True)[:-1]:
        frames[groups[:-1]].add_subgraph(frames[groups])
    for source, target in edges:
        graph.add_edge(pydot.Edge(source, target, penwidth="2"))
    return graph


def _chosen(
    model: Any, options: Options, rankdir: str, kwargs: dict[str, Any]
) -> tuple[list[Box], list[tuple[str, str]]]:
    """The boxes and arrows to draw."""
    from tkeras.models._summary import _ranged

    layer_range = kwargs.pop("layer_range", None)
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
    if rankdir not in _RANKDIRS:
        raise ValueError(f"`rankdir` must be one of {_RANKDIRS}. Received: rankdir={rankdir}")
    boxes, edges = picture(model, options)
    if layer_range is not None:
        kept = {str(id(operation)) for operation in _ranged(_operations(model), layer_range)}
        boxes = [box for box in boxes if box.key in kept]
        edges = [edge for edge in edges if kept.issuperset(edge)]
    return boxes, edges


def _operations(model: Any) -> list[Any]:
    return model._plan.operations if getattr(model, "_plan", None) is not None else model.layers


def _label(box: Box) -> str:
    """The box as a table of Graphviz."""
    cells = [_cell(f"{what}: <b>{escape(value)}</b>") for what, value in box.rows if what != "Activation"]
    if box.trainable is not None:
        colour, word = ("forestgreen", "Trainable") if box.trainable else ("firebrick", "Non-trainable")
        cells.append(f'<td bgcolor="{colour}"><font point-size="14" color="white"><b>{word}</b></font></td>')
    span = max(1, len(cells))
    kind = escape(box.kind)
    title = f"<b>{escape(box.name)}</b> ({kind})" if box.name is not None else f"<b>{kind}</b>"
    rows = [f'<td colspan="{span}" bgcolor="black"><font point-size="16" color="white">{title}</font></td>']
    for what, value in box.rows:
        if what == "Activation":
            rows.append(_cell(f"{what}: <b>{escape(value)}</b>", span))
    rows += ["".join(cells)] if cells else []
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<<table border="0" cellborder="1" bgcolor="black" cellpadding="10">{body}</table>>'


def _cell(text: str, span: int = 1) -> str:
    return f'<td bgcolor="white" colspan="{span}"><font point-size="14">{text}</font></td>'


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Draw a model into a file.

    Graphviz and pydot draw every kind of file that they know. Without them a plainer picture is drawn as SVG:
    into ``to_file`` where it ends in ``.svg``, else into a file of the same name with this ending, with a
    warning.

    Args:
        to_file: the file; its ending decides the kind.
        show_layer_names: write the names of layers.
        show_shapes, show_dtype, rankdir, expand_nested, dpi, show_layer_activations, show_trainable, splines,
            kwargs: as in `model_to_dot`; ``splines`` is for Graphviz alone.

    Returns:
        In a notebook, an image to show; else None.

    Raises:
        ValueError: the model is not built, or an unknown ``rankdir``.
    """
    path = Path(os.fspath(to_file))
    if not shutil.which("dot") or not _has_pydot():
        options = Options(
            show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable, expand_nested
        )
        boxes, edges = _chosen(model, options, rankdir, kwargs)
        if path.suffix != ".svg":
            path = path.with_suffix(".svg")
            warnings.warn(f"Drawn as {path}. For other files {_INSTALL}.", stacklevel=2)
        path.write_text(svg(boxes, edges, rankdir, max(1, dpi * 96 // 200)), encoding="utf-8")
        return _shown(path)
    dot = model_to_dot(
        model, show_shapes=show_shapes, show_dtype=show_dtype, show_layer_names=show_layer_names,
        rankdir=rankdir, expand_nested=expand_nested, dpi=dpi, show_layer_activations=show_layer_activations,
        show_trainable=show_trainable, splines=splines, **kwargs,
    )  # fmt: skip
    dot.write(str(path), format=path.suffix[1:] or "png")
    return _shown(path)


def _has_pydot() -> bool:
    import importlib.util

    return importlib.util.find_spec("pydot") is not None


def _shown(path: Path) -> Any:
    """What a notebook shows; None outside of one."""
    try:
        shell = get_ipython()  # type: ignore[name-defined]
    except NameError:
        return None
    if type(shell).__name__ != "ZMQInteractiveShell":
        return None
    from IPython.display import SVG, Image

    return SVG(filename=str(path)) if path.suffix == ".svg" else Image(filename=str(path))
