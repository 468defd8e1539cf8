"""Recording the calls of code that runs on tensors without values."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from tkeras.compiler._errors import TraceError, place
from tkeras.compiler._program import Op, Slot, Type, Value, map_values, type_of
from tkeras.compiler._watch import Watch, stand_ins, storage_of
from tkeras.config import default_device
from tkeras_kernels.operators import Operator

Tensor = torch.Tensor
_SMALL = 1 << 22
"""Elements of the operands of a call that runs on zeros to find its shapes."""
_SETTERS, _MOVES = ("__set__", "__delete__"), ("cpu", "cuda")


class Tracer(TorchFunctionMode):
    """Records the calls made inside it.

    Code under the trace sees tensors of the right shape, type and device whose elements mean nothing; what
    it calls on them is run on meta tensors to find out the results' shapes. Tensors that depend on no input
    and no variable are computed for real: they are the program's constants.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ops: list[Op] = []
        self.captured: dict[Value, Tensor] = {}
        self._values: dict[int, Value] = {}
        self._metas: dict[Value, Tensor] = {}
        self._tokens: dict[Value, Tensor] = {}
        self._constants: dict[int, Tensor] = {}
        self._sources: dict[int, Value] = {}
        self._alive: list[Any] = []
        self._busy = False
        self._on_cpu = True

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._busy:
            return func(*args, **kwargs)
        self._busy = True
        try:
            return self._call(func, args, kwargs)
        finally:
            self._busy = False

    # values

    def input(self, tensor: Tensor, name: str) -> tuple[Value, Tensor]:
        """An argument of the program like ``tensor``, and the token that stands for it."""
        value = Value(type_of(tensor), name, "input")
        self._on_cpu &= tensor.is_cpu
        return value, self._token(value, torch.empty_like(tensor, device="meta"), tensor.device)

    def _token(self, value: Value, meta: Tensor, device: torch.device) -> Tensor:
        token = torch.empty_strided(meta.shape, meta.stride(), dtype=meta.dtype, device=device)
        self._values[id(token)] = value
        self._metas[value], self._tokens[value] = meta, token
        return token

    def _is_traced(self, tensor: Any) -> bool:
        return id(tensor) not in self._constants

    def value_of(self, tensor: Any) -> Value:
        """The value that a token, a variable, a constant or a generator stands for."""
        value = self._values.get(id(tensor)) or self._sources.get(id(tensor))
        if value is None:
            constant = id(tensor) in self._constants
            kind = "constant" if constant else "variable"
            name = (
                str(len(self.captured))
                if constant
                else getattr(tensor, "path", f"tensor_{len(self.captured)}")
            )
            value = Value(type_of(tensor), name, kind)
            self.captured[value] = tensor
            self._values[id(tensor)], self._tokens[value] = value, tensor
            self._metas[value] = torch.empty_strided(
                tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta"
            )
        return value

    # torch functions

    def _call(self, func: Any, args: Any, kwargs: Any) -> Any:
        tensors = [
            leaf for leaf in _leaves((args, kwargs)) if isinstance(leaf, Tensor) or id(leaf) in self._sources
        ]
        name = getattr(func, "__name__", "")
        if not any(map(self._is_traced, tensors)):
            return self._compute(func, args, kwargs)
        if name in _SETTERS:
            raise TraceError(f"an attribute of a tensor is set at {place()}")
        if name == "__get__":
            fact = func(*args, **kwargs)
            if not isinstance(fact, Tensor):
                return fact
        if name in _MOVES and self._tokens[self.value_of(args[0])].device.type == name:
            return args[0]
        return self._record(func, args, kwargs, tensors)

    def _compute(self, func: Any, args: Any, kwargs: Any) -> Any:
        """A call that depends on nothing traced: for real, unless it draws random numbers."""
        with Watch() as watch:
            made = func(*args, **kwargs)
        if watch.random:
            device = next((leaf.device for leaf in tensors_in(made)), default_device())
            meta = map_values(
                lambda x: torch.empty_like(x, device="meta") if isinstance(x, Tensor) else x, made
            )
            return self._append(
                "torch.call", (), {"fn": func, "args": args, "kwargs": kwargs}, meta, device, True
            )
        for leaf in tensors_in(made):
            self._constants[id(leaf)] = leaf
        return made

    def _record(self, func: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> Any:
        operands = list({id(tensor): self.value_of(tensor) for tensor in tensors}.values())
        slots = {id(tensor): Slot(operands.index(self.value_of(tensor))) for tensor in tensors}
        before = {id(self._metas[value]): value for value in operands if value in self._metas}
        moves = getattr(func, "__name__", "") in ("to", "type")

        def template(leaf: Any) -> Any:
            return slots.get(id(leaf), leaf)

        def on_meta(leaf: Any) -> Any:
            if id(leaf) in slots:
                return self._metas.get(self.value_of(leaf))
            device = isinstance(leaf, torch.device) or (moves and isinstance(leaf, str))
            return torch.device("meta") if device else leaf

        made, watch = self._shapes(func, map_values(on_meta, args), _moved(map_values(on_meta, kwargs)))
        found = tensors_in(made)
        changed = [
            value for value in operands
            if value in self._metas and storage_of(self._metas[value]) in watch.written
        ]  # fmt: skip
        if not found and not changed:
            return made  # a fact about shapes
        if all(id(leaf) in before for leaf in found) and not changed:  # nothing happened, as in x.to(x.dtype)
            return map_values(
                lambda leaf: self._tokens[before[id(leaf)]] if isinstance(leaf, Tensor) else leaf, made
            )
        attributes: dict[str, Any] = {"fn": func, "args": map_values(template, tuple(args))}
        if kwargs:
            attributes["kwargs"] = map_values(template, dict(kwargs))
        own = (self._tokens[value].device for value in operands if value in self._tokens)
        device = next(own, default_device())
        if changed:
            return self._change(operands, attributes, made, changed, watch.random, before)
        return self._append("torch.call", tuple(operands), attributes, made, device, watch.random)

    def _shapes(self, func: Any, args: Any, kwargs: Any) -> tuple[Any, Watch]:
        """Shapes of what a call on meta tensors gives, and what it does.

        Small calls run on zeros: what torch does for its meta device is in part Python, and importing that
        takes seconds.
        """
        metas = tensors_in((args, kwargs))
        if self._on_cpu and sum(meta.numel() for meta in metas) <= _SMALL and not _reads(func):
            found = self._on_zeros(func, args, kwargs, metas)
            if found is not None:
                return found
        try:
            with torch.no_grad(), Watch() as watch:
                return func(*args, **kwargs), watch
        except TraceError:
            raise
        except Exception as error:
            name = getattr(func, "__name__", str(func))
            why = str(error).split("\n")[0]
            raise TraceError(
                f"{name} needs the value of a tensor, or cannot run without one, at {place()} ({why})"
            ) from error

    def _on_zeros(self, func: Any, args: Any, kwargs: Any, metas: list[Tensor]) -> tuple[Any, Watch] | None:
        """The same from a run on zeros; None where these are no valid input, or their values matter."""
        zeros = stand_ins(metas)
        by_storage = {storage_of(zeros[id(meta)]): meta for meta in metas}
        back = {id(zeros[id(meta)]): meta for meta in metas}

        def real(leaf: Any) -> Any:
            leaf = zeros.get(id(leaf), leaf)
            return torch.device("cpu") if isinstance(leaf, torch.device) and leaf.type == "meta" else leaf

        def meta(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor) or id(leaf) in back:
                return back.get(id(leaf), leaf)
            shape, stride = leaf.shape, leaf.stride()
            source = by_storage.get(storage_of(leaf))
            if source is None:
                return torch.empty_strided(shape, stride, dtype=leaf.dtype, device="meta")
            view = torch.empty(0, dtype=leaf.dtype, device="meta")
            return view.set_(source.untyped_storage(), leaf.storage_offset(), shape, stride)

        try:
            with torch.no_grad(), Watch() as watch:
                made = func(*map_values(real, args), **map_values(real, kwargs))
        except Exception:  # noqa: BLE001 - whatever it is, the meta device will tell
            return None
        written = {by_storage[key] for key in watch.written if key in by_storage}
        watch.written = {storage_of(tensor) for tensor in written}
        return map_values(meta, made), watch

    def _change(
        self,
        operands: list[Value],
        attributes: dict[str, Any],
        made: Any,
        changed: list[Value],
        random: bool,
        before: dict[int, Value],
    ) -> Any:
        """A call that writes one of its operands."""
        if len(changed) != 1:
            raise TraceError(f"a call changes {len(changed)} of its tensors in place at {place()}")
        (target,) = changed
        key = storage_of(self._metas[target])
        if target.kind == "variable":
            attributes["writes"] = operands.index(target)
            self.ops.append(Op("torch.call", tuple(operands), attributes, (), _layer(), True))
            return map_values(lambda x: self._tokens[before[id(x)]] if id(x) in before else x, made)
        if sum(storage_of(meta) == key for meta in self._metas.values()) > 1:
            raise TraceError(f"a tensor that has views is changed in place at {place()}")
        attributes["clones"] = operands.index(target)
        token = self._tokens[target]
        value = Value(target.type)
        others = [leaf for leaf in tensors_in(made) if leaf is not self._metas[target]]
        if others:
            raise TraceError(f"a call changes a tensor in place and makes another one at {place()}")
        self.ops.append(Op("torch.call", tuple(operands), attributes, (value,), _layer(), random))
        self._metas[value] = torch.empty_like(self._metas[target])
        self._values[id(token)], self._tokens[value] = value, token
        self._alive.append(self._constants.pop(id(token), token))
        return map_values(lambda leaf: token if isinstance(leaf, Tensor) else leaf, made)

    def _append(
        self,
        name: str,
        operands: tuple[Any, ...],
        attributes: dict[str, Any],
        made: Any,
        device: torch.device,
        effect: bool = False,
    ) -> Any:
        """Add a call whose results have these shapes; gives tokens in their structure."""
        outputs: list[Value] = []

        def token(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor):
                return leaf
            value = Value(type_of(leaf))
            outputs.append(value)
            return self._token(value, leaf, device)

        tokens = map_values(token, made)
        self.ops.append(Op(name, operands, attributes, tuple(outputs), _layer(), effect))
        if not torch.is_grad_enabled() and name != "random.generator":
            return map_values(self._stopped, tokens)
        return tokens

    def _stopped(self, token: Any) -> Any:
        """Under ``torch.no_grad`` nothing is differentiated."""
        if not isinstance(token, Tensor) or not token.is_floating_point():
            return token
        operand = self._values[id(token)]
        attributes = {"fn": Tensor.detach, "args": (Slot(0),)}
        value = Value(operand.type)
        self.ops.append(Op("torch.call", (operand,), attributes, (value,), _layer()))
        return self._token(value, self._metas[operand], token.device)

    # what layers and the bridge tell

    def operator(self, operator: Operator, tensors: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
        """Record the call of an operator."""
        busy, self._busy = self._busy, True
        try:
            operands = [None if tensor is None else self.value_of(tensor) for tensor in tensors]
            metas = [None if value is None else self._metas[value] for value in operands]
            generator, seed = attributes.get("generator"), attributes.get("seed")
            before = {id(self._metas[value]): value for value in operands if value is not None}
            given = {key: value for key, value in attributes.items() if key not in _DRAWN}
            made, watch = self._shapes(operator.reference, metas, given)
            if isinstance(made, Tensor) and id(made) in before and not watch.random:
                return self._tokens[before[id(made)]]
            attributes = given
            if seed is not None:
                operands.append(self.value_of(seed))
                attributes["generated"] = "seed"
            elif generator is not None:
                operands.append(self._sources[id(generator)])
                attributes["generated"] = True
            made = map_values(lambda x: torch.empty_like(x) if id(x) in before else x, made)
            present = [value for value in operands if value is not None and value in self._tokens]
            device = self._tokens[present[0]].device
            draws = watch.random or generator is not None or seed is not None
            return self._append(operator.name, tuple(operands), attributes, made, device, draws)
        finally:
            self._busy = busy

    def seed(self, seed: Any, device: torch.device) -> Tensor:
        """Record that the next seed is drawn on a device."""
        busy, self._busy = self._busy, True
        try:
            seed.move_to(device)
            operand = self.value_of(seed.state)
            drawn = torch.empty(1, dtype=torch.int64, device="meta")
            return self._append("random.seed", (operand,), {"writes": 0}, drawn, device, True)
        finally:
            self._busy = busy

    def generator(self, seed: Any, device: torch.device) -> torch.Generator:
        """Record that the next seed is drawn."""
        from tkeras.random import global_seed_generator

        source = torch.Generator("cpu")
        value = Value(type=_GENERATOR)
        seed = global_seed_generator() if seed is None else seed
        self.ops.append(
            Op("random.generator", (), {"seed": seed, "device": str(device)}, (value,), _layer(), True)
        )
        self._sources[id(source)] = value
        self._alive.append(source)
        return source


_GENERATOR = Type(kind="generator")
_DRAWN = ("generator", "seed")
"""Attributes of operators that are operands of calls."""


def _reads(func: Any) -> bool:
    """Whether a function looks at values behind torch's back."""
    return getattr(func, "__name__", "") in ("numpy", "__array__", "tolist", "__dlpack__", "__reduce_ex__")


def _leaves(structure: Any) -> list[Any]:
    found: list[Any] = []
    map_values(found.append, structure)
    return found


def tensors_in(structure: Any) -> list[Tensor]:
    """The tensors in a structure of lists, tuples and dictionaries."""
    return [leaf for leaf in _leaves(structure) if isinstance(leaf, Tensor)]


def _moved(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {
        key: torch.device("meta") if key == "device" and value is not None else value
        for key, value in kwargs.items()
    }


def _layer() -> str | None:
    """The layer whose call runs."""
    from tkeras.layers._context import context
    from tkeras.layers.recurrent._cell import Cell

    inner = [layer for layer in context.stack if not isinstance(layer, Cell)] or context.stack
    return inner[-1].name if inner else None
