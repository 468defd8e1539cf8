"""Several calls of recurrent operators in one launch: of one layer, of both directions, of an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from ._cells import Cell
from ._fused_scan import FusedScan, packed, refused, unpacked
from ._operator import Case, Cost, Operator, Tensors, register, registry
from ._scan_plan import Order
from ._scan_sets import Call, Gradients, route, run, run_back
from ._work import Shapes

_WEIGHTS = ("kernel", "recurrent_kernel", "bias")


class Several(Operator):
    """Calls of one recurrent operator, with the same attributes, over sets of weights of the same shapes.

    Calls of one set are stacked along the batch; the sets run beside each other. Its arguments are the inputs
    (each once, whichever calls read it), then for every call its first states, mask, input mask and recurrent
    mask, then for every set its kernel, recurrent kernel and bias.

    Attributes of a call:
        member: name of the recurrent operator.
        reads: for every call which of the inputs it takes.
        sets: for every call which of the sets it uses; calls of a set beside each other, sets in order.
        go_backwards: for every set whether it runs from the last step to the first.

    The others are the member's. The results are those of the calls, one after the other.
    """

    name = "several"
    saves = "input, pre-activations and the states before each step"
    cases = (
        Case(
            "bidirectional",
            (
                (32, 100, 64),
                *((None,) * 5) * 2,
                *((64, 256), (64, 256), (256,)) * 2,
            ),
            {"member": "lstm", "reads": (0, 0), "sets": (0, 1), "go_backwards": (False, True)},
        ),
        Case(
            "siamese",
            (
                *((32, 280, 256),) * 2,
                *((None,) * 5) * 2,
                (256, 256),
                (64, 256),
                (256,),
            ),
            {"member": "lstm", "reads": (0, 1), "sets": (0, 0), "go_backwards": (False,)},
        ),
    )

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        cell, calls = self._calls(tensors, attributes)
        for call in calls:
            reason = refused(call, cell)
            if reason is not None:
                return reason
        if list(attributes["sets"]) != sorted(attributes["sets"]):
            return "calls of a set are not beside each other"
        merged = self._merged(calls, attributes)
        if len({(*call.x.shape, call.recurrent_kernel.shape) for call in merged}) > 1:
            return "sets of several sizes"
        return None

    def route(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str:
        cell, calls = self._calls(tensors, attributes)
        ways = filter(
            None, (f"{len(calls)} calls in one launch", route(self._merged(calls, attributes), cell))
        )
        return ", ".join(ways)

    def reference(self, *tensors: Any, **attributes: Any) -> Any:
        """The member's reference, once for every set."""
        cell, calls = self._calls(tensors, attributes)
        member, rest = _member(attributes), _rest(attributes)
        outputs = []
        for call, backwards in zip(self._merged(calls, attributes), attributes["go_backwards"], strict=True):
            arguments = (*call[:4], *call.states, call.mask, call.input_mask, call.recurrent_mask)
            given = [arguments[position] for position in member.positions(cell)]
            outputs.append(member.reference(*given, go_backwards=backwards, **rest))
        return _of_calls(calls, outputs, attributes)

    def infer(self, *tensors: Any, **attributes: Any) -> Any:
        return self._run(tensors, attributes, saving=False)[0]

    def forward(self, *tensors: Any, **attributes: Any) -> tuple[Any, Tensors]:
        outputs, saved = self._run(tensors, attributes, saving=True)
        return outputs, (*tensors, *packed(saved))

    def _run(self, tensors: Tensors, attributes: Mapping[str, Any], saving: bool) -> tuple[Any, Any]:
        cell, calls = self._calls(tensors, attributes)
        y, lasts, saved = run(self._merged(calls, attributes), cell, _order(attributes), saving)
        outputs = list(zip(y, *lasts, strict=True))
        return _of_calls(calls, outputs, attributes), saved

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        count = len(needs)
        cell, calls = self._calls(saved[:count], attributes)
        merged = self._merged(calls, attributes)
        _, wanted = self._calls(needs, attributes)
        slopes = _slopes(calls, gradients, attributes, cell)
        order, kept = _order(attributes), unpacked(saved[count:], cell)
        found = run_back(merged, kept, slopes[0], slopes[1:], _any(wanted, cell), cell, order)
        return self._listed(calls, found, needs, attributes, cell)

    def _listed(
        self,
        calls: list[Call],
        found: list[Gradients],
        needs: Sequence[bool],
        attributes: Mapping[str, Any],
        cell: Cell,
    ) -> tuple[torch.Tensor | None, ...]:
        """The gradients of sets in the order of the arguments."""
        inputs: list[torch.Tensor | None] = [None] * (1 + max(attributes["reads"]))
        own: list[torch.Tensor | None] = []
        for rows, of_set, place in _rows(calls, attributes):
            grads, before = found[of_set], inputs[place]
            if grads.x is not None:
                inputs[place] = grads.x[rows] if before is None else before + grads.x[rows]
            own += [None if state is None else state[rows] for state in grads.states]
            own += [None, None, None]
        weights = [gradient for grads in found for gradient in grads[1:4]]
        listed = (*inputs, *own, *weights)
        return tuple(one if need else None for one, need in zip(listed, needs, strict=True))

    def _calls(self, tensors: Sequence[Any], attributes: Mapping[str, Any]) -> tuple[Cell, list[Call]]:
        cell = _member(attributes).cell(_rest(attributes))
        inputs, sets = attributes["reads"], attributes["sets"]
        first, each = 1 + max(inputs), cell.states + 3
        start = first + each * len(inputs)
        calls = []
        for index, (place, of_set) in enumerate(zip(inputs, sets, strict=True)):
            own = tensors[first + index * each : first + (index + 1) * each]
            kernel, recurrent_kernel, bias = tensors[start + 3 * of_set : start + 3 * of_set + 3]
            *states, mask, input_mask, recurrent_mask = own
            weights = (kernel, recurrent_kernel, bias)
            calls.append(Call(tensors[place], *weights, tuple(states), mask, input_mask, recurrent_mask))
        return cell, calls

    def _merged(self, calls: list[Call], attributes: Mapping[str, Any]) -> list[Call]:
        owned = list(zip(calls, attributes["sets"], strict=True))
        count = range(len(attributes["go_backwards"]))
        return [_stacked([call for call, own in owned if own == of_set]) for of_set in count]

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        cell = _member(attributes).cell(_rest(attributes))
        member, total = _member(attributes), Cost(0, 0)
        inputs, sets = attributes["reads"], attributes["sets"]
        start = 1 + max(inputs) + (cell.states + 3) * len(inputs)
        for of_set in range(len(attributes["go_backwards"])):
            xs = [shapes[place] for place, own in zip(inputs, sets, strict=True) if own == of_set]
            batch = sum(x[0] for x in xs if x is not None)
            assert xs[0] is not None
            weights = shapes[start + 3 * of_set : start + 3 * of_set + 3]
            one = member.cost([(batch, *xs[0][1:]), *weights], itemsize, **_rest(attributes))
            total = Cost(total.flops + one.flops, total.bytes + one.bytes)
        return total


def _member(attributes: Mapping[str, Any]) -> FusedScan:
    member = registry()[attributes["member"]]
    assert isinstance(member, FusedScan)
    return member


def _rest(attributes: Mapping[str, Any]) -> dict[str, Any]:
    own = ("member", "reads", "sets", "go_backwards")
    return {name: value for name, value in attributes.items() if name not in own}


def _order(attributes: Mapping[str, Any]) -> Order:
    flags = [bool(attributes.get(name, False)) for name in ("return_sequences", "zero_output_for_mask")]
    return Order(flags[0], tuple(map(bool, attributes["go_backwards"])), flags[1])


def _stacked(calls: list[Call]) -> Call:
    """Calls of the same weights as one call of all rows."""
    first = calls[0]
    if len(calls) == 1:
        return first
    count = range(len(first.states))
    batches = [len(call.x) for call in calls]
    return first._replace(
        x=torch.cat([call.x for call in calls]),
        states=tuple(_rows_of([call.states[i] for call in calls], batches, 0, torch.zeros) for i in count),
        mask=_rows_of([call.mask for call in calls], batches, 0, torch.ones),
        input_mask=_rows_of([call.input_mask for call in calls], batches, 1, torch.ones),
        recurrent_mask=_rows_of([call.recurrent_mask for call in calls], batches, 1, torch.ones),
    )


def _rows_of(
    tensors: list[torch.Tensor | None], batches: list[int], axis: int, fill: Callable[..., torch.Tensor]
) -> torch.Tensor | None:
    """Tensors joined along the batch; those that are None are filled, unless all are."""
    like = next((tensor for tensor in tensors if tensor is not None), None)
    if like is None:
        return None
    found = []
    for tensor, batch in zip(tensors, batches, strict=True):
        shape = (*like.shape[:axis], batch, *like.shape[axis + 1 :])
        found.append(fill(shape, dtype=like.dtype, device=like.device) if tensor is None else tensor)
    return torch.cat(found, axis)


def _rows(calls: list[Call], attributes: Mapping[str, Any]) -> list[tuple[slice, int, int]]:
    """Of every call its rows in its set, the set and the input."""
    at: dict[int, int] = {}
    found = []
    for call, of_set, place in zip(calls, attributes["sets"], attributes["reads"], strict=True):
        start = at.get(of_set, 0)
        at[of_set] = start + len(call.x)
        found.append((slice(start, at[of_set]), of_set, place))
    return found


def _of_calls(calls: list[Call], outputs: Sequence[Any], attributes: Mapping[str, Any]) -> tuple[Any, ...]:
    """The results of the calls from those of the sets."""
    found = _rows(calls, attributes)
    return tuple(result[rows] for rows, of_set, _ in found for result in outputs[of_set])


def _slopes(
    calls: list[Call], gradients: Tensors, attributes: Mapping[str, Any], cell: Cell
) -> list[torch.Tensor | None]:
    """Gradients of outputs and last states with an axis of sets in front."""
    each, count, found = 1 + cell.states, len(attributes["go_backwards"]), []
    batches = [len(call.x) for call in calls]
    for i in range(each):
        own = [gradients[each * n + i] for n in range(len(calls))]
        joined = _rows_of(own, batches, 0, torch.zeros)
        found.append(None if joined is None else joined.unflatten(0, (count, -1)))
    return found


def _any(wanted: list[Call], cell: Cell) -> Gradients:
    """What any of the calls needs, of booleans in their places."""
    states: Any = tuple(any(call.states[i] for call in wanted) for i in range(cell.states))
    flags: Any = {name: any(getattr(call, name) for call in wanted) for name in ("x", *_WEIGHTS)}
    return Gradients(**flags, states=states)


several = register(Several())
