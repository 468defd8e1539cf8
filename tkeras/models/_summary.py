"""The table of `Model.summary`."""

from __future__ import annotations

import io
import re
import shutil
from typing import Any

from tkeras.graph import KerasTensor
from tkeras.graph._tree import flatten, map_structure
from tkeras.layers._layer import Layer

_LINEAR, _CONNECTED = (0.45, 0.80, 1.0), (0.30, 0.56, 0.74, 1.0)  # ends of the columns
_BESIDE_TRAINABLE, _BESIDE_KERNEL = 0.9, 0.8  # where they end when one more follows
_WIDEST, _WITH_KERNEL, _NARROWEST, _MARGIN = 88, 110, 4, 4  # characters


def summary_text(
    model: Any,
    line_length: int | None = None,
    positions: Any = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
    kernels: bool = False,
) -> str:
    """The layers of a model with output shapes and parameter counts, as `Model.summary` prints it.

    Args:
        line_length: width of the table in characters; default: what the columns need, up to 100.
        positions: relative or absolute ends of the columns; more than there are columns do no harm.
        expand_nested: show the layers of models inside.
        show_trainable: a column that says Y or N.
        layer_range: two patterns; rows from the first layer that matches the first to the last that matches
            the second.
        kernels: a column that says what runs the layer, and why.
    """
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    linear = _is_linear(model)
    headers = ["Layer (type)", "Output Shape", "Param #"] + ([] if linear else ["Connected to"])
    ends = list(_LINEAR if linear else _CONNECTED)
    for header, wanted, beside in (
        ("Trainable", show_trainable, _BESIDE_TRAINABLE),
        ("Kernel", kernels, _BESIDE_KERNEL),
    ):
        if wanted:
            headers.append(header)
            ends = [*(beside * end for end in ends), 1.0]
    ends = ends if positions is None else list(positions)[: len(headers)]
    if len(ends) < len(headers):
        raise ValueError(f"`positions` must have one entry for each of {headers}. Received: {positions}")
    default = _WITH_KERNEL if kernels else min(_WIDEST, shutil.get_terminal_size().columns - _MARGIN)
    width = line_length or default
    ends = [int(end * width) for end in ends] if ends[-1] <= 1 else [int(end) for end in ends]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    if min(sizes) < _NARROWEST:
        raise ValueError(f"Insufficient console width to print summary: {width} characters.")
    table = Table(box=box.HEAVY_HEAD, width=width, show_lines=True)
    for header, size in zip(headers, sizes, strict=True):
        justify: Any = (
            "right" if header.startswith("Param") else "center" if header == "Trainable" else "left"
        )
        table.add_column(header, width=size, justify=justify)
    runs = _kernels(model) if kernels else None
    for row in _rows(model, 0, expand_nested, linear, show_trainable, layer_range, runs):
        table.add_row(*map(escape, row))
    console = Console(file=io.StringIO(), width=width + 1, force_terminal=False, color_system=None)
    console.print(f'Model: "{escape(model.name)}"', highlight=False)
    console.print(table)
    for line in _totals(model):
        console.print(line, highlight=False, markup=False)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def _kernels(model: Any) -> dict[str, str]:
    """By layer what runs it and why; layers whose work another layer's kernel does are told so."""
    from tkeras.compiler import explain

    explained = explain(model)
    found: dict[str, str] = {}
    for kernel in explained.kernels:
        text = f"{kernel.implementation}: {kernel.reason}"
        if kernel.layer is not None and text not in found.get(kernel.layer, ""):
            found[kernel.layer] = "; ".join(filter(None, (found.get(kernel.layer), text)))
    for op in explained.before.ops:
        if op.layer is not None:
            found.setdefault(op.layer, "fused into another layer")
    return found


def _is_linear(model: Any) -> bool:
    """Whether every layer feeds the next one, so that a column of connections would say nothing."""
    from tkeras.models import Sequential

    if isinstance(model, Sequential) or model._plan is None:
        return True
    nodes = list(model._plan.nodes)
    return all(len(node.input_tensors) <= 1 for node in nodes) and len(
        {id(t) for node in nodes for t in node.input_tensors}
    ) == sum(len(node.input_tensors) for node in nodes)


def _rows(
    model: Any,
    depth: int,
    nested: bool,
    linear: bool,
    trainable: bool,
    layer_range: Any,
    kernels: dict[str, str] | None = None,
    top: Any = None,
) -> list[list[str]]:
    from tkeras.models import Model

    rows = []
    operations = (
        model._plan.operations
        if getattr(model, "_plan", None) is not None and not hasattr(model, "_chain")
        else model.layers
    )
    for operation in _ranged(operations, layer_range):
        mark = "   " * depth + ("└ " if depth else "")
        parameters = operation.count_params() if isinstance(operation, Layer) and operation.built else 0
        unbuilt = isinstance(operation, Layer) and not operation.built
        row = [
            f"{mark}{operation.name} ({_kind(operation)})",
            output_shape(operation),
            f"{parameters:,} (unbuilt)" if unbuilt else f"{parameters:,}",
        ]
        row += [] if linear else [_connections(operation, top or model)]
        if trainable:
            has = isinstance(operation, Layer) and bool(operation.weights)
            row.append(("Y" if operation.trainable else "N") if has else "-")
        if kernels is not None:
            row.append(kernels.get(operation.name, "-"))
        rows.append(row)
        if nested and isinstance(operation, Model):
            rows += _rows(operation, depth + 1, nested, linear, trainable, None, kernels, top or model)
    return rows


def _kind(operation: Any) -> str:
    """The class of a layer, a function's name in the form of a class."""
    if isinstance(operation, Layer):
        return type(operation).__name__
    return "".join(part.capitalize() for part in operation.label.split("_"))


def _ranged(operations: list[Any], layer_range: Any) -> list[Any]:
    if layer_range is None:
        return operations
    if len(layer_range) != 2 or not all(isinstance(pattern, str) for pattern in layer_range):
        raise ValueError(f"`layer_range` must be a pair of layer names or patterns. Received: {layer_range}")
    first = [i for i, operation in enumerate(operations) if re.match(layer_range[0], operation.name)]
    last = [i for i, operation in enumerate(operations) if re.match(layer_range[1], operation.name)]
    if not first or not last:
        raise ValueError(
            f"Passed layer_names do not match the layer names in the model. Received: {layer_range}"
        )
    low, high = min(first[0], last[0]), max(first[-1], last[-1])
    return operations[low : high + 1]


def output_shape(operation: Any) -> str:
    """The shape of an operation's output, all of them when its calls differ, ``?`` before any call."""
    if not operation._inbound_nodes:
        return _built_shape(operation)
    shapes = []
    for node in operation._inbound_nodes:
        shape = map_structure(
            lambda leaf: leaf.shape if isinstance(leaf, KerasTensor) else None, node.outputs
        )
        text = str(shape[0] if isinstance(shape, list) and len(shape) == 1 else shape)
        if text not in shapes:
            shapes.append(text)
    return shapes[0] if len(shapes) == 1 else "multiple"


def _built_shape(layer: Any) -> str:
    """The output shape of a layer that only saw tensors, from the shape it was built with."""
    built = layer.get_build_config()
    if not built or "input_shape" not in built or "compute_output_shape" not in vars(type(layer)):
        return "?"
    return str(layer.compute_output_shape(built["input_shape"]))


def _connections(operation: Any, model: Any) -> str:
    parts = []
    for node in operation._inbound_nodes:
        if node not in model._plan.nodes:
            continue
        for tensor in node.input_tensors:
            history = tensor._keras_history
            parts.append(f"{history.operation.name}[{history.node_index}][{history.tensor_index}]")
    return ", ".join(parts) or "-"


def _totals(model: Any) -> list[str]:
    def total(variables: Any) -> tuple[int, int]:
        return sum(v.numel() for v in variables), sum(v.numel() * v.element_size() for v in variables)

    trainable, frozen = total(model.trainable_weights), total(model.non_trainable_weights)
    extra = (
        total(flatten(model.optimizer.variables))
        if model.compiled and model.optimizer is not None and model.optimizer.built
        else (0, 0)
    )
    rows = [
        ("Total params", (trainable[0] + frozen[0] + extra[0], trainable[1] + frozen[1] + extra[1])),
        ("Trainable params", trainable),
        ("Non-trainable params", frozen),
    ] + ([("Optimizer params", extra)] if extra[0] else [])
    return [f" {name}: {count:,} ({_size(size)})" for name, (count, size) in rows]


def _size(size: float) -> str:
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024 or unit == "TB":
            return f"{size:.2f} {unit}"
        size /= 1024
    return ""
