# SPDX-License-Identifier: Apache-2.0
"""What belongs to somebody else, derived: no list shows it, no filter reaches it, no path leads to it by way of another
parent or project, no body refers to it, and attributes of the administrator's stay the administrator's."""
import json
import re

from bad_values import print_json
from rights import VICTIMS
from world import NoExample, NotThere

FILTERS = ("", "?all_tenants=1", "?all_projects=1", "?all_tenants=true", "?all_projects=true", "?project_id={project}",
           "?tenant_id={project}", "?project={project}", "?tenant={project}", "?owner={project}", "?all_tenants=1&project_id={project}",
           "?all_tenants=1&tenant_id={project}", "?all_projects=1&project_id={project}", "?user_id={user}", "?member_status=all",
           "?visibility=private", "?visibility=all", "?deleted=True", "?changes-since=2000-01-01T00:00:00Z", "?scope.project.id={project}")


def shows(text, secret):
    """As a word of its own: "name-4" is not shown by "name-41"."""
    return secret in text and re.search(r"(?<![\w-])%s(?![\w-])" % re.escape(secret), text)


class Foreign:
    def __init__(self, world, report):
        self.world, self.report = world, report

    def run(self):
        self.examples()
        for service in self.world.wanted:
            for op in service.operations():
                for check in (self.lists, self.other_parent, self.path_project, self.references, self.admin_attributes):
                    try:
                        check(op)
                    except NotThere as error:
                        self.report.note(str(error))
                    except NoExample as error:
                        self.report.check(False, "%s: no example" % op, str(error))

    def examples(self):
        """One of everything that belongs to a project, in "own"; and a project's worth of hints that it exists."""
        self.secrets = {}
        for service in self.world.wanted:
            for resource in service.resources:
                has_project = resource.project or resource.field("project_id")
                if not resource.table or not has_project or resource.every_project or not self.world.creator(resource):
                    continue
                try:
                    self.secrets[self.world.get(resource.name)] = resource.name
                except NotThere as error:
                    self.report.note(str(error))
                except NoExample as error:
                    self.report.check(False, "%s: no example" % resource.name, str(error))
        for name in ("compute_server", "volume_volume", "network_port"):
            if self.world.resources[name].service in self.world.wanted:
                self.secrets[self.world.get(name)] = name

    # ---- lists ----

    def lists(self, op):
        """Members of another project see nothing of ours, whatever they filter by."""
        if op.method != "GET" or op.parameters() or "OP_PUBLIC" in op.flags:
            return
        for filter in FILTERS:
            query = filter.format(project=self.world.projects["own"], user=self.world.users["own-admin"])
            for caller in ("other-member", "other-none"):
                answer = self.world.send(op, self.world.tokens[caller], query=query)
                self.report.check(answer.status < 500 or answer.status == 501, "%s%s: a fault" % (op, filter), answer.text[:200])
                if answer.status < 300:
                    seen = [name for secret, name in self.secrets.items() if shows(answer.text, secret)]
                    self.report.check(not seen, "%s%s: shows another project's rows" % (op, filter), " ".join(seen))

    # ---- paths ----

    def other_parent(self, op):
        """A child is found below its own parent only."""
        parameters = op.parameters()
        if len(parameters) < 2 or op.kind in ("link", "linked", "unlink") or op.method == "POST":
            return
        (parent, before), (child, below) = parameters[-2:]
        outer = op.service.collections.get(before)
        inner = op.service.collections.get(below)
        if not outer or inner is not op.resource or outer is inner or op.kind == "create" or \
                not any(field.refers == outer.name or field.name == parent for field in inner.fields):
            return
        stranger = VICTIMS[outer.name](self.world) if outer.name in VICTIMS else self.world.make(outer.name, "own")
        path = {child: self.world.parameter(op, child, below), parent: stranger}
        for caller in ("own-admin", "own-member"):
            answer = self.world.send(op, self.world.tokens[caller], self.world.body(op) if op.takes_json else None, replace=path)
            self.report.check(answer.status in (400, 403, 404), "%s: found below another parent" % op,
                              "%d %s" % (answer.status, answer.text[:200]))

    def path_project(self, op):
        """The project in the path is the token's."""
        after = op.service.project_after
        if not after or not op.path.startswith(after + "/") or op.method != "GET" or op.parameters():
            return
        path = op.service.prefix + after + "/" + self.world.projects["own"] + op.path[len(after):]
        answer = self.world.client.send("GET", path, self.world.tokens["other-member"], None, self.world.versions(op))
        self.report.check(answer.status in (400, 403, 404, 410, 501), "%s: with another project in the path" % op,
                          "%d %s" % (answer.status, answer.text[:200]))

    # ---- bodies ----

    def references(self, op):
        """A member of another project cannot build on what is ours."""
        if not op.takes_json or not op.input or op.parameters():
            return
        resource, world = self.world.resources[op.input], self.world
        for field in resource.fields:
            target = field.refers or world.by_singular(op.service, field.name[:-3]) if field.name.endswith("_id") else field.refers
            if not target or not field.has(op.right) or not field.lives(op.minor) or field.type not in ("UUID", "TEXT"):
                continue
            if not world.resources[target].project or world.resources[target].every_project:
                continue
            body = world.example(resource, "other", op.right, op.minor)
            body[field.json] = world.get(target, "own")
            world.store.quiet()
            before = world.store.dump()
            answer = world.send(op, world.tokens["other-member"], print_json(world.wrap(op, body)).encode(), "other")
            self.report.check(400 <= answer.status < 500, "%s: takes another project's %s" % (op, field.json),
                              "%d %s" % (answer.status, answer.text[:200]))
            if answer.status >= 300:
                changed = world.store.differences(before, world.store.dump())
                self.report.check(not changed, "%s: a refused %s changed something" % (op, field.json), " ".join(changed))

    def admin_attributes(self, op):
        """An attribute with a rule of its own, given by somebody whom the rule does not let pass: 403, also when it is
        what it is already."""
        if not op.service.style["attribute_policy"] or op.kind not in ("create", "update") or not op.policy:
            return
        world = self.world
        for field in op.resource.fields:
            rule = op.service.policies.get("%s:%s" % (op.policy, field.json))
            if not rule or not field.has(op.right) or not self.only_admin(op.service, rule["check"]) or \
                    (rule.get("legacy") and not self.only_admin(op.service, rule["legacy"])):
                continue
            for what, value in self.values(field):
                world.store.quiet()
                before = world.store.dump()
                body = dict(world.example(op.resource, "own", op.right, op.minor), **{field.json: value})
                answer = world.send(op, world.tokens["own-member"], world.wrap(op, body))
                self.report.check(answer.status == 403, "%s: a member gives %s %s" % (op, field.json, what),
                                  "%d %s" % (answer.status, answer.text[:200]))
                changed = world.store.differences(before, world.store.dump())
                self.report.check(not changed, "%s: the refused %s changed something" % (op, field.json), " ".join(changed))

    def values(self, field):
        yield "a value", self.world.plain(field, "own", 9999)
        if field.default is not None and not field.default.startswith("$"):
            plain = field.type in ("BOOL", "INT", "JSON", "MAP", "TEXTS")
            yield "its default", json.loads(field.default) if plain else field.default

    def only_admin(self, service, check, depth=0):
        """Whether the expression is nothing but the administrator's rule."""
        check = check.strip().strip("()")
        if check == "role:admin":
            return True
        name = check[5:] if check.startswith("rule:") else None
        rule = service.policies.get(name)
        return bool(rule and depth < 5 and self.only_admin(service, rule["check"], depth + 1) and
                    (not rule.get("legacy") or self.only_admin(service, rule["legacy"], depth + 1)))
