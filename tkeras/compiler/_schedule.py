"""The flat list of launches that a tape becomes, as one Python function without a branch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from tkeras.compiler._clean import placed
from tkeras.compiler._memory import Memory, plan
from tkeras.compiler._program import map_values
from tkeras.compiler._tape import Call, Ref, Tape, refs_in, storages_in

Tensor = torch.Tensor


class Schedule:
    """A run that can be repeated.

    Attributes:
        source: the Python text of the run, one launch a line.
        calls: the launches.
        sizes: bytes of every storage.
        memory: where everything lies.

    Args:
        tape: what is repeated, already cleaned.
        results: what the run gives, in a structure of places.
        homes: where storages are to lie that are not planned.
        inputs: the places of the inputs.
    """

    def __init__(
        self,
        tape: Tape,
        results: Any,
        homes: Mapping[int, Tensor] | None = None,
        inputs: Sequence[Ref] = (),
    ):
        self._homes, self._inputs = homes or {}, inputs
        self.memory: Memory = plan(tape, storages_in(results), self._homes.keys())
        self._tape = tape
        self._arena = torch.zeros(self.memory.total, dtype=torch.uint8)
        self._names: dict[str, Any] = {"as_strided": torch.as_strided}
        self._static: dict[Any, str] = {}
        self._read: dict[Any, Ref] = {}
        self._local: dict[Ref, str] = {}
        self._whole: dict[int, str] = {}
        self._lines: list[str] = []
        self.calls, self.sizes = tape.calls, tape.sizes
        for index, call in enumerate(tape.calls):
            self._call(index, call)
        made = map_values(lambda leaf: _Code(self._tensor(leaf)) if isinstance(leaf, Ref) else leaf, results)
        self._body = "\n".join(f"    {line}" for line in (*self._lines, f"return {made!r}"))
        self.source = f"def run():\n{self._body}\n"
        exec(compile(self.source, "<schedule>", "exec"), self._names)
        self.run: Callable[[], Any] = self._names["run"]
        self._run_on: Callable[..., Any] | None = None
        own = {ref.storage for ref in inputs}
        self._keeps_inputs = len(own) == len(inputs) and not any(call.writes & own for call in tape.calls)

    @property
    def launches(self) -> int:
        """How many there are; the update of all variables counts as one."""
        return len(self.calls)

    def run_on(self, tensors: Sequence[Tensor]) -> Any:
        """A run on inputs of the same shapes and types that lie elsewhere, copied only where they must be."""
        if self._keeps_inputs and all(t.is_contiguous() and not t.requires_grad for t in tensors):
            return (self._run_on or self._make_run_on())(*tensors)
        for ref, tensor in zip(self._inputs, tensors, strict=True):
            self.static(ref).copy_(tensor)
        return self.run()

    def _make_run_on(self) -> Callable[..., Any]:
        """The same calls as a function of the inputs."""
        names = [f"x{index}" for index in range(len(self._inputs))]
        of = {ref.storage: (name, ref) for name, ref in zip(names, self._inputs, strict=True)}
        lines = []
        for key, name in self._static.items():
            ref = self._read[key]
            if ref.storage in of:
                given, whole = of[ref.storage]
                offset = f", {given}.storage_offset() + {ref.offset}" if ref.offset else ""
                view = f"as_strided({given}, {ref.size}, {ref.stride}{offset})"
                lines.append(f"    {name} = {given if ref == whole else view}\n")
        source = f"def run_on({', '.join(names)}):\n{''.join(lines)}{self._body}\n"
        exec(compile(source, "<schedule>", "exec"), self._names)
        self._run_on = self._names["run_on"]
        return self._names["run_on"]

    def static(self, ref: Ref) -> Tensor:
        """The tensor at a place that is the same in every run."""
        storage, offset = self._place(ref)
        return torch.empty(0, dtype=ref.dtype).set_(storage, offset, ref.size, ref.stride)

    def _place(self, ref: Ref) -> tuple[Any, int]:
        """The storage that holds a tensor, and where it begins, in elements."""
        storage = self._tape.outside.get(ref.storage)
        if storage is not None:
            return storage, ref.offset
        home = self._homes.get(ref.storage)
        if home is not None:
            return home.untyped_storage(), int(home.storage_offset()) + ref.offset
        offset = self.memory.offsets[ref.storage] // ref.dtype.itemsize
        return self._arena.untyped_storage(), offset + ref.offset

    def _call(self, index: int, call: Call) -> None:
        form = placed(call)
        target, function, given, kwargs = "", call.function, call.args, call.kwargs
        if form is not None:
            function, given, kwargs = form
        elif call.fresh:
            target = self._results(index, call) + " = "
        args = [self._code(argument) for argument in given]
        named = {name: self._code(value) for name, value in kwargs.items()}
        arguments = ", ".join([*args, *(f"{name}={value}" for name, value in named.items())])
        note = f"  # {call.name}{', ' + call.label if call.label else ''}"
        self._lines.append(f"{target}{self._function(index, function)}({arguments}){note}")
        gone = [s for s in call.fresh + sorted(call.reads) if self.memory.last.get(s) == index]
        dead = [name for ref, name in self._local.items() if ref.storage in gone]
        if dead:
            self._lines.append(f"del {', '.join(dead)}")
            self._local = {ref: name for ref, name in self._local.items() if ref.storage not in gone}

    def _results(self, index: int, call: Call) -> str:
        """Names for what torch allocates."""
        names = []
        made = call.results if isinstance(call.results, (tuple, list)) else (call.results,)
        for place, leaf in enumerate(made):
            name = f"r{index}_{place}"
            for ref in refs_in(leaf):
                self._local[ref] = name
                self._whole.setdefault(ref.storage, name)
            names.append(name)
        return ", ".join(names) + ("," if isinstance(call.results, (tuple, list)) and len(names) == 1 else "")

    def _function(self, index: int, function: Any) -> str:
        name = f"f{index}"
        self._names[name] = quick(function)
        return name

    def _code(self, value: Any) -> str:
        """An argument as Python text."""
        if isinstance(value, Ref):
            return self._tensor(value)
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{key!r}: {self._code(item)}" for key, item in value.items()) + "}"
        if type(value) in (list, tuple):
            items = ", ".join(map(self._code, value))
            return f"[{items}]" if type(value) is list else f"({items}{',' if len(value) == 1 else ''})"
        if value is None or type(value) in (int, bool, str) or (type(value) is float and abs(value) < 1e300):
            return repr(value)
        name = f"c{len(self._names)}"
        self._names[name] = value
        return name

    def _tensor(self, ref: Ref) -> str:
        if ref.storage not in self.memory.dynamic:
            storage, offset = self._place(ref)
            key = (storage._cdata, offset, ref.size, ref.stride, ref.dtype)
            name = self._static.get(key)
            if name is None:
                name = self._static[key] = f"t{len(self._static)}"
                self._read[key] = ref
                self._names[name] = self.static(ref)
            return name
        name = self._local.get(ref)
        if name is None:
            name = self._local[ref] = f"v{len(self._lines)}"
            base = self._whole[ref.storage]
            self._lines.append(f"{name} = as_strided({base}, {ref.size}, {ref.stride}, {ref.offset})")
        return name


class _Code:
    """Python text that stands for itself in a structure."""

    def __init__(self, text: str):
        self.text = text

    def __repr__(self) -> str:
        return self.text


def quick(function: Any) -> Any:
    """The quickest way to call an ATen operator: torch's own binding where its arguments are the same."""
    packet = getattr(function, "overloadpacket", None)
    if packet is None:
        return function
    schema = function._schema
    outs = [a.name for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write]
    binding = getattr(torch, packet.__name__, None)
    if binding is not None and packet.__name__ in _BOUND and outs in ([], ["out"], ["self"]):
        return binding
    return function._op


_BOUND_NAMES = (
    "_addmm_activation _foreach_addcmul_ _log_softmax _log_softmax_backward_data add add_ addmm addmv argmax "
    "bmm cat clamp clamp_min convolution div eq exp gather ge gt index_select le lt maximum mean minimum mm "
    "mul mul_ ne neg pow relu relu_ rsqrt sigmoid sqrt sub sub_ sum tanh where zero_ copy_ fill_"
)
_BOUND = set(_BOUND_NAMES.split())
