# SPDX-License-Identifier: Apache-2.0
"""Published attacks on images (docs/security-cases.md), each by the fault that it is known by."""
import http.server
import os
import socket
import threading
import time

import hostile
from cloud import CloudTest

V2 = "/image/v2"
BYTES = {"Content-Type": "application/octet-stream"}


class ImageAttack(CloudTest):
    def setUp(self):
        if not hasattr(type(self), "member"):
            role = self.ask("GET", "/identity/v3/roles?name=member")["roles"][0]["id"]
            project = self.ask("POST", "/identity/v3/projects", {"project": {"name": "tenant"}})["project"]["id"]
            user = self.ask("POST", "/identity/v3/users", {"user": {"name": "tenant", "password": "x"}})["user"]["id"]
            self.ask("PUT", "/identity/v3/projects/%s/users/%s/roles/%s" % (project, user, role))
            type(self).member = self.cloud.login(user, "x", project)

    def make(self, label="raw", **fields):
        body = dict({"name": "i", "disk_format": label, "container_format": "bare"}, **fields)
        return self.ask("POST", V2 + "/images", body, 201, self.member)["id"]

    def upload(self, image, data, expect=204, headers=None, what="file"):
        return self.ask("PUT", "%s/images/%s/%s" % (V2, image, what), data, expect, self.member, dict(BYTES, **(headers or {})))

    def show(self, image):
        return self.ask("GET", V2 + "/images/" + image, None, 200, self.member)

    def files(self, image):
        return [name for name in os.listdir(os.path.join(self.cloud.data, "images")) if image in name]

    def patch(self, image, ops, expect):
        import json
        return self.ask("PATCH", V2 + "/images/" + image, json.dumps(ops).encode(), expect, self.member,
                        {"Content-Type": "application/openstack-images-v2.1-json-patch"})


class HostileHeaders(ImageAttack):
    def test_CVE_2024_32498_CVE_2022_47951_uploads_that_name_files_are_refused(self):
        for name, label, data in hostile.REFERENCES:
            with self.subTest(name):
                image = self.make(label)
                self.upload(image, data, 415)
                self.assertEqual("queued", self.show(image)["status"])
                self.assertEqual([], self.files(image))

    def test_CVE_2024_32498_CVE_2022_47951_imports_that_name_files_fail(self):
        images = []
        for _, label, data in hostile.REFERENCES[::4]:
            images.append(self.make(label))
            self.upload(images[-1], data, what="stage")
            self.ask("POST", "%s/images/%s/import" % (V2, images[-1]), {"method": {"name": "glance-direct"}}, 202, self.member)
        for image in images:
            self.cloud.until(lambda: self.show(image)["status"] == "queued")
            self.assertEqual([], self.files(image))

    def test_CVE_2024_40767_content_is_compared_with_the_label(self):
        whole = {"qcow2": hostile.qcow2(), "vmdk": hostile.vmdk(hostile.vmdk_descriptor("monolithicSparse", 'RW 2048 SPARSE "x.vmdk"')),
                 "iso": hostile.iso()}
        for content, data in whole.items():
            for label in ("raw", "ami", "qcow2", "vmdk", "vdi", "vhd", "vhdx", "iso"):
                with self.subTest(content + " as " + label):
                    fits = label == content or (content == "iso" and label in ("raw", "ami"))
                    image = self.make(label, container_format="ami" if label == "ami" else "bare")
                    self.upload(image, data, 204 if fits else 415)

    def test_CVE_2024_40767_two_formats_in_one_file_are_refused(self):
        for label in ("iso", "raw", "qcow2", "vmdk"):
            for inside in (hostile.qcow2(), hostile.vmdk(hostile.vmdk_descriptor("monolithicFlat", hostile.FLAT)), hostile.vdi(1)):
                self.upload(self.make(label), hostile.iso(inside), 415)

    def test_CVE_2013_2096_a_disk_without_end_is_refused_by_its_header(self):
        self.upload(self.make("qcow2"), hostile.qcow2(size=1 << 62), 415)
        self.upload(self.make("vmdk"), hostile.vmdk(hostile.vmdk_descriptor("monolithicSparse", 'RW 1 SPARSE "x.vmdk"'),
                                                    sectors=1 << 60), 415)

    def test_CVE_2015_5162_headers_that_make_a_reader_work_for_ever_are_refused_at_once(self):
        import struct
        loops = [hostile.qcow2()[:36] + struct.pack(">I", 0xffffffff) + hostile.qcow2()[40:],       # an L1 table without end
                 hostile.qcow2()[:56] + struct.pack(">I", 0xffffffff) + hostile.qcow2()[60:],       # a refcount table without end
                 hostile.qcow2()[:20] + struct.pack(">I", 63) + hostile.qcow2()[24:],               # clusters of 8 EiB
                 hostile.qcow2()[:104] + struct.pack(">II", 1, 0xfffffff8) + hostile.qcow2()[112:]]  # an extension without end
        for data in loops:
            start = time.monotonic()
            self.upload(self.make("qcow2"), data, 415)
            self.assertLess(time.monotonic() - start, 5)


class States(ImageAttack):
    settings = ("image.max_size=100000",)

    def test_CVE_2014_5356_a_chunked_upload_past_the_cap_is_cut(self):
        image = self.make()
        with socket.create_connection(self.cloud.listen.split(":"), timeout=20) as sock:
            head = "PUT %s/images/%s/file HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\nContent-Type: application/octet-stream\r\n"
            sock.sendall(((head + "Transfer-Encoding: chunked\r\n\r\n") % (V2, image, self.member)).encode())
            for _ in range(40):
                sock.sendall(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
            self.assertEqual([], self.files(image))
            sock.sendall(b"0\r\n\r\n")
            self.assertIn(b" 413 ", sock.recv(4096)[:20])
        self.upload(image, b"x" * 100001, 413)
        self.cloud.until(lambda: self.show(image)["status"] == "queued")
        self.assertEqual([], self.files(image))

    def test_CVE_2015_5251_only_the_server_moves_the_status(self):
        image = self.make()
        self.upload(image, b"first", headers={"X-Image-Meta-Status": "queued"})
        before = self.show(image)
        self.ask("PUT", "%s/images/%s" % (V2, image), {}, (404, 405), self.member, {"X-Image-Meta-Status": "queued"})
        for path in ("status", "checksum", "size", "os_hash_value", "virtual_size", "id", "file", "created_at", "self"):
            self.patch(image, [{"op": "replace", "path": "/" + path, "value": "queued"}], 403)
        self.upload(image, b"second", 409)
        self.upload(image, b"second", 409, what="stage")
        self.ask("POST", "%s/images/%s/import" % (V2, image), {"method": {"name": "glance-direct"}}, 409, self.member)
        after = self.show(image)
        self.assertEqual(before, after)

    def test_CVE_2015_1195_CVE_2016_0757_locations_cannot_name_files_nor_be_removed(self):
        image = self.make()
        self.upload(image, b"mine")
        for url in ("file:///etc/passwd", "filesystem:///etc/passwd", "http://127.0.0.1/x", "swift+config://ref1/c/o"):
            self.patch(image, [{"op": "add", "path": "/locations/-", "value": {"url": url, "metadata": {}}}], (400, 403, 409))
            self.patch(image, [{"op": "replace", "path": "/locations", "value": [{"url": url, "metadata": {}}]}], (400, 403, 409))
        self.patch(image, [{"op": "remove", "path": "/locations/0"}], (400, 403, 404, 409))
        self.patch(image, [{"op": "replace", "path": "/locations", "value": []}], (400, 403, 409))
        self.ask("POST", V2 + "/images", {"name": "x", "locations": [{"url": "file:///etc/passwd", "metadata": {}}]},
                 (400, 403), self.member)
        self.assertEqual("active", self.show(image)["status"])
        self.assertEqual(b"mine", self.ask("GET", "%s/images/%s/file" % (V2, image), token=self.member))

    def test_CVE_2013_4428_whoever_may_not_download_does_not(self):
        image = self.make()
        self.upload(image, b"mine")
        self.ask("GET", "%s/images/%s/file" % (V2, image), None, 200, self.member)
        self.ask("POST", "%s/images/%s/actions/deactivate" % (V2, image), None, 204)
        for headers in ({}, {"Range": "bytes=0-1"}, {"If-None-Match": "*"}):
            self.ask("GET", "%s/images/%s/file" % (V2, image), None, 403, self.member, headers)

    def test_images_are_only_for_the_cloud_to_read(self):
        image = self.make()
        self.upload(image, b"mine")
        directory = os.stat(os.path.join(self.cloud.data, "images"))
        file = os.stat(os.path.join(self.cloud.data, "images", image))
        self.assertEqual((0, 0), (directory.st_mode & 0o066, file.st_mode & 0o027))


class Origin(http.server.BaseHTTPRequestHandler):
    """A web server that notes who asks."""
    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"data")

    def log_message(self, *arguments):
        pass


class WebDownload(ImageAttack):
    def test_OSSN_0078_imports_do_not_reach_inside_and_tell_nothing(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            closed = probe.getsockname()[1]
        uris = ["http://%s:%d/" % (host, port) for host in (
            "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "LOCALHOST.", "0", "0.0.0.0", "[::1]", "[::]",
            "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "user@127.0.0.1", "example.org@127.0.0.1",
            "127.0.0.1#@example.org", "%31%32%37.0.0.1")]
        uris += ["http://127.0.0.1:%d/" % closed, "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://192.168.0.1/",
                 "http://[fe80::1]/", "http://[fc00::1]/", "http://no-such-name.invalid/"]
        images = {}
        for uri in uris:
            image = self.make()
            status, _, _ = self.cloud.request("POST", "%s/images/%s/import" % (V2, image),
                                              {"method": {"name": "web-download", "uri": uri}}, self.member)
            self.assertIn(status, (202, 400), uri)
            if status == 202:
                images[image] = uri
        told = set()
        for image, uri in images.items():
            task = lambda: self.ask("GET", "%s/images/%s/tasks" % (V2, image), token=self.member)["tasks"][0]
            self.cloud.until(lambda: task()["status"] == "failure", timeout=30, what="the end of " + uri)
            told.add(task()["message"])
            self.assertEqual(("queued", []), (self.show(image)["status"], self.files(image)))
        server.shutdown()
        self.assertEqual([], Origin.asked)
        self.assertEqual(1, len(told), told)

    def test_OSSN_0078_other_schemes_are_refused(self):
        for uri in ("file:///etc/passwd", "filesystem:///etc/passwd", "ftp://example.org/x", "gopher://127.0.0.1:25/x", "dict://127.0.0.1/",
                    "unix:///run/x", "HTTP+UNIX://x", "//example.org/x", "/etc/passwd", "", "http:/etc/passwd", " http://example.org/",
                    "http://example.org/\r\nX: y", "http://", "http:///x"):
            with self.subTest(uri):
                image = self.make()
                self.ask("POST", "%s/images/%s/import" % (V2, image), {"method": {"name": "web-download", "uri": uri}}, 400, self.member)
                self.assertEqual("queued", self.show(image)["status"])


class OfVolumes(CloudTest):
    agent = True

    def test_CVE_2015_1850_an_image_keeps_the_format_that_its_volume_was_written_in(self):
        """The fake volumes begin as a qcow2 of 8 EiB over /etc/passwd does."""
        volume = self.ask("POST", "/volume/v3/volumes", {"volume": {"size": 1}}, 202)["volume"]["id"]
        status = lambda: self.ask("GET", "/volume/v3/volumes/" + volume)["volume"]["status"]
        self.cloud.until(lambda: status() == "available")
        image = self.ask("POST", "/volume/v3/volumes/%s/action" % volume, {"os-volume_upload_image": {
            "image_name": "hostile", "disk_format": "raw", "container_format": "bare"}}, 202)["os-volume_upload_image"]["image_id"]
        self.cloud.until(lambda: status() == "available")
        shown = self.cloud.until(lambda: (lambda row: row.get("checksum") and row)(self.ask("GET", V2 + "/images/" + image)))
        self.assertEqual(("raw", 1 << 30, 65536), (shown["disk_format"], shown["virtual_size"], shown["size"]))
        data = self.ask("GET", "%s/images/%s/file" % (V2, image))
        self.assertEqual(hostile.struct.pack(">I", 0x514649fb), data[:4])
        again = self.ask("POST", "/volume/v3/volumes", {"volume": {"size": 1, "imageRef": image}}, 202)["volume"]["id"]
        shown = self.cloud.until(lambda: (lambda row: row["status"] != "creating" and row["status"] != "downloading" and row)(
            self.ask("GET", "/volume/v3/volumes/" + again)["volume"]))
        self.assertEqual("available", shown["status"])
