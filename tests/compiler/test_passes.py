"""Passes: the text before and after, and the same results and gradients on random inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tkeras.compiler import Program, ProgramError, differentiate, parse, passes
from tkeras.graph._tree import flatten

CASES = (Path(__file__).parent / "passes.txt").read_text().split("\n=== ")[1:]
OBJECTS = {"&torch.rand_like": torch.rand_like}


def case(text: str) -> tuple[str, str, str]:
    """Name of a pass, program before, program after."""
    name, rest = text.split("\n", 1)
    before, after = rest.split("---\n")
    return name.split()[0], before.strip() + "\n", after.strip() + "\n"


def bound(program: Program) -> Program:
    """The program with random tensors for what it captures, the same for the same names."""
    captured = {}
    for value in program.captured:
        torch.manual_seed(sum(map(ord, value.name)))
        captured[value] = torch.rand(value.type.shape) + 0.5
    return program.with_(captured=captured)


def fresh(program: Program) -> Program:
    """The program with copies of what it captures, which it may change."""
    return program.with_(captured={value: tensor.clone() for value, tensor in program.captured.items()})


def inputs_of(program: Program) -> list[torch.Tensor]:
    return [
        torch.randn(v.type.shape, dtype=v.type.dtype) if v.type.dtype.is_floating_point
        else torch.randint(5, v.type.shape, dtype=v.type.dtype)
        for v in program.inputs
    ]  # fmt: skip


@pytest.mark.parametrize("text", CASES, ids=[text.split("\n")[0] for text in CASES])
def test_before_and_after(text: str) -> None:
    name, before, after = case(text)
    program = parse(before, OBJECTS)
    assert str(program) == before
    made = getattr(passes, name)(bound(program))
    made.verify()
    assert str(made) == after


@pytest.mark.parametrize("text", CASES, ids=[text.split("\n")[0] for text in CASES])
def test_same_results_and_gradients(text: str) -> None:
    name, before, _ = case(text)
    program = bound(parse(before, OBJECTS))
    made = getattr(passes, name)(program)
    tensors = inputs_of(program)
    for ours, theirs in zip(
        flatten(fresh(made).run(tensors)), flatten(fresh(program).run(tensors)), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    found = [_gradients(p, program, tensors) for p in (made, program)]
    for ours, theirs in zip(*found, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def _gradients(program: Program, original: Program, tensors: list[torch.Tensor]) -> list[Any]:
    """Gradients of the mean of all results with respect to inputs and variables."""
    leaves = [t.clone().requires_grad_(t.is_floating_point()) for t in tensors]
    written = {value.name for value in original.written()}
    weights = {
        value.name: tensor.clone().requires_grad_(value.kind == "variable" and value.name not in written)
        for value, tensor in original.captured.items()
    }
    captured = {value: weights.get(value.name, tensor) for value, tensor in program.captured.items()}
    outputs = flatten(program.with_(captured=captured).run(leaves))
    total = sum(output.square().mean() for output in outputs if output.is_floating_point())
    wanted = [leaf for leaf in [*leaves, *weights.values()] if leaf.requires_grad]
    if not isinstance(total, torch.Tensor) or not total.requires_grad:
        return [None for _ in wanted]
    return list(torch.autograd.grad(total, wanted, allow_unused=True))


def test_a_pass_that_breaks_the_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(program: Program) -> Program:
        return program.with_(ops=program.ops[1:])

    program = parse(case(CASES[0])[1])
    monkeypatch.setattr(passes, "PASSES", (broken,) * 6)
    with pytest.raises(ProgramError):
        passes.optimize(program).verify()
    monkeypatch.setenv("TKERAS_DEBUG", "1")
    with pytest.raises(ProgramError, match=r"pass broken broke the program: .*not made by an earlier call"):
        passes.optimize(program)


def test_joint_program_of_fused_calls_differentiates() -> None:
    text = next(text for text in CASES if text.startswith("fuse_pointwise"))
    program = bound(parse(case(text)[1]))
    made = passes.optimize(program)
    loss = made.results[0]
    tensors = inputs_of(program)
    assert loss.type.shape
    both = differentiate(made, loss, made.inputs)
    _, found = both.run(tensors)
    leaves = [t.clone().requires_grad_() for t in tensors]
    expected = torch.autograd.grad(program.run(leaves)[0].sum(), leaves, allow_unused=True)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
