# SPDX-License-Identifier: Apache-2.0
"""Random sequences of requests to the object store beside a plain model in memory: what is read, listed and counted always
agrees. HANEUL_SEED repeats a sequence (it is printed), HANEUL_STEPS says how long one is (250)."""
import hashlib
import http.client
import json
import os
import random
import time
import urllib.parse

from cloud import OBJECT_DRIVER, CloudTest

SIZES = (0, 1, 100, 4096, 65535, 65536, 65537, 131072, 200000)
PIECES = ("a", "b", "ab", "B", "ä", "日本", "x y", "100%", "a+b", "&", "=", "?", "#", "..", ".", "'", '"', "<", "\\", "~", "0",
          "\u0301", "\U0001f600")


class Container:
    def __init__(self):
        self.objects, self.meta = {}, {}


class Kept:
    def __init__(self, body, meta, kind):
        self.body, self.meta, self.kind = body, meta, kind
        self.swift_etag = hashlib.md5(body).hexdigest()


class PropertyTest(CloudTest):
    kind_of_container = Container

    def setUp(self):
        self.seed = int(os.environ.get("HANEUL_SEED", time.time_ns() % 1000000007))
        self.random = random.Random(self.seed)
        _, _, catalog = self.cloud.request("GET", "/identity/v3/auth/catalog")
        self.account = next(urllib.parse.urlparse(service["endpoints"][0]["url"]).path
                            for service in catalog["catalog"] if service["type"] == "object-store")
        host, port = self.cloud.listen.split(":")
        self.link = http.client.HTTPConnection(host, int(port), timeout=60)
        self.model, self.trail = {}, []

    def tearDown(self):
        self.link.close()

    # ---- asking ----

    def ask(self, method, path, body=None, query="", **headers):
        """(status, headers, body); 'path' is (container[, object])."""
        url = "/".join([self.account] + [urllib.parse.quote(part, safe="/" if at else "") for at, part in enumerate(path)])
        sent = {"X-Auth-Token": self.cloud.token()}
        sent.update((name.replace("_", "-"), value) for name, value in headers.items())
        self.link.request(method, url + query, body, sent, encode_chunked="Transfer-Encoding" in sent)
        answer = self.link.getresponse()
        text = answer.read()
        self.trail.append("%s %s%s %s: %d" % (method, path, query, {n: v for n, v in headers.items()}, answer.status))
        return answer.status, answer.headers, text

    def expect(self, wanted, got, what=""):
        if wanted != got:
            self.fail("seed %d: %s: wanted %r, got %r; the last requests:\n%s"
                      % (self.seed, what, wanted if len(repr(wanted)) < 3000 else "...",
                         got if len(repr(got)) < 3000 else "...", "\n".join(self.trail[-12:])))

    # ---- choosing ----

    def name(self):
        name = "/".join("".join(self.random.choices(PIECES, k=self.random.randint(1, 3)))
                        for _ in range(self.random.choice((1, 1, 2, 3))))
        return name

    def container(self):
        there = self.model and self.random.random() < 0.95
        return self.random.choice(sorted(self.model)) if there else "c-" + self.name().replace("/", "")

    def object(self, container):
        there = sorted(self.model[container].objects) if container in self.model else []
        return self.random.choice(there) if there and self.random.random() < 0.7 else self.name()

    def body(self):
        size = self.random.choice(SIZES)
        return self.random.randbytes(size)

    def metadata(self):
        return {"X-Object-Meta-" + self.random.choice(("Colour", "Size", "Taste")): self.random.choice(("red", "blau", "1"))
                for _ in range(self.random.randint(0, 2))}

    # ---- steps ----

    def make_container(self):
        name = "c-" + self.name().replace("/", "")
        self.expect(202 if name in self.model else 201, self.ask("PUT", (name,))[0], "PUT of a container")
        self.model.setdefault(name, self.kind_of_container())

    def remove_container(self):
        name = self.container()
        wanted = 404 if name not in self.model else 409 if self.model[name].objects else 204
        self.expect(wanted, self.ask("DELETE", (name,))[0], "DELETE of a container")
        if wanted == 204:
            del self.model[name]

    def put(self):
        container, body, meta = self.container(), self.body(), self.metadata()
        name, kind = self.object(container), self.random.choice(("text/plain", "image/png", "x/y; charset=utf-8"))
        more = {"If-None-Match": "*"} if self.random.random() < 0.15 else {}
        if self.random.random() < 0.3:
            more["ETag"] = hashlib.md5(body if self.random.random() < 0.8 else body + b"x").hexdigest()
        chunked = self.random.random() < 0.3
        status, headers, _ = self.ask("PUT", (container, name), iter([body[:777], body[777:]]) if chunked else body,
                                      **{"Content-Type": kind, **meta, **more,
                                         **({"Transfer-Encoding": "chunked"} if chunked else {})})
        if container not in self.model:
            self.expect(404, status, "PUT into no container")
            return
        there = name in self.model[container].objects
        if more.get("ETag", hashlib.md5(body).hexdigest()) != hashlib.md5(body).hexdigest():
            self.expect(True, status in ((422, 412) if there and "If-None-Match" in more else (422,)), "PUT with a wrong ETag: %d" % status)
        elif "If-None-Match" in more and there:
            self.expect(412, status, "PUT of what is there")
        else:
            self.expect(201, status, "PUT")
            self.expect(hashlib.md5(body).hexdigest(), headers["ETag"], "ETag of PUT")
            self.model[container].objects[name] = Kept(body, meta, kind)

    def remove(self):
        container = self.container()
        name = self.object(container)
        there = container in self.model and name in self.model[container].objects
        self.expect(204 if there else 404, self.ask("DELETE", (container, name))[0], "DELETE")
        if there:
            del self.model[container].objects[name]

    def post(self):
        container, meta = self.container(), self.metadata()
        name = self.object(container)
        kept = self.model[container].objects.get(name) if container in self.model else None
        self.expect(202 if kept else 404, self.ask("POST", (container, name), **meta)[0], "POST")
        if kept:
            kept.meta = meta

    def copy(self):
        source, target = self.container(), self.container()
        name, to = self.object(source), self.object(target)
        kept = self.model[source].objects.get(name) if source in self.model else None
        place = urllib.parse.quote(source, safe="") + "/" + urllib.parse.quote(name, safe="/")
        where = urllib.parse.quote(target, safe="") + "/" + urllib.parse.quote(to, safe="/")
        if self.random.random() < 0.5:
            status = self.ask("PUT", (target, to), b"", **{"X-Copy-From": place})[0]
        else:
            status = self.ask("COPY", (source, name), Destination=where)[0]
        wanted = 201 if kept and target in self.model else 404
        self.expect(wanted, status, "copy of %s/%s" % (source, name))
        if wanted == 201:
            self.model[target].objects[to] = Kept(kept.body, dict(kept.meta), kept.kind)

    def bulk_delete(self):
        container = self.container()
        names = [self.object(container) for _ in range(self.random.randint(1, 4))]
        text = "\n".join(urllib.parse.quote(container + "/" + name, safe="/") for name in names)
        status, _, answer = self.ask("POST", (), text, "?bulk-delete", **{"Content-Type": "text/plain", "Accept": "application/json"})
        self.expect(200, status, "bulk delete")
        there = {name for name in names if container in self.model and name in self.model[container].objects}
        self.expect(len(there), json.loads(answer)["Number Deleted"], "what a bulk delete deleted of %r" % names)
        for name in names:
            self.gone_here(container, name)

    def gone_here(self, container, name):
        """Deleted through this door."""
        self.gone(container, name)

    def gone(self, container, name):
        if container in self.model:
            self.model[container].objects.pop(name, None)

    # ---- looking ----

    def get(self):
        container = self.container()
        name = self.object(container)
        kept = self.model[container].objects.get(name) if container in self.model else None
        ranges = {}
        if kept and self.random.random() < 0.5 and kept.body:
            first = self.random.randrange(len(kept.body))
            last = self.random.randrange(first, len(kept.body) + 1000)
            ranges = {"Range": self.random.choice(("bytes=%d-%d" % (first, last), "bytes=%d-" % first, "bytes=-%d" % (last + 1)))}
        status, headers, text = self.ask("GET", (container, name), **ranges)
        if not kept:
            self.expect(404, status, "GET of nothing")
            return
        if not ranges:
            wanted = kept.body
        elif ranges["Range"].startswith("bytes=-"):
            wanted = kept.body[-(last + 1):]
        else:
            wanted = kept.body[first:] if ranges["Range"].endswith("-") else kept.body[first:last + 1]
        self.expect(206 if ranges else 200, status, "GET")
        self.expect(True, wanted == text, "bytes of %s/%s %s" % (container, name, ranges))
        self.expect(kept.kind, headers["Content-Type"], "type")
        self.expect(kept.swift_etag, headers["ETag"], "ETag")
        shown = {n: v for n, v in headers.items() if n.lower().startswith("x-object-meta-")}
        self.expect({n.lower(): v for n, v in kept.meta.items()}, {n.lower(): v for n, v in shown.items()}, "metadata")

    def wanted_list(self, names, prefix, delimiter, marker, end, reverse, limit):
        """What a listing shows: names strictly between the markers, then folded; a folder that is the lower bound is not."""
        low, high = (end, marker) if reverse else (marker, end)
        shown = set()
        for name in names:
            if not name.startswith(prefix) or name.encode() <= low.encode() or (high and name.encode() >= high.encode()):
                continue
            cut = name.find(delimiter, len(prefix)) if delimiter else -1
            if cut < 0 or name[:cut + len(delimiter)] != low:
                shown.add((name if cut < 0 else name[:cut + len(delimiter)], cut >= 0))
        return sorted(shown, key=lambda one: one[0].encode(), reverse=reverse)[:limit]

    def list(self):
        container = self.container()
        whole = self.random.random() < 0.3
        names = sorted(self.model[container].objects) if container in self.model else []
        some = names + [self.name() for _ in range(2)]
        prefix = "" if whole else self.random.choice(("", "", self.random.choice(some)[:self.random.randint(1, 3)]))
        delimiter = "" if whole else self.random.choice(("", "", "/", "a", "日"))
        marker = "" if whole else self.random.choice(("", self.random.choice(some)))
        end = "" if whole else self.random.choice(("", "", self.random.choice(some)))
        reverse = not whole and self.random.random() < 0.3
        limit = 10000 if whole else self.random.choice((10000, 1, 2, 5))
        arguments = {"format": "json", "prefix": prefix, "delimiter": delimiter, "marker": marker, "end_marker": end,
                     "limit": str(limit), "reverse": "true" if reverse else ""}
        query = "?" + urllib.parse.urlencode({name: value for name, value in arguments.items() if value})
        status, headers, text = self.ask("GET", (container,), query=query)
        if container not in self.model:
            self.expect(404, status, "list of no container")
            return
        rows = json.loads(text)
        objects = self.model[container].objects
        self.expect(self.wanted_list(names, prefix, delimiter, marker, end, reverse, limit),
                    [(row.get("name", row.get("subdir")), "subdir" in row) for row in rows], "listing " + query)
        for row in rows:
            if "name" in row:
                kept = objects[row["name"]]
                self.expect((len(kept.body), kept.swift_etag, kept.kind),
                            (row["bytes"], row.get("slo_etag", row["hash"]), row["content_type"]), "row of %s" % row["name"])

    def count(self):
        container = self.container()
        status, headers, _ = self.ask("HEAD", (container,))
        if container not in self.model:
            self.expect(404, status, "HEAD of no container")
        else:
            objects = self.model[container].objects
            self.expect((str(len(objects)), str(sum(len(k.body) for k in objects.values()))),
                        (headers["X-Container-Object-Count"], headers["X-Container-Bytes-Used"]), "counters of " + container)
        status, headers, text = self.ask("GET", (), query="?format=json")
        kept = [k for c in self.model.values() for k in c.objects.values()]
        self.expect((str(len(self.model)), str(len(kept)), str(sum(len(k.body) for k in kept))),
                    tuple(headers["X-Account-" + name] for name in ("Container-Count", "Object-Count", "Bytes-Used")), "account")
        self.expect([(name, len(c.objects), sum(len(k.body) for k in c.objects.values()))
                     for name, c in sorted(self.model.items(), key=lambda one: one[0].encode())],
                    [(row["name"], row["count"], row["bytes"]) for row in json.loads(text)], "list of containers")

    def test_requests_do_what_the_model_does(self):
        steps = int(os.environ.get("HANEUL_STEPS", 250))
        print("seed %d " % self.seed, end="", flush=True)
        choices = ((self.make_container, 4), (self.remove_container, 2), (self.put, 25), (self.remove, 8), (self.post, 6),
                   (self.copy, 8), (self.bulk_delete, 3), (self.get, 20), (self.list, 20), (self.count, 8))
        self.make_container()
        for step in range(steps):
            self.random.choices([c for c, _ in choices], [w for _, w in choices])[0]()
            if step == steps // 2:
                self.link.close()
                if OBJECT_DRIVER != "fake":
                    self.cloud.restart()
        self.count()
