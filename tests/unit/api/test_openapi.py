"""The OpenAPI document: it is what is served, and the repository's copy is it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.api.openapi import document, document_text
from proxy.api.routes import ROUTES
from proxy.cli import main

COPY = Path(__file__).parents[3] / "docs" / "openapi.json"
DOCUMENT = document()


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_the_copy_in_the_repository_has_not_drifted() -> None:
    assert COPY.read_text("utf-8") == document_text(), "run: make openapi"


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert found
    for reference in found:
        target: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


def test_every_route_is_in_it_and_nothing_else() -> None:
    declared = {(route.path, route.method.lower()) for route in ROUTES}
    assert {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods} == declared
    later = [
        "xades",
        "prepare",
    ]
    for word in [*later, "s3://", "/metrics", "/console"]:
        assert word not in document_text(), f"{word} is of a later version"


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


def test_paths_declare_their_parameters() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            declared = {entry["name"] for entry in operation.get("parameters", []) if entry["in"] == "path"}
            assert declared == set(re.findall(r"\{(\w+)\}", path))


def test_free_text_is_not_offered_in_the_url() -> None:
    names = {
        entry["name"] for entry in DOCUMENT["paths"]["/v1/signatures/es-t"]["post"]["parameters"] if entry["in"] == "query"
    }
    assert names == {
        "certificateId",
        "fieldName",
        "existingFieldOnly",
        "hashAlgorithm",
        "signAlgorithm",
        "return",
        "dryRun",
        "tsaProfile",
        "ltv",
        *(f"appearance.{name}" for name in ("page", "origin", "x", "y", "width", "height", "unit", "rotation")),
    }


def test_names_on_the_wire_are_camel_case() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        for name in schema.get("properties", {}):
            assert re.fullmatch(r"[a-z]+(?:[A-Z0-9][a-z0-9]*)*", name), name


def test_the_verb_prints_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["openapi"]) == 0
    assert json.loads(capsys.readouterr().out) == DOCUMENT
    assert main(["openapi", "--output", str(tmp_path / "openapi.json")]) == 0
    assert (tmp_path / "openapi.json").read_text("utf-8") == document_text()
