"""The graph of layers in TensorBoard's form."""

from __future__ import annotations

from typing import Any


def graph_of(model: Any) -> tuple[Any, Any] | None:
    """``(GraphDef, StepStats)`` with one node a call; None for a model that is no graph of layers."""
    from tensorboard.compat.proto import graph_pb2, node_def_pb2, step_stats_pb2

    messages: Any = (graph_pb2, node_def_pb2, step_stats_pb2)  # their classes are made at import
    graph, node_def, stats = messages
    if getattr(model, "_plan", None) is None:
        return None
    nodes, names = [], {}
    for node in model._plan.nodes:
        operation = node.operation
        calls = operation._inbound_nodes
        count = f"_{calls.index(node)}" if len(calls) > 1 else ""
        name = f"{model.name}/{operation.name}{count}"
        inputs = [names[id(tensor)] for tensor in node.input_tensors if id(tensor) in names]
        names.update((id(tensor), name) for tensor in node.output_tensors)
        nodes.append(node_def.NodeDef(name=name, op=type(operation).__name__, input=inputs))
    return graph.GraphDef(node=nodes), stats.StepStats()
