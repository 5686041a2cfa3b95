# SPDX-License-Identifier: Apache-2.0
"""Containers that are kept the same as others, by realm and by full URL."""
import hashlib
import hmac
import os
import time
import urllib.parse

from cloud import Cloud, free_port
from object_store_test import ObjectStoreTest

PORT = free_port(2)


class SyncTest(ObjectStoreTest):
    settings = ("object_store.container_sync_interval=1", "object_store.container_sync_hosts=127.0.0.1",
                "object_store.container_sync_current=//here/one",
                "container_sync:here.key=realm secret", "container_sync:here.key2=older secret",
                "container_sync:here.cluster_one=http://127.0.0.1:%d/object-store/v1/" % PORT,
                "container_sync:here.cluster_gone=http://127.0.0.1:9/v1/")

    @classmethod
    def setUpClass(cls):
        cls.cloud = Cloud(settings=cls.settings).start(port=PORT)

    def setUp(self):
        super().setUp()
        self.other = self.container + "-other"
        self.swift("PUT", self.other, expect=201)

    def send_to(self, container, value, key="key"):
        return self.swift("POST", container, headers={"X-Container-Sync-To": value, "X-Container-Sync-Key": key}, expect=204)

    def realm_path(self, container, cluster="one"):
        return "//here/%s/%s/%s" % (cluster, self.account.split("/")[-1], container)

    def listing(self, container):
        return {entry["name"]: entry for entry in self.swift("GET", container + "?format=json")[1]}

    def same(self):
        here, there = self.listing(self.container), self.listing(self.other)
        return here if here == there else None

    def signed(self, method, path, time_text, key="key", secret="realm secret", realm="HERE", headers=None):
        path = "%s/%s" % (self.account, urllib.parse.quote(path))
        text = "%s\n%s\n%s\nnonce\n%s" % (method, path, time_text, key)
        sent = {"X-Timestamp": time_text, "Content-Type": "x/y", "X-Container-Sync-Auth": "%s nonce %s" % (
            realm, hmac.new(secret.encode(), text.encode(), hashlib.sha1).hexdigest())}
        sent.update(headers or {})
        status, answered, _ = self.cloud.request(method, path, b"sent" if method == "PUT" else None, "", sent)
        return status, answered


class Realms(SyncTest):
    def test_changes_arrive(self):
        self.put("before", b"old" * 30000, headers={"X-Object-Meta-Color": "blue", "Content-Type": "x/y"})
        self.send_to(self.other, self.realm_path(self.container))
        self.send_to(self.container, self.realm_path(self.other))
        self.put("a/../ü %25", b"1")
        self.swift("PUT", self.other + "/back", b"2", 201)
        self.cloud.until(lambda: len(self.listing(self.container)) == 3 and self.same())
        self.assertEqual(self.swift("GET", self.other + "/before")[1], b"old" * 30000)
        headers, _ = self.swift("HEAD", self.other + "/before")
        self.assertEqual((headers["X-Object-Meta-Color"], headers["Content-Type"]), ("blue", "x/y"))
        self.assertEqual(self.swift("GET", self.container + "/back")[1], b"2")
        self.swift("POST", self.container + "/before", headers={"X-Object-Meta-Color": "red"})
        self.cloud.until(lambda: self.swift("HEAD", self.other + "/before")[0]["X-Object-Meta-Color"] == "red")
        self.swift("DELETE", self.other + "/before")
        self.cloud.until(lambda: "before" not in self.listing(self.container) and self.same())
        self.assertNotIn("X-Container-Sync-Error", self.swift("HEAD", self.container)[0])

    def test_nothing_is_sent_after_it_was_taken_back(self):
        self.swift("POST", self.other, headers={"X-Container-Sync-Key": "key"})
        self.send_to(self.container, self.realm_path(self.other))
        self.put("a", b"1")
        self.cloud.until(self.same)
        self.swift("POST", self.container, headers={"X-Remove-Container-Sync-To": "x"})
        self.put("b", b"1")
        time.sleep(2.5)
        self.assertEqual(list(self.listing(self.other)), ["a"])

    def test_what_fails_stays_until_it_works(self):
        self.send_to(self.container, self.realm_path(self.other), "another")
        self.put("a", b"1")
        self.swift("POST", self.other, headers={"X-Container-Sync-Key": "key"})
        told = self.cloud.until(lambda: self.swift("HEAD", self.container)[0].get("X-Container-Sync-Error"))
        self.assertIn("401", told)
        self.assertEqual(self.listing(self.other), {})
        self.swift("POST", self.container, headers={"X-Container-Sync-Key": "key"})
        self.cloud.until(self.same)
        self.cloud.until(lambda: "X-Container-Sync-Error" not in self.swift("HEAD", self.container)[0])
        self.send_to(self.container, self.realm_path(self.other, "gone"))
        self.cloud.until(lambda: self.swift("HEAD", self.container)[0].get("X-Container-Sync-Error"))

    def test_by_url(self):
        self.swift("POST", self.other, headers={"X-Container-Sync-Key": "key"})
        self.send_to(self.container, "%s%s/%s" % (self.cloud.url, self.account, self.other))
        self.put("a", b"1")
        self.cloud.until(self.same)

    def test_signatures(self):
        now = "%.5f" % time.time()
        self.assertEqual(self.signed("PUT", self.container + "/o", now)[0], 401)
        self.swift("POST", self.container, headers={"X-Container-Sync-Key": "key"})
        for wrong in ({"key": "other"}, {"secret": "other"}, {"realm": "nowhere"}, {"headers": {"X-Timestamp": "1"}},
                      {"headers": {"X-Copy-From": "/a/b"}}, {"headers": {"X-Container-Sync-Auth": "HERE nonce"}}):
            status, headers = self.signed("PUT", self.container + "/o", now, **wrong)
            self.assertEqual(status, 401)
            self.assertTrue(headers["WWW-Authenticate"].startswith("SwiftContainerSync "))
        for method, path in (("GET", "/o"), ("PUT", ""), ("DELETE", "")):
            self.assertEqual(self.signed(method, self.container + path, now)[0], 401)
        self.assertEqual(self.listing(self.container), {})
        self.assertEqual(self.signed("PUT", self.container + "/o", now)[0], 201)
        self.assertEqual(self.signed("PUT", self.container + "/o", now, secret="older secret")[0], 202)
        self.assertEqual(self.signed("PUT", self.container + "/o", "100.00000")[0], 202)
        self.assertTrue(self.swift("HEAD", self.container + "/o")[0]["X-Timestamp"].startswith(now[:-1]))
        self.assertEqual(self.signed("DELETE", self.container + "/o", "100.00000")[0], 409)
        self.assertEqual(self.signed("DELETE", self.container + "/o", "%.5f" % time.time())[0], 204)
        self.assertEqual(self.signed("DELETE", self.container + "/o", "%.5f" % time.time())[0], 404)
        for stamp in ("x", "-5", "1.2.3", "99999999999"):
            self.assertEqual(self.signed("PUT", self.container + "/o", stamp)[0], 401)

    def test_where_to(self):
        for wrong in ("//here/one/a", "//here/one/a/b/c", "//here/one/../b", "//nowhere/one/a/b", "//here/none/a/b",
                      "ftp://127.0.0.1/v1/a/b", "http://127.0.0.2/v1/a/b", "http://127.0.0.1", "http://127.0.0.1/v1/../x",
                      "http://x@127.0.0.1/v1/a/b", "http://127.0.0.1/v1/a/b?c", "http://127.0.0.1#@x/v1/a/b", "x",
                      "http://127.0.0.1.example.com/v1/a/b", "http://127.0.0.1\\@x/v1/a/b"):
            self.swift("POST", self.container, headers={"X-Container-Sync-To": wrong}, expect=400)
        self.assertNotIn("X-Container-Sync-To", self.swift("HEAD", self.container)[0])
        self.send_to(self.container, self.realm_path(self.other))
        self.swift("POST", self.container, headers={"X-Versions-Enabled": "true"}, expect=400)
        self.swift("PUT", self.other, headers={"X-Versions-Enabled": "true"})
        self.swift("POST", self.other, headers={"X-Container-Sync-To": self.realm_path(self.container)}, expect=400)

    def test_links_and_large_objects(self):
        self.put("target", b"bytes")
        self.put("link", headers={"X-Symlink-Target": self.container + "/target", "Content-Length": "0"})
        self.swift("PUT", self.container + "/large?multipart-manifest=put",
                   [{"path": "/%s/target" % self.container}, {"path": "/%s/target" % self.container, "range": "1-2"}],
                   201, headers={"Content-Type": "x/y"})
        self.send_to(self.other, self.realm_path(self.container))
        self.send_to(self.container, self.realm_path(self.other))
        self.cloud.until(lambda: len(self.listing(self.other)) == 3)
        for name, body in (("link", b"bytes"), ("large", b"bytesyt")):
            headers, answer = self.swift("GET", "%s/%s" % (self.other, name))
            self.assertEqual(answer, body)
        self.assertEqual(self.swift("HEAD", self.other + "/large")[0]["ETag"],
                         self.swift("HEAD", self.container + "/large")[0]["ETag"])
        self.assertEqual(self.swift("HEAD", self.other + "/large")[0]["X-Static-Large-Object"], "True")

    def test_info(self):
        _, _, info = self.cloud.request("GET", "/info")
        self.assertEqual(info["container_sync"], {"realms": {"HERE": {"clusters": {"ONE": {"current": True}, "GONE": {}}}}})


class Off(ObjectStoreTest):
    def test_nothing_of_it_without_configuration(self):
        self.assertNotIn("container_sync", self.cloud.request("GET", "/info")[2])
        for value in ("http://127.0.0.1/v1/a/b", "//here/one/a/b"):
            self.swift("POST", self.container, headers={"X-Container-Sync-To": value}, expect=400)
        self.swift("POST", self.container, headers={"X-Container-Sync-Key": "key"})
        status, _, _ = self.cloud.request("PUT", "%s/%s/o" % (self.account, self.container), b"x", "",
                                          {"X-Container-Sync-Key": "key", "X-Timestamp": "%.5f" % time.time()})
        self.assertEqual(status, 401)
        self.assertEqual(self.cloud.sql("SELECT count(*) FROM rest_task WHERE kind LIKE 'object_store.sync%'"), [["0"]])
