"""The OpenAPI 3.1 document, made from the routes and the schemas that serve them, so that it cannot say anything else.

A copy lies in the repository, and a test holds the two together.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from proxy.api.documents_in import DOCUMENT, PARAMETERS, SEAL_IMAGE
from proxy.api.documents_out import PDF
from proxy.api.failures import EVERY_CALL
from proxy.api.problems import MEDIA_TYPE, PROBLEMS, leaves
from proxy.api.queries import PRIVATE
from proxy.api.representations import ProblemDetails
from proxy.api.route import CallRoute, Route
from proxy.api.routes import ROUTES
from proxy.api.schemas import Schema
from proxy.errors import ProxyError

VERSION = "1.0.0"
"""Of the contract, not of the software."""

DESCRIPTION = """\
Signs and time-stamps documents without letting them leave: only digests reach the signer. The central signing service speaks
the same contract.

Documents come in as the raw body (fields as query parameters), as `multipart/form-data` with the parts `params` (JSON) and
`document`, or as JSON with `document` in base64; `PUT` is taken as `POST`, and with no or a generic Content-Type the first
bytes decide. They go out as they are, as JSON, or as the increment alone.

Callers authenticate with a client certificate. Times are RFC 3339, binary in JSON is base64, ids are opaque.
"""

_REF = "#/components/schemas/{model}"
_Json = dict[str, Any]


class _Untitled(GenerateJsonSchema):
    """Without the titles that repeat each member's name."""

    def field_title_should_be_set(self, schema: object) -> bool:
        """Never."""
        del schema
        return False


def document() -> _Json:
    """The whole document."""
    schemas = _schemas()
    paths: dict[str, _Json] = defaultdict(dict)
    for route in ROUTES:
        paths[route.path][route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hash signing proxy",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": dict(paths),
        "components": {
            "schemas": schemas,
            "headers": _HEADERS,
            "securitySchemes": {"clientCertificate": {"type": "mutualTLS", "description": "Mutual TLS."}},
        },
    }


def document_text() -> str:
    """The document as it is served and kept in the repository."""
    return json.dumps(document(), ensure_ascii=False, indent=1, sort_keys=False) + "\n"


def _models() -> Iterable[tuple[type[BaseModel], JsonSchemaMode]]:
    yield ProblemDetails, "serialization"
    for route in ROUTES:
        for answer in route.answers:
            if answer.schema is not None:
                yield answer.schema, "serialization"
        if isinstance(route, CallRoute) and route.body is not None:
            yield route.body, "validation"


def _schemas() -> dict[str, _Json]:
    models = list(dict.fromkeys(_models()))
    _, definitions = models_json_schema(models, ref_template=_REF, schema_generator=_Untitled)
    schemas: dict[str, _Json] = definitions["$defs"]
    schemas[ProblemDetails.__name__]["properties"]["code"]["enum"] = sorted(kind.code for kind in leaves())
    return schemas


def _operation(route: Route, schemas: Mapping[str, _Json]) -> _Json:
    operation: _Json = {"operationId": route.operation_id, "summary": route.summary}
    if route.description:
        operation["description"] = route.description
    parameters = [*_path_parameters(route), *_query_parameters(route, schemas)]
    if isinstance(route, CallRoute):
        parameters += _REQUEST_HEADERS
        if route.takes_idempotency_key:
            parameters.append(_IDEMPOTENCY_KEY)
        if route.takes_document:
            parameters += _DOCUMENT_HEADERS
        body = _request_body(route)
        if body is not None:
            operation["requestBody"] = body
        operation["security"] = [{"clientCertificate": []}]
    else:
        operation["security"] = []
    if parameters:
        operation["parameters"] = parameters
    operation["responses"] = {str(route.status): _success(route), **_failures(route)}
    return operation


def _path_parameters(route: Route) -> list[_Json]:
    return [
        {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string"}}
        for name, text in route.path_parameters.items()
    ]


def _query_parameters(route: Route, schemas: Mapping[str, _Json]) -> list[_Json]:
    """A query's own schema, or the parameters of a document that may be in the URL."""
    if route.query is not None:
        schema = _inlined(route.query)
    elif isinstance(route, CallRoute) and route.takes_document and route.body is not None:
        schema = schemas[route.body.__name__]
    else:
        return []
    return [
        {
            "name": name,
            "in": "query",
            # A document's parameters may come in the body instead.
            "required": False,
            **({"description": described["description"]} if "description" in described else {}),
            "schema": {key: value for key, value in described.items() if key not in {"description", "title"}},
        }
        for name, described in _flattened(schema["properties"], schemas)
        if name not in PRIVATE
    ]


def _flattened(properties: Mapping[str, _Json], schemas: Mapping[str, _Json]) -> Iterator[tuple[str, _Json]]:
    """Properties as a query names them: the members of an object with a dot."""
    for name, described in properties.items():
        references = [option["$ref"] for option in described.get("anyOf", ()) if "$ref" in option]
        nested = schemas[references[0].rpartition("/")[2]] if references else {}
        if "properties" in nested:
            yield from ((f"{name}.{member}", inner) for member, inner in nested["properties"].items())
        else:
            yield name, described


def _inlined(schema: type[Schema]) -> _Json:
    return schema.model_json_schema(ref_template=_REF, schema_generator=_Untitled)


def _request_body(route: CallRoute) -> _Json | None:
    if route.body_media_type is not None:
        return {"required": True, "content": {route.body_media_type: {"schema": _BINARY}}}
    if route.body is None:
        return None
    parameters = {"$ref": _REF.format(model=route.body.__name__)}
    sealed = SEAL_IMAGE in _inlined(route.body)["properties"]
    if not route.takes_document:
        return {"required": True, "content": {"application/json": {"schema": parameters}}}
    return {
        "required": True,
        "content": {
            "application/pdf": {"schema": _BINARY},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        PARAMETERS: parameters,
                        DOCUMENT: _BINARY,
                        **({SEAL_IMAGE: _BINARY} if sealed else {}),
                    },
                    "required": [DOCUMENT],
                    "additionalProperties": False,
                },
                "encoding": {PARAMETERS: {"contentType": "application/json"}, DOCUMENT: {"contentType": "application/pdf"}},
            },
            "application/json": {
                "schema": {
                    "description": f"The members of {route.body.__name__}, and the document in base64.",
                    "type": "object",
                    "properties": {
                        **{
                            name: {"$ref": f"{parameters['$ref']}/properties/{name}"}
                            for name in _inlined(route.body)["properties"]
                        },
                        DOCUMENT: {"type": "string", "contentEncoding": "base64", "contentMediaType": "application/pdf"},
                    },
                    "required": [*_inlined(route.body).get("required", ()), DOCUMENT],
                    "additionalProperties": False,
                }
            },
        },
    }


def _success(route: Route) -> _Json:
    content = {}
    for answer in route.answers:
        schema = _BINARY if answer.media_type not in {"application/json", "text/html"} else {}
        if answer.schema is not None:
            schema = {"$ref": _REF.format(model=answer.schema.__name__)}
        content[answer.media_type] = {"schema": schema}
    description = " ".join(answer.description for answer in route.answers if answer.description) or "Done."
    headers = ["Transaction-Id"]
    if isinstance(route, CallRoute):
        headers.append("Upstream-Bytes")
        if route.takes_idempotency_key:
            headers.append("Original-Transaction-Id")
        if any(answer.media_type == PDF for answer in route.answers):
            headers += ["Signature-Form", "Signature-Level", "Valid-Until", "Result-SHA256"]
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": content,
    }


def _failures(route: Route) -> _Json:
    if not isinstance(route, CallRoute):
        return {}
    by_status: dict[int, list[type[ProxyError]]] = defaultdict(list)
    for kind in dict.fromkeys((*EVERY_CALL, *route.errors)):
        by_status[PROBLEMS[kind].status].append(kind)
    return {
        str(status): {
            "description": "\n".join(f"- `{kind.code}`: {_meaning(kind)}" for kind in kinds),
            "headers": {"Transaction-Id": {"$ref": "#/components/headers/Transaction-Id"}}
            | ({"Retry-After": {"$ref": "#/components/headers/Retry-After"}} if status in {409, 429, 503} else {}),
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model=ProblemDetails.__name__)}}},
        }
        for status, kinds in sorted(by_status.items())
    }


def _meaning(kind: type[ProxyError]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


_BINARY: _Json = {"type": "string", "format": "binary"}


def _header(description: str, **schema: object) -> _Json:
    return {"description": description, "schema": {"type": "string", **schema}}


_HEADERS: dict[str, _Json] = {
    "Transaction-Id": _header("Of this call: the caller's choice, or ours. On errors too.", format="uuid"),
    "Original-Transaction-Id": _header(
        "Of the call that first came with this Idempotency-Key, where that was another: what it had done was not done again.",
        format="uuid",
    ),
    "Upstream-Bytes": _header(
        "Bytes of the bodies exchanged with the central signer for this call. Where a request carried the digests of several "
        "concurrent calls of the client, this call's share by digests, rounded up; /v1/operations tells of the whole request.",
        pattern="^sent=[0-9]+;received=[0-9]+$",
    ),
    "Signature-Form": _header("The form that was made.", examples=["ES-T"]),
    "Signature-Level": _header("The level reached, never less than asked for.", examples=["B-T"]),
    "Valid-Until": _header("Until when the result can be verified without extension.", format="date-time"),
    "Result-SHA256": _header("Hex, of the whole result.", pattern="^[0-9a-f]{64}$"),
    "Retry-After": {"description": "Seconds after which repeating makes sense.", "schema": {"type": "integer"}},
}


def _request_header(name: str, description: str, **schema: object) -> _Json:
    return {"name": name, "in": "header", "required": False, **_header(description, **schema)}


_REQUEST_HEADERS = [
    _request_header("Transaction-Id", "A UUID the caller chose, not used before.", format="uuid"),
    _request_header("traceparent", "W3C Trace Context, handed on."),
    _request_header("Accept-Language", "ja for problems and reasons in Japanese."),
]
_IDEMPOTENCY_KEY = _request_header(
    "Idempotency-Key",
    "A repeat of the same request within 24 hours gets the same result without a second signature, and goes on where a first "
    "one that failed or was lost left off. A key belongs to one client and operation; with another document or other "
    "parameters it is IDEMPOTENCY_CONFLICT. A dry run takes no notice of it. Choose it at random, a UUID for example.",
    pattern="^[\\x21-\\x7e]{1,255}$",
)
_DOCUMENT_HEADERS = [
    _request_header("Document-Length", "Bytes of the document; a difference is LENGTH_MISMATCH.", pattern="^[0-9]+$"),
    _request_header("Content-Digest", "sha-256 or sha-512 of the body (RFC 9530); a difference is DIGEST_MISMATCH."),
]
