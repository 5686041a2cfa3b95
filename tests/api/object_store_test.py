# SPDX-License-Identifier: Apache-2.0
"""The object store through Swift's API."""
import hashlib
import json
import os
import time
import unittest
import urllib.parse

from cloud import CloudTest


class ObjectStoreTest(CloudTest):
    """What the tests share: paths below the administrator's account, and containers of their own."""

    def setUp(self):
        if not hasattr(type(self), "account"):
            _, _, catalog = self.cloud.request("GET", "/identity/v3/auth/catalog")
            for service in catalog["catalog"]:
                if service["type"] == "object-store":
                    type(self).account = urllib.parse.urlparse(service["endpoints"][0]["url"]).path
        self.container = "c-%s" % os.urandom(4).hex()
        self.swift("PUT", self.container, expect=201)

    def swift(self, method, path="", body=None, expect=None, token=None, headers=None):
        """(headers, body) of a request below the account; bytes as they are."""
        sent = {"Accept": "*/*"}
        sent.update(headers or {})
        path = urllib.parse.quote(path, safe="/?&=%")
        status, headers, answer = self.cloud.request(method, self.account + ("/" + path if path else ""), body, token, sent)
        expected = (200, 201, 202, 204) if expect is None else expect if isinstance(expect, tuple) else (expect,)
        self.assertIn(status, expected, "%s %s: %s" % (method, path, answer))
        self.assertRegex(headers["X-Trans-Id"], "^tx")
        return headers, answer

    def put(self, name, body=b"", **more):
        return self.swift("PUT", "%s/%s" % (self.container, name), body, 201, **more)[0]

    def names(self, query="", **more):
        answer = self.swift("GET", "%s?format=json%s" % (self.container, query), **more)[1]
        return [entry.get("name", entry.get("subdir")) for entry in answer]


class Core(ObjectStoreTest):
    def test_object_comes_back(self):
        for size in (0, 1, 4096, 65536, 65537, 200000, 1 << 20):
            body = os.urandom(size)
            headers = self.put("o-%d" % size, body, headers={"Content-Type": "x/y", "X-Object-Meta-Color": "blue"})
            self.assertEqual(headers["ETag"], hashlib.md5(body).hexdigest())
            headers, answer = self.swift("GET", "%s/o-%d" % (self.container, size))
            self.assertEqual(answer or b"", body)
            self.assertEqual((headers["Content-Type"], headers["X-Object-Meta-Color"], headers["Content-Length"]),
                             ("x/y", "blue", str(size)))
            headers, answer = self.swift("HEAD", "%s/o-%d" % (self.container, size))
            self.assertEqual((headers["Content-Length"], answer), (str(size), None))

    def test_counters_are_exact(self):
        self.put("a", b"12345")
        self.put("a", b"123")
        self.put("b", b"x" * 70000)
        headers, _ = self.swift("HEAD", self.container)
        self.assertEqual((headers["X-Container-Object-Count"], headers["X-Container-Bytes-Used"]), ("2", "70003"))
        before = int(self.swift("HEAD")[0]["X-Account-Bytes-Used"])
        self.swift("DELETE", self.container + "/b", expect=204)
        headers, _ = self.swift("HEAD", self.container)
        self.assertEqual((headers["X-Container-Object-Count"], headers["X-Container-Bytes-Used"]), ("1", "3"))
        self.assertEqual(before - int(self.swift("HEAD")[0]["X-Account-Bytes-Used"]), 70000)
        self.swift("DELETE", self.container, expect=409)
        self.swift("DELETE", self.container + "/a", expect=204)
        self.swift("DELETE", self.container + "/a", expect=404)
        self.swift("DELETE", self.container, expect=204)
        self.swift("GET", self.container, expect=404)

    def test_wrong_etag_leaves_the_old_object(self):
        for body in (b"new", b"n" * 100000):
            self.put("o", b"old")
            self.swift("PUT", self.container + "/o", body, 422, headers={"ETag": "0" * 32})
            self.assertEqual(self.swift("GET", self.container + "/o")[1], b"old")

    def test_names_keep_their_slashes(self):
        for name in ("a//b", "a/", "/x", "deep/" * 60 + "end", "ünï/日本", "per%25cent"):
            self.put(name, name.encode())
        self.assertEqual(self.swift("GET", self.container + "/a//b")[1], b"a//b")
        self.assertIn("per%cent", self.names())
        self.assertIn("ünï/日本", self.names())

    def test_listing(self):
        for name in ("a", "b/1", "b/2", "c/x/1", "c/y", "d"):
            self.put(name, b"1")
        self.assertEqual(self.names(), ["a", "b/1", "b/2", "c/x/1", "c/y", "d"])
        self.assertEqual(self.names("&delimiter=/"), ["a", "b/", "c/", "d"])
        self.assertEqual(self.names("&delimiter=/&reverse=true"), ["d", "c/", "b/", "a"])
        self.assertEqual(self.names("&prefix=c/&delimiter=/"), ["c/x/", "c/y"])
        self.assertEqual(self.names("&delimiter=/&limit=2"), ["a", "b/"])
        self.assertEqual(self.names("&delimiter=/&marker=b/"), ["c/", "d"])
        self.assertEqual(self.names("&marker=b/1&end_marker=c/y"), ["b/2", "c/x/1"])
        self.assertEqual(self.names("&path=c"), ["c/y"])
        self.assertEqual(self.names("&reverse=on&marker=c/y"), ["c/x/1", "b/2", "b/1", "a"])
        self.assertEqual(self.names("&reverse=on&prefix=b"), ["b/2", "b/1"])
        self.swift("GET", self.container + "?limit=10001", expect=412)
        self.assertEqual(self.swift("GET", self.container)[1], b"a\nb/1\nb/2\nc/x/1\nc/y\nd\n")
        xml = self.swift("GET", self.container + "?format=xml&delimiter=/")[1].decode()
        self.assertIn('<subdir name="b/"><name>b/</name></subdir>', xml)
        self.assertIn(self.container, [c["name"] for c in self.swift("GET", "?format=json")[1]])

    def test_account_lists_containers_in_order(self):
        for i in range(20):
            self.swift("PUT", "%s-%02d" % (self.container, i))
        listed = [c["name"] for c in self.swift("GET", "?format=json&prefix=%s-" % self.container)[1]]
        self.assertEqual(listed, ["%s-%02d" % (self.container, i) for i in range(20)])
        listed = [c["name"] for c in self.swift("GET", "?format=json&reverse=1&limit=3&prefix=%s-" % self.container)[1]]
        self.assertEqual(listed, ["%s-%02d" % (self.container, i) for i in (19, 18, 17)])

    def test_ranges_and_conditions(self):
        for size in (1000, 150000):
            body = os.urandom(size)
            etag = self.put("o", body)["ETag"]
            path = self.container + "/o"
            for first, last in ((0, 0), (5, 99), (size - 10, size - 1), (65000, 66000)):
                if first < size:
                    headers, answer = self.swift("GET", path, expect=206, headers={"Range": "bytes=%d-%d" % (first, last)})
                    self.assertEqual(answer, body[first:last + 1])
                    self.assertEqual(headers["Content-Range"], "bytes %d-%d/%d" % (first, min(last, size - 1), size))
            self.assertEqual(self.swift("GET", path, expect=206, headers={"Range": "bytes=-7"})[1], body[-7:])
            self.swift("GET", path, expect=416, headers={"Range": "bytes=%d-" % size})
            headers, answer = self.swift("GET", path, expect=206, headers={"Range": "bytes=1-3,10-12"})
            self.assertIn("multipart/byteranges", headers["Content-Type"])
            self.assertIn(body[10:13], answer)
            self.swift("GET", path, expect=304, headers={"If-None-Match": etag})
            self.swift("GET", path, expect=412, headers={"If-Match": "x"})
            self.swift("GET", path, expect=200, headers={"If-Match": '"%s"' % etag})
            modified = self.swift("HEAD", path)[0]["Last-Modified"]
            self.swift("GET", path, expect=304, headers={"If-Modified-Since": modified})
            self.swift("GET", path, expect=412, headers={"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"})
        self.swift("PUT", path, b"x", 412, headers={"If-None-Match": "*"})

    def test_metadata(self):
        self.put("o", b"1", headers={"X-Object-Meta-A": "1", "Content-Encoding": "gzip", "Content-Disposition": "inline"})
        self.swift("POST", self.container + "/o", expect=202, headers={"X-Object-Meta-B": "2", "Content-Type": "a/b"})
        headers, _ = self.swift("HEAD", self.container + "/o")
        self.assertEqual((headers["X-Object-Meta-A"], headers["X-Object-Meta-B"], headers["Content-Type"]), (None, "2", "a/b"))
        self.swift("POST", self.container, expect=204, headers={"X-Container-Meta-K": "v"})
        self.assertEqual(self.swift("HEAD", self.container)[0]["X-Container-Meta-K"], "v")
        self.swift("POST", self.container, expect=204, headers={"X-Remove-Container-Meta-K": "x"})
        self.assertIsNone(self.swift("HEAD", self.container)[0]["X-Container-Meta-K"])
        self.swift("POST", expect=204, headers={"X-Account-Meta-Book": "moby"})
        self.assertEqual(self.swift("HEAD")[0]["X-Account-Meta-Book"], "moby")
        for bad in ({"X-Object-Meta-" + "n" * 129: "v"}, {"X-Object-Meta-N": "v" * 257},
                    {"X-Object-Meta-%d" % i: "v" for i in range(91)}, {"X-Object-Meta-%d" % i: "v" * 250 for i in range(20)}):
            self.swift("POST", self.container + "/o", expect=400, headers=bad)

    def test_copy(self):
        for size in (10, 100000):
            body = os.urandom(size)
            self.put("from", body, headers={"Content-Type": "a/b", "X-Object-Meta-A": "1"})
            self.swift("COPY", self.container + "/from", expect=201,
                       headers={"Destination": self.container + "/to", "X-Object-Meta-B": "2"})
            headers, answer = self.swift("GET", self.container + "/to")
            self.assertEqual((answer, headers["Content-Type"], headers["X-Object-Meta-A"], headers["X-Object-Meta-B"]),
                             (body, "a/b", "1", "2"))
            headers = self.put("to2", b"", headers={"X-Copy-From": "/%s/from" % self.container, "X-Fresh-Metadata": "true"})
            self.assertEqual(headers["X-Copied-From"], self.container + "/from")
            self.swift("DELETE", self.container + "/from", expect=204)
            headers, answer = self.swift("GET", self.container + "/to2")
            self.assertEqual((answer, headers["X-Object-Meta-A"]), (body, None))
        self.swift("COPY", self.container + "/none", expect=404, headers={"Destination": self.container + "/x"})
        self.swift("COPY", self.container + "/to", expect=412, headers={"Destination": "x"})

    def test_rights(self):
        self.put("o", b"secret")
        path = self.container + "/o"
        self.swift("GET", path, expect=401, token="")
        self.swift("GET", path, expect=401, token="gAAAAbad")
        project = self.ask("POST", "/identity/v3/projects", {"project": {"name": self.container, "domain_id": "default"}})
        user = self.ask("POST", "/identity/v3/users", {"user": {"name": self.container, "password": "pw",
                                                               "domain_id": "default"}})
        roles = self.ask("GET", "/identity/v3/roles?name=member")["roles"]
        self.ask("PUT", "/identity/v3/projects/%s/users/%s/roles/%s" % (project["project"]["id"], user["user"]["id"],
                                                                      roles[0]["id"]))
        other = self.cloud.login(self.container, "pw", project=self.container)
        self.swift("GET", path, expect=403, token=other)
        self.swift("GET", "", expect=403, token=other)
        self.swift("POST", self.container, expect=204, headers={"X-Container-Read": "%s:%s" % (project["project"]["id"],
                                                                                          user["user"]["id"])})
        self.assertEqual(self.swift("GET", path, token=other)[1], b"secret")
        self.swift("PUT", path, b"x", 403, token=other)
        self.swift("POST", self.container, expect=204, headers={"X-Container-Write": "*:" + user["user"]["id"]})
        self.swift("PUT", path, b"written", 201, token=other)
        self.swift("POST", self.container, expect=204, headers={"X-Container-Read": ".r:*"})
        self.assertEqual(self.swift("GET", path, token="")[1], b"written")
        self.swift("GET", self.container, expect=401, token="")
        self.swift("POST", self.container, expect=204, headers={"X-Container-Read": " .referrer : *, .rlistings"})
        self.assertEqual(self.names(token=""), ["o"])
        self.assertEqual(self.swift("HEAD", self.container)[0]["X-Container-Read"], ".r:*,.rlistings")
        self.swift("POST", self.container, expect=400, headers={"X-Container-Write": ".r:*"})

    def test_expiry(self):
        self.put("o", b"1", headers={"X-Delete-After": "1"})
        self.assertEqual(self.names(), ["o"])
        self.cloud.until(lambda: self.cloud.request("GET", self.account + "/" + self.container + "/o")[0] == 404)
        self.assertEqual(self.names(), [])
        self.swift("PUT", self.container + "/o", b"1", 400, headers={"X-Delete-At": "1"})
        self.swift("PUT", self.container + "/o", b"1", 400, headers={"X-Delete-After": "x"})

    def test_quotas(self):
        self.swift("POST", self.container, expect=204, headers={"X-Container-Meta-Quota-Bytes": "10",
                                                               "X-Container-Meta-Quota-Count": "2"})
        self.put("a", b"12345")
        self.swift("PUT", self.container + "/b", b"123456", 413)
        self.put("b", b"1234")
        self.swift("PUT", self.container + "/c", b"", 413)
        self.put("a", b"")
        self.swift("POST", self.container, expect=400, headers={"X-Container-Meta-Quota-Bytes": "many"})

    def test_survives_restart(self):
        body = os.urandom(100000)
        self.put("small", b"small")
        self.put("large", body)
        self.cloud.restart()
        self.assertEqual(self.swift("GET", self.container + "/small")[1], b"small")
        self.assertEqual(self.swift("GET", self.container + "/large")[1], body)

    def test_root(self):
        status, _, info = self.cloud.request("GET", "/info", token="")
        self.assertEqual((status, info["swift"]["container_listing_limit"]), (200, 10000))
        self.assertEqual(self.cloud.request("GET", "/healthcheck", token="")[2], b"OK")
        self.assertIn(b"cross-domain-policy", self.cloud.request("GET", "/crossdomain.xml", token="")[2])


if __name__ == "__main__":
    unittest.main()
