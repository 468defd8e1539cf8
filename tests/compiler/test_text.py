"""The text of programs: an exact round trip, and faults by their line."""

from __future__ import annotations

import pytest
import torch

from tkeras.compiler import Op, Program, ProgramError, Slot, Type, Value, parse

TEXT = """\
program @mlp(%x: 64x784xf32, @dense/kernel: 784x64xf32, @dense/bias: 64xf32, #2: 64xf32) {
  %0 = dense(%x, @dense/kernel, @dense/bias) {activation = relu} : 64x64xf32  // layer "dense"
  %1, %2 = torch.call(%0, #2) {fn = &torch.max, args = ($0, 1), kwargs = {"other": [$1, slice(None, -1, 2), ...]}} : 64xf32, 64xi64
  %3 = random.generator!() {seed = &"a seed", device = "cpu"} : generator
  %4 = dropout(%0, %3) {rate = 0.5, noise_shape = (None, 1), generated = True} : 64x64xf32  // layer "drop \\"out\\""
  %5 = torch.call(%4) {fn = &torch.Tensor.to, args = ($0, torch.float16, device("cpu"), float("inf"), (1,))} : 64x64xf16
  return {"y": [%5, None], "z": (%1, 1e-07)}
}
"""


def test_round_trip_is_exact() -> None:
    program = parse(TEXT)
    assert str(program) == TEXT
    assert str(parse(str(program), program.bindings)) == TEXT
    assert program.ops[1].function is torch.max
    assert program.ops[3].layer == 'drop "out"'
    assert program.ops[2].effect
    assert "<pre>program @mlp(%x: 64x784xf32" in program._repr_html_()


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("dense(%x", "dense(%y", 2, "'%y' is not defined above"),
        ("%1, %2 =", "%1, %0 =", 3, "%0 is defined twice"),
        (": 64xf32, 64xi64", ": 64xf32", 3, "one type for each of 2 results"),
        ("64x64xf16", "64x64xf17", 6, "expected a type"),
        ("args = ($0, 1)", "args = ($3, 1)", 3, r"name the operands \$0 to \$1"),
        ("= relu", "= rely", 2, "unknown word 'rely'"),
        ("return", "returns", 7, "expected 'return'"),
        ("%5 = ", "%5 ~ ", 6, "cannot read '~"),
        ("program", "module", 1, "expected 'program'"),
        ("generated = True}", "writes = 0}", 5, "the place of a variable"),
    ],
)
def test_faults_name_the_line(old: str, new: str, line: int, message: str) -> None:
    assert old in TEXT
    with pytest.raises(ProgramError, match=rf"line {line}: .*{message}"):
        parse(TEXT.replace(old, new, 1))


def test_unbound_names_do_not_run() -> None:
    with pytest.raises(ProgramError, match="@dense/kernel' is not bound"):
        parse(TEXT).run(torch.zeros(64, 784))


def test_names_of_files_are_not_imported() -> None:
    program = parse(TEXT.replace("&torch.max", "&os.system"))
    with pytest.raises(ProgramError, match=r"'os.system' is not bound"):
        program.ops[1].function("true")


def test_verifier_refuses_what_no_text_can_say() -> None:
    x, y = Value(Type((2,), torch.float32), "x", "input"), Value(Type((2,), torch.float32))
    op = Op("torch.call", (x,), {"fn": torch.relu, "args": (Slot(0),)}, (y,))
    Program("p", (x,), {}, (op,), y).verify()
    with pytest.raises(ProgramError, match=r"call 0 \(torch.call\): an operand that is not made"):
        Program("p", (), {}, (op,), y).verify()
    with pytest.raises(ProgramError, match="return: a value that no call makes"):
        Program("p", (x,), {}, (), y).verify()
    w = Value(Type((2,), torch.float32), "w", "variable")
    with pytest.raises(ProgramError, match="its tensor is"):
        Program("p", (x,), {w: torch.zeros(3)}, (op,), y).verify()
