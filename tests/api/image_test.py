# SPDX-License-Identifier: Apache-2.0
"""Images: bytes in and out, what is refused, who sees and changes what, lists, patches, import."""
import hashlib
import http.client
import os
import struct
import unittest
import uuid

from cloud import CloudTest

V2 = "/image/v2"
PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
BYTES = {"Content-Type": "application/octet-stream"}


def qcow2(backing=b""):
    """A QCOW2 header of a disk of 1 MiB; with a backing file it refers to another file."""
    offset = 104 if backing else 0
    head = struct.pack(">IIQIIQIIQQIIQ", 0x514649fb, 3, offset, len(backing), 16, 1 << 20, 0, 1, 0x30000, 0x10000, 1, 0, 0)
    head += struct.pack(">QQQII", 0, 0, 0, 4, 104)
    return (head + backing).ljust(0x50000, b"\0")


class ImageTest(CloudTest):
    agent = False

    def setUp(self):
        if not hasattr(type(self), "other"):
            role = self.ask("GET", "/identity/v3/roles?name=member")["roles"][0]["id"]
            for word in ("other", "third"):
                project = self.ask("POST", "/identity/v3/projects", {"project": {"name": word}})["project"]["id"]
                user = self.ask("POST", "/identity/v3/users", {"user": {"name": word, "password": "x"}})["user"]["id"]
                self.ask("PUT", "/identity/v3/projects/%s/users/%s/roles/%s" % (project, user, role))
                setattr(type(self), word, self.cloud.login(user, "x", project))
                setattr(type(self), word + "_project", project)

    def make(self, token=None, **fields):
        body = {"name": "i", "disk_format": "raw", "container_format": "bare"}
        body.update(fields)
        return self.ask("POST", V2 + "/images", body, 201, token)

    def patch(self, image, ops, expect=200, token=None):
        import json
        return self.ask("PATCH", V2 + "/images/" + image["id"], json.dumps(ops).encode(), expect, token, PATCH)

    def upload(self, image, data, expect=204, token=None, what="file"):
        return self.ask("PUT", "%s/images/%s/%s" % (V2, image["id"], what), data, expect, token, BYTES)

    def show(self, image, expect=200, token=None):
        return self.ask("GET", V2 + "/images/" + image["id"], None, expect, token)

    def listed(self, query="", token=None):
        return [image["id"] for image in self.ask("GET", V2 + "/images" + query, token=token)["images"]]

    def test_bytes_go_in_and_come_out(self):
        image = self.make()
        data = os.urandom(300000)
        self.assertEqual(image["status"], "queued")
        self.ask("GET", image["file"].replace("/v2", V2, 1), expect=204)
        self.upload(image, data)
        shown = self.show(image)
        self.assertEqual((shown["status"], shown["size"], shown["virtual_size"]), ("active", len(data), len(data)))
        self.assertEqual(shown["checksum"], hashlib.md5(data).hexdigest())
        self.assertEqual((shown["os_hash_algo"], shown["os_hash_value"]), ("sha512", hashlib.sha512(data).hexdigest()))
        status, headers, body = self.cloud.request("GET", "%s/images/%s/file" % (V2, image["id"]))
        self.assertEqual((status, body, headers["Content-MD5"]), (200, data, shown["checksum"]))
        status, headers, body = self.cloud.request("GET", "%s/images/%s/file" % (V2, image["id"]), headers={"Range": "bytes=10-19"})
        self.assertEqual((status, body), (206, data[10:20]))
        self.upload(image, b"again", 409)
        self.ask("DELETE", V2 + "/images/" + image["id"], expect=204)
        self.cloud.until(lambda: not os.path.exists(os.path.join(self.cloud.data, "images", image["id"])))

    def test_dangerous_content_is_refused_and_leaves_nothing(self):
        image = self.make(disk_format="qcow2")
        self.upload(image, qcow2(b"/etc/passwd"), 415)
        self.assertEqual(self.show(image)["status"], "queued")
        self.assertFalse([name for name in os.listdir(os.path.join(self.cloud.data, "images")) if image["id"] in name])
        self.upload(image, qcow2())
        self.assertEqual(self.show(image)["virtual_size"], 1 << 20)

    def test_the_label_must_fit_structured_content_only(self):
        self.upload(self.make(disk_format="raw"), qcow2(), 415)
        self.upload(self.make(disk_format="vhd"), qcow2(), 415)
        self.upload(self.make(disk_format="vhd"), os.urandom(1000))
        self.upload(self.make(disk_format="qcow2"), os.urandom(1000))

    def test_an_upload_that_breaks_off_is_as_if_it_had_never_begun(self):
        image = self.make()
        host = self.cloud.listen.split(":")
        connection = http.client.HTTPConnection(host[0], int(host[1]))
        connection.putrequest("PUT", "%s/images/%s/file" % (V2, image["id"]))
        for key, value in {"X-Auth-Token": self.cloud.token(), "Content-Length": "1000000", **BYTES}.items():
            connection.putheader(key, value)
        connection.endheaders(b"x" * 1000)
        self.cloud.until(lambda: self.show(image)["status"] == "saving")
        connection.close()
        self.cloud.until(lambda: self.show(image)["status"] == "queued")
        self.upload(image, b"whole")
        self.assertEqual(self.show(image)["size"], 5)

    def test_uploads_of_a_killed_process_are_forgotten(self):
        image = self.make()
        host = self.cloud.listen.split(":")
        connection = http.client.HTTPConnection(host[0], int(host[1]))
        connection.putrequest("PUT", "%s/images/%s/file" % (V2, image["id"]))
        for key, value in {"X-Auth-Token": self.cloud.token(), "Content-Length": "1000000", **BYTES}.items():
            connection.putheader(key, value)
        connection.endheaders(b"x" * 1000)
        self.cloud.until(lambda: self.show(image)["status"] == "saving")
        self.cloud.processes[0].kill()
        self.cloud.processes[0].wait()
        self.cloud.restart()
        connection.close()
        self.assertEqual(self.show(image)["status"], "queued")
        self.assertFalse([name for name in os.listdir(os.path.join(self.cloud.data, "images")) if image["id"] in name])
        self.upload(image, b"whole")

    def test_uploads_need_formats_and_their_content_type(self):
        self.upload(self.make(disk_format=None), b"x", 400)
        self.ask("PUT", "%s/images/%s/file" % (V2, self.make()["id"]), b"x", 415, headers={"Content-Type": "text/plain"})

    def test_patches_change_properties(self):
        image = self.make(os_distro="x", hw_disk_bus="scsi")
        shown = self.patch(image, [{"op": "replace", "path": "/name", "value": "n"},
                                   {"op": "add", "path": "/a~1b", "value": "c"},
                                   {"op": "remove", "path": "/os_distro"},
                                   {"op": "add", "path": "/tags", "value": ["t", "t"]}])
        self.assertEqual((shown["name"], shown["a/b"], shown["hw_disk_bus"], shown["tags"]), ("n", "c", "scsi", ["t"]))
        self.assertNotIn("os_distro", shown)
        self.patch(image, [{"op": "replace", "path": "/nothing", "value": "x"}], 409)
        self.patch(image, [{"op": "remove", "path": "/nothing"}], 409)
        self.patch(image, [{"op": "replace", "path": "/status", "value": "active"}], 403)
        self.patch(image, [{"op": "add", "path": "/os_glance_x", "value": "active"}], 403)
        self.patch(image, [{"op": "add", "path": "/number", "value": 1}], 400)
        self.patch(image, {"op": "add"}, 400)
        self.patch(image, [{"op": "add", "path": "no", "value": 1}], 400)
        self.ask("PATCH", V2 + "/images/" + image["id"], [{"op": "add", "path": "/x", "value": "y"}], 415)

    def test_the_older_form_of_patches_works(self):
        image = self.make(protected=True)
        self.ask("DELETE", V2 + "/images/" + image["id"], expect=403)
        self.patch(image, [{"replace": "/protected", "value": False}])
        self.ask("DELETE", V2 + "/images/" + image["id"], expect=204)

    def test_formats_are_fixed_once_there_is_data(self):
        image = self.make()
        self.upload(image, b"x")
        self.patch(image, [{"op": "replace", "path": "/disk_format", "value": "iso"}], 403)

    def test_visibility_decides_who_sees_an_image(self):
        private = self.make(self.other, visibility="private")
        shared = self.make(self.other)
        community = self.make(self.other, visibility="community")
        public = self.make(visibility="public")
        self.ask("POST", V2 + "/images", {"name": "p", "visibility": "public"}, 403, self.other)
        self.show(private, 404, self.third)
        self.show(shared, 404, self.third)
        self.show(community, 200, self.third)
        self.show(public, 200, self.third)
        listed = self.listed(token=self.third)
        self.assertIn(public["id"], listed)
        self.assertFalse({private["id"], shared["id"], community["id"]} & set(listed))
        self.assertIn(community["id"], self.listed("?visibility=community", self.third))
        self.assertIn(community["id"], self.listed("?visibility=all", self.third))
        self.assertIn(private["id"], self.listed("?visibility=private"))
        self.patch(public, [{"op": "replace", "path": "/name", "value": "mine"}], 403, self.third)
        self.ask("DELETE", V2 + "/images/" + public["id"], None, 403, self.third)
        self.upload(community, b"x", 403, self.third)

    def test_members_answer_an_offer(self):
        image = self.make(self.other)
        members = "%s/images/%s/members" % (V2, image["id"])
        mine = members + "/" + self.third_project
        offer = self.ask("POST", members, {"member": self.third_project}, 200, self.other)
        self.assertEqual(offer["status"], "pending")
        self.ask("POST", members, {"member": self.third_project}, 409, self.other)
        self.show(image, 200, self.third)
        self.assertNotIn(image["id"], self.listed(token=self.third))
        self.assertIn(image["id"], self.listed("?member_status=pending", self.third))
        self.ask("PUT", mine, {"status": "accepted"}, 403, self.other)
        self.ask("PUT", mine, {"status": "whatever"}, 400, self.third)
        self.assertEqual(self.ask("PUT", mine, {"status": "accepted"}, 200, self.third)["status"], "accepted")
        self.assertIn(image["id"], self.listed(token=self.third))
        self.patch(image, [{"op": "replace", "path": "/name", "value": "mine"}], 403, self.third)
        self.ask("DELETE", mine, None, 403, self.third)
        self.ask("DELETE", mine, None, 204, self.other)
        self.show(image, 404, self.third)

    def test_lists_filter_sort_and_page(self):
        tag = uuid.uuid4().hex
        images = [self.make(name="n%d" % i, tags=[tag, "a\"%_b"], kind="k%d" % (i % 2), min_ram=i) for i in range(5)]
        ids = [image["id"] for image in images]
        mine = "?tag=" + tag
        self.assertEqual(self.listed(mine), ids[::-1])
        self.assertEqual(self.listed(mine + "&sort=name:asc"), ids)
        self.assertEqual(self.listed(mine + "&sort_key=name&sort_dir=asc&limit=2"), ids[:2])
        self.assertEqual(self.listed(mine + "&sort=name:asc&limit=2&marker=" + ids[1]), ids[2:4])
        self.assertEqual(self.listed(mine + "&kind=k1&sort=name:asc"), [ids[1], ids[3]])
        self.assertEqual(self.listed(mine + "&tag=nothing"), [])
        self.assertEqual(len(self.listed(mine + "&tag=a%22%25_b")), 5)
        self.assertEqual(self.listed(mine + "&tag=a%22%25%25b"), [])
        self.assertEqual(sorted(self.listed(mine + "&name=in:n1,n2")), sorted(ids[1:3]))
        self.assertEqual(len(self.listed(mine + "&created_at=gt:2020-01-01T00:00:00Z")), 5)
        self.assertEqual(self.listed(mine + "&created_at=lt:2020-01-01T00:00:00Z"), [])
        self.assertEqual(self.listed(mine + "&os_hidden=true"), [])
        self.ask("GET", V2 + "/images?visibility=x", expect=400)
        self.ask("GET", V2 + "/images?size_min=x", expect=400)
        page = self.ask("GET", V2 + "/images" + mine + "&limit=2")
        self.assertTrue(page["next"].startswith("/v2/images?"))
        self.assertEqual(len(self.ask("GET", "/image" + page["next"])["images"]), 2)

    def test_what_is_given_is_checked(self):
        for body in ({"disk_format": "x"}, {"container_format": "x"}, {"min_ram": -1}, {"min_disk": "1"}, {"id": "x"},
                     {"visibility": "x"}, {"tags": "x"}, {"name": "x" * 256}, {"prop": 5}):
            self.ask("POST", V2 + "/images", body, 400)
        self.ask("POST", V2 + "/images", {"status": "active"}, 403)
        self.ask("POST", V2 + "/images", {"owner": self.third_project}, 403, self.other)
        known = str(uuid.uuid4())
        self.assertEqual(self.make(id=known)["id"], known)
        self.ask("POST", V2 + "/images", {"id": known}, 409)

    def test_deactivated_images_are_not_given_out(self):
        image = self.make(self.other)
        self.upload(image, b"x", token=self.other)
        actions = "%s/images/%s/actions/" % (V2, image["id"])
        self.ask("POST", actions + "deactivate", None, 204)
        self.ask("GET", "%s/images/%s/file" % (V2, image["id"]), None, 403, self.other)
        self.ask("POST", actions + "reactivate", None, 204)
        self.ask("GET", "%s/images/%s/file" % (V2, image["id"]), None, 200, self.other)

    def test_tags_come_and_go(self):
        image = self.make()
        tag = "%s/images/%s/tags/t%%201" % (V2, image["id"])
        self.ask("PUT", tag, None, 204)
        self.ask("PUT", tag, None, 204)
        self.assertEqual(self.show(image)["tags"], ["t 1"])
        self.ask("DELETE", tag, None, 204)
        self.ask("DELETE", tag, None, 404)

    def test_staged_bytes_are_imported_by_a_task(self):
        image = self.make()
        importing = "%s/images/%s/import" % (V2, image["id"])
        self.ask("POST", importing, {"method": {"name": "glance-direct"}}, 409)
        self.upload(image, b"staged", what="stage")
        self.assertEqual(self.show(image)["status"], "uploading")
        self.ask("POST", importing, {"method": {"name": "glance-direct"}}, 202)
        self.cloud.until(lambda: self.show(image)["status"] == "active")
        self.assertEqual(self.show(image)["checksum"], hashlib.md5(b"staged").hexdigest())
        tasks = self.ask("GET", "%s/images/%s/tasks" % (V2, image["id"]))["tasks"]
        self.assertEqual([task["status"] for task in tasks], ["success"])
        self.assertFalse(os.path.exists(os.path.join(self.cloud.data, "images", image["id"] + ".staged")))

    def test_all_bytes_go_with_an_image(self):
        image = self.make()
        paths = [os.path.join(self.cloud.data, "images", image["id"] + ending) for ending in ("", ".staged", ".part")]
        for path in paths:
            open(path, "w").close()
        self.ask("DELETE", "%s/images/%s" % (V2, image["id"]), None, 204)
        self.cloud.until(lambda: not any(map(os.path.exists, paths)))

    def test_an_import_of_dangerous_bytes_fails(self):
        image = self.make(disk_format="qcow2")
        self.upload(image, qcow2(b"/etc/shadow"), what="stage")
        self.ask("POST", "%s/images/%s/import" % (V2, image["id"]), {"method": {"name": "glance-direct"}}, 202)
        self.cloud.until(lambda: self.show(image)["status"] == "queued")
        self.assertEqual(self.show(image)["os_glance_failed_import"], "file")

    def test_imports_from_addresses_inside_the_cloud_are_refused(self):
        image = self.make()
        self.ask("POST", "%s/images/%s/import" % (V2, image["id"]),
                 {"method": {"name": "web-download", "uri": self.cloud.url + "/healthz"}}, 202)
        self.cloud.until(lambda: self.show(image)["status"] == "queued" and "os_glance_failed_import" in self.show(image))
        self.ask("POST", "%s/images/%s/import" % (V2, image["id"]),
                 {"method": {"name": "web-download", "uri": "file:///etc/passwd"}}, 400)
        self.ask("POST", "%s/images/%s/import" % (V2, image["id"]), {"method": {"name": "copy-image"}}, 400)

    def test_schemas_and_versions_are_told(self):
        for word in ("image", "images", "member", "members", "task", "tasks"):
            self.assertEqual(self.ask("GET", V2 + "/schemas/" + word)["name"], word)
        self.assertEqual(self.ask("GET", "/image/", expect=300)["versions"][0]["id"], "v2.15")
        self.assertIn("glance-direct", self.ask("GET", V2 + "/info/import")["import-methods"]["value"])


if __name__ == "__main__":
    unittest.main()
