"""A picture of a model as SVG, laid out in rows: for machines without Graphviz."""

from __future__ import annotations

from html import escape

from tkeras.utils._plot_boxes import Box

_FONT, _LINE, _PAD, _GAP_ALONG, _GAP_BESIDE = 14, 22, 12, 48, 36
_WIDE = 0.62  # of a character, in parts of its height


def svg(boxes: list[Box], edges: list[tuple[str, str]], rankdir: str = "TB", dpi: int = 96) -> str:
    """The text of an SVG file.

    Args:
        rankdir: ``"TB"``, ``"BT"``, ``"LR"`` or ``"RL"``: where the layers go.
        dpi: 96 draws one unit as a pixel; other values scale the picture.
    """
    lines = {box.key: _lines(box) for box in boxes}
    sizes = {key: _size(text) for key, text in lines.items()}
    places, width, height = _layout(boxes, edges, sizes, rankdir)
    scale = dpi / 96
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * scale:.0f}" height="{height * scale:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="Helvetica, Arial, sans-serif" '
        f'font-size="{_FONT}">',
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        'orient="auto-start-reverse"><path d="M0 0 10 5 0 10z"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
    ]
    parts += [_arrow(places[one], sizes[one], places[other], sizes[other], rankdir) for one, other in edges]
    for box in boxes:
        parts.append(_drawn(box, lines[box.key], places[box.key], sizes[box.key]))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _lines(box: Box) -> list[str]:
    title = f"{box.name} ({box.kind})" if box.name is not None else box.kind
    lines = ["/".join((*box.groups, title))]
    lines += [f"{what}: {value}" for what, value in box.rows]
    if box.trainable is not None:
        lines.append("Trainable" if box.trainable else "Non-trainable")
    return lines


def _size(lines: list[str]) -> tuple[float, float]:
    return max(map(len, lines)) * _FONT * _WIDE + 2 * _PAD, len(lines) * _LINE + _PAD


def _ranks(boxes: list[Box], edges: list[tuple[str, str]]) -> list[list[str]]:
    """Keys by their distance from the inputs, the longest way counting."""
    rank = {box.key: 0 for box in boxes}
    for _ in boxes:
        changed = False
        for one, other in edges:
            if rank[other] <= rank[one] < len(boxes):
                rank[other], changed = rank[one] + 1, True
        if not changed:
            break
    rows: dict[int, list[str]] = {}
    for box in boxes:
        rows.setdefault(rank[box.key], []).append(box.key)
    return [rows[index] for index in sorted(rows)]


def _layout(
    boxes: list[Box], edges: list[tuple[str, str]], sizes: dict[str, tuple[float, float]], rankdir: str
) -> tuple[dict[str, tuple[float, float]], float, float]:
    """Middles of the boxes, and the size of the picture."""
    across = 1 if rankdir in ("LR", "RL") else 0  # which size counts beside each other
    rows = _ranks(boxes, edges)
    extents = [sum(sizes[key][across] for key in row) + _GAP_BESIDE * (len(row) - 1) for row in rows]
    widest = max(extents)
    places: dict[str, tuple[float, float]] = {}
    along = float(_PAD)
    for row, extent in zip(rows, extents, strict=True):
        depth = max(sizes[key][1 - across] for key in row)
        beside = _PAD + (widest - extent) / 2
        for key in row:
            middle = (beside + sizes[key][across] / 2, along + depth / 2)
            places[key] = middle if across == 0 else (middle[1], middle[0])
            beside += sizes[key][across] + _GAP_BESIDE
        along += depth + _GAP_ALONG
    length, breadth = along - _GAP_ALONG + _PAD, widest + 2 * _PAD
    width, height = (breadth, length) if across == 0 else (length, breadth)
    if rankdir in ("BT", "RL"):
        places = {key: (x, height - y) if across == 0 else (width - x, y) for key, (x, y) in places.items()}
    return places, width, height


def _arrow(
    start: tuple[float, float],
    start_size: tuple[float, float],
    end: tuple[float, float],
    end_size: tuple[float, float],
    rankdir: str,
) -> str:
    """A curve from one side of a box to the facing side of another."""
    axis = 0 if rankdir in ("LR", "RL") else 1
    sign = 1 if end[axis] >= start[axis] else -1
    one, other = list(start), list(end)
    one[axis] += sign * start_size[axis] / 2
    other[axis] -= sign * end_size[axis] / 2
    middle = (one[axis] + other[axis]) / 2
    first, second = list(one), list(other)
    first[axis] = second[axis] = middle
    points = [f"{x:.1f} {y:.1f}" for x, y in (one, first, second, other)]
    return (
        f'<path d="M{points[0]}C{points[1]} {points[2]} {points[3]}" fill="none" stroke="black" '
        'stroke-width="1.5" marker-end="url(#head)"/>'
    )


def _drawn(box: Box, lines: list[str], place: tuple[float, float], size: tuple[float, float]) -> str:
    left, top = place[0] - size[0] / 2, place[1] - size[1] / 2
    head = _LINE + _PAD / 2
    parts = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}" fill="white" '
        'stroke="black"/>',
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{size[0]:.1f}" height="{head:.1f}"/>',
    ]
    for index, line in enumerate(lines):
        y = top + _PAD / 2 + _LINE * index + _FONT + 1
        colour = "white" if index == 0 else "black"
        parts.append(
            f'<text x="{place[0]:.1f}" y="{y:.1f}" text-anchor="middle" fill="{colour}">{escape(line)}</text>'
        )
    return "\n".join(parts)
