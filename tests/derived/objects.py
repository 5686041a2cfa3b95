# SPDX-License-Identifier: Apache-2.0
"""The object store, whose operations work on no rows: every operation that it declares with names, headers and arguments
that make no sense, and asked by callers of every kind for their own account and for another."""
import json
import os
import random
import urllib.parse

import declared

PREFIX = "/object-store"
OWNERS = ("admin", "member")            # roles that own their project's account ([object_store] operator_roles)
DEEP = b"[" * 10000
LONG = 10 * 1024 * 1024

# Raw text of one segment of a path, and the statuses that are right; None: any that is none of the server's own faults.
NAMES = (
    ("%00", (400, 404, 412)), ("a%00b", (400, 404, 412)), ("%ff%fe", (400, 404, 412)), ("%ed%a0%80", (400, 404, 412)), ("%c0%af", (400, 404, 412)),
    ("%zz", (400, 404, 412)), ("%", (400, 404, 412)), ("x" * 1100, (400, 403, 404, 412)), ("x" * 33000, (400, 403, 404, 412, 414, 431)),
    ("%01", None), ("%0d%0aX-Evil:%201", None), ("%7f", None), ("..", None), (".", None), ("%2e%2e", None), ("..%2f..%2f..%2fetc%2fpasswd", None),
    ("../../../etc/passwd", None), ("a%2fb", None), ("%252e%252e%252f", None), ("//", None), ("%e2%80%ae", None), ("?", None), ("%3cscript%3e", None),
    ("\\..\\..", None), ("%20", None))

# Headers of requests that change something, with values that are refused; None as above.
HEADERS = (
    ("X-{kind}-Meta-" + "n" * 200, "v", (400,)), ("X-{kind}-Meta-A", "v" * 300, (400,)), ("X-{kind}-Meta-A", "\x01\x02", None),
    ("X-{kind}-Meta-\x01", "v", None), ("X-{kind}-Meta-A", b"\xff\xfe".decode("utf-8", "surrogateescape"), (400, 412)),
    ("X-Object-Manifest", "noslash", None), ("X-Delete-At", "soon", None), ("X-Delete-At", "-1", None),
    ("X-Delete-After", "9" * 40, None), ("X-Delete-After", "-5", None), ("X-Container-Read", ".r:*\x01,%%%", None), ("X-Container-Write", ".r:*", None),
    ("X-Container-Write", "\u20ac" * 200, None), ("X-Copy-From", "noslash", None), ("X-Copy-From", "/%00/x", None), ("X-Copy-From", "/../../../etc/passwd", None),
    ("Destination", "noslash", None), ("Destination", "/%ff/%00", None), ("Destination", "c/" + "x" * 2000, None), ("Destination-Account", "../..", None),
    ("Range", "bytes=9999999999999999999999-", None), ("Range", "bytes=" + "0-1," * 3000, None), ("Range", "bytes=-", None), ("If-Modified-Since", "never", None),
    ("If-Match", "\"" * 1000, None), ("X-Timestamp", "NaN", None), ("X-Symlink-Target", "noslash", None), ("X-Symlink-Target", "../../x", None),
    ("X-Container-Sync-To", "file:///etc/passwd", None), ("X-Account-Meta-Temp-Url-Key", "k" * 5000, None),
    ("X-Storage-Policy", "../../x", None), ("X-Container-Meta-Quota-Bytes", "many", None), ("X-Account-Access-Control", "{", None),
    ("ETag", "no digest", None), ("Content-Type", "x" * 9000, None), ("Content-Encoding", "\x00", None), ("Transfer-Encoding", "gzip", None),
    ("X-Object-Meta-Long", "v" * LONG, (0, 400, 413, 431)))

QUERIES = (
    ("limit=-1", None), ("limit=" + "9" * 30, None), ("limit=a", None), ("format=%00", None), ("format=html", None), ("delimiter=%00", None), ("marker=%ff", None),
    ("prefix=" + "x" * 5000, None), ("path=%2e%2e&delimiter=%2f", None), ("end_marker=%00&reverse=maybe", None), ("multipart-manifest=put", None),
    ("multipart-manifest=%00", None), ("bulk-delete", None), ("extract-archive=tar", None), ("extract-archive=tar.bz2", None), ("extract-archive=exe", None),
    ("temp_url_sig=%00&temp_url_expires=never", None), ("temp_url_sig=" + "0" * 64 + "&temp_url_expires=" + "9" * 30, None), ("symlink=get&symlink=get", None),
    ("version-id=" + "9" * 400, None), ("versions=%00", None), ("a=" + "b" * 20000, None), ("&".join("k%d=v" % i for i in range(3000)), None))

BODIES = (b"", DEEP, b"{" * 10000, b"[{\"path\": \"/../../etc/passwd\"}]", b"[{\"path\": 5, \"size_bytes\": \"x\"}]", b"\xff\xfe\x00", b"/a/../../b\n%00\n",
          b"\x1f\x8b\x08" + b"\0" * 600, b"BZh9" + b"\xff" * 600, b"../../../etc/passwd".ljust(100, b"\0") + b"0000644\0" * 3 + b"\0" * 600)


class Objects:
    def __init__(self, world, report, seed, most):
        """'most': how many bad requests of each kind an operation gets; None: all."""
        self.world, self.report, self.most = world, report, most
        self.random = random.Random(seed)
        self.operations = [op for service in declared.everything() if service.prefix == PREFIX for op in service.operations()]
        self.owner, self.other = (world.tokens[who + "-member"] for who in ("own", "other"))
        self.accounts = {who: "AUTH_" + world.projects[who] for who in ("own", "other")}

    def run(self):
        self.report.check(len(self.operations) > 10, "the object store declares no operations")
        self.put(self.other, self.url("other", "kept", "kept"), b"of the other")
        for op in self.operations:
            self.renew()
            self.bad(op)
            self.rights(op)
        self.end()

    # ---- what is there ----

    def url(self, who, container=None, name=None):
        parts = [PREFIX, "v1", self.accounts[who]] + [urllib.parse.quote(part) for part in (container, name) if part]
        return "/".join(parts)

    def put(self, token, path, body=b"bytes"):
        container = path.rsplit("/", 1)[0]
        for url, data in ((container, None), (path, body)):
            answer = self.world.client.send("PUT", url, token, data, [] if data else [("Content-Length", "0")], media=None)
            self.report.check(answer.status in (201, 202), "no example of the object store", "PUT %s: %d %s" % (url, answer.status, answer.text[:200]))

    def renew(self):
        """The container and object of examples, whatever became of them."""
        self.put(self.owner, self.url("own", "example", "thing"))

    def listing(self, token, path):
        answer = self.world.client.send("GET", path + "?format=json&limit=10000", token)
        return answer.json or []

    def state(self, who, token):
        """All containers and objects of an account."""
        found = {}
        for container in self.listing(token, self.url(who)):
            rows = self.listing(token, self.url(who, container["name"]))
            found[container["name"]] = [(row.get("name"), row.get("hash"), row.get("bytes")) for row in rows]
        return found

    def files(self):
        """What lies in the data directory beside what the store may write."""
        data = self.world.cloud.data
        return sorted(os.path.join(place[len(data):], name) for place, _, names in os.walk(data) for name in names
                      if place[len(data) + 1:].split("/")[0] not in ("objects", "run", "api", "log", "fake") and not name.endswith(".log"))

    # ---- bad input ----

    def sample(self, cases):
        cases = list(cases)
        return cases if self.most is None or len(cases) <= self.most else self.random.sample(cases, self.most)

    def path(self, op, **raw):
        """The operation's path with 'account', 'container' and 'object' as raw text."""
        values = dict({"account": self.accounts["own"], "container": "example", "object": "thing"}, **raw)
        return PREFIX + op.path.replace("{object*}", "{object}").format(**values)

    @staticmethod
    def takes_metadata(op):
        """What changes metadata; an account is made by a reseller administrator alone."""
        return op.method == "POST" or op.method == "PUT" and len(op.parameters()) > 1

    def cases(self, op):
        """(what, path, headers, body, statuses that are right)"""
        for name, _ in op.parameters():
            for text, right in self.sample(NAMES):
                yield "%s %.40s" % (name, text), self.path(op, **{name: text}), [], None, right
        kind = ("Account", "Container", "Object")[len(op.parameters()) - 1]
        for header, value, right in self.sample(HEADERS):
            right = right if self.takes_metadata(op) and "{kind}" in header or header == "X-Object-Meta-Long" else None
            yield "header %.40s: %.40s" % (header, value), self.path(op), [(header.format(kind=kind), value)], None, right
        for query, right in self.sample(QUERIES):
            yield "query %.40s" % query, "%s?%s" % (self.path(op), query), [], self.random.choice(BODIES), right
        for body in self.sample(BODIES) if op.method in ("PUT", "POST") else ():
            for query in self.sample(("multipart-manifest=put", "bulk-delete", "extract-archive=tar", "extract-archive=tar.gz",
                                      "extract-archive=tar.bz2")):
                yield "body %.30r with %s" % (body, query), "%s?%s" % (self.path(op), query), [], body, None
        many = [("X-%s-Meta-N%d" % (kind, i), "v") for i in range(120)]
        yield "120 metadata", self.path(op), many, None, (400,) if self.takes_metadata(op) else None

    def bad(self, op):
        other, files = self.state("other", self.other), self.files()
        for what, path, headers, body, right in self.cases(op):
            data = body if body is not None else b"bytes" if op.method == "PUT" else None
            answer = self.world.client.send(op.method, path, self.owner, data, headers, media=None)
            asked = "%s with %s: %d %s" % (op, what, answer.status, answer.text[:150])
            if not self.report.check(answer.status < 500 or answer.status in (501, 507), "%s fails with 5xx" % op, asked):
                continue
            self.report.check(answer.status or right and 0 in right, "%s is cut off" % op, asked)
            self.report.check(right is None or answer.status in right or (answer.status == 501), "%s takes what is wrong" % op, asked)
            self.report.check("X-Evil" not in answer.headers, "%s lets headers in" % op, asked)
            if op.method in ("DELETE", "COPY"):
                self.renew()
        self.report.check(self.state("other", self.other) == other, "%s changes another account" % op)
        self.report.check(self.files() == files, "%s writes outside the store" % op, json.dumps(sorted(set(self.files()) ^ set(files)))[:400])

    # ---- who may do what ----

    def passes(self, op, caller, whose):
        """Whether the facts let this caller do it: operators of the account, all but the account's own making and end."""
        if op.method == "OPTIONS":
            return None             # asks nothing of anybody
        if len(op.parameters()) == 1 and op.method in ("PUT", "DELETE"):
            return False            # of a reseller administrator alone
        return caller in [whose + "-" + role for role in OWNERS]

    def rights(self, op):
        for whose in ("own", "other"):
            for caller, token in self.world.tokens.items():
                may = self.passes(op, caller, whose)
                if may is None:
                    continue
                if may:
                    self.renew()
                    self.put(self.other, self.url("other", "example", "thing"))
                before = None if may else (self.state("own", self.owner), self.state("other", self.other))
                headers = [("Destination", "example/copy")] if op.method == "COPY" else []
                answer = self.world.client.send(op.method, self.path(op, account=self.accounts[whose]), token,
                                                b"of a caller" if op.method == "PUT" else None, headers, media=None)
                asked = "%s by %s in the %s account: %d %s" % (op, caller, whose, answer.status, answer.text[:100])
                if may:
                    self.report.check(answer.status < 500 and answer.status not in (401, 403), "%s is refused to %s" % (op, caller), asked)
                    continue
                self.report.check(answer.status in ((401,) if token is None else (401, 403, 405)), "%s is open to %s" % (op, caller), asked)
                self.report.check(before == (self.state("own", self.owner), self.state("other", self.other)), "%s is done by %s" % (op, caller), asked)

    def end(self):
        """Nothing is left, so that the accounts can be compared with what they were."""
        for who, token in (("own", self.owner), ("other", self.other)):
            for container, rows in self.state(who, token).items():
                for name, _, _ in rows:
                    self.world.client.send("DELETE", self.url(who, container, name), token)
                self.world.client.send("DELETE", self.url(who, container), token)
            left = self.state(who, token)
            self.report.check(not left, "containers cannot be removed", json.dumps(left)[:400])
