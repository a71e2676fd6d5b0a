#!/usr/bin/env python3
"""The CDK app: ``cdk synth -c config=configurations/production-central.json``."""

from pathlib import Path

from aws_cdk import App
from signing_proxy_cdk.acknowledgements import acknowledge, check
from signing_proxy_cdk.configuration import Configuration, load
from signing_proxy_cdk.stack import SigningProxyStack

HERE = Path(__file__).parent


def build(app: App, configuration: Configuration) -> SigningProxyStack:
    """Put one deployment into ``app``, checked by cdk-nag as it is synthesised."""
    name = f"SigningProxy-{configuration.stage}-{configuration.shape}"
    stack = SigningProxyStack(app, name, configuration=configuration)
    acknowledge(stack)
    check(app)
    return stack


def main() -> None:
    """Synthesise what the context asks for."""
    app = App()
    keys = ("config", *Configuration.__dataclass_fields__)
    build(app, load({key: app.node.try_get_context(key) for key in keys}, HERE))
    app.synth()


if __name__ == "__main__":
    main()
