"""What is aimed at, to be shown beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

OURS = ("tkeras", "tkeras compiled")
YARDSTICK = "keras torch"
SPEED = {
    "mlp": (4.0, 5.7), "autoencoder": (2.0,), "toy_resnet": (1.6,), "headline": (2.3,), "ticket": (4.5,),
    "siamese": (5.5,),
}  # fmt: skip
"""Steps a second over those of Keras on torch: first and further aim, taken from the fastest peer."""


class Rival(NamedTuple):
    """The fastest contender that is not ours, and our rate over its: eager, and as a program."""

    name: str
    eager: float | None
    program: float | None

    @property
    def best(self) -> float:
        """That of the faster of ours, which is what ``jit_compile="auto"`` keeps."""
        return max(self.eager or 0.0, self.program or 0.0)


def ratios(rows: Sequence[Mapping[str, Any]], contender: str) -> Rival | None:
    """Our rates over one contender's, None where either was not measured."""
    found = next((row for row in rows if row["contender"] == contender), None)
    if found is None or (found["tkeras_over_it"] is None and found["program_over_it"] is None):
        return None
    return Rival(contender, found["tkeras_over_it"], found["program_over_it"])


def rival(rows: Sequence[Mapping[str, Any]]) -> Rival | None:
    """The peer that is fastest, where ours and one other were measured."""
    peers = [row for row in rows if row["contender"] not in OURS]
    fastest = max(peers, key=lambda row: row["steps_per_second"], default=None)
    return None if fastest is None else ratios(rows, fastest["contender"])


def aimed(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The aims of a model and whether they are reached, as text; empty where it has none here."""
    found = ratios(rows, YARDSTICK)
    if name not in SPEED or found is None:
        return ""
    return ", then ".join(
        f"≥ {aim:.1f} ({'reached' if found.best >= aim else 'missed'})" for aim in SPEED[name]
    )


def losses(models: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """A sentence for each aim that is missed, the slowest first: speed, then start and memory.

    For both ways of ours: the better speed, the worse start and memory.
    """
    rivals = [
        (found.best, name, found) for name, rows in models.items() if (found := rival(rows)) is not None
    ]
    for best, name, found in sorted(rivals):
        if best < 1.0:
            yield f"{name}: {best:.2f}x the steps a second of {found.name}"
    kinds = (("third_step_seconds", "first three steps take"), ("peak_megabytes", "peak memory is"))
    for key, what in kinds:
        for name, rows in models.items():
            by_name = {row["contender"]: row[key] for row in rows}
            ours = [by_name[contender] for contender in OURS if contender in by_name]
            if YARDSTICK in by_name and ours and max(ours) > by_name[YARDSTICK]:
                yield f"{name}: {what} {max(ours) / by_name[YARDSTICK]:.2f}x {YARDSTICK}'s"


class KernelAim(NamedTuple):
    """Of an operator on a GPU: its ratio to a contender, or its share of the measured copy.

    Attributes:
        cases: those that it is for; all where none is named.
    """

    title: str
    op: str
    pass_: str
    against: str
    least: float
    cases: tuple[str, ...] = ()


_COPY = "copy"
KERNELS = (
    KernelAim("dense with bias and activation", "dense", "forward", "torch", 1.05, ("transformer_up",)),
    KernelAim("dense", "dense", "forward", "bare vendor call", 0.97, ("transformer_up",)),
    KernelAim("dense", "dense", "backward", "torch", 1.15, ("transformer_up",)),
    KernelAim("convolution 3×3", "conv", "forward", "bare vendor call", 0.9, ("resnet50_3x3",)),
    KernelAim("convolution with bias and relu", "conv", "forward", "torch", 1.15, ("resnet50_stem",)),
    KernelAim("convolution, batch norm, relu", "conv_batch_norm", "backward", "torch", 1.2),
    KernelAim("LSTM", "lstm", "forward", "torch", 2.0),
    KernelAim("LSTM", "lstm", "backward", "torch", 1.5),
    KernelAim("GRU", "gru", "forward", "torch", 2.0),
    KernelAim("GRU", "gru", "backward", "torch", 1.5),
    KernelAim("cross-entropy", "sparse_softmax_cross_entropy", "backward", _COPY, 0.9, ("vocabulary",)),
    KernelAim("layer norm", "layer_norm", "forward", _COPY, 0.9, ("wide",)),
    KernelAim("Adam", "update", "forward", "torch", 1.2),
)


def kernel_aims(results: Mapping[str, Any]) -> list[dict[str, str]]:
    """A row for each aim of an operator that was measured on a GPU in half precision, missed ones first; the
    worst case counts."""
    if results["environment"]["device"] == "CPU":
        return []
    found = []
    for aim in KERNELS:
        measured = [value for row in results["rows"] if (value := _reached(aim, row, results)) is not None]
        if measured:
            worst, where = min(measured)
            unit = "of a copy" if aim.against == _COPY else f"x {aim.against}"
            said = {
                "operator": aim.title,
                "pass": "forward and backward" if aim.pass_ == "backward" else aim.pass_,
                "aim": f"≥ {aim.least:.2f} {unit}",
                "worst measured": f"{worst:.2f} ({where})",
                "": "reached" if worst >= aim.least else "missed",
            }
            found.append(said)
    return sorted(found, key=lambda said: said[""] == "reached")


def _reached(aim: KernelAim, row: Mapping[str, Any], results: Mapping[str, Any]) -> tuple[float, str] | None:
    wanted = (aim.op, aim.pass_, "tkeras")
    if (row["op"], row["pass"], row["contender"]) != wanted or not row.get("us"):
        return None
    if row["dtype"] not in ("bf16", "fp16") or (aim.cases and row["case"] not in aim.cases):
        return None
    where = f"{row['case']} {row['dtype']}"
    if aim.against == _COPY:
        return None if row.get("copy_share") is None else (row["copy_share"], where)
    place = [row[key] for key in ("op", "case", "dtype", "pass")]
    for other in results["rows"]:
        same = [other[key] for key in ("op", "case", "dtype", "pass")] == place
        if same and other["contender"] == aim.against and other.get("us"):
            return other["us"]["p50"] / row["us"]["p50"], where
    return None
