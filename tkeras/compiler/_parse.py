"""Programs from their text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch

from tkeras.compiler._program import DTYPES, Op, Program, ProgramError, Slot, Type, Value
from tkeras.compiler._symbols import Unbound, library_function, torch_function
from tkeras.compiler._verify import verify

_TOKEN = re.compile(
    r"""\s*(?:(?P<layer>//\ layer\ "(?:[^"\\]|\\.)*")
    |(?P<name>[%@\#&](?:[\w./]+|"(?:[^"\\]|\\.)*"))
    |(?P<string>"(?:[^"\\]|\\.)*")
    |(?P<slot>\$\d+)
    |(?P<type>\d+(?:x\d+)*x[a-z]+\d+)
    |(?P<number>-?\d+(?:\.\d*)?(?:e[+-]?\d+)?)
    |(?P<word>[A-Za-z_][\w.]*)
    |(?P<sign>\.\.\.|[(){}\[\],:=!]))""",
    re.VERBOSE,
)
_WORDS: dict[str, Any] = {"None": None, "True": True, "False": False}
_KINDS = ("generator", "saved", "object")


def parse(text: str, bindings: Mapping[str, Any] | None = None) -> Program:
    """The program that a text describes.

    Args:
        text: as programs print.
        bindings: tensors and objects by the names in the text, as :attr:`Program.bindings` gives them.
            Torch's functions on tensors and the library's pointwise functions are known. Names that are not
            bound stand for themselves; such a program cannot run.

    Raises:
        ProgramError: with the number of the line that is at fault.
    """
    return _Parser(text, bindings or {}).program()


class _Line:
    """The tokens of one line."""

    def __init__(self, number: int, text: str):
        self.number, self.text, self.position = number, text, 0

    def fail(self, what: str) -> ProgramError:
        return ProgramError(f"line {self.number}: {what}\n  {self.text.strip()}")

    def peek(self) -> tuple[str, str]:
        if not self.text[self.position :].strip():
            return "end", ""
        match = _TOKEN.match(self.text, self.position)
        if match is None:
            raise self.fail(f"cannot read {self.text[self.position :].strip()[:20]!r}")
        kind = str(match.lastgroup)
        return kind, match.group(kind)

    def take(self, expected: str | None = None) -> tuple[str, str]:
        kind, token = self.peek()
        if expected is not None and expected not in (token, kind):
            raise self.fail(f"expected {expected!r}. Received: {token!r}")
        match = _TOKEN.match(self.text, self.position)
        self.position = match.end() if match else len(self.text)
        return kind, token

    def accept(self, token: str) -> bool:
        if self.peek()[1] != token:
            return False
        self.take()
        return True


class _Parser:
    def __init__(self, text: str, bindings: Mapping[str, Any]):
        numbered = enumerate(text.splitlines(), 1)
        self.lines = [_Line(number, line) for number, line in numbered if line.strip()]
        self.bindings, self.values = bindings, {}
        self.unbound: dict[str, Unbound] = {}
        self.places: dict[Op, int] = {}

    values: dict[str, Value]

    def program(self) -> Program:
        if len(self.lines) < 3:
            raise ProgramError("line 1: expected `program @name(…) {`, calls, `return …` and `}`")
        first, *calls, end, last = self.lines
        name, inputs, captured = self.header(first)
        ops = tuple(self.op(line) for line in calls)
        end.take("return")
        outputs = self.literal(end)
        end.take("end")
        last.take("}")
        last.take("end")
        program = Program(name, inputs, captured, ops, outputs)
        verify(program, self.places, end.number)
        return program

    def header(self, line: _Line) -> tuple[str, tuple[Value, ...], dict[Value, Any]]:
        line.take("program")
        name = _bare(line.take("name")[1])
        line.take("(")
        inputs, captured = [], {}
        while not line.accept(")"):
            token = line.take("name")[1]
            line.take(":")
            kind = {"%": "input", "@": "variable", "#": "constant"}.get(token[0])
            if kind is None:
                raise line.fail(f"an argument starts with %, @ or #. Received: {token}")
            value = self.define(line, token, Value(self.type(line), _bare(token), kind))
            if kind == "input":
                inputs.append(value)
            else:
                captured[value] = self.bindings.get(token, Unbound(token))
            line.accept(",")
        line.take("{")
        line.take("end")
        return name, tuple(inputs), captured

    def define(self, line: _Line, token: str, value: Value) -> Value:
        if token in self.values:
            raise line.fail(f"{token} is defined twice")
        self.values[token] = value
        return value

    def type(self, line: _Line) -> Type:
        kind, token = line.take()
        if kind == "word" and token in _KINDS:
            return Type(kind=token)
        *sizes, name = token.split("x") if kind == "type" else [token]
        if kind not in ("type", "word") or name not in DTYPES:
            raise line.fail(f"expected a type such as 64x10xf32. Received: {token!r}")
        return Type(tuple(map(int, sizes)), DTYPES[name])

    def op(self, line: _Line) -> Op:
        made = self.targets(line)
        name = line.take("word")[1]
        effect = line.accept("!")
        line.take("(")
        inputs = self.sequence(line, ")", self.operand)
        attributes = self.attributes(line) if line.peek()[1] == "{" else {}
        types = []
        if made:
            line.take(":")
            types = [self.type(line)]
            while line.accept(","):
                types.append(self.type(line))
        if len(types) != len(made):
            raise line.fail(f"expected one type for each of {len(made)} results. Received: {len(types)}")
        kind, token = line.take()
        layer = json.loads(token.removeprefix("// layer ")) if kind == "layer" else None
        if kind not in ("layer", "end"):
            raise line.fail(f"expected the end of the line. Received: {token!r}")
        outputs = tuple(self.define(line, key, Value(type)) for key, type in zip(made, types, strict=True))
        op = Op(name, tuple(inputs), attributes, outputs, layer, effect)
        self.places[op] = line.number
        return op

    def targets(self, line: _Line) -> list[str]:
        made = []
        while line.peek()[0] == "name":
            made.append(line.take()[1])
            if not line.accept(","):
                line.take("=")
                break
        return made

    def sequence(self, line: _Line, end: str, item: Callable[[_Line], Any]) -> list[Any]:
        found = []
        while not line.accept(end):
            found.append(item(line))
            if not line.accept(","):
                line.take(end)
                break
        return found

    def operand(self, line: _Line) -> Value | None:
        kind, token = line.take()
        if token == "none":
            return None
        if kind != "name" or token not in self.values:
            raise line.fail(f"{token!r} is not defined above")
        return self.values[token]

    def attributes(self, line: _Line) -> dict[str, Any]:
        def pair(line: _Line) -> tuple[str, Any]:
            key = line.take("word")[1]
            line.take("=")
            return key, self.literal(line)

        line.take("{")
        return dict(self.sequence(line, "}", pair))

    def literal(self, line: _Line) -> Any:
        kind, token = line.peek()
        if kind == "name" and token[0] != "&":
            return self.operand(line)
        line.take()
        if kind == "name":
            return self.symbol(token)
        if kind == "slot":
            return Slot(int(token[1:]))
        if kind == "number":
            return int(token) if re.fullmatch(r"-?\d+", token) else float(token)
        if kind == "string":
            return json.loads(token)
        if kind == "word":
            return self.word(line, token)
        return self.nested(line, token)

    def nested(self, line: _Line, token: str) -> Any:
        if token == "...":
            return ...
        if token == "[":
            return self.sequence(line, "]", self.literal)
        if token == "{":
            return dict(self.sequence(line, "}", self.entry))
        if token != "(":
            raise line.fail(f"expected a value. Received: {token!r}")
        return tuple(self.sequence(line, ")", self.literal))

    def entry(self, line: _Line) -> tuple[Any, Any]:
        key = self.literal(line)
        line.take(":")
        return key, self.literal(line)

    def word(self, line: _Line, token: str) -> Any:
        if token in _WORDS:
            return _WORDS[token]
        makers = {"slice": slice, "device": torch.device, "float": float}
        if token in makers and line.accept("("):
            return makers[token](*self.sequence(line, ")", self.literal))
        plain = getattr(torch, token.removeprefix("torch."), None) if token.startswith("torch.") else None
        if isinstance(plain, (torch.dtype, torch.memory_format, torch.layout)):
            return plain
        function = library_function(token)
        if function is None:
            raise line.fail(f"unknown word {token!r}")
        return function

    def symbol(self, token: str) -> Any:
        if token in self.bindings:
            return self.bindings[token]
        found = torch_function(_bare(token))
        return self.unbound.setdefault(token, Unbound(_bare(token))) if found is None else found


def _bare(token: str) -> str:
    return json.loads(token[1:]) if token[1:2] == '"' else token[1:]
