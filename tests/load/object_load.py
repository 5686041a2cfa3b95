# SPDX-License-Identifier: Apache-2.0
"""The load of the object store: clients of both doors that write, overwrite, copy, list, version, cut off and delete, in
containers of their own and in some that all of a project share.

Bytes say of themselves whether they are whole: a length and a hash stand before them. So whoever reads what others write
meanwhile can tell a mixture from what one of them wrote."""
import base64
import hashlib
import http.client
import json
import os
import re
import socket
import time
import uuid

from harness import PROJECTS, Client, Load, Unexpected
from s3_client import Keys, Signed

SIZES = (0, 1, 700, 4096, 65536, 65537, 300000, 1500000)
HOT, CHURN = "hot", "churn"         # what clients of a project share: names, and a container that comes and goes
PART = 5 << 20                      # the smallest that a part may be which is not the last


def made(random, size):
    body = random.randbytes(size)
    return b"%d %s\n" % (size, hashlib.sha256(body).hexdigest().encode()) + body


def is_whole(found):
    head, _, body = found.partition(b"\n")
    return head == b"%d %s" % (len(body), hashlib.sha256(body).hexdigest().encode())


class ObjectClient(Client):
    def __init__(self, load, number):
        super().__init__(load, number)
        self.keys = load.keys[number % PROJECTS]
        self.account = "/object-store/v1/AUTH_" + self.project
        self.own = "own-%d" % number
        self.container_made = False

    # ---- asking ----

    def swift(self, method, path, body=None, expect=(200, 201, 202, 204), headers=None):
        """(status, headers, bytes); the connection is kept."""
        if not self.connection:
            host, port = self.load.cloud.listen.split(":")
            self.connection = http.client.HTTPConnection(host, int(port), timeout=120)
        sent = dict({"X-Auth-Token": self.token}, **(headers or {}))
        try:
            self.connection.request(method, self.account + path, body, sent)
            answer = self.connection.getresponse()
            text = answer.read()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.connection = None      # an idle connection may be closed by either side
            return self.swift(method, path, body, expect, headers) if method in ("GET", "HEAD") else \
                self.fail(method, path, "cut off", "")
        return self.answered("swift", method, path, expect, answer.status, answer.headers, text)

    def s3(self, method, path, query="", body=b"", expect=(200, 204), headers=None):
        signed = Signed(self.load.cloud.s3, self.keys, method, path, query, body, headers or {}, "UNSIGNED-PAYLOAD")
        return self.answered("s3", method, path, expect, *signed.send())

    def answered(self, door, method, path, expect, status, headers, text):
        self.counts["%s %s" % (door, method)] += 1
        if status not in (expect if isinstance(expect, tuple) else (expect,)):
            self.fail(method, door + path, status, text[:300])
        return status, headers, text

    def must_be_whole(self, path, found):
        if not is_whole(found):
            raise Unexpected("%s has %d bytes that nobody wrote: %r" % (path, len(found), found[:100]))

    def must_be(self, what, found, wanted):
        if found != wanted:
            raise Unexpected("%s is %r and not %r" % (what, found, wanted))

    def container(self):
        if not self.container_made:
            self.swift("PUT", "/" + self.own, None, (201, 202))
            self.container_made = True
        return "/" + self.own

    def listed(self, query):
        """name -> (bytes, hash) of the own container."""
        text = self.swift("GET", "/%s?format=json&%s" % (self.own, query))[2]
        return {row["name"]: (row["bytes"], row["hash"]) for row in json.loads(text)}

    # ---- episodes ----

    def tree(self):
        """What only this client writes is there as it wrote it, in lists too, whichever door is asked."""
        container, prefix = self.container(), uuid.uuid4().hex
        wanted = {}
        for n in range(self.random.randrange(3, 12)):
            name, body = "%s/%d" % (prefix, n), made(self.random, self.random.choice(SIZES))
            if self.random.random() < 0.5:
                self.swift("PUT", "%s/%s" % (container, name), body, 201)
            else:
                self.s3("PUT", "%s/%s" % (container, name), "", body, 200)
            wanted[name] = body
        copied = self.random.choice(list(wanted))
        self.swift("PUT", "%s/%s-copy" % (container, copied), b"", 201, {"X-Copy-From": "%s/%s" % (container, copied)})
        wanted[copied + "-copy"] = wanted[copied]
        self.must_be("the list", self.listed("prefix=%s/" % prefix),
                     {name: (len(body), hashlib.md5(body).hexdigest()) for name, body in wanted.items()})
        text = self.s3("GET", container, "list-type=2&prefix=%s%%2F" % prefix)[2].decode()
        self.must_be("the list of S3", re.findall("<Key>([^<]+)</Key>", text), sorted(wanted))
        for name, body in wanted.items():
            self.must_be(name, self.swift("GET", "%s/%s" % (container, name))[2], body)
            first = self.random.randrange(len(body))
            last = self.random.randrange(first, len(body))
            self.must_be("a range of " + name, self.s3("GET", "%s/%s" % (container, name), "", b"", 206, {
                "range": "bytes=%d-%d" % (first, last)})[2], body[first:last + 1])
        gone = list(wanted)[::2]
        self.swift("POST", "?bulk-delete", "\n".join("%s/%s" % (container, name) for name in gone).encode(), 200,
                   {"Content-Type": "text/plain"})
        self.must_be("the list", sorted(self.listed("prefix=%s/" % prefix)), sorted(set(wanted) - set(gone)))
        body = "<Delete>%s</Delete>" % "".join("<Object><Key>%s</Key></Object>" % name for name in wanted)
        md5 = hashlib.md5(body.encode()).digest()
        self.s3("POST", container, "delete", body.encode(), 200, {"content-md5": base64.b64encode(md5).decode()})
        self.must_be("the list", self.listed("prefix=%s/" % prefix), {})

    def hot(self):
        """Names that all clients of the project write at once."""
        for _ in range(10):
            path = "/%s/%d" % (HOT, self.random.randrange(6))
            choice = self.random.random()
            if choice < 0.35:
                body = made(self.random, self.random.choice(SIZES))
                if self.random.random() < 0.5:
                    _, headers, _ = self.swift("PUT", path, body, 201)
                else:
                    _, headers, _ = self.s3("PUT", path, "", body, 200)
                self.must_be("the ETag", headers["ETag"].strip('"'), hashlib.md5(body).hexdigest())
            elif choice < 0.45:
                self.swift("PUT", path, made(self.random, 1000), (201, 412), {"If-None-Match": "*"})
            elif choice < 0.55:
                self.swift("DELETE", path, None, (204, 404))
            elif choice < 0.65:
                self.swift("COPY", path, None, (201, 404), {"Destination": "%s/%d" % (HOT, self.random.randrange(6))})
            elif choice < 0.75:
                self.swift("POST", path, None, (202, 404), {"X-Object-Meta-Turn": str(self.number)})
            else:
                status, headers, text = self.swift("GET", path, None, (200, 404)) if self.random.random() < 0.5 else \
                    self.s3("GET", path, "", b"", (200, 404))
                if status == 200:
                    self.must_be_whole(path, text)
                    self.must_be("the ETag", headers["ETag"].strip('"'), hashlib.md5(text).hexdigest())
        for row in json.loads(self.swift("GET", "/%s?format=json" % HOT)[2]):
            if row["bytes"] < 66:
                raise Unexpected("the list has what nobody wrote: %s" % row)

    def churn(self):
        """A container that others make and delete meanwhile."""
        name = "/%s/%s" % (CHURN, uuid.uuid4().hex)
        self.swift("PUT", "/" + CHURN, None, (201, 202))
        status = self.swift("PUT", name, made(self.random, self.random.choice(SIZES[:6])), (201, 404))[0]
        if status == 201:
            self.swift("DELETE", "/" + CHURN, None, 409)
            self.must_be_whole(name, self.swift("GET", name)[2])
            self.swift("DELETE", name, None, 204)
        self.swift("DELETE", "/" + CHURN, None, (204, 404, 409))

    def parts(self):
        """An upload in parts, ended or given up."""
        path = "%s/%s" % (self.container(), uuid.uuid4().hex)
        upload = re.search("<UploadId>([^<]+)<", self.s3("POST", path, "uploads", b"", 200)[2].decode()).group(1)
        bodies = [made(self.random, PART), made(self.random, self.random.choice(SIZES))]
        tags = [self.s3("PUT", path, "partNumber=%d&uploadId=%s" % (n + 1, upload), body, 200)[1]["ETag"]
                for n, body in enumerate(bodies)]
        if self.random.random() < 0.3:
            self.s3("DELETE", path, "uploadId=" + upload, b"", 204)
            self.s3("GET", path, "", b"", 404)
            return
        self.s3("POST", path, "uploadId=" + upload, ("<CompleteMultipartUpload>%s</CompleteMultipartUpload>" % "".join(
            "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>" % (n + 1, tag) for n, tag in enumerate(tags))).encode(), 200)
        self.must_be("what was uploaded in parts", hashlib.md5(self.swift("GET", path)[2]).hexdigest(),
                     hashlib.md5(b"".join(bodies)).hexdigest())
        self.s3("DELETE", path, "", b"", 204)

    def manifests(self):
        container, prefix = self.container(), uuid.uuid4().hex
        bodies = [made(self.random, self.random.choice(SIZES)) for _ in range(4)]
        for n, body in enumerate(bodies):
            self.swift("PUT", "%s/%s/%d" % (container, prefix, n), body, 201)
        self.swift("PUT", "%s/%s-dynamic" % (container, prefix), b"", 201, {"X-Object-Manifest": "%s/%s/" % (container[1:], prefix)})
        static = "%s/%s-static" % (container, prefix)
        self.swift("PUT", static + "?multipart-manifest=put", json.dumps(
            [{"path": "%s/%s/%d" % (container, prefix, n), "etag": hashlib.md5(body).hexdigest()} for n, body in enumerate(bodies)]), 201)
        for path in ("%s/%s-dynamic" % (container, prefix), static):
            self.must_be(path, self.swift("GET", path)[2], b"".join(bodies))
        self.swift("DELETE", "%s/%s-dynamic" % (container, prefix), None, 204)
        self.swift("DELETE", static + "?multipart-manifest=delete", None, 200)
        self.must_be("the list", self.listed("prefix=" + prefix), {})

    def versions(self):
        container = "/versions-" + uuid.uuid4().hex
        self.swift("PUT", container, None, 201, {"X-Versions-Enabled": "true"})
        bodies = [made(self.random, self.random.choice(SIZES)) for _ in range(3)]
        ids = [self.swift("PUT", container + "/o", body, 201)[1]["X-Object-Version-Id"] for body in bodies]
        self.swift("DELETE", container + "/o", None, 204)
        for version, body in zip(ids, bodies):
            self.must_be("a version", self.swift("GET", "%s/o?version-id=%s" % (container, version))[2], body)
        rows = json.loads(self.swift("GET", container + "?versions&format=json")[2])
        self.must_be("the list of versions", [row["version_id"] for row in rows][1:], ids[::-1])
        self.swift("DELETE", container, None, 409)
        for row in rows:
            self.swift("DELETE", "%s/o?version-id=%s" % (container, row["version_id"]), None, 204)
        self.swift("DELETE", container, None, 204)

    def expiry(self):
        path = "%s/%s" % (self.container(), uuid.uuid4().hex)
        body = made(self.random, self.random.choice(SIZES))
        self.swift("PUT", path, body, 201, {"X-Delete-After": "2"})
        end = time.monotonic() + 30
        while True:
            status, _, text = self.swift("GET", path, None, (200, 404))
            if status == 404:
                return
            self.must_be(path, text, body)
            if time.monotonic() > end:
                raise Unexpected("%s does not expire" % path)
            time.sleep(0.3)

    def cut(self):
        """An upload that ends before its bytes do changes nothing; an answer that is not read to its end harms nobody."""
        path = "%s/%s" % (self.container(), uuid.uuid4().hex)
        old = made(self.random, 1500000)
        self.swift("PUT", path, old, 201)
        host, port = self.load.cloud.listen.split(":")
        for _ in range(3):
            with socket.create_connection((host, int(port))) as link:
                link.sendall(("PUT %s%s HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\nContent-Length: 900000\r\n\r\n" % (
                    self.account, path, self.token)).encode() + b"x" * self.random.choice((0, 10, 70000, 800000)))
            with socket.create_connection((host, int(port))) as link:
                link.sendall(("GET %s%s HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\n\r\n" % (self.account, path, self.token)).encode())
                link.recv(10000)
        self.must_be("what an upload that was cut off wanted to replace", self.swift("GET", path)[2], old)
        self.swift("DELETE", path, None, 204)

    def nonsense(self):
        container = self.container()
        self.swift("PUT", container + "/x", b"abc", 422, {"ETag": "0" * 32})
        self.swift("GET", container + "/x", None, 404)
        self.swift("PUT", container + "/x?multipart-manifest=put", b"[{", 400)
        self.swift("PUT", "/nothing-" + uuid.uuid4().hex + "/x", b"abc", 404)
        self.swift("GET", container + "?limit=10001", None, 412)
        self.s3("GET", container, "max-keys=y", b"", 400)
        self.s3("POST", container + "/x", "uploadId=nothing", b"<CompleteMultipartUpload/>", (400, 404))

    EPISODES = (("tree", 4), ("hot", 6), ("churn", 4), ("parts", 1), ("manifests", 2), ("versions", 2), ("expiry", 1), ("cut", 1),
                ("nonsense", 1))


class ObjectLoad(Load):
    client = ObjectClient
    settings = ("object_store.expire_seconds=1",)

    def prepare(self):
        super().prepare()
        self.keys = [Keys(self.cloud, user, project) for user, project in self.members]
        self.owners = []            # (account, headers that its own user sends)
        for user, project in self.members:
            token = self.cloud.login(user, "x", project)
            self.owners.append(("/object-store/v1/AUTH_" + project, {"X-Auth-Token": token}))
            self.must("PUT", "%s/%s" % (self.owners[-1][0], HOT), headers=self.owners[-1][1])

    def rows(self):
        """Of each account: its counters, and what its lists have; and the files of blobs."""
        found = {}
        for account, owner in self.owners:
            for container in [row["name"] for row in self.must("GET", account + "?format=json", headers=owner)]:
                for row in self.must("GET", "%s/%s?format=json" % (account, container), headers=owner):
                    if container != HOT:
                        found["%s/%s/%s" % (account, container, row["name"])] = row
                    else:
                        self.must("DELETE", "%s/%s/%s" % (account, HOT, row["name"]), headers=owner)
            _, headers, _ = self.cloud.request("HEAD", account, headers=owner)
            found[account] = headers["X-Account-Object-Count"], headers["X-Account-Bytes-Used"]
        found["files"] = sum(len(files) for _, _, files in os.walk(os.path.join(self.cloud.data, "objects", "blobs")))
        return found
