# SPDX-License-Identifier: Apache-2.0
"""The program's declarations (`haneul print operations`) as Python objects: services, resources, operations, fields."""
import json
import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.environ.get("HANEUL", os.path.join(HERE, "..", "..", "build", "haneul"))


class Field:
    def __init__(self, doc):
        self.name, self.json, self.type = doc["name"], doc["json"], doc["type"]
        self.rights = set(doc["rights"])
        self.min, self.max = doc.get("min"), doc.get("max")
        self.default, self.refers, self.of = doc.get("default"), doc.get("refers"), doc.get("of")
        self.values = doc["values"].split("|") if "values" in doc else None
        self.since, self.until, self.check = doc.get("since", 0), doc.get("until", 0), doc["check"]

    def has(self, *rights):
        return all(right in self.rights for right in rights)

    def lives(self, minor):
        return self.since <= minor and (not self.until or minor <= self.until)


class Operation:
    def __init__(self, service, resource, doc):
        self.service, self.resource = service, resource
        self.method, self.path, self.kind = doc["method"], doc["path"], doc["kind"]
        self.action, self.key, self.policy = doc.get("action"), doc.get("key"), doc.get("policy")
        self.input = doc.get("input")
        self.since, self.until = doc.get("since", 0), doc.get("until", 0)
        self.status, self.flags = doc["status"], set(doc["flags"])
        self.minor = min(self.until or 9999, service.versions["most"]) if service.versions else 0
        if self.input is None and self.kind in ("create", "update"):
            self.input = resource.name

    @property
    def gap(self):
        return self.kind == "gap"

    @property
    def writes(self):
        return self.method in ("POST", "PUT", "PATCH", "DELETE")

    @property
    def takes_json(self):
        return self.method in ("POST", "PUT", "PATCH") and not self.flags & {"OP_STREAM", "OP_RAW_BODY", "OP_UPGRADE"}

    @property
    def right(self):
        return "UPDATE" if self.kind == "update" else "CREATE"

    def segments(self):
        return [s for s in self.path.split("/") if s]

    def parameters(self):
        """[(name, the literal before it)] of the path."""
        segments = self.segments()
        return [(s.strip("{}").rstrip("*"), segments[i - 1] if i else "") for i, s in enumerate(segments) if s.startswith("{")]

    def collection(self):
        """The last literal of the path when nothing follows it."""
        last = (self.segments() or ["{"])[-1]
        return None if last.startswith("{") else last

    def __str__(self):
        return "%s %s%s%s%s" % (self.method, self.service.prefix, self.path, " (%s)" % self.action if self.action else "",
                                " since .%d" % self.since if self.since else "")


class Resource:
    def __init__(self, service, doc):
        self.service, self.name = service, doc["name"]
        self.singular, self.plural, self.table = doc.get("singular"), doc.get("plural"), doc.get("table")
        self.extra, self.visible, self.project = doc.get("extra"), doc.get("visible"), doc.get("project")
        self.every_project, self.lax = doc["every_project"], doc["lax"]
        self.fields = [Field(each) for each in doc["fields"]]
        self.operations = [Operation(service, self, each) for each in doc["operations"]]

    def key(self):
        return next((field for field in self.fields if field.has("KEY")), None)

    def field(self, name):
        return next((field for field in self.fields if name in (field.name, field.json)), None)


class Service:
    def __init__(self, doc):
        self.type, self.folder, self.prefix = doc["type"], doc["folder"], doc["prefix"]
        self.versions, self.style = doc.get("versions"), doc["style"]
        self.project_after = doc.get("project_after")
        self.policies = {each["name"]: each for each in doc["policies"]}
        self.resources = [Resource(self, each) for each in doc["resources"]]
        self.collections = self._collections()

    def operations(self):
        return [op for resource in self.resources for op in resource.operations if not op.gap]

    def _collections(self):
        """Which resource a collection of the paths holds ("servers": compute_server), out of lists and creates."""
        found = {}
        operations = [op for resource in self.resources for op in resource.operations if resource.table and not op.gap]
        for op in sorted(operations, key=lambda op: len(op.parameters())):      # what lies below another comes after
            word = op.collection()
            made = op.method == "POST" and any(o.path.startswith(op.path + "/{") for o in op.resource.operations)
            if word and (op.kind in ("list", "create") or made) and not re.search(r"/(detail|action)$", op.path):
                found.setdefault(word, op.resource)
        return found

    def version_header(self, minor):
        if not self.versions:
            return {}
        return {"OpenStack-API-Version": "%s %d.%d" % (self.versions["type"], self.versions["major"], minor)}


def everything():
    doc = json.loads(subprocess.run([PROGRAM, "print", "operations"], check=True, stdout=subprocess.PIPE).stdout)
    return [Service(each) for each in doc["services"]]


def load(services=None):
    """Services that decide by policies, by folder."""
    return {each.folder: each for each in everything() if each.policies and (not services or each.folder in services)}
