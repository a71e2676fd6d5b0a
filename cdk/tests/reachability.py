"""Who can reach whom, resolved from a template's security groups."""

import re
from pathlib import Path
from typing import Any

from tests.rules import resources

Template = dict[str, Any]
Way = tuple[str, str, str]
"""From, to, port."""

_NOWHERE = "255.255.255.255/32"


def ways(template: Template) -> set[Way]:
    """Every way that both sides' rules open; a rule whose other side is missing is a way with ``(one side)`` in it."""
    names = {name: group["GroupDescription"] for name, group in resources(template, "AWS::EC2::SecurityGroup")}
    out = {
        (names[_group(rule["GroupId"])], _peer(rule, "DestinationSecurityGroupId", names), _ports(rule))
        for _, rule in resources(template, "AWS::EC2::SecurityGroupEgress")
    }
    into = {
        (_peer(rule, "SourceSecurityGroupId", names), _named(rule["GroupId"], names), _ports(rule))
        for _, rule in resources(template, "AWS::EC2::SecurityGroupIngress")
    }
    found = set()
    for way in out | into:
        source, target, port = way
        ends = (source in names.values(), target in names.values())
        if _NOWHERE not in target:
            found.add(way if not all(ends) or way in out & into else (source, f"{target} (one side)", port))
    return found


def _group(reference: Any) -> str:
    return str(reference["Fn::GetAtt"][0])


def _named(reference: Any, names: dict[str, str]) -> str:
    return f"security group {reference}" if isinstance(reference, str) else names[_group(reference)]


def _peer(rule: dict[str, Any], key: str, names: dict[str, str]) -> str:
    return str(rule["CidrIp"]) if "CidrIp" in rule else _named(rule[key], names)


def _ports(rule: dict[str, Any]) -> str:
    first, last = rule["FromPort"], rule["ToPort"]
    return str(first) if first == last else f"{first}-{last}"


def documented(page: Path, name: str) -> set[Way]:
    """The table below the heading ``name`` of the page."""
    section = page.read_text("utf-8").partition(f"### {name}\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([0-9-]+) \|$", section, re.MULTILINE)
    return {(source.strip(), target.strip(), port) for source, target, port in rows}
