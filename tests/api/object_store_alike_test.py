# SPDX-License-Identifier: Apache-2.0
"""What Swift itself was seen to answer: found by tests/differential/swift, held here."""
import hmac
import json
import time

from object_store_test import ObjectStoreTest


class Lists(ObjectStoreTest):
    def accept(self, accept, expect, method="GET", query=""):
        return self.swift(method, self.container + query, None, expect, headers={"Accept": accept})[0]

    def test_forms_by_accept(self):
        self.put("o")
        for accept, kind in (("text/xml", "text/xml"), ("application/xml", "application/xml"), ("text/*", "text/plain"),
                             ("application/*", "application/json"), ("*/*;q=0.1, application/xml", "application/xml"),
                             ("text/plain;q=0.1,application/xml;q=0.2", "application/xml"), ("", "text/plain"),
                             ('a/b;c="d,;", application/json', "application/json"),
                             ("text/plain, application/json", "text/plain"), ("*/*, text/xml", "text/xml")):
            for method in ("GET", "HEAD"):
                headers = self.accept(accept, (200, 204), method)
                self.assertEqual((headers["Content-Type"], headers["Vary"]), (kind + "; charset=utf-8", "Accept"), accept)
        for accept in ("application /json", "junk", "a/b/c", ",", "application/json;", "application/json;q=abc"):
            self.accept(accept, 400)
            self.accept(accept, 400, "HEAD")
        self.accept("image/png", 406)
        self.accept("image/png", 406, "HEAD")
        self.accept("text/xml", 406, query="?versions")
        self.assertNotIn("Vary", self.accept("text/xml", 200, query="?format=json"))

    def test_last_of_several_arguments(self):
        for name in "abc":
            self.put(name)
        self.assertEqual(self.names("&marker=b&marker=a"), ["b", "c"])

    def test_methods_that_are_allowed(self):
        self.assertIn("COPY", self.swift("PATCH", self.container + "/o", b"", 405)[0]["Allow"])
        self.assertNotIn("COPY", self.swift("PATCH", self.container, b"", 405)[0]["Allow"])

    def test_escaped_slashes_divide(self):
        self.swift("PUT", self.container + "%2Fdir%2Fo", b"abc", 201)
        self.assertEqual(self.names(), ["dir/o"])
        self.assertEqual(self.swift("GET", self.container + "/dir%2Fo")[1], b"abc")
        self.swift("COPY", self.container + "/dir/o", expect=201, headers={"Destination": self.container + "%2Fp"})
        self.swift("PUT", self.container + "/q", b"", 201, headers={"X-Copy-From": "%2F" + self.container + "%2Fp"})
        self.assertEqual(self.names(), ["dir/o", "p", "q"])

    def test_names_that_are_too_long(self):
        for method, status in (("GET", 404), ("HEAD", 404), ("DELETE", 404), ("POST", 404), ("PUT", 400)):
            self.swift(method, "%s/%s" % (self.container, "x" * 1025), b"" if method[0] == "P" else None, status)
        for path, kind in (("x" * 257, "text/html"), (self.container + "/" + "x" * 1025, "text/plain")):
            self.assertEqual(self.swift("PUT", path, b"", 400)[0]["Content-Type"].split(";")[0], kind)


class Reading(ObjectStoreTest):
    def range(self, value, expect, **more):
        return self.swift("GET", self.container + "/o", expect=expect, headers=dict({"Range": value}, **more))

    def test_ranges_in_excess(self):
        self.put("o", b"abcdefghijklmnopqrstuvwxyz")
        self.range("bytes=" + ",".join("%d-%d" % (n, n) for n in range(8, 0, -1)), 416)
        self.range("bytes=" + ",".join("%d-%d" % (n, n) for n in range(7, 0, -1)), 206)
        self.range("bytes=" + ",".join("%d-%d" % (n, n) for n in range(1, 21)), 206)
        self.range("bytes=0-2,1-3,2-4,3-5", 416)
        self.range("bytes=0-2,2-4,4-6", 206)
        self.range("bytes=0-1,0-1,0-1,0-1", 206)

    def test_range_of_what_is_known(self):
        tag = self.put("o", b"abcdef")["ETag"]
        modified = self.swift("HEAD", self.container + "/o")[0]["Last-Modified"]
        for known in (tag, '"%s"' % tag, modified):
            self.assertEqual(self.range("bytes=1-2", 206, **{"If-Range": known})[1], b"bc")
        for other in ("x", '"x"', "W/" + tag, '""', "Thu, 01 Jan 1970 00:00:00 GMT"):
            self.assertEqual(self.range("bytes=1-2", 200, **{"If-Range": other})[1], b"abcdef")

    def test_dates(self):
        self.put("o", b"abc")
        path = self.container + "/o"
        for date in ("Wed, 01 Jan 2020 00:00:00 +0000", "01 Jan 2020 00:00:00 GMT", "Wednesday, 01-Jan-20 00:00:00 GMT",
                     "Wed Jan  1 00:00:00 2020"):
            self.swift("GET", path, expect=412, headers={"If-Unmodified-Since": date})
        for none in ("Mon, 31 Feb 2020 00:00:00 GMT", "junk", "1577836800", "Wed, 01 Jan 2020 00:00:00 nonsense"):
            self.swift("GET", path, expect=200, headers={"If-Unmodified-Since": none})

    def test_any_must_be_there(self):
        self.swift("GET", self.container + "/none", expect=412, headers={"If-Match": "*"})
        self.swift("GET", self.container + "/none", expect=404, headers={"If-Match": "x"})

    def test_types_by_name(self):
        for name, kind in (("o.tar.gz", "application/x-tar"), ("o.tgz", "application/x-tar"), ("o.gz", "application/octet-stream"),
                           ("o.JPG", "image/jpeg"), ("o.woff2", "font/woff2"), ("o.7z", "application/x-7z-compressed"),
                           ("o.zst", "application/zstd"), ("a.html/o", "application/octet-stream"), ("o", "application/octet-stream"),
                           ("o.aac", "audio/aac"), ("o.html", "text/html")):
            self.put(name, headers={"Content-Type": ""})
            self.assertEqual(self.swift("HEAD", "%s/%s" % (self.container, name))[0]["Content-Type"], kind, name)

    def test_token_that_is_none(self):
        self.put("o", b"abc")
        self.swift("GET", self.container + "/o", expect=401, token="bad")
        self.swift("POST", self.container, b"", headers={"X-Container-Read": ".r:*"})
        self.assertEqual(self.swift("GET", self.container + "/o", token="bad")[1], b"abc")
        self.swift("PUT", self.container + "/o", b"", 401, token="bad")


class Writing(ObjectStoreTest):
    def test_headers_of_large_objects(self):
        for value in ("", "c", "/c", "c/", "c//p", "c/p?x", "c/p&x"):
            self.swift("PUT", self.container + "/o", b"", 400, headers={"X-Object-Manifest": value})
        self.put("o", headers={"X-Object-Manifest": "c/p"})
        for method in ("PUT", "POST"):
            self.swift(method, self.container + "/o", b"", 400, headers={"X-Static-Large-Object": "true"})
        self.assertEqual(self.names(), ["o"])

    def test_segments_are_for_the_bytes_alone(self):
        self.put("seg", b"12345")
        manifest = json.dumps([{"path": "/%s/seg" % self.container}]).encode()
        tag = self.swift("PUT", self.container + "/m?multipart-manifest=put", manifest, 201)[0]["ETag"]
        self.swift("DELETE", self.container + "/seg")
        headers, _ = self.swift("HEAD", self.container + "/m", expect=200)
        self.assertEqual((headers["Content-Length"], headers["ETag"], headers["X-Static-Large-Object"]), ("5", tag, "True"))
        self.swift("GET", self.container + "/m", expect=304, headers={"If-None-Match": tag})
        self.swift("GET", self.container + "/m", expect=412, headers={"If-Match": "x"})
        self.swift("GET", self.container + "/m", expect=409)
        answer = self.swift("DELETE", self.container + "/m?multipart-manifest=delete", expect=200, headers={"Accept": "image/png"})[1]
        self.assertIn(b"406 Not Acceptable", answer)
        self.swift("HEAD", self.container + "/m", expect=200)

    def test_size_of_a_segment(self):
        self.put("seg", b"12345")
        for size, status in ((5, 201), ("5", 201), (5.0, 201), (6.0, 400), (None, 201), (-1, 400), ("7", 400), ("x", 400), ("", 400), ([], 400), (7, 400)):
            manifest = json.dumps([{"path": "/%s/seg" % self.container, "size_bytes": size}]).encode()
            self.swift("PUT", self.container + "/m?multipart-manifest=put", manifest, status)

    def test_form_without_a_boundary(self):
        self.put("o", b"abc")
        self.swift("POST", self.container + "/o", b"", 202, headers={"Content-Type": "multipart/form-data", "X-Object-Meta-A": "b"})
        self.assertEqual(self.swift("HEAD", self.container + "/o")[0]["X-Object-Meta-A"], "b")

    def test_empty_headers_of_a_copy(self):
        self.put("o", b"abc", headers={"Content-Type": "a/b"})
        self.swift("COPY", self.container + "/o", expect=201, headers={"Destination": self.container + "/p", "Content-Type": ""})
        self.assertEqual(self.swift("HEAD", self.container + "/p")[0]["Content-Type"], "a/b")
        self.put("q", b"own", headers={"X-Copy-From": ""})
        self.assertEqual(self.swift("GET", self.container + "/q")[1], b"own")

    def test_set_and_removed_at_once(self):
        for headers in ({"X-Remove-Container-Meta-A": "x", "X-Container-Meta-A": "b"},
                        {"X-Container-Meta-A": "c", "X-Remove-Container-Meta-A": "x"}):
            self.swift("POST", self.container, b"", headers=headers)
            self.assertEqual(self.swift("HEAD", self.container)[0]["X-Container-Meta-A"], headers["X-Container-Meta-A"])
        self.swift("POST", self.container, b"", headers={"X-Remove-Container-Meta-A": "x"})
        self.assertNotIn("X-Container-Meta-A", self.swift("HEAD", self.container)[0])

    def test_only_when_new(self):
        self.swift("PUT", self.container + "/o", b"", 201, headers={"If-None-Match": "*, x"})
        self.swift("PUT", self.container + "/o", b"", 412, headers={"If-None-Match": "*"})
        self.swift("PUT", self.container + "/o", b"", 400, headers={"If-None-Match": "x"})

    def test_what_a_copy_says(self):
        self.put("o", b"abc")
        self.put("link", headers={"X-Symlink-Target": self.container + "/o"})
        when = str(int(time.time()) + 1000)
        for source in ("o", "link"):
            headers, _ = self.swift("COPY", "%s/%s" % (self.container, source), expect=201,
                                    headers={"Destination": self.container + "/p", "X-Delete-At": when})
            self.assertEqual((headers["X-Copied-From"], headers["X-Copied-From-Account"], headers["X-Delete-At"]),
                             ("%s/%s" % (self.container, source), self.account.rsplit("/", 1)[1], when))
            self.assertNotIn("Content-Location", headers)
        self.swift("PUT", self.container + "/q", b"", 400, headers={"X-Copy-From": self.container + "/o", "X-Symlink-Target": "a/b"})
        headers, _ = self.swift("COPY", self.container + "/p", expect=201,
                                headers={"Destination": self.container + "/r", "X-Fresh-Metadata": "yes"})
        self.assertNotIn("X-Delete-At", headers)

    def test_where_old_versions_go(self):
        for header in ("X-Versions-Location", "X-History-Location"):
            for bad in ("a/b", "a%2Fb", "/a"):
                self.swift("POST", self.container, b"", 412, headers={header: bad})
        for empty in ({"X-History-Location": ""}, {"X-Versions-Location": ""}, {"X-Remove-History-Location": "x"}):
            self.swift("POST", self.container, b"", headers={"X-Versions-Location": "a"})
            self.assertIn("X-Versions-Location", self.swift("HEAD", self.container)[0])
            self.swift("POST", self.container, b"", headers=empty)
            self.assertNotIn("X-Versions-Location", self.swift("HEAD", self.container)[0])

    def test_single_versions(self):
        self.swift("POST", self.container, b"", headers={"X-Versions-Enabled": "true"})
        version = self.put("o")["X-Object-Version-Id"]
        headers, _ = self.swift("COPY", self.container + "/o", expect=201, headers={"Destination": self.container + "/p"})
        self.assertEqual(headers["X-Copied-From-Version-Id"], version)
        self.swift("HEAD", self.container + "/o?version-id=", expect=200)
        self.swift("POST", self.container + "/o?version-id=null", b"", 400)
        for query in ("version_marker=" + version, "marker=o&version_marker=junk", "marker=o&version_marker="):
            self.swift("GET", "%s?versions&%s" % (self.container, query), expect=400)
        for known in (version, "null"):
            self.swift("GET", "%s?versions&marker=o&version_marker=%s" % (self.container, known), expect=200)

    def test_null_made_current(self):
        self.put("o", b"null")
        self.swift("PUT", self.container + "/o?version-id=null", b"x", 400)
        self.swift("PUT", self.container + "/o?version-id=null", b"", 201)
        self.assertEqual(self.swift("GET", self.container + "/o")[1], b"null")
        self.swift("POST", self.container, b"", headers={"X-Versions-Enabled": "true"})
        version = self.put("o", b"newer")["X-Object-Version-Id"]
        self.swift("PUT", self.container + "/p?version-id=" + version, b"", 201, headers={"X-Copy-From": self.container + "/o"})
        self.swift("PUT", self.container + "/o?version-id=null", b"", 201)
        self.assertEqual(self.swift("GET", self.container + "/o")[1], b"null")
        self.assertEqual(self.swift("GET", self.container + "/p")[1], b"newer")
        self.assertEqual(self.swift("GET", self.container + "/o?version-id=" + version)[1], b"newer")

    def test_versions_never_kept(self):
        self.assertNotIn("X-Versions-Enabled", self.swift("HEAD", self.container)[0])
        self.swift("POST", self.container, b"", headers={"X-Versions-Enabled": "false"})
        self.assertEqual(self.swift("HEAD", self.container)[0]["X-Versions-Enabled"], "False")


class ForEverybody(ObjectStoreTest):
    def test_sites_list_for_whom_may_list(self):
        self.put("sub/secret", b"abc")
        for read, listed, slash in ((".r:*", 401, 404), (".r:*,.rlistings", 200, 301)):
            self.swift("POST", self.container, b"", headers={"X-Container-Read": read, "X-Container-Meta-Web-Listings": "true"})
            answer = self.swift("GET", self.container + "/sub/", token="", expect=listed)[1]
            self.assertEqual(b"secret" in answer, listed == 200)
            self.swift("HEAD", self.container + "/sub", token="", expect=slash)

    def test_temporary_urls_of_browsers(self):
        self.swift("POST", self.container, b"", headers={"X-Container-Meta-Access-Control-Allow-Origin": "*",
                                                        "X-Container-Meta-Temp-URL-Key": "key"})
        path, when = "%s/o" % self.container, int(time.time()) + 60
        signature = hmac.new(b"key", ("PUT\n%d\n%s/%s" % (when, self.account, path)).encode(), "sha256").hexdigest()
        url = "%s?temp_url_sig=%s&temp_url_expires=%d&temp_url_ip_range=" % (path, signature, when)
        asked = {"Origin": "http://x", "Access-Control-Request-Method": "PUT"}
        self.assertEqual(self.swift("OPTIONS", url, expect=200, token="", headers=asked)[0]["Access-Control-Allow-Origin"], "*")
        self.swift("PUT", url, b"abc", 201, token="")
        told = self.swift("HEAD", url + "&filename=a%20b", token="")[0]["Content-Disposition"]
        self.assertEqual(told, "attachment; filename=\"a b\"; filename*=UTF-8''a%20b")
        headers, _ = self.swift("OPTIONS", path, expect=200, token="", headers={"Origin": ""})
        self.assertNotIn("Access-Control-Allow-Origin", headers)

    def test_refusals_say_how_to_come_in(self):
        for query in ("?temp_url_sig=x&temp_url_expires=1", ""):
            headers, _ = self.swift("GET", self.container + "/o" + query, token="", expect=401)
            self.assertIn("Swift realm=", headers["WWW-Authenticate"])

    def form(self, expect, files=(("a", b"one"),), **fields):
        fields = dict({"redirect": "", "max_file_size": "100", "max_file_count": "1", "expires": str(int(time.time()) + 60)}, **fields)
        signed = [fields["redirect"]] + [fields[name] or "0" for name in ("max_file_size", "max_file_count", "expires")]
        text = "\n".join(["%s/%s/up/" % (self.account, self.container)] + signed)
        fields["signature"] = hmac.new(b"key", text.encode(), "sha256").hexdigest()
        body = b"".join(b'--B\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value.encode())
                        for name, value in fields.items())
        for name, content in files:
            body += (b'--B\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\nContent-Type: x/y\r\n\r\n%s\r\n'
                     % (name.encode(), content))
        self.swift("POST", self.container, b"", headers={"X-Container-Meta-Temp-URL-Key": "key"})
        return self.swift("POST", self.container + "/up/", body + b"--B--\r\n", expect, token="",
                          headers={"Content-Type": "multipart/form-data; boundary=B"})

    def test_forms(self):
        back = "http://h/x"
        fields = {"redirect": back + "?y=z", "content-type": "form/type", "content-encoding": "gzip", "x_delete_after": "1000"}
        self.assertEqual(self.form(303, **fields)[0]["Location"], back + "?y=z&status=201&message=")
        headers, _ = self.swift("HEAD", self.container + "/up/a")
        self.assertEqual((headers["Content-Type"], headers["Content-Encoding"], "X-Delete-At" in headers), ("form/type", "gzip", True))
        headers, _ = self.form(303, (("b", b""), ("c", b"")), redirect=back)
        self.assertEqual(headers["Location"], back + "?status=400&message=max%20file%20count%20exceeded")
        headers, _ = self.form(303, (), redirect=back)
        self.assertEqual(headers["Location"], back + "?status=400&message=no%20files%20to%20process")
        self.form(400, x_delete_after="abc")
        self.form(400, x_delete_at="abc")
        self.form(401, expires="")
        self.form(400, x_delete_at="1")
        self.form(400, x_delete_after="0")
        self.form(400, max_file_size="")
        self.assertEqual(self.form(201, (("d/e", b"x"),))[1], b"201 Created")
        self.assertEqual(self.names(), ["up/a", "up/b", "up/d/e"])


    def test_what_temporary_urls_let_through(self):
        told = self.cloud.request("GET", "/object-store/info", token="")[2]["tempurl"]
        self.assertEqual((told["outgoing_remove_headers"], told["outgoing_allow_headers"], told["deprecated_digests"]),
                         (["x-object-meta-*"], ["x-object-meta-public-*"], ["sha1"]))


class Bulk(ObjectStoreTest):
    def delete(self, text, accept="application/json"):
        return self.swift("POST", "?bulk-delete", text.encode(), 200, headers={"Content-Type": "text/plain", "Accept": accept})

    def test_names_as_they_are_given(self):
        for name in "abc":
            self.put(name)
        answer = self.delete(" \t%s/a \r\n/%s/b\t\n%s\n/\n" % ((self.container,) * 3))[1]
        self.assertEqual((answer["Number Deleted"], answer["Number Not Found"]), (2, 0))
        self.assertEqual(answer["Errors"], [[self.container, "409 Conflict"], ["/", "403 Forbidden"]])
        self.assertEqual(answer["Response Status"], "400 Bad Request")
        self.assertTrue(self.delete("\n")[1]["Response Body"])

    def test_containers_last(self):
        self.put("a")
        answer = self.delete("%s\n%s/a\n" % (self.container, self.container))[1]
        self.assertEqual((answer["Number Deleted"], answer["Errors"]), (2, []))
        self.swift("HEAD", self.container, expect=404)

    def test_report_that_nobody_takes(self):
        self.put("a")
        answer = self.delete(self.container + "/a", "image/png")[1]
        self.assertIn(b"Response Status: 406 Not Acceptable", answer)
        answer = self.swift("PUT", self.container + "?extract-archive=tar", b"", 200, headers={"Accept": "image/png"})[1]
        self.assertIn(b"Response Status: 406 Not Acceptable", answer)
        self.assertEqual(self.names(), ["a"])
        headers, answer = self.delete(self.container + "/a", "text/xml")
        self.assertEqual(headers["Content-Type"], "text/xml")
        self.assertIn(b"<number_deleted>1<", answer)
        self.assertNotIn("a", json.dumps(self.names()))
