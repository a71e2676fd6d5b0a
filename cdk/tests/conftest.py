"""Every configuration, synthesised once."""

import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

# jsii warns on standard error about the Node.js that is there; what matters is that it works.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")
os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")

HERE = Path(__file__).parents[1]
sys.path.insert(0, str(HERE))

CONFIGURATIONS = sorted(path.stem for path in (HERE / "configurations").glob("*.json"))

Template = dict[str, Any]


@cache
def synthesised(name: str) -> str:
    """A configuration's template, as text; cdk-nag has passed it."""
    from app import build
    from aws_cdk import App
    from signing_proxy_cdk.configuration import load

    app = App(context=json.loads((HERE / "cdk.json").read_text("utf-8"))["context"])
    stack = build(app, load({"config": f"configurations/{name}.json"}, HERE))
    return Path(app.synth().get_stack_by_name(stack.stack_name).template_full_path).read_text("utf-8")


@pytest.fixture(params=CONFIGURATIONS)
def name(request: pytest.FixtureRequest) -> str:
    """Each configuration's name."""
    return str(request.param)


@pytest.fixture
def template(name: str) -> Template:
    """Each configuration's template; a test may change it."""
    found: Template = json.loads(synthesised(name))
    return found
