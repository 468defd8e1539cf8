"""The pictures of a kernel report: where the step goes, and the roofline."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tkeras_kernels.tuning import Ceilings

if TYPE_CHECKING:
    from tkeras.models._kernel_report import Line

_MOST_BARS, _MOST_NAMES, _LONGEST = 15, 8, 32
_NEAR = 0.15
"""Decades between two points that both have room for a name."""
_FORWARD, _BACKWARD, _MARK = "#2b6cb0", "#a3c4e6", "#c05621"


def picture(lines: Sequence[Line], ceilings: Mapping[str, Ceilings]) -> str:
    """Bars and roofline as one SVG; a sentence where matplotlib is not installed."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        return "<p>No picture: matplotlib is not installed (pip install tkeras[plot]).</p>"
    shown = sorted(lines, key=lambda line: line.share, reverse=True)[:_MOST_BARS]
    figure = Figure(figsize=(11, max(3.2, 0.26 * len(shown) + 1.4)), layout="constrained")
    with mpl.rc_context({"svg.hashsalt": "tkeras"}):
        bars, roof = figure.subplots(1, 2)
        _bars(bars, shown)
        _roofline(roof, lines, ceilings)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def _bars(axes: Any, lines: Sequence[Line]) -> None:
    names = [f"{line.layer[-_LONGEST:]} ({line.op})" for line in reversed(lines)]
    places = range(len(names))
    forward = [line.forward * 1e3 for line in reversed(lines)]
    backward = [(line.backward or 0.0) * 1e3 for line in reversed(lines)]
    axes.barh(places, forward, color=_FORWARD, label="forward")
    axes.barh(places, backward, left=forward, color=_BACKWARD, label="backward")
    axes.set_yticks(places, names, fontsize=8)
    axes.set(xlabel="ms", title="Time of a step" if len(lines) < _MOST_BARS else "Time of a step, longest")
    axes.legend(fontsize=8, loc="lower right")


def _roofline(axes: Any, lines: Sequence[Line], ceilings: Mapping[str, Ceilings]) -> None:
    axes.set(
        xscale="log", yscale="log", xlabel="operations a byte", ylabel="GFLOP/s", title="Roofline, forward"
    )
    points = [
        (line.flops / line.bytes, line.gflops, line)
        for line in lines
        if line.flops and line.bytes and line.gflops
    ]
    across = [point[0] for point in points]
    for dtype, reached in ceilings.items():
        ridge = reached.product / reached.copy
        low, high = min(*across, ridge / 10, ridge), max(*across, ridge * 4, ridge)
        heights = [low * reached.copy, reached.product, reached.product]
        axes.plot([low, ridge, high], heights, label=f"{dtype} ceiling")
    axes.scatter(across, [point[1] for point in points], color=_MARK, s=18, zorder=3)
    axes.legend(fontsize=8, loc="upper left")
    named: list[tuple[float, float]] = []
    for intensity, rate, line in sorted(points, key=lambda point: point[2].share, reverse=True):
        place = (math.log10(intensity), math.log10(rate))
        if len(named) < _MOST_NAMES and all(math.dist(place, other) > _NEAR for other in named):
            named.append(place)
            name = line.layer.rpartition("/")[2]
            axes.annotate(name, (intensity, rate), (4, -8), textcoords="offset points", fontsize=7)
