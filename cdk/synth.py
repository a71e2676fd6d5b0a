#!/usr/bin/env python3
"""Synthesise every configuration into ``cdk.out/NAME``; cdk-nag fails it where something is wrong."""

import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Make each template, and tell."""
    # The warning about the Node.js that is there would hide what is found.
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")
    from app import build
    from aws_cdk import App
    from signing_proxy_cdk.configuration import load

    context = json.loads((HERE / "cdk.json").read_text("utf-8"))["context"]
    for path in sorted((HERE / "configurations").glob("*.json")):
        app = App(context=context, outdir=str(HERE / "cdk.out" / path.stem))
        build(app, load({"config": str(path.relative_to(HERE))}, HERE))
        app.synth()
        print(f"cdk.out/{path.stem}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
