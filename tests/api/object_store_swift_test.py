# SPDX-License-Identifier: Apache-2.0
"""What Swift's own functional tests taught of its API."""
import hashlib
import json
import os
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


class Versions(ObjectStoreTest):
    def setUp(self):
        super().setUp()
        self.swift("POST", self.container, expect=204, headers={"X-Versions-Enabled": "true"})

    def versions(self, query=""):
        return [(e["name"], e["version_id"], e["is_latest"])
                for e in self.swift("GET", self.container + "?versions" + query)[1]]

    def test_lists_of_versions(self):
        first, second = (self.put("a", body)["X-Object-Version-Id"] for body in (b"1", b"22"))
        marker = self.swift("DELETE", self.container + "/a", expect=204)[0]["X-Object-Version-Id"]
        other = self.put("b", b"3")["X-Object-Version-Id"]
        wanted = [("a", marker, True), ("a", second, False), ("a", first, False), ("b", other, True)]
        self.assertEqual(self.versions(), wanted)
        self.assertEqual(self.versions("&reverse=true"), wanted[::-1])
        self.assertEqual(self.versions("&reverse=true&marker=a&version_marker=" + first), [("a", second, False), ("a", marker, True)])
        self.assertEqual(self.versions("&marker=a&version_marker=" + second), wanted[2:])
        self.swift("GET", self.container + "?versions&format=plain", expect=406)
        headers, _ = self.swift("HEAD", "%s/a?version-id=%s" % (self.container, marker), expect=404)
        self.assertEqual((headers["X-Object-Version-Id"], headers["Content-Type"]),
                         (marker, "application/x-deleted;swift_versions_deleted=1"))
        entry = self.swift("GET", self.container + "?format=json")[1][0]
        self.assertEqual((entry["version_symlink"], entry["symlink_path"].rpartition("=")[2]), (True, other))

    def test_old_version_made_current(self):
        first, second = (self.put("o", body)["X-Object-Version-Id"] for body in (b"1", b"22"))
        headers, _ = self.swift("PUT", "%s/o?version-id=%s" % (self.container, first), b"", 201)
        self.assertEqual(headers["X-Object-Version-Id"], first)
        self.assertEqual(self.swift("GET", self.container + "/o")[1], b"1")
        self.assertEqual(self.versions(), [("o", second, False), ("o", first, True)])
        self.swift("PUT", "%s/o?version-id=%s" % (self.container, first), b"bytes", 400)
        self.swift("PUT", "%s/o?version-id=1.0" % self.container, b"", 404)

    def test_deleting_versions(self):
        first, second = (self.put("o", body)["X-Object-Version-Id"] for body in (b"1", b"22"))
        headers, _ = self.swift("DELETE", "%s/o?version-id=%s" % (self.container, first), expect=204)
        self.assertEqual((headers["X-Object-Version-Id"], headers["X-Object-Current-Version-Id"]), (first, second))
        self.swift("DELETE", self.container + "/o?version-id=null", expect=204)
        self.swift("GET", self.container + "/o", expect=404)
        self.assertEqual([id for _, id, _ in self.versions()], [second])
        self.assertEqual(self.swift("GET", "%s/o?version-id=%s" % (self.container, second))[1], b"22")

    def test_suspended_leaves_no_marker(self):
        first = self.put("o", b"1")["X-Object-Version-Id"]
        self.swift("POST", self.container, expect=204, headers={"X-Versions-Enabled": "false"})
        self.swift("DELETE", self.container + "/o", expect=204)
        self.swift("DELETE", self.container + "/o", expect=404)
        self.assertEqual([id for _, id, _ in self.versions()], [first])

    def test_quota_counts_old_versions(self):
        self.swift("POST", self.container, expect=204, headers={"X-Container-Meta-Quota-Bytes": "10"})
        self.put("o", b"12345")
        self.put("o", b"12345")
        self.swift("PUT", self.container + "/o", b"1", 413)

    def test_location_is_escaped(self):
        self.swift("PUT", self.container + "-ä", expect=201)
        location = urllib.parse.quote(self.container + "-ä")
        self.swift("PUT", self.container + "-stack", expect=201, headers={"X-Versions-Location": location})
        for body in (b"1", b"2"):
            self.swift("PUT", self.container + "-stack/o", body, 201)
        self.assertEqual(len(self.swift("GET", self.container + "-ä?format=json")[1]), 1)
        self.swift("DELETE", self.container + "-stack/o?version-id=null", expect=204)
        self.assertEqual(self.swift("GET", self.container + "-stack/o")[1], b"1")

    def test_from_history_to_stack(self):
        self.swift("PUT", self.container + "-old", expect=201)
        self.swift("PUT", self.container + "-c", expect=201, headers={"X-History-Location": self.container + "-old"})
        for body in (b"1", b"2"):
            self.swift("PUT", self.container + "-c/o", body, 201)
        self.swift("DELETE", self.container + "-c/o", expect=204)
        self.swift("POST", self.container + "-c", expect=204, headers={"X-Versions-Location": self.container + "-old"})
        self.swift("DELETE", self.container + "-c/o", expect=204)
        self.assertEqual(self.swift("GET", self.container + "-c/o")[1], b"2")
        self.assertEqual(len(self.swift("GET", self.container + "-old?format=json")[1]), 1)


class Requests(ObjectStoreTest):
    def test_paths(self):
        for path in ("/object-store/v1", "/object-store/v1.0"):
            self.assertEqual(self.cloud.request("GET", path)[0], 412)
        for path in ("c%FF", "c/o%C0%AF", "c/o%00"):
            for method in ("GET", "PUT", "DELETE", "POST", "HEAD"):
                status, headers, body = self.cloud.request(method, "%s/%s" % (self.account, path), b"" if method == "PUT" else None)
                self.assertEqual(status, 412, (method, path, body))
                self.assertRegex(headers["X-Trans-Id"], "^tx")
        _, headers, _ = self.cloud.request("GET", "/object-store/v1/AUTH_x%22y/c", token="")
        self.assertIn('Swift realm="AUTH_x%22y"', headers["WWW-Authenticate"])

    def test_bounds_of_lists_may_end_with_nul(self):
        names = ["a", "b", "b!", "b1", "c"]
        for name in names:
            self.put(name)
            self.swift("PUT", "%s-%s" % (self.container, name), expect=201)
        for path, prefix in ((self.container, ""), ("", self.container + "-")):
            def listed(query):
                status, _, body = self.cloud.request("GET", "%s/%s?format=json&%s" % (self.account, path, query % {"p": prefix}))
                self.assertEqual(status, 200, body)
                return [entry["name"][len(prefix):] for entry in body]
            self.assertEqual(listed("marker=%(p)sb%%00&prefix=%(p)s"), ["b!", "b1", "c"])
            self.assertEqual(listed("prefix=%(p)s&end_marker=%(p)sb%%00"), ["a", "b"])
            self.assertEqual(listed("reverse=on&marker=%(p)sb%%00&prefix=%(p)s"), ["b", "a"])
            self.assertEqual(listed("reverse=on&end_marker=%(p)sb%%00&prefix=%(p)s"), ["c", "b1", "b!"])
            self.assertEqual(listed("marker=%(p)sa%%00&end_marker=%(p)sb1%%00"), ["b", "b!", "b1"])
        for query in ("marker=a%00b", "marker=%ff", "prefix=a%00", "marker=a%00&prefix=%00", "limit=%zz"):
            status, headers, _ = self.cloud.request("GET", "%s/%s?%s" % (self.account, self.container, query))
            self.assertEqual(status, 400, query)
            self.assertRegex(headers["X-Trans-Id"], "^tx")

    def test_path_lists_what_lies_there(self):
        for name in ("f", "d/", "d/f", "d/e/", "d/e/f", "/x", "/d/"):
            self.put(name)
        for path, wanted in (("", ["d/", "f"]), ("d", ["d/e/", "d/f"]), ("d/", ["d/e/", "d/f"]), ("/", ["/d/", "/x"])):
            self.assertEqual(self.names("&path=" + path), wanted)

    def test_metadata_are_limited_together(self):
        for kind, path in (("Container", self.container), ("Account", "")):
            many = {"X-%s-Meta-%d" % (kind, i): "v" * 256 for i in range(15)}
            self.swift("POST", path, expect=204, headers=many)
            self.swift("POST", path, expect=400, headers={"X-%s-Meta-More" % kind: "v" * 256})
            self.swift("POST", path, expect=204, headers={"X-%s-Meta-1" % kind: "w" * 256})
            self.swift("POST", path, expect=204, headers={name: "" for name in many})

    def test_copy_of_a_range(self):
        self.put("o", bytes(range(100)))
        for end, wanted in (("10-19", bytes(range(10, 20))), ("-5", bytes(range(95, 100)))):
            self.swift("COPY", self.container + "/o", expect=201, headers={"Destination": self.container + "/part",
                                                                           "Range": "bytes=" + end})
            self.assertEqual(self.swift("GET", self.container + "/part")[1], wanted)
        self.swift("COPY", self.container + "/o", expect=416, headers={"Destination": self.container + "/part",
                                                                       "Range": "bytes=100-"})

    def test_expiry(self):
        self.put("o", headers={"X-Delete-At": "1" * 100})
        self.assertEqual(self.swift("HEAD", self.container + "/o")[0]["X-Delete-At"], "9999999999")
        for status, when in ((400, "bad"), (412, "1"), (204, "9999999999")):
            self.swift("DELETE", self.container + "/o", expect=status, headers={"X-If-Delete-At": when})

    def test_empty_list_of_the_account(self):
        self.swift("POST", expect=204, headers={"X-Account-Access-Control": "{}"})
        self.assertNotIn("X-Account-Access-Control", self.swift("HEAD")[0])

    def test_preflight_answers_once(self):
        self.swift("POST", self.container, expect=204, headers={"X-Container-Meta-Access-Control-Allow-Origin": "*"})
        headers, _ = self.swift("OPTIONS", self.container + "/o", expect=200, token="",
                                headers={"Origin": "http://a.example", "Access-Control-Request-Method": "GET"})
        self.assertEqual(headers.get_all("Access-Control-Allow-Origin"), ["*"])

    def test_web_takes_markers_for_directories(self):
        self.put("d", headers={"Content-Type": "application/directory"})
        self.put("d/f")
        self.swift("POST", self.container, expect=204, headers={"X-Container-Meta-Web-Listings": "true"})
        headers, _ = self.swift("GET", self.container + "/d", expect=301, headers={"X-Web-Mode": "true"})
        self.assertTrue(headers["Location"].endswith("/d/"))
        page = self.swift("GET", self.container + "/d/", headers={"X-Web-Mode": "true"})[1]
        self.assertIn(b'<a href="f">f</a>', page)


class Rights(ObjectStoreTest):
    def member(self, domain="default"):
        """(project's id, user's id, token) of new ones."""
        name = "r-" + os.urandom(4).hex()
        project = self.ask("POST", "/identity/v3/projects", {"project": {"name": name, "domain_id": domain}})["project"]["id"]
        user = self.ask("POST", "/identity/v3/users", {"user": {"name": name, "password": "pw", "domain_id": domain}})["user"]["id"]
        role = self.ask("GET", "/identity/v3/roles?name=member")["roles"][0]["id"]
        self.ask("PUT", "/identity/v3/projects/%s/users/%s/roles/%s" % (project, user, role))
        return project, user, self.cloud.login(user, "pw", project=project)

    def test_what_only_an_owner_sets(self):
        project, user, token = self.member()
        acl = json.dumps({"read-write": ["%s:%s" % (project, user)]})
        self.swift("POST", expect=204, headers={"X-Account-Access-Control": acl})
        self.swift("POST", self.container, expect=204, headers={"X-Container-Read": "a:b"})
        self.swift("POST", self.container, expect=204, token=token, headers={
            "X-Container-Read": "c:d", "X-Container-Sync-Key": "k", "X-Container-Meta-Temp-Url-Key": "k", "X-Container-Meta-A": "b"})
        headers, _ = self.swift("HEAD", self.container)
        self.assertEqual((headers["X-Container-Meta-A"], headers["X-Container-Read"], headers["X-Container-Sync-Key"],
                          headers["X-Container-Meta-Temp-Url-Key"]), ("b", "a:b", None, None))
        self.swift("POST", expect=204, headers={"X-Account-Access-Control": "{}"})

    def test_names_count_in_the_default_domain(self):
        domain = self.ask("POST", "/identity/v3/domains", {"domain": {"name": "d-" + os.urandom(4).hex()}})["domain"]["id"]
        for where, status in (("default", 204), (domain, 403)):
            project, _, token = self.member(where)
            account = "/object-store/v1/AUTH_" + project
            self.ask("POST", account, token=token)
            self.assertEqual(self.cloud.request("HEAD", account, token=token)[1]["X-Account-Project-Domain-Id"], where)
            status_made, _, _ = self.cloud.request("PUT", account + "/c", b"", token, {"X-Container-Read": "admin:admin"})
            self.assertEqual(status_made, 201)
            self.assertEqual(self.cloud.request("GET", account + "/c", headers={"Accept": "*/*"})[0], status)

    def test_copy_needs_the_right_to_read(self):
        project, user, token = self.member()
        self.put("o", b"1")
        self.swift("POST", self.container, expect=204, headers={"X-Container-Write": "%s:%s" % (project, user)})
        self.swift("PUT", self.container + "/p", b"2", 201, token=token)
        self.swift("COPY", self.container + "/o", expect=403, token=token, headers={"Destination": self.container + "/q"})


class Reports(ObjectStoreTest):
    def test_bulk_report_as_xml(self):
        self.put("o")
        body = ("%s/o\n%s/none\n" % (self.container, self.container)).encode()
        headers, answer = self.swift("DELETE", "?bulk-delete", body, 200, headers={"Accept": "application/xml"})
        tree = xml.etree.ElementTree.fromstring(answer)
        self.assertEqual((headers["Content-Type"], tree.tag, tree.findtext("number_deleted"), tree.findtext("number_not_found"),
                          tree.findtext("response_status"), len(tree.find("errors"))), ("application/xml", "delete", "1", "1", "200 OK", 0))
