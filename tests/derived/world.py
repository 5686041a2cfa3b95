# SPDX-License-Identifier: Apache-2.0
"""A cloud with two projects in it, callers of every kind, and a valid example of every resource in either project."""
import os
import sys
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "api"))

import declared                                     # noqa: E402
from client import Client                           # noqa: E402
from cloud import Cloud                             # noqa: E402
from recipes import COLLECTIONS, FIELDS, MAKERS, PARAMETERS, NoExample, NotThere    # noqa: E402
from store import Store                             # noqa: E402

ROLES = ("none", "reader", "member", "admin")


class World:
    def __init__(self, services=None):
        self.services = declared.load()
        self.wanted = [self.services[name] for name in services or self.services]
        self.resources = {r.name: r for s in self.services.values() for r in s.resources}
        self.made, self.counter, self.making, self.minor = {}, 0, [], None
        self.cloud = Cloud(agent=True)
        os.environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=8")
        self.cloud.start()
        self.client = Client(self.cloud.listen)
        self._people()
        self._room()
        self.store = Store(self.cloud)

    def stop(self):
        self.client.close()
        self.store.close()
        return self.cloud.stop()

    # ---- callers ----

    def _people(self):
        admin = self.admin = self.cloud.token()
        self.roles = {r["name"]: r["id"] for r in self.ask("GET", "/identity/v3/roles")["roles"]}
        for name in ("plain", "service"):
            if name not in self.roles:
                self.roles[name] = self.ask("POST", "/identity/v3/roles", {"role": {"name": name}})["role"]["id"]
        self.projects, self.users, self.logins, self.tokens = {}, {}, {}, {"nobody": None}
        for who in ("own", "other"):
            self.projects[who] = self.ask("POST", "/identity/v3/projects", {"project": {"name": who}})["project"]["id"]
        for who in ("own", "other"):
            for role in ROLES:
                self._person("%s-%s" % (who, role), role, project=self.projects[who])
        for role in ROLES[1:]:
            self._person("domain-" + role, role, domain="default")
            self._person("system-" + role, role, system=True)
        self._person("service", "service", project=self.projects["other"])
        # whose user the examples belong to, with no role on their project
        self._person("user", "none", project=self.projects["other"])
        self.logins["unscoped"] = lambda: self.cloud.login("own-member", "password-of-own-member", unscoped=True)
        self.renew("unscoped")
        assert admin

    def _person(self, name, role, project=None, domain=None, system=False):
        user = self.ask("POST", "/identity/v3/users", {"user": {"name": name, "password": "password-of-" + name}})["user"]
        where = "projects/" + project if project else "domains/" + domain if domain else "system"
        self.ask("PUT", "/identity/v3/%s/users/%s/roles/%s" % (where, user["id"],
                                                               self.roles["plain" if role == "none" else role]))
        self.users[name] = user["id"]
        self.logins[name] = lambda: self.cloud.login(name, "password-of-" + name, project=project, domain=domain, system=system)
        self.renew(name)

    def renew(self, name):
        """A new token for a caller whose last one was revoked."""
        self.tokens[name] = self.logins[name]()

    def _room(self):
        """No quota is in the way."""
        network = ("network", "subnet", "subnetpool", "port", "router", "floatingip", "security_group",
                   "security_group_rule", "rbac_policy")
        compute = ("cores", "ram", "instances", "key_pairs", "server_groups", "server_group_members")
        volume = ("volumes", "snapshots", "gigabytes", "backups", "groups")
        for project in self.projects.values():
            self.ask("PUT", "/network/v2.0/quotas/" + project, {"quota": dict.fromkeys(network, -1)})
            self.ask("PUT", "/compute/v2.1/os-quota-sets/" + project, {"quota_set": dict.fromkeys(compute, -1)})
            self.ask("PUT", "/volume/v3/os-quota-sets/" + project, {"quota_set": dict.fromkeys(volume, -1)})

        for who in self.projects:           # made when it is first looked for
            self.ask("GET", "/network/v2.0/security-groups", None, self.owner(who))

    # ---- asking ----

    def ask(self, method, path, body=None, token=None, minor=None, **more):
        """What must work: the answer's JSON."""
        headers = []
        service = next((s for s in self.services.values() if path.startswith(s.prefix + "/")), None)
        if service and service.versions:
            headers = list(service.version_header(service.versions["most"] if minor is None else minor).items())
        answer = self.client.send(method, path, token or self.admin, body, headers, **more)
        if answer.status >= 300 or answer.status == 0:
            raise NoExample("%d %s; %s %s %s" % (answer.status, answer.text[:200], method, path, body))
        return answer.json

    def name(self, word="example"):
        self.counter += 1
        return "%s-%d" % (word, self.counter)

    def cidr(self):
        self.counter += 1
        return "10.%d.%d.0/24" % (self.counter // 250 + 1, self.counter % 250)

    def owner(self, who):
        """The token that makes examples in a project: its administrator's."""
        return self.tokens[who + "-admin"]

    # ---- examples ----

    def get(self, name, who="own"):
        """The id of an example of the resource in the project of 'who'; made when there is none."""
        key = (name, who)
        if key not in self.made:
            if key in self.making:
                raise NoExample("an example of %s needs itself" % name)
            self.making.append(key)
            try:
                self.made[key] = self.make(name, who)
            finally:
                self.making.remove(key)
        return self.made[key]

    def drop(self, name=None, who=None):
        """Forgets examples, so that fresh ones are made."""
        self.made = {key: value for key, value in self.made.items()
                     if not ((name is None or key[0] == name) and (who is None or key[1] == who))}

    def make(self, name, who="own"):
        resource = self.resources[name]
        if name in MAKERS:
            return MAKERS[name](self, who)
        op = self.creator(resource)
        if not op:
            raise NotThere("%s has no operation that makes one" % name)
        taken = self.resources[op.input] if op.input else resource
        for again in (True, False):
            body = self.wrap(op, self.example(taken, who, "CREATE", op.minor))
            try:
                answer = self.ask(op.method, self.path(op, who), body, self.owner(who), op.minor)
                break
            except NoExample as error:
                if not again or not str(error).startswith("409"):
                    raise
                self.drop_below(op, taken, who)     # its parent has one already: another parent
        made = answer.get(resource.singular, answer) if isinstance(answer, dict) else None
        made = made if isinstance(made, dict) else answer       # a bare answer may have a field of that name
        key = resource.key()
        return str(made[key.json] if key and key.json in made else made["id"])

    def drop_below(self, op, resource, who):
        """Forgets what an example is made with: its path's and its fields' resources."""
        below = [op.service.collections.get(before) for _, before in op.parameters()]
        names = {target.name for target in below if target}
        names |= {field.refers or self.by_singular(op.service, field.name[:-3]) for field in resource.fields
                  if field.name.endswith("_id")}
        for name in names - {None, "identity_user", "identity_project", "identity_domain"}:
            self.drop(name, who)

    @staticmethod
    def creator(resource):
        creators = [op for op in resource.operations if op.kind == "create" and not op.until] or \
                   [op for op in resource.operations if op.method == "POST" and not op.gap and not op.action and
                    not op.path.endswith("}") and resource.table and
                    resource.service.collections.get(op.collection()) is resource]
        return sorted(creators, key=lambda op: (len(op.parameters()), -op.since))[0] if creators else None

    def example(self, resource, who, right, minor, every=False):
        """A valid body: the required fields, or every field that may be given."""
        body = {}
        for field in resource.fields:
            fixed = (resource.name, field.name) in FIELDS
            if not field.lives(minor) or not (field.has(right) or field.has("REQUIRED")) or field.has("OUTER"):
                continue
            if every or (field.has("REQUIRED") and right == "CREATE") or (fixed and right == "CREATE"):
                body[field.json] = self.value(resource, field, who, minor)
        return body

    def value(self, resource, field, who="own", minor=9999):
        """A good value of the field."""
        made = FIELDS.get((resource.name, field.name), FIELDS.get((resource.name, field.json)))
        if made is not None:
            return made(self, who) if callable(made) else made
        if field.type in ("UUID", "TEXT") and (field.refers or field.name.endswith("_id")):
            target = field.refers or self.by_singular(resource.service, field.name[:-3])
            if field.name in ("project_id", "tenant_id"):
                return self.projects[who]
            if field.name == "user_id":
                return self.users["user"]
            if field.name == "domain_id":
                return "default"
            if target and target != resource.name:
                return self.get(target, who)
        return self.plain(field, who, minor)

    def plain(self, field, who, minor):
        low = field.min if field.min is not None else 0
        simple = {"UUID": lambda: str(uuid.uuid4()), "ENUM": lambda: field.values[0], "MAC": lambda: "fa:16:3e:00:00:%02x" %
                  (self.counter % 256), "IP": lambda: "192.0.2.9", "CIDR": self.cidr, "URL": lambda: "http://127.0.0.1:9/",
                  "BOOL": lambda: True, "INT": lambda: max(low, min(1, field.max)), "REAL": lambda: 1.5,
                  "TIME": lambda: "2036-01-01T00:00:00Z", "JSON": dict, "TREE": dict, "MAP": lambda: {"key": "value"},
                  "TEXTS": lambda: ["text"]}
        objects = field.type == "OBJECTS" or field.has("A_LIST")
        if objects and not field.of:
            return []
        if field.type in simple and not field.of:
            return simple[field.type]()
        if field.type == "OBJECT" or field.has("AN_OBJECT"):
            return self.example(self.resources[field.of], who, "CREATE", minor) if field.of else {}
        if objects:
            return [self.example(self.resources[field.of], who, "CREATE", minor)] * max(1, low)
        return self.name("e")[:field.max].ljust(low, "x")

    def by_singular(self, service, word):
        for resource in service.resources:
            if resource.table and resource.singular == word and self.creator(resource):
                return resource.name
        return None

    # ---- requests ----

    def wrap(self, op, inner):
        return inner if op.key is None else {op.key: inner}

    def target(self, op, before):
        """The resource that lies below a word of the path."""
        before = before[6:] if before.startswith("alias_") else before      # another name of the same
        named = COLLECTIONS.get((op.service.folder, before))
        return self.resources[named] if named else op.service.collections.get(before)

    @staticmethod
    def recipe(op, name, before):
        keys = ((op.resource.name, name), (op.service.folder, before, name), (op.service.folder, before))
        return next((PARAMETERS[key] for key in keys if key in PARAMETERS), None)

    def parameter(self, op, name, before, who="own"):
        """A value for a parameter of the path that names something real."""
        self.minor = op.minor
        made = self.recipe(op, name, before)
        if made is not None:
            return made(self, who) if callable(made) else made
        target = self.target(op, before)
        if target is None:
            raise NoExample("what is {%s} after '%s' in %s?" % (name, before, op))
        return self.get(target.name, who)

    def path(self, op, who="own", project=None, replace=None):
        """The operation's path with the ids of 'who'. 'replace': {parameter: raw text}."""
        path = op.path
        for name, before in reversed(op.parameters()):      # an example brings its parent with it
            value = (replace or {}).get(name)
            if value is None:
                value = self.parameter(op, name, before, who)
            path = path.replace("{%s*}" % name, value).replace("{%s}" % name, value)
        return op.service.prefix + path

    def versions(self, op, minor=None):
        return list(op.service.version_header(op.minor if minor is None else minor).items())

    def send(self, op, token, body=None, who="own", replace=None, query="", headers=(), media="application/json",
             minor=None):
        path = self.path(op, who, replace=replace) + query
        if "OP_PATCH_DOCUMENT" in op.flags and media == "application/json":
            media = "application/openstack-images-v2.1-json-patch"
        return self.client.send(op.method, path, token, body, self.versions(op, minor) + list(headers), media)

    def body(self, op, who="own"):
        """A body that the operation takes, or None."""
        if "OP_PATCH_DOCUMENT" in op.flags:
            return [{"op": "replace", "path": "/name", "value": self.name()}]
        if op.input and self.resources[op.input].fields:
            return self.wrap(op, self.example(self.resources[op.input], who, op.right, op.minor))
        if op.action:
            return {op.action: None}
        return {} if op.takes_json else None
