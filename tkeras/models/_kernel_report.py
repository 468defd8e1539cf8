"""How long each operator of a model takes, what it could take at best, how exact it is, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tkeras.models._kernel_pictures import picture
from tkeras.utils._page import bullets, page, paragraphs, table
from tkeras_kernels.tuning import Ceilings


@dataclass(frozen=True)
class Line:
    """What was measured of a call: seconds of its forward and backward, and what bounds the forward.

    Attributes:
        op: name of the operator; the class of the layer where its own code runs.
        share: of the step, forward and backward.
        bound, limit: seconds that the forward takes at the ceilings, and which of them counts.
        error, torch_error: largest of the outputs against float64, ours and torch's in the same dtype.
    """

    layer: str
    op: str
    shapes: str
    dtype: str
    forward: float
    backward: float | None
    share: float
    flops: int | None
    bytes: int | None
    bound: float | None
    limit: str
    error: float | None
    torch_error: float | None
    implementation: str
    reason: str

    @property
    def gflops(self) -> float | None:
        """Achieved by the forward."""
        return None if self.flops is None else self.flops / self.forward / 1e9

    @property
    def gbytes(self) -> float | None:
        """GB/s moved by the forward."""
        return None if self.bytes is None else self.bytes / self.forward / 1e9

    def as_text(self) -> dict[str, str]:
        """For tables."""
        return {
            "layer": self.layer,
            "operator": self.op,
            "shapes": self.shapes,
            "dtype": self.dtype,
            "forward, µs": f"{self.forward * 1e6:.1f}",
            "backward, µs": _text(self.backward, ".1f", 1e6),
            "of the step": f"{self.share:.1%}",
            "GFLOP/s": _text(self.gflops, ".1f"),
            "GB/s": _text(self.gbytes, ".1f"),
            "forward at best, µs": _text(self.bound, ".1f", 1e6),
            "bound by": self.limit,
            "error": _text(self.error, ".1e"),
            "torch's": _text(self.torch_error, ".1e"),
            "runs": f"{self.implementation}: {self.reason}",
        }


def _text(value: float | None, form: str, unit: float = 1.0) -> str:
    return "" if value is None else format(value * unit, form)


@dataclass(frozen=True)
class KernelReport:
    """What :meth:`Model.kernel_report` found; ``str`` and notebooks show it.

    Attributes:
        model, device, batch: what was measured.
        step: seconds of forward and backward of the whole model, run eagerly; loss and update left out.
        ceilings: what the device reached in the same run, by dtype.
        lines: one for each operator that was called, in the order of the model.
        advice: what would help, in words.
    """

    model: str
    device: str
    batch: int
    step: float
    ceilings: Mapping[str, Ceilings]
    lines: tuple[Line, ...]
    advice: tuple[str, ...]

    def facts(self) -> list[str]:
        """The sentences over the table."""
        took = f"{self.step * 1e3:.3f} ms forward and backward, eager, without loss and update"
        copy = max(reached.copy for reached in self.ceilings.values())
        products = ", ".join(f"{dtype} {reached.product:.1f}" for dtype, reached in self.ceilings.items())
        return [
            f"{self.model}, batch {self.batch} on {self.device}: {took}.",
            f"Reached here: copy {copy:.1f} GB/s (memory; caches are faster); product, GFLOP/s: {products}.",
        ]

    def fallbacks(self) -> list[str]:
        """What torch runs, and why: a sentence a reason."""
        found: dict[str, dict[str, None]] = {}
        for line in self.lines:
            if line.implementation == "torch":
                found.setdefault(line.reason, {})[line.op] = None
        return [f"{', '.join(names)}: {reason}" for reason, names in found.items()]

    def __str__(self) -> str:
        from tabulate import tabulate

        rows = [line.as_text() for line in self.lines]
        parts = ["\n".join(self.facts()), tabulate(rows, headers="keys", disable_numparse=True)]
        for title, texts in self._lists():
            parts.append(f"{title}:\n" + "\n".join(f"* {text}" for text in texts))
        return "\n\n".join(parts)

    def _lists(self) -> list[tuple[str, list[str]]]:
        both = [("Advice", [*self.advice]), ("Run by torch", self.fallbacks())]
        return [(title, texts) for title, texts in both if texts]

    def _repr_html_(self) -> str:
        lists = "".join(f"<h2>{title}</h2>{bullets(texts)}" for title, texts in self._lists())
        rows = [line.as_text() for line in self.lines]
        return f"{paragraphs(self.facts())}{picture(self.lines, self.ceilings)}{table(rows)}{lists}"

    def to_html(self) -> str:
        """A page of its own."""
        return page(f"Kernels of {self.model}", self._repr_html_())
