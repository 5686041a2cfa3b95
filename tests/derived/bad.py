# SPDX-License-Identifier: Apache-2.0
"""Bad input, derived: every operation gets every kind of wrong value in every field, and must refuse it with a 4xx that
names the field, change nothing, and never answer 5xx."""
import json
import random
import urllib.parse

from bad_values import ARGUMENTS, BODIES, IDS, ODD, print_json, wrong
from client import Client
from world import NoExample, NotThere

NO_BODY_CHECK = {"OP_RAW_BODY", "OP_STREAM", "OP_UPGRADE"}


def fine(answer):
    """Neither a fault nor a broken connection; what is not there says so."""
    return 0 < answer.status < 500 or answer.status == 501 or (answer.status == 503 and "busy" not in answer.text)


class BadInput:
    def __init__(self, world, report, seed, per_field):
        """'per_field': how many wrong values of each field are sent; None: all."""
        self.world, self.report, self.per_field = world, report, per_field
        self.random = random.Random(seed)

    def run(self):
        for service in self.world.wanted:
            for op in service.operations():
                before = len(self.report.failures)
                try:
                    self.operation(op)
                except NotThere as error:
                    self.report.note(str(error))
                except NoExample as error:
                    self.report.check(False, "%s: no example" % op, str(error))
                if len(self.report.failures) > before and self.world.client.send("GET", "/healthz").status == 0:
                    raise AssertionError("the API died at %s" % op)

    def operation(self, op):
        world = self.world
        world.path(op)                      # whatever must exist does
        if op.takes_json and op.input:
            world.body(op)
        world.store.quiet()
        before = world.store.dump()
        if op.takes_json:
            self.fields(op)
            self.bodies(op)
        if op.kind == "list" or (op.method == "GET" and op.collection()):
            self.arguments(op)
        self.versions(op)
        world.store.quiet()
        changed = world.store.differences(before, world.store.dump())
        self.report.check(not changed, "%s: refused requests changed the database" % op, " ".join(changed))
        self.ids(op)
        if op.takes_json:
            self.odd(op)

    def sample(self, cases):
        cases = list(cases)
        if self.per_field is None or len(cases) <= self.per_field:
            return cases
        return self.random.sample(cases, self.per_field)

    # ---- fields ----

    def fields(self, op):
        if not op.input:
            return
        resource = self.world.resources[op.input]
        base = self.base(op, resource)
        if self.send(op, print_json(self.wrapped(op, dict(base, **self.wrong_one(op, resource)))).encode()).status in (404, 501):
            self.report.note("not reached: %s" % op)        # what it is about cannot be made
            return
        for what, members, named in self.mutations(op, resource, op.right):
            self.refuse(op, dict(members, **{k: v for k, v in base.items() if k not in members}), what, named)
        self.unknown_member(op, resource, base)
        self.missing(op, resource, base)
        self.read_only(op, resource, base)

    def base(self, op, resource):
        return self.world.example(resource, "own", op.right, op.minor)

    def wrong_one(self, op, resource):
        """One wrong member, whatever it is."""
        return next((members for _, members, _ in self.mutations(op, resource, op.right)), {"no_such_member": 1})

    def mutations(self, op, resource, right):
        """(what is wrong, members, the field's name) for every field that the operation takes."""
        for field in resource.fields:
            if not field.lives(op.minor) or not field.has(right) or field.has("OUTER"):
                continue
            nested = self.world.resources[field.of] if field.of else None
            good = self.world.example(nested, "own", "CREATE", op.minor) if nested else None
            for what, value in self.sample(wrong(field, nested, good)):
                yield "%s is %s" % (field.json, what), {field.json: value}, field.json
            if nested and nested is not resource:
                for what, members, named in self.mutations(op, nested, "CREATE"):
                    inner = dict(members, **{k: v for k, v in good.items() if k not in members})
                    yield "%s: %s" % (field.json, what), {field.json: inner if field.type == "OBJECT" else [inner]}, named

    def wrapped(self, op, inner):
        if "OP_PATCH_DOCUMENT" in op.flags:
            return [{"op": "add", "path": "/" + key.replace("~", "~0").replace("/", "~1"), "value": value}
                    for key, value in inner.items()]
        return self.world.wrap(op, inner)

    def send(self, op, body, **more):
        return self.world.send(op, self.world.tokens["own-admin"], body, **more)

    def refuse(self, op, inner, what, named=None, statuses=(400,)):
        body = print_json(self.wrapped(op, inner)).encode()
        answer = self.send(op, body)
        detail = "sent %s: %d %s" % (body[:200].decode(errors="replace"), answer.status, answer.text[:250])
        if not self.report.check(answer.status in statuses, "%s: %s" % (op, what), detail):
            if answer.status < 300:
                self.world.store.quiet()
            return
        if named and "Malformed" not in answer.text:        # what is no JSON has no fields
            self.report.check(named in answer.text, "%s: the refusal of %s does not name it" % (op, named), detail)

    def unknown_member(self, op, resource, base):
        if resource.extra or resource.lax or "OP_ANY_BODY" in op.flags or "OP_PATCH_DOCUMENT" in op.flags:
            return
        self.refuse(op, dict({"no_such_member": 1}, **base), "an unknown member", "no_such_member")
        if op.key:
            body = dict(self.world.wrap(op, base), no_such_member=1)
            answer = self.send(op, body)
            self.report.check(answer.status == 400, "%s: an unknown member beside '%s'" % (op, op.key),
                              "%d %s" % (answer.status, answer.text[:200]))

    def missing(self, op, resource, base):
        for field in resource.fields:
            if op.right == "CREATE" and field.has("REQUIRED") and field.json in base:
                self.refuse(op, {k: v for k, v in base.items() if k != field.json}, "%s is missing" % field.json, field.json)

    def read_only(self, op, resource, base):
        if resource.lax or "OP_ANY_BODY" in op.flags or op.input != op.resource.name:
            return
        for field in self.sample(f for f in resource.fields if f.has("READ") and not f.has(op.right) and f.lives(op.minor)):
            if any(f.json == field.json and f.has(op.right) for f in resource.fields):
                continue
            if field.has("VIRTUAL") and op.kind == "update" and op.service.style["unchanged_given"]:
                continue
            value = self.world.plain(field, "own", op.minor)
            self.refuse(op, dict({field.json: value}, **base), "%s is not to be given" % field.json, None, (400, 403))

    def odd(self, op):
        """Fields without a type take what the service makes of it, but no 5xx."""
        if not op.input:
            return
        resource = self.world.resources[op.input]
        for field in resource.fields:
            if field.type not in ("JSON", "TREE") or not field.lives(op.minor) or not (field.has(op.right) or field.has("OUTER")):
                continue
            for what, value in self.sample(ODD):
                base = self.base(op, resource)
                if field.has("OUTER"):
                    body = print_json(dict({field.json: value}, **self.wrapped(op, base))).encode()
                else:
                    body = print_json(self.wrapped(op, dict({field.json: value},
                                                            **{k: v for k, v in base.items() if k != field.json}))).encode()
                answer = self.send(op, body)
                self.report.check(fine(answer), "%s: %s is %s" % (op, field.json, what),
                                  "sent %s: %d %s" % (body[:200].decode(errors="replace"), answer.status, answer.text[:200]))
                if 200 <= answer.status < 300:
                    self.world.drop(op.resource.name, "own")
                    self.world.store.quiet()

    # ---- bodies ----

    def bodies(self, op):
        takes = op.input or op.action
        for what, body, statuses in self.sample(BODIES):
            answer = self.send(op, body)
            self.report.check(answer.status in statuses or (not takes and 400 <= answer.status < 500),
                              "a body that is %s" % what, "%s: %d %s" % (op, answer.status, answer.text[:200]))
        if not takes or not op.input:
            return
        required = any(f.has("REQUIRED") for f in self.world.resources[op.input].fields) and op.right == "CREATE"
        if "OP_ANY_BODY" in op.flags:
            return
        cases = [("a list", b"[]"), ("wrapped text", json.dumps({op.key: "x"}).encode() if op.key else b"[1]"),
                 ("a wrapped list", json.dumps({op.key: [1]}).encode() if op.key else b"[[]]"),
                 ("a wrapped number", json.dumps({op.key: 7}).encode() if op.key else b"[7]")]
        if required or op.key and op.kind == "update":
            cases += [("empty", b""), ("an empty map", b"{}")]
        if required and op.key:
            cases += [("a wrapped nothing", json.dumps({op.key: None}).encode())]
        if "OP_PATCH_DOCUMENT" in op.flags:
            cases = [("an empty map", b"{}"), ("a list of numbers", b"[7]"), ("a list of maps", b"[{}]")]
        for what, body in cases:
            answer = self.send(op, body)
            self.report.check(answer.status in (400, 404, 501), "a body that is %s" % what,
                              "%s: %d %s" % (op, answer.status, answer.text[:200]))

    # ---- arguments, ids, versions ----

    def arguments(self, op):
        generic = op.kind == "list"
        cases = list(ARGUMENTS) if generic else [(query, None) for query, _ in ARGUMENTS]
        if generic:
            cases += list(self.filters(op))
        for query, statuses in self.sample(cases):
            answer = self.world.send(op, self.world.tokens["own-admin"], query="?" + query)
            good = answer.status in statuses + (403,) if statuses else fine(answer)
            self.report.check(good, "%s: ?%s" % (op, query[:40]), "%d %s" % (answer.status, answer.text[:200]))

    @staticmethod
    def filters(op):
        for field in op.resource.fields:
            if field.has("FILTER") and not field.has("VIRTUAL") and field.lives(op.minor):
                bad = {"BOOL": "maybe", "INT": "abc", "REAL": "abc", "TIME": "yesterday"}.get(field.type)
                if bad:
                    yield "%s=%s" % (field.json, bad), (400,)
                if field.type == "INT":
                    yield "%s=99999999999999999999" % field.json, (400,)

    def ids(self, op):
        for name, before in op.parameters():
            creates = op.method == "PUT" and op.path.endswith("{%s}" % name)
            named = op.kind in ("show", "update", "delete") and not any(     # whose ids the caller chooses may be any
                (other.kind == "create" and other.method == "PUT") or
                (other.method == "POST" and other.path.endswith("{%s}" % name)) for other in op.resource.operations)
            for text in self.sample(IDS):
                answer = self.world.send(op, self.world.tokens["own-admin"], self.world.body(op) if op.takes_json else None,
                                         replace={name: text})
                odd = any(c in urllib.parse.unquote(text) for c in "\t\r\n") or len(text) > 1000
                good = 400 <= answer.status < 500 if named or (creates and op.kind == "create" and odd) else fine(answer)
                self.report.check(good, "%s: {%s} is %s" % (op, name, text[:40]),
                                  "%d %s" % (answer.status, answer.text[:200]))
                self.report.check("X-Evil" not in answer.headers, "%s: a header out of the path" % op)

    def versions(self, op):
        versions = op.service.versions
        if not versions:
            return
        major, kind = versions["major"], versions["type"]
        cases = (("%d.%d" % (major, versions["most"] + 1), (406,)), ("%d.99999999999" % major, (400, 406)),
                 ("%d.%d" % (major + 1, 0), (406,)), ("%d.-1" % major, (400,)), ("x", (400,)), ("%d." % major, (400,)),
                 ("%d.1 1" % major, (400,)), ("1e3", (400,)), ("%d.01x" % major, (400,)), ("\udcff\udcfe", (400,)),
                 ("%d.%s" % (major, "9" * 4000), (400, 406, 431)))
        for text, statuses in self.sample(cases):
            path = self.world.path(op)
            answer = self.world.client.send(op.method, path, self.world.tokens["own-admin"], None,
                                            [("OpenStack-API-Version", "%s %s" % (kind, text))])
            if answer.status < 300 and op.writes:
                self.world.drop(op.resource.name, "own")
            self.report.check(answer.status in statuses, "microversion %s" % text[:30].encode(errors="replace").decode(),
                              "%s: %d %s" % (op, answer.status, answer.text[:200]))


def of_the_wire(world, report):
    """What no operation is special in: sizes, media types, headers given twice."""
    token, client = world.tokens["own-admin"], world.client
    for service in world.wanted:
        op = next((o for o in service.operations() if o.takes_json and o.kind == "create"), None)
        if op:
            path = world.path(op)
            answer = client.send(op.method, path, token, b'{"a": "%s"}' % (b"x" * 10_000_000), world.versions(op))
            report.check(answer.status == 413, "10 MB of text", "%s: %d %s" % (op, answer.status, answer.text[:100]))
            answer = client.send(op.method, path, token, world.body(op), world.versions(op), media="text/plain")
            wrong = service.style["wrong_media"]
            report.check(answer.status == wrong if wrong else fine(answer), "another media type",
                         "%s: %d %s" % (op, answer.status, answer.text[:100]))
    hasty = Client(world.cloud.listen, timeout=2)       # a body that was announced and does not come is waited for
    for headers in ([("X-Auth-Token", world.tokens["other-member"])], [("Content-Length", "7")],
                    [("Transfer-Encoding", "chunked"), ("Content-Length", "3")], [("Host", "a")],
                    [("X-Long", "x" * 100_000)], [("Expect", "nonsense")], [("X-Auth-Token", "x" * 9000)],
                    [("Content-Length", "-1")], [("Content-Length", "9" * 30)], [("Transfer-Encoding", "nonsense")]):
        answer = hasty.send("GET", "/identity/v3/projects", token, None, headers)
        report.check(answer.status < 500 or (answer.status == 501 and headers[0][1] == "nonsense"),     # RFC 9112, 6.1
                     "headers %s" % headers[0][0], str(answer.status))
        hasty.close()
    report.check(client.send("GET", "/healthz").status == 200, "the API is there after it")
