# SPDX-License-Identifier: Apache-2.0
"""Who should pass which rule: the facts in tests/data/policy_roles.def, and those of the API surface where it is there.

A caller has a class as in tests/unit/test_policy_defaults.c ("project-reader": the role reader on the project of the
object); facts name the weakest classes that pass, and whoever has everything that a weaker one has passes too."""
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "data", "policy_roles.def")
SURFACE = os.path.join(os.environ.get("HANEUL_ACCEPTANCE", os.path.join(HERE, "..", "..", "..", "shared", "acceptance")),
                       "..", "api-surface")

_READER, _MEMBER = "any other-project-reader", "any other-project-reader other-project-member"
ABOVE = {
    "public": "", "any": "", "owner-user": "any", "service": "any", "project-any": "any",
    "other-project-reader": "any", "other-project-member": _READER, "admin": _MEMBER,
    "project-reader": "project-any " + _READER, "project-member": "project-any project-reader " + _MEMBER,
    "project-admin": "project-any project-reader project-member admin " + _MEMBER,
    "domain-reader": _READER, "domain-member": "domain-reader " + _MEMBER,
    "domain-admin": "domain-reader domain-member admin " + _MEMBER,
    "system-reader": _READER, "system-member": "system-reader " + _MEMBER,
    "system-admin": "system-reader system-member admin " + _MEMBER,
}


def passes(kinds, weakest):
    """Whether a caller of these classes passes where the weakest that pass are 'weakest' (parted by bars)."""
    enough = set(weakest.split("|"))
    has = set(kinds)
    for kind in kinds:
        has |= set(ABOVE[kind].split())
    return bool(has & enough) or "public" in enough


def facts():
    """{(service, rule): (weakest with new defaults enforced, weakest without)}."""
    with open(DATA) as file:
        text = re.sub(r'"\s*\n\s*"', "", file.read())
        return {(m[0], m[1]): (m[2] or "nobody", m[3] or "nobody") for m in
                re.findall(r'ROLES\((\w+),\s*"([^"]*)",\s*"([^"]*)",\s*"([^"]*)"\)', text)}


def _table(name):
    path = os.path.join(SURFACE, name + ".tsv")
    if not os.path.exists(path):
        return None
    with open(path) as file:
        head = file.readline().rstrip("\n").split("\t")
        return [dict(zip(head, line.rstrip("\n").split("\t"))) for line in file]


def surface_facts():
    """The same out of the API surface; None when that is not there."""
    rows = _table("policies")
    return rows and {(r["service"], r["rule"]): (r["default_role"], r["legacy_role"]) for r in rows}


def _shape(path):
    return re.sub(r"\{[^}]*\}", "{}", re.sub(r"^/(v2\.1|v3)/\{(project_id|tenant_id)\}", r"/\1", path)).rstrip("/")


def surface_operations(folder):
    """{(method, path without names of parameters, action): [row]}; empty when the surface is not there."""
    found = {}
    for row in _table(folder) or []:
        found.setdefault((row["method"], _shape(row["path"]), row["action"]), []).append(row)
    return found


def surface_of(op, surface):
    return surface.get((op.method, _shape(op.path), op.action or ""), [])
