"""``python -m perf operators``: the table of operators in ``docs/operators.md``, made from the registry."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "docs" / "operators.md"
_TARGET = "sm_90"
_HEAD = """# Operators

Made by `python -m perf operators --write`; a test holds it to the code. Fused: the passes that run as kernels
on the backends `triton` and `interpret`, in these dtypes. Every operator also runs on the backend `torch`, in
any dtype, and so does a call that the kernels cannot take; the report then says why.

| operator | computes | fused | dtypes | kept for backward |
|---|---|---|---|---|
"""


def main(arguments: list[str]) -> int:
    """Print the table, or write it; 1 where the file differs from it and was not to be written."""
    parser = argparse.ArgumentParser(prog="python -m perf operators", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {FILE.relative_to(FILE.parent.parent)}")
    options = parser.parse_args(arguments)
    text = table()
    if options.write:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(text)
        return 0
    print(text)
    return 0 if FILE.exists() and FILE.read_text() == text else 1


def table() -> str:
    """The whole file."""
    from tkeras_kernels.operators import registry

    return _HEAD + "".join(_line(operator) for _, operator in sorted(registry().items()))


def _line(operator: Any) -> str:
    cells = (f"`{operator.name}`", _computes(operator), *_fused(operator), operator.saves or "nothing")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _computes(operator: Any) -> str:
    """The first sentence of its docstring."""
    text = " ".join((type(operator).__doc__ or "").strip().split("\n\n")[0].split())
    return text.replace("``", "`").replace(":class:", "").removesuffix(".")


def _fused(operator: Any) -> tuple[str, str]:
    """What has kernels, and in which dtypes some case of the operator takes them; else why none does."""
    from tkeras_kernels.inspect import DTYPES, case_tensors
    from tkeras_kernels.runtime import TARGETS, planning_for

    taken, reasons = [], []
    with planning_for(TARGETS[_TARGET]):
        for name, dtype in DTYPES.items():
            found = [
                operator.unsupported(tuple(case_tensors(case, dtype, "meta")), case.attributes)
                for case in operator.cases
            ]
            if None in found:
                taken.append("fp32" if name == "tf32" else name)
            reasons += [reason for reason in found if reason]
    if not taken:
        return f"no: {reasons[0] if reasons else 'no case'}", ""
    return "forward, backward" if operator.differentiable else "forward; has no backward", ", ".join(taken)
