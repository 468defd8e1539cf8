"""The results of ``perf kernels`` as Markdown and as one HTML page with a roofline picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from perf._aims import kernel_aims
from tkeras.utils._page import bullets, page, paragraphs, table


def lines(results: Mapping[str, Any]) -> list[dict[str, str]]:
    """The table's rows as text, losses and red ones first."""
    rows = sorted(results["rows"], key=_order)
    return [_line(row) for row in rows]


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    ours = row["contender"] == "tkeras"
    place = (row["op"], row["case"], row["dtype"], row["pass"])
    return (row["red"] is None, *place, not ours)


def _line(row: Mapping[str, Any]) -> dict[str, str]:
    us = row.get("us")
    return {
        "op": row["op"],
        "case": row["case"],
        "dtype": row["dtype"],
        "pass": row["pass"],
        "contender": row["contender"],
        "µs p20 / p50 / p80": "red" if us is None else f"{us['p20']:.1f} / {us['p50']:.1f} / {us['p80']:.1f}",
        "n": "" if us is None else str(us["n"]),
        "torch / it": _number(row.get("ratio"), ".2f"),
        "% of copy": "cached" if row.get("cached") and us else _number(row.get("copy_share"), ".0%"),
        "% of product": _number(row.get("product_share"), ".0%"),
        "error": _number(row.get("error"), ".1e"),
        "torch's error": _number(row.get("torch_error"), ".1e"),
        "registers / spilled / shared": "; ".join(
            f"{kernel['registers']} / {kernel['spill_bytes']} / {kernel['shared_bytes']}"
            for kernel in row.get("kernels", ())
        ),
        "why": row["red"] or row["reason"],
    }


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def summary_text(results: Mapping[str, Any]) -> list[str]:
    """The worst case first."""
    summary = results["summary"]
    worst, mean = summary["worst"], summary["geometric_mean"]
    found = []
    if summary["red"]:
        found.append(f"{summary['red']} of {summary['cases']} cases are red: no speed is given for them.")
    if worst is None:
        return [*found, "Nothing was measured."]
    place = " ".join(worst[key] for key in ("op", "case", "dtype", "pass"))
    found.append(f"Worst: {place}, {worst['ratio']:.2f}x torch eager.")
    losses = f"{summary['losses']} of {summary['cases']} cases are slower than torch eager beyond the noise."
    return [*found, losses, f"Geometric mean: {mean:.2f}x torch eager."]


def markdown(results: Mapping[str, Any]) -> str:
    """Facts, summary, table, and what was not measured."""
    facts = " · ".join(f"{key} {value}" for key, value in results["environment"].items())
    reached = "; ".join(
        f"{dtype}: copy {values['copy']:.1f} GB/s, product {values['product']:.1f} GFLOP/s"
        for dtype, values in results["ceilings"].items()
    )
    parts = [facts, f"Reached in this run: {reached}", "\n".join(summary_text(results))]
    aims = kernel_aims(results)
    if aims:
        parts.append(tabulate(aims, headers="keys", tablefmt="github", disable_numparse=True))
    parts.append(tabulate(lines(results), headers="keys", tablefmt="github", disable_numparse=True))
    missing = grouped(results["not_measured"])
    if missing:
        parts.append("Not measured:\n" + "\n".join(f"* {text}" for text in missing))
    return "\n\n".join(parts)


def grouped(missing: Sequence[Mapping[str, str]]) -> list[str]:
    """A line a reason."""
    found: dict[tuple[str, str], set[str]] = {}
    for entry in missing:
        found.setdefault((entry["what"], entry["reason"]), set()).add(f"{entry['op']} {entry['case']}")
    return [
        f"{'' if what == 'all' else f'{what}: '}{reason} ({_some(sorted(places))})"
        for (what, reason), places in found.items()
    ]


def _some(places: Sequence[str], most: int = 4) -> str:
    more = f" and {len(places) - most} more" if len(places) > most else ""
    return f"{', '.join(places[:most])}{more}"


def html(results: Mapping[str, Any]) -> str:
    """A page that needs nothing else."""
    facts = [{"": key, "value": value} for key, value in results["environment"].items()]
    aims = kernel_aims(results)
    return page(
        "Kernel report",
        paragraphs(summary_text(results)),
        table(aims, lambda row: row[""] == "missed") if aims else "",
        picture(results),
        table(lines(results), lambda row: row["µs p20 / p50 / p80"] == "red"),
        "<h2>Not measured</h2>",
        bullets(grouped(results["not_measured"]) or ["nothing"]),
        "<h2>Measured on</h2>",
        table(facts),
    )


def picture(results: Mapping[str, Any]) -> str:
    """The roofline as SVG: torch's point of each case joined to ours; a sentence where it cannot be drawn."""
    points = _points(results["rows"])
    if not points:
        return "<p>No roofline: nothing with a cost was measured.</p>"
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return "<p>No roofline: matplotlib is not installed (pip install tkeras[plot]).</p>"
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.add_subplot()
    for dtype, reached in results["ceilings"].items():
        _roof(axes, dtype, reached, [point[0] for point in points])
    arrow = {"arrowstyle": "->", "color": "#888"}
    for intensity, theirs, ours in points:
        axes.annotate("", (intensity, ours), (intensity, theirs), arrowprops=arrow)
    across, theirs, ours = zip(*points, strict=True)
    axes.scatter(across, theirs, marker="o", label="torch", color="#c60", zorder=3)
    axes.scatter(across, ours, marker="^", label="tkeras", color="#06c", zorder=3)
    axes.set(xscale="log", yscale="log", xlabel="operations a byte", ylabel="GFLOP/s")
    axes.set_title("Roofline, forward and with backward")
    axes.legend()
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def _points(rows: Sequence[Mapping[str, Any]]) -> list[tuple[float, float, float]]:
    """Intensity, torch's and our GFLOP/s of each case and pass that has a cost and both times."""
    by_place: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        if row.get("us") and row["flops"] and row["bytes"]:
            by_place.setdefault((row["op"], row["case"], row["dtype"], row["pass"]), {})[row["contender"]] = (
                row
            )
    found = []
    for both in by_place.values():
        if {"tkeras", "torch"} <= both.keys():
            ours, theirs = both["tkeras"], both["torch"]
            rates = [row["flops"] / (row["us"]["p50"] * 1e3) for row in (theirs, ours)]
            found.append((ours["flops"] / ours["bytes"], rates[0], rates[1]))
    return found


def _roof(axes: Any, dtype: str, reached: Mapping[str, float], intensities: Sequence[float]) -> None:
    ridge = reached["product"] / reached["copy"]
    low, high = min(*intensities, ridge / 10), max(*intensities, ridge * 4)
    heights = [low * reached["copy"], reached["product"], reached["product"]]
    axes.plot([low, ridge, high], heights, label=f"{dtype} ceiling")
