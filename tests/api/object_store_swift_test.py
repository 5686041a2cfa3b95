# SPDX-License-Identifier: Apache-2.0
"""What Swift's own functional tests taught of its API."""
import hashlib
import json
import urllib.parse
import xml.etree.ElementTree

from cloud import CloudTest, free_port
from object_store_test import ObjectStoreTest

EMPTY = hashlib.md5(b"").hexdigest()


class OwnPort(CloudTest):
    port = free_port()
    settings = ("object_store.swift_listen=127.0.0.1:%d" % port,)

    def test_api_at_the_root(self):
        base = "http://127.0.0.1:%d" % self.port
        login = {"X-Auth-User": "admin:admin", "X-Auth-Key": self.cloud.password()}
        _, headers, _ = self.cloud.request("GET", base + "/auth/v1.0", token="", headers=login)
        account = headers["X-Storage-Url"]
        self.assertTrue(account.startswith(base + "/v1/AUTH_"), account)
        self.ask("PUT", account + "/c", expect=201)
        self.ask("PUT", account + "/c/o", b"bytes", expect=201)
        _, headers, _ = self.cloud.request("GET", self.cloud.url + "/auth/v1.0", token="", headers=login)
        self.assertEqual(headers["X-Storage-Url"], account.replace(base, self.cloud.url + "/object-store"))
        self.assertEqual(self.ask("GET", headers["X-Storage-Url"] + "/c/o"), b"bytes")
        self.assertTrue(self.ask("GET", base + "/info")["tempauth"]["account_acls"])


class Conditions(ObjectStoreTest):
    def test_refusals_say_what_is_there(self):
        tag = self.put("o", b"abc")["ETag"]
        for status, condition in ((412, {"If-Match": "x"}), (304, {"If-None-Match": tag})):
            headers, _ = self.swift("GET", self.container + "/o", expect=status, headers=condition)
            self.assertEqual((headers["ETag"], headers["Accept-Ranges"]), (tag, "bytes"))
            self.assertIn("Last-Modified", headers)


class Manifests(ObjectStoreTest):
    def put_slo(self, name, manifest, expect=201, query="", **more):
        return self.swift("PUT", "%s/%s?multipart-manifest=put%s" % (self.container, name, query), json.dumps(manifest).encode(),
                          expect, **more)

    def segment(self, name="seg", **more):
        return dict({"path": "/%s/%s" % (self.container, name)}, **more)

    def test_form_of_a_manifest(self):
        self.put("seg", b"12345")
        for bad in ([self.segment(teag="0")], [self.segment(data="aGVsbG8=")], [self.segment(size_bytes=0), self.segment()],
                    [{"path": "/" + self.container}], [self.segment("itself")]):
            answer = self.put_slo("itself", bad, 400)[1]
            self.assertIn(b"Index 0", answer)
        self.assertEqual(self.names(), ["seg"])

    def test_empty_segment_may_be_last(self):
        self.put("seg", b"12345")
        self.put("none", b"")
        self.put_slo("slo", [self.segment(), self.segment("none")])
        self.put_slo("bad", [self.segment("none"), self.segment()], 400)

    def test_heartbeat(self):
        self.put("seg", b"12345")
        headers, answer = self.put_slo("slo", [self.segment()], 202, "&heartbeat=on")
        self.assertTrue(answer.startswith(b" \r\n\r\n"), answer)
        self.assertIn(b"Response Status: 201 Created\n", answer)
        self.assertIn(b"Etag: ", answer)
        self.assertEqual(headers["Transfer-Encoding"], "chunked")
        answer = self.cloud.request("PUT", "%s/%s/slo?multipart-manifest=put&heartbeat=on" % (self.account, self.container),
                                    json.dumps([self.segment("gone")]).encode(), headers={"Accept": "text/plain"})[2]
        self.assertIn(b"Response Status: 400 Bad Request\n", answer)
        self.assertIn(("/%s/gone, 404 Not Found\n" % self.container).encode(), answer)

    def test_copied_manifest_is_checked(self):
        self.put("seg", b"12345")
        self.put_slo("slo", [self.segment()])
        copy = {"Destination": self.container + "/copy"}
        headers, _ = self.swift("COPY", self.container + "/slo?multipart-manifest=get", expect=201, headers=copy)
        self.assertEqual(headers["ETag"], self.swift("HEAD", self.container + "/slo")[0]["ETag"])
        self.assertEqual(self.swift("GET", self.container + "/copy")[1], b"12345")
        self.swift("DELETE", self.container + "/seg")
        self.swift("COPY", self.container + "/slo?multipart-manifest=get", expect=400, headers=copy)

    def test_segments_may_be_links(self):
        self.put("seg", b"12345")
        self.put("link", headers={"X-Symlink-Target": self.container + "/seg"})
        self.put_slo("slo", [self.segment("link", etag=hashlib.md5(b"12345").hexdigest(), size_bytes=5), self.segment()])
        self.assertEqual(self.swift("GET", self.container + "/slo")[1], b"1234512345")

    def test_dynamic_itself_and_its_ranges(self):
        self.put("s/1", b"abc")
        self.put("s/2", b"def")
        self.put("dlo", b"own bytes", headers={"X-Object-Manifest": self.container + "/s/"})
        self.assertEqual(self.swift("GET", self.container + "/dlo?multipart-manifest=get")[1], b"own bytes")
        self.assertEqual(self.swift("GET", self.container + "/dlo", expect=206, headers={"Range": "bytes=2-3"})[1], b"cd")
        self.assertEqual(self.swift("GET", self.container + "/dlo", expect=200, headers={"Range": "bytes=0-1,4-5"})[1], b"abcdef")


class Links(ObjectStoreTest):
    def test_where_a_chain_ends(self):
        self.put("o", b"bytes")
        self.put("1", headers={"X-Symlink-Target": self.container + "/o"})
        self.put("2", headers={"X-Symlink-Target": self.container + "/1"})
        headers, _ = self.swift("GET", self.container + "/2")
        path = urllib.parse.urlparse(self.account).path.replace("/object-store", "")
        self.assertEqual(headers.get_all("Content-Location"), ["%s/%s/o" % (path, self.container)])

    def test_static_link_in_lists(self):
        tag = self.put("o", b"bytes", headers={"Content-Type": "a/b"})["ETag"]
        link = {"X-Symlink-Target": self.container + "/o", "X-Symlink-Target-Etag": '"%s"' % tag}
        self.put("link", headers=dict(link, **{"Content-Type": ""}))
        entry = self.swift("GET", self.container + "?format=json&prefix=link")[1][0]
        self.assertEqual((entry["symlink_etag"], entry["symlink_bytes"], entry["content_type"], entry["hash"]),
                         (tag, 5, "a/b", EMPTY))
        self.put("second", headers={"X-Symlink-Target": self.container + "/link", "X-Symlink-Target-Etag": tag})
        self.swift("PUT", self.container + "/bad", b"", 409, headers=dict(link, **{"X-Symlink-Target-Etag": "0" * 32}))
        self.swift("PUT", self.container + "/bad", b"", 400, headers=dict(link, **{"X-Symlink-Target-Etag": "a;b"}))

    def test_post_changes_the_link(self):
        self.put("o", b"bytes")
        self.put("link", headers={"X-Symlink-Target": self.container + "/o"})
        headers, _ = self.swift("POST", self.container + "/link", expect=307, headers={"X-Object-Meta-A": "b"})
        self.assertEqual(headers["Location"], "%s/%s/o" % (self.account, self.container))
        self.assertEqual(self.swift("HEAD", self.container + "/link?symlink=get")[0]["X-Object-Meta-A"], "b")
        self.assertNotIn("X-Object-Meta-A", self.swift("HEAD", self.container + "/o")[0])
        self.swift("POST", self.container + "/o", expect=400, headers={"X-Symlink-Target": self.container + "/x"})


class Reports(ObjectStoreTest):
    def test_bulk_report_as_xml(self):
        self.put("o")
        body = ("%s/o\n%s/none\n" % (self.container, self.container)).encode()
        headers, answer = self.swift("DELETE", "?bulk-delete", body, 200, headers={"Accept": "application/xml"})
        tree = xml.etree.ElementTree.fromstring(answer)
        self.assertEqual((headers["Content-Type"], tree.tag, tree.findtext("number_deleted"), tree.findtext("number_not_found"),
                          tree.findtext("response_status"), len(tree.find("errors"))), ("application/xml", "delete", "1", "1", "200 OK", 0))
