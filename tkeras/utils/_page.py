"""Reports as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:75em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}
td,th{padding:.2em .7em;border-bottom:1px solid #ddd;text-align:left;white-space:nowrap}
.red{color:#b00020;font-weight:600}svg{max-width:100%;height:auto}"""


def page(title: str, *parts: str) -> str:
    """A whole page; ``parts`` are HTML."""
    head = f"<meta charset='utf-8'><title>{escape(title)}</title><style>{_STYLE}</style>"
    body = f"<h1>{escape(title)}</h1>{''.join(parts)}"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{body}</body></html>\n"


def paragraphs(texts: Sequence[str]) -> str:
    """One a text."""
    return "".join(f"<p>{escape(text)}</p>" for text in texts)


def bullets(texts: Sequence[str]) -> str:
    """A list."""
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def table(
    rows: Sequence[Mapping[str, str]], red: Callable[[Mapping[str, str]], bool] = lambda row: False
) -> str:
    """A table of rows with the same keys; ``red`` chooses those that stand out."""
    if not rows:
        return "<p>No rows.</p>"
    head = "".join(f"<th>{escape(key)}</th>" for key in rows[0])
    body = "".join(
        f"<tr{' class=red' if red(row) else ''}>"
        + "".join(f"<td>{escape(value)}</td>" for value in row.values())
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
