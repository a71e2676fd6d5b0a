"""The page at ``/docs``: the OpenAPI document to read, in one HTML file without scripts."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from proxy.api.documentation import STYLE
from proxy.api.problems import PROBLEMS

_Json = Mapping[str, Any]


def render(document: _Json) -> str:
    """The page.

    Args:
        document: The OpenAPI document.
    """
    return "".join(_page(document))


def _page(document: _Json) -> Iterator[str]:
    title = escape(document["info"]["title"])
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style></head>'
    yield "<body>"
    yield f"<h1>{title} <code>{escape(document['info']['version'])}</code></h1>"
    for paragraph in document["info"]["description"].split("\n\n"):
        yield f"<p>{_code(paragraph)}</p>"
    yield '<p><a href="/openapi.json">openapi.json</a></p><h2>Operations</h2>'
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield from _operation(path, method, operation)
    yield "<h2>Schemas</h2>"
    for name, schema in document["components"]["schemas"].items():
        yield f'<section id="{escape(name)}"><h3><code>{escape(name)}</code></h3>'
        yield f"<p>{_code(schema.get('description', ''))}</p>{_members(schema)}</section>"
    yield "<h2>Errors</h2>"
    yield "<table><tr><th>Code</th><th>Status</th><th>Retry</th><th>Meaning</th><th>日本語</th></tr>"
    for kind, problem in sorted(PROBLEMS.items(), key=lambda item: (item[1].status, item[0].code)):
        meaning = (kind.__doc__ or "").strip().splitlines()[0]
        yield f'<tr id="{kind.code}"><td><code>{kind.code}</code></td><td>{problem.status}</td>'
        yield f"<td>{'yes' if kind.retryable else 'no'}</td><td>{_code(meaning)}</td>"
        yield f'<td lang="ja">{escape(problem.title_ja)}。{escape(problem.text_ja)}</td></tr>'
    yield "</table></body></html>"


def _operation(path: str, method: str, operation: _Json) -> Iterator[str]:
    yield f'<section id="{escape(operation["operationId"])}"><h3><span class="method">{method.upper()}</span> '
    yield f"<code>{escape(path)}</code></h3><p>{_code(operation['summary'])}. {_code(operation.get('description', ''))}</p>"
    if "parameters" in operation:
        yield "<table><tr><th>Parameter</th><th>In</th><th>Type</th><th></th></tr>"
        for parameter in operation["parameters"]:
            yield f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{parameter['in']}</td>"
            yield f"<td>{_type(parameter['schema'])}</td><td>{_code(parameter.get('description', ''))}</td></tr>"
        yield "</table>"
    if "requestBody" in operation:
        yield f"<p>Body: {_content(operation['requestBody']['content'])}</p>"
    yield "<table><tr><th>Status</th><th></th></tr>"
    for status, response in operation["responses"].items():
        lines = "<br>".join(_code(line.removeprefix("- ")) for line in response["description"].splitlines())
        content = _content(response["content"]) if int(status) < 300 else ""
        yield f"<tr><td>{status}</td><td>{lines} {content}</td></tr>"
    yield "</table></section>"


def _content(content: _Json) -> str:
    return ", ".join(
        f"<code>{escape(media_type)}</code> {_type(described['schema'])}" for media_type, described in content.items()
    )


def _members(schema: _Json) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code>{'' if name in schema.get('required', ()) else ' (optional)'}</td>"
        f"<td>{_type(member)}</td><td>{_code(member.get('description', ''))}</td></tr>"
        for name, member in schema.get("properties", {}).items()
    )
    values = ", ".join(f"<code>{escape(str(value))}</code>" for value in schema.get("enum", ()))
    return f"<table>{rows}</table>" if rows else f"<p>{values}</p>"


def _type(schema: _Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        return f'<a href="#{escape(name.partition("/")[0])}">{escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"] if choice.get("type") != "null")
    if schema.get("type") == "array":
        return f"array of {_type(schema.get('items', {}))}"
    words = [schema.get("type", ""), schema.get("format", ""), schema.get("contentEncoding", "")]
    return escape(" ".join(word for word in words if word))


def _code(text: str) -> str:
    """Escaped text, with what stands between backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
