"""The page `/docs`: every endpoint as the OpenAPI document tells it.

FastAPI's own page loads its scripts from elsewhere: without the network it stays empty, and with it
somebody else's code runs where people paste keys. This one has no scripts.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from starlette.requests import Request

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
  color: #1b2733; background: #fff }
h2 { border-top: 1px solid #d5dbe1; padding-top: 1.2rem; font-size: 1.05rem }
code { background: #eef1f4; padding: .1rem .3rem; border-radius: 3px }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0 }
td:first-child { white-space: nowrap } summary { cursor: pointer }
@media (prefers-color-scheme: dark) {
  body { background: #14191f; color: #dde3e9 }
  code { background: #232b34 } h2 { border-color: #38424d }
}"""


def add_page(app: FastAPI) -> None:
    """Show the page at `/docs`."""

    async def page(_: Request) -> HTMLResponse:
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        return HTMLResponse(page_of(app.openapi()), headers={"Content-Security-Policy": policy})

    app.add_route("/docs", page, include_in_schema=False)


def page_of(told: dict[str, Any]) -> str:
    """An OpenAPI document as a page."""
    about = told["info"]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escape(about['title'])} API</title><style>{_STYLE}</style>",
            f"<h1>{escape(about['title'])} API</h1><p>{escape(about.get('description', ''))}</p>",
            (
                "<p>Send a key with each request: <code>Authorization: Bearer …</code>. "
                '<a href="/openapi.json">openapi.json</a> tells the same to programs.</p>'
            ),
            *_operations(told),
            "</html>",
        ]
    )


def _operations(told: dict[str, Any]) -> Iterator[str]:
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code> {_summary(operation)}</h2>"
            for text in operation.get("description", "").split("\n\n"):
                yield f"<p>{escape(text)}</p>"
            parameters = [
                (each["name"], each["in"], each.get("description", ""))
                for each in operation.get("parameters", ())
            ]
            yield _table("Parameters", parameters)
            yield _table("Answer", list(_answer(told, operation)))


def _summary(operation: dict[str, Any]) -> str:
    return escape(operation.get("summary", ""))


def _answer(told: dict[str, Any], operation: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Names, types and meanings of what an answer holds; of rows, those of a row."""
    content = operation["responses"].get("200", {}).get("content", {})
    model = _model(told, content.get("application/json", {}).get("schema", {}))
    for name, field in model.get("properties", {}).items():
        row = _model(told, field.get("items", {}))
        yield name, _type(field), field.get("description", "")
        for column, inner in row.get("properties", {}).items():
            yield f"{name}[].{column}", _type(inner), inner.get("description", "")


def _model(told: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = told["components"]["schemas"].get(name, {})
    return found


def _type(field: dict[str, Any]) -> str:
    kinds = field.get("anyOf", [field])
    return " or ".join(each.get("format") or each.get("type", "object") for each in kinds)


def _table(title: str, rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{escape(kind)}<td>{escape(text)}"
        for name, kind, text in rows
    )
    return f"<details><summary>{title}</summary><table>{cells}</table></details>"
