# SPDX-License-Identifier: Apache-2.0
"""The object store through Swift's API."""
import hashlib
import hmac
import http.client
import io
import json
import os
import socket
import tarfile
import time
import unittest
import urllib.parse

from cloud import CloudTest, in_files, kept


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
        self.assertEqual(self.names("&delimiter=/&marker=b/&limit=1"), ["c/"])
        self.assertEqual(self.swift("GET", self.container + "?delimiter=/&marker=b/&limit=1")[1], b"c/\n")
        self.assertEqual(self.names("&marker=b/1&end_marker=c/y"), ["b/2", "c/x/1"])
        self.assertEqual(self.names("&path=c"), ["c/y"])
        self.assertEqual(self.names("&reverse=on&marker=c/y"), ["c/x/1", "b/2", "b/1", "a"])
        self.assertEqual(self.names("&reverse=on&prefix=b"), ["b/2", "b/1"])
        self.assertEqual(self.names("&prefix=b/1&marker=b/1"), [])
        self.assertEqual(self.names("&prefix=b/&marker=b/1"), ["b/2"])
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

    @kept
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


class LargeObjects(ObjectStoreTest):
    def segments(self, count=3, size=100000):
        bodies = [os.urandom(size) for _ in range(count)]
        for i, body in enumerate(bodies):
            self.put("seg/%d" % i, body)
        return bodies

    def manifest(self, bodies, **more):
        return [dict({"path": "/%s/seg/%d" % (self.container, i), "etag": hashlib.md5(body).hexdigest(),
                      "size_bytes": len(body)}, **more) for i, body in enumerate(bodies)]

    def put_slo(self, name, manifest, expect=201, **more):
        return self.swift("PUT", "%s/%s?multipart-manifest=put" % (self.container, name), json.dumps(manifest).encode(),
                          expect, **more)

    def test_static(self):
        bodies = self.segments()
        whole = b"".join(bodies)
        headers, _ = self.put_slo("slo", self.manifest(bodies), headers={"Content-Type": "a/b"})
        tag = hashlib.md5("".join(hashlib.md5(body).hexdigest() for body in bodies).encode()).hexdigest()
        self.assertEqual(headers["ETag"], '"%s"' % tag)
        headers, answer = self.swift("GET", self.container + "/slo")
        self.assertEqual((answer, headers["X-Static-Large-Object"], headers["Content-Type"]), (whole, "True", "a/b"))
        answer = self.swift("GET", self.container + "/slo", expect=206, headers={"Range": "bytes=99990-200010"})[1]
        self.assertEqual(answer, whole[99990:200011])
        answer = self.swift("GET", self.container + "/slo?multipart-manifest=get")[1]
        self.assertEqual([segment["name"] for segment in answer], ["/%s/seg/%d" % (self.container, i) for i in range(3)])
        headers, raw = self.swift("GET", self.container + "/slo?multipart-manifest=get&format=raw")
        self.assertEqual((headers["Content-Type"], headers["ETag"]), ("a/b", hashlib.md5(raw).hexdigest()))
        self.put_slo("again", json.loads(raw))
        self.assertEqual(self.swift("GET", self.container + "/again")[1], whole)
        entry = [e for e in self.swift("GET", self.container + "?format=json")[1] if e["name"] == "slo"][0]
        self.assertEqual((entry["bytes"], entry["slo_etag"]), (300000, '"%s"' % tag))

    def test_static_is_checked(self):
        bodies = self.segments(2)
        good = self.manifest(bodies)
        for bad in ([dict(good[0], etag="0" * 32)], [dict(good[0], size_bytes=1)], [dict(good[0], path="/%s/none" % self.container)],
                    [dict(good[0], range="100000-")], [], {"a": 1}, ["x"]):
            self.put_slo("bad", bad, 400)
        self.put_slo("bad", good, 422, headers={"ETag": "0" * 32})
        self.put_slo("slo", good)
        self.put("seg/1", b"changed")
        self.swift("GET", self.container + "/slo", expect=409)

    def test_static_ranges_data_and_nesting(self):
        bodies = self.segments(2)
        first, second = self.manifest(bodies)
        self.put_slo("inner", [dict(first, range="10-19"), {"data": "aGVsbG8="}])
        inner = bodies[0][10:20] + b"hello"
        self.assertEqual(self.swift("GET", self.container + "/inner")[1], inner)
        self.put_slo("outer", [{"path": "/%s/inner" % self.container}, dict(second, range="-5"),
                               {"path": "/%s/inner" % self.container, "range": "8-12"}])
        whole = inner + bodies[1][-5:] + inner[8:13]
        self.assertEqual(self.swift("GET", self.container + "/outer")[1], whole)
        self.assertEqual(self.swift("GET", self.container + "/outer", expect=206, headers={"Range": "bytes=14-21"})[1],
                         whole[14:22])

    def test_static_deleted_with_segments(self):
        self.put_slo("slo", self.manifest(self.segments()))
        answer = self.swift("DELETE", self.container + "/slo?multipart-manifest=delete", expect=200,
                            headers={"Accept": "application/json"})[1]
        self.assertEqual((answer["Number Deleted"], answer["Response Status"]), (4, "200 OK"))
        self.assertEqual(self.names(), [])

    def test_dynamic(self):
        bodies = self.segments()
        self.put("dlo", b"", headers={"X-Object-Manifest": self.container + "/seg/"})
        headers, answer = self.swift("GET", self.container + "/dlo")
        self.assertEqual((answer, headers["X-Object-Manifest"]), (b"".join(bodies), self.container + "/seg/"))
        self.swift("COPY", self.container + "/dlo", expect=201, headers={"Destination": self.container + "/flat"})
        headers, answer = self.swift("GET", self.container + "/flat")
        self.assertEqual((answer, headers["X-Object-Manifest"]), (b"".join(bodies), None))


class Links(ObjectStoreTest):
    def test_dynamic_link(self):
        self.put("target", b"one", headers={"X-Object-Meta-A": "1"})
        self.put("link", b"", headers={"X-Symlink-Target": self.container + "/target"})
        headers, answer = self.swift("GET", self.container + "/link")
        self.assertEqual((answer, headers["X-Object-Meta-A"]), (b"one", "1"))
        headers, answer = self.swift("GET", self.container + "/link?symlink=get")
        self.assertEqual((answer, headers["X-Symlink-Target"]), (None, self.container + "/target"))
        self.put("target", b"two")
        self.assertEqual(self.swift("GET", self.container + "/link")[1], b"two")
        self.swift("POST", self.container + "/link", expect=307)
        self.swift("DELETE", self.container + "/link", expect=204)
        self.assertEqual(self.swift("GET", self.container + "/target")[1], b"two")

    def test_loops_and_lost_targets(self):
        for i in range(4):
            self.put("l%d" % i, b"", headers={"X-Symlink-Target": "%s/l%d" % (self.container, (i + 1) % 4)})
        self.swift("GET", self.container + "/l0", expect=409)
        self.put("lost", b"", headers={"X-Symlink-Target": self.container + "/none"})
        self.swift("GET", self.container + "/lost", expect=404)
        self.swift("PUT", self.container + "/self", b"", 400, headers={"X-Symlink-Target": self.container + "/self"})
        self.swift("PUT", self.container + "/body", b"x", 400, headers={"X-Symlink-Target": self.container + "/l0"})

    def test_static_link(self):
        tag = self.put("target", b"one")["ETag"]
        headers = {"X-Symlink-Target": self.container + "/target", "X-Symlink-Target-Etag": "0" * 32}
        self.swift("PUT", self.container + "/link", b"", 409, headers=headers)
        headers["X-Symlink-Target-Etag"] = tag
        self.put("link", b"", headers=headers)
        self.assertEqual(self.swift("GET", self.container + "/link")[1], b"one")
        self.put("target", b"two")
        self.swift("GET", self.container + "/link", expect=409)


class Versions(ObjectStoreTest):
    def test_versions(self):
        self.swift("POST", self.container, expect=204, headers={"X-Versions-Enabled": "true"})
        made = [self.put("o", b"v%d" % i)["X-Object-Version-Id"] for i in range(3)]
        self.assertEqual(self.swift("GET", self.container + "/o")[1], b"v2")
        for i, version in enumerate(made):
            self.assertEqual(self.swift("GET", "%s/o?version-id=%s" % (self.container, version))[1], b"v%d" % i)
        marker = self.swift("DELETE", self.container + "/o", expect=204)[0]["X-Object-Version-Id"]
        self.swift("GET", self.container + "/o", expect=404)
        self.assertEqual(self.names(), [])
        listed = self.swift("GET", self.container + "?versions&format=json")[1]
        self.assertEqual([entry["version_id"] for entry in listed], [marker] + made[::-1])
        self.assertEqual(int(self.swift("HEAD", self.container)[0]["X-Container-Bytes-Used"]), 6)
        self.swift("DELETE", self.container, expect=409)
        for version in made + [marker]:
            self.swift("DELETE", "%s/o?version-id=%s" % (self.container, version), expect=204)
        self.assertEqual(int(self.swift("HEAD", self.container)[0]["X-Container-Bytes-Used"]), 0)
        self.swift("DELETE", self.container, expect=204)

    def test_suspended(self):
        self.swift("POST", self.container, expect=204, headers={"X-Versions-Enabled": "true"})
        first = self.put("o", b"1")["X-Object-Version-Id"]
        self.swift("POST", self.container, expect=204, headers={"X-Versions-Enabled": "false"})
        self.put("o", b"2")
        self.put("o", b"3")
        listed = self.swift("GET", self.container + "?versions&format=json")[1]
        self.assertEqual([(e["version_id"], e["is_latest"]) for e in listed], [("null", True), (first, False)])

    def test_stack_and_history(self):
        old = self.container + "-old"
        self.swift("PUT", old)
        self.swift("POST", self.container, expect=204, headers={"X-Versions-Location": old})
        for i in range(3):
            self.put("o", b"v%d" % i)
        for i in (1, 0):
            self.swift("DELETE", self.container + "/o", expect=204)
            self.assertEqual(self.swift("GET", self.container + "/o")[1], b"v%d" % i)
        self.swift("DELETE", self.container + "/o", expect=204)
        self.swift("GET", self.container + "/o", expect=404)
        self.swift("POST", self.container, expect=204, headers={"X-History-Location": old})
        self.put("o", b"h")
        self.swift("DELETE", self.container + "/o", expect=204)
        listed = self.swift("GET", old + "?format=json")[1]
        self.assertEqual(len(listed), 2)
        self.assertIn("deleted", listed[1]["content_type"])


class Signatures(ObjectStoreTest):
    def setUp(self):
        super().setUp()
        self.swift("POST", expect=204, headers={"X-Account-Meta-Temp-URL-Key": "key"})
        self.put("dir/o", b"secret", headers={"X-Object-Meta-A": "1"})

    def url(self, method, name, seconds=60, digest="sha256", key="key", more="", prefix=None, address=None):
        expires = int(time.time()) + seconds
        path = "%s/%s/%s" % (self.account, self.container, prefix if prefix is not None else name)
        text = "%s%s\n%d\n%s%s" % ("ip=%s\n" % address if address else "", method, expires,
                                  "prefix:" if prefix is not None else "", path)
        made = hmac.new(key.encode(), text.encode(), digest).hexdigest()
        return "%s/%s?temp_url_sig=%s&temp_url_expires=%d%s%s%s" % (
            self.container, name, made, expires, more, "&temp_url_prefix=" + prefix if prefix is not None else "",
            "&temp_url_ip_range=" + address if address else "")

    def test_temporary_urls(self):
        for digest in ("sha1", "sha256", "sha512"):
            headers, answer = self.swift("GET", self.url("GET", "dir/o", digest=digest), token="")
            self.assertEqual((answer, headers["X-Object-Meta-A"]), (b"secret", None))
            self.assertIn('filename="o"', headers["Content-Disposition"])
        self.swift("HEAD", self.url("GET", "dir/o"), token="", expect=200)
        self.swift("GET", self.url("GET", "dir/o", prefix="dir/"), token="", expect=200)
        self.swift("GET", self.url("GET", "dir/o", address="127.0.0.0/8"), token="", expect=200)
        self.swift("PUT", self.url("PUT", "new"), b"new", 201, token="")
        for url in (self.url("PUT", "dir/o"), self.url("GET", "dir/o", key="wrong"), self.url("GET", "dir/o", seconds=-1),
                    self.url("GET", "dir/o", prefix="other/"), self.url("GET", "dir/o", address="10.0.0.0/8"),
                    self.url("GET", "new").replace("/new?", "/dir/o?")):
            self.swift("GET", url, token="", expect=401)

    def test_form(self):
        def post(signature_key="key", expires=60, size=100, count=2, files=(("a.txt", b"one"), ("b.bin", b"t\r\n--wo"))):
            fields = {"redirect": "", "max_file_size": str(size), "max_file_count": str(count),
                      "expires": str(int(time.time()) + expires)}
            text = "%s/%s/up/\n%s\n%s\n%s\n%s" % ((self.account, self.container) + tuple(fields.values()))
            fields["signature"] = hmac.new(signature_key.encode(), text.encode(), "sha256").hexdigest()
            body = b"".join(b'--XX\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (k.encode(), v.encode())
                            for k, v in fields.items())
            for name, content in files:
                body += (b'--XX\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\n'
                         b'Content-Type: x/y\r\n\r\n%s\r\n' % (name.encode(), content))
            return body + b"--XX--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=XX"}
        path = self.container + "/up/"
        self.swift("POST", path, post(), 201, token="", headers=headers)
        self.assertEqual(self.swift("GET", path + "b.bin")[1], b"t\r\n--wo")
        self.assertEqual(self.swift("GET", path + "a.txt")[0]["Content-Type"], "x/y")
        self.swift("POST", path, post(signature_key="wrong"), 401, token="", headers=headers)
        self.swift("POST", path, post(expires=-1), 401, token="", headers=headers)
        self.swift("POST", path, post(size=2), 400, token="", headers=headers)
        self.swift("POST", path, post(count=1), 400, token="", headers=headers)
        self.swift("POST", path, post()[:-20], 400, token="", headers=headers)


class Bulk(ObjectStoreTest):
    def archive(self, mode="w", names=("x/1", "x/" + "long/" * 40 + "name", "empty")):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode=mode) as tar:
            for name in names:
                info = tarfile.TarInfo(self.container + "/" + name)
                info.size = 0 if name == "empty" else 1000
                tar.addfile(info, io.BytesIO(b"x" * info.size))
        return out.getvalue()

    def test_archives(self):
        json_please = {"Accept": "application/json"}
        for form in ("", ".gz", ".bz2"):
            answer = self.swift("PUT", "?extract-archive=tar" + form, self.archive("w:" + form[1:]), 200, headers=json_please)[1]
            self.assertEqual((answer["Number Files Created"], answer["Errors"]), (3, []))
            self.assertEqual(self.swift("GET", self.container + "/x/1")[1], b"x" * 1000)
            self.assertEqual(len(self.names()), 3)
        answer = self.swift("PUT", "?extract-archive=tar", b"rubbish" * 1000, 200, headers=json_please)[1]
        self.assertEqual(answer["Response Status"], "400 Bad Request")
        answer = self.swift("PUT", "?extract-archive=tar.gz", self.archive("w:gz")[:100], 200, headers=json_please)[1]
        self.assertEqual(answer["Response Status"], "400 Bad Request")
        self.swift("PUT", "?extract-archive=zip", b"", 400)
        body = ("/%s/x/1\n%s/none\n\n/%s\n" % (self.container, self.container, self.container)).encode()
        answer = self.swift("POST", "?bulk-delete", body, 200, headers=json_please)[1]
        self.assertEqual((answer["Number Deleted"], answer["Number Not Found"], answer["Response Status"]),
                         (1, 1, "400 Bad Request"))
        self.assertEqual(answer["Errors"][0][1], "409 Conflict")


class Web(ObjectStoreTest):
    def test_site(self):
        self.swift("POST", self.container, expect=204, headers={
            "X-Container-Read": ".r:*,.rlistings", "X-Container-Meta-Web-Index": "index.html",
            "X-Container-Meta-Web-Error": "error.html", "X-Container-Meta-Web-Listings": "true"})
        self.put("index.html", b"<p>index")
        self.put("404error.html", b"<p>lost")
        self.put("sub/page.html", b"<p>page")
        self.swift("GET", self.container, expect=301, token="")
        self.assertEqual(self.swift("GET", self.container + "/", token="")[1], b"<p>index")
        self.assertEqual(self.swift("GET", self.container + "/none", expect=404, token="")[1], b"<p>lost")
        self.assertIn(b"page.html", self.swift("GET", self.container + "/sub/", token="")[1])
        self.swift("GET", self.container + "/sub", expect=301, token="")

    def test_cross_origin(self):
        self.swift("POST", self.container, expect=204, headers={
            "X-Container-Meta-Access-Control-Allow-Origin": "http://a.example http://b.example"})
        self.put("o", b"1")
        path, ask = self.container + "/o", {"Access-Control-Request-Method": "GET"}
        headers, _ = self.swift("OPTIONS", path, expect=200, token="", headers=dict(ask, Origin="http://b.example"))
        self.assertEqual(headers["Access-Control-Allow-Origin"], "http://b.example")
        self.swift("OPTIONS", path, expect=401, token="", headers=dict(ask, Origin="http://evil.example"))
        headers, _ = self.swift("GET", path, headers={"Origin": "http://a.example"})
        self.assertEqual(headers["Access-Control-Allow-Origin"], "http://a.example")
        self.assertIsNone(self.swift("GET", path, headers={"Origin": "http://evil.example"})[0]["Access-Control-Allow-Origin"])


class Accounts(ObjectStoreTest):
    settings = ("object_store.expire_seconds=1",)

    def test_account_goes_with_its_project(self):
        project = self.ask("POST", "/identity/v3/projects", {"project": {"name": self.container, "domain_id": "default"}})["project"]
        admin = self.ask("GET", "/identity/v3/users?name=admin")["users"][0]["id"]
        for name in ("member", "ResellerAdmin"):
            roles = self.ask("GET", "/identity/v3/roles?name=" + name)["roles"] or [
                self.ask("POST", "/identity/v3/roles", {"role": {"name": name}})["role"]]
            self.ask("PUT", "/identity/v3/projects/%s/users/%s/roles/%s" % (
                project["id"] if name == "member" else self.ask("GET", "/identity/v3/projects?name=admin")["projects"][0]["id"],
                admin, roles[0]["id"]))
        token = self.cloud.login("admin", self.cloud.password(), project=project["id"])
        path = "/object-store/v1/AUTH_" + project["id"]
        for size in (3, 100000):
            self.ask("PUT", path + "/c", b"", token=token)
            self.ask("PUT", "%s/c/%d" % (path, size), b"x" * size, token=token)
        self.ask("DELETE", "/identity/v3/projects/" + project["id"])
        reseller = self.cloud.login("admin", self.cloud.password(), project="admin")
        self.cloud.until(lambda: self.cloud.request("HEAD", path, token=reseller)[1]["X-Account-Container-Count"] == "0")
        self.assertEqual(self.cloud.request("HEAD", path, token=reseller)[1]["X-Account-Bytes-Used"], "0")

    def test_expired_objects_are_removed(self):
        self.put("o", b"x" * 70000, headers={"X-Delete-After": "1"})
        self.cloud.until(lambda: self.swift("HEAD", self.container)[0]["X-Container-Object-Count"] == "0")

    def test_version_1_login(self):
        status, headers, _ = self.cloud.request("GET", "/auth/v1.0", token="", headers={
            "X-Auth-User": "admin:admin", "X-Auth-Key": self.cloud.password()})
        self.assertEqual(status, 200)
        self.assertTrue(headers["X-Storage-Url"].endswith(self.account))
        self.assertEqual(self.names(token=headers["X-Auth-Token"]), [])
        status, _, _ = self.cloud.request("GET", "/auth/v1.0", token="", headers={"X-Auth-User": "admin:admin", "X-Auth-Key": "x"})
        self.assertEqual(status, 401)


class Care(ObjectStoreTest):
    settings = ("object_store.scrub_seconds=1",)

    def blobs(self):
        root = os.path.join(self.cloud.data, "objects", "blobs")
        return [os.path.join(path, name) for path, _, names in os.walk(root) for name in names]

    @in_files
    def test_flipped_byte_is_never_served(self):
        body = os.urandom(200000)
        before = self.blobs()
        self.put("o", body)
        blob, = set(self.blobs()) - set(before)
        with open(blob, "r+b") as file:
            file.seek(150000)
            byte = file.read(1)
            file.seek(150000)
            file.write(bytes([byte[0] ^ 1]))
        self.assertEqual(self.swift("GET", self.container + "/o", expect=206, headers={"Range": "bytes=0-1000"})[1], body[:1001])
        got = b""
        with self.assertRaises((http.client.IncompleteRead, ConnectionError)) as caught:
            self.swift("GET", self.container + "/o")
        if isinstance(caught.exception, http.client.IncompleteRead):
            got = caught.exception.partial
        self.assertTrue(body.startswith(got) and len(got) <= 131072)
        self.cloud.until(lambda: "is not what was written" in self.cloud.log())
        self.swift("DELETE", self.container + "/o", expect=204)
        self.cloud.until(lambda: self.blobs() == before)

    @in_files
    def test_overwritten_blob_goes(self):
        before = len(self.blobs())
        for i in range(3):
            self.put("o", os.urandom(100000))
        self.cloud.until(lambda: len(self.blobs()) == before + 1)
        self.put("o", b"small")
        self.cloud.until(lambda: len(self.blobs()) == before)

    @in_files
    def test_broken_upload_leaves_nothing(self):
        before = self.blobs()
        host, port = self.cloud.listen.split(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(("PUT %s/%s/o HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\nContent-Length: 1000000\r\n\r\n"
                            % (self.account, self.container, self.cloud.token())).encode() + b"x" * 300000)
            time.sleep(0.5)
        self.cloud.until(lambda: self.blobs() == before)
        self.assertEqual(self.names(), [])

    @kept
    def test_killed_process_keeps_what_it_acknowledged(self):
        self.put("small", b"small")
        body = os.urandom(100000)
        self.put("large", body)
        for process in self.cloud.processes:
            process.kill()
            process.wait()
        self.cloud.processes = []
        self.cloud.restart()
        self.assertEqual(self.swift("GET", self.container + "/small")[1], b"small")
        self.assertEqual(self.swift("GET", self.container + "/large")[1], body)
        self.assertEqual(self.swift("HEAD", self.container)[0]["X-Container-Bytes-Used"], "100005")


if __name__ == "__main__":
    unittest.main()
