"""What is aimed at on a CPU, to be shown beside what was measured."""

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
