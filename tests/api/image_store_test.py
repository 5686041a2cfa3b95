# SPDX-License-Identifier: Apache-2.0
"""Images in the object store: the way in and back, what a crash leaves, what audit sees."""
import http.client
import os
import re
import signal
import subprocess
import unittest

from cloud import PROGRAM, Cloud, CloudTest

V2 = "/image/v2"
BYTES = {"Content-Type": "application/octet-stream"}
PLAIN = {"name": "i", "disk_format": "raw", "container_format": "bare"}


class ImageStoreTest(CloudTest):
    agent = False
    settings = ("image.stores=object,file",)

    def make(self, data=None, headers=BYTES, expect=204, **fields):
        image = self.ask("POST", V2 + "/images", dict(PLAIN, **fields), 201)
        if data is not None:
            self.ask("PUT", "%s/images/%s/file" % (V2, image["id"]), data, expect, headers=headers)
        return image["id"]

    def show(self, image):
        return self.ask("GET", V2 + "/images/" + image)

    def kept(self, image):
        self.cloud.until(lambda: self.show(image).get("stores") == "object", what="the image in the object store")

    def data(self, image, expect=200):
        return self.ask("GET", "%s/images/%s/file" % (V2, image), expect=expect)

    def copy(self, image):
        return os.path.join(self.cloud.data, "images", image)

    def audit(self):
        return self.cloud.audit()

    def test_the_stores_are_told(self):
        self.assertEqual([(row["id"], row.get("default")) for row in self.ask("GET", V2 + "/info/stores")["stores"]],
                         [("file", None), ("object", "true")])
        detail = {row["id"]: row for row in self.ask("GET", V2 + "/info/stores/detail")["stores"]}
        self.assertEqual((detail["object"]["type"], detail["object"]["properties"]), ("object", {}))

    def test_bytes_are_objects_and_come_back(self):
        data = os.urandom(3 << 20)
        image = self.make(data)
        self.assertEqual(self.show(image)["status"], "active")
        self.kept(image)
        self.assertEqual(self.data(image), data)
        os.unlink(self.copy(image))
        self.assertEqual(self.data(image), data)
        self.assertEqual(os.path.getsize(self.copy(image)), len(data))
        self.assertEqual(self.audit()[0], 0)
        self.ask("DELETE", V2 + "/images/" + image, expect=204)
        self.cloud.until(lambda: not os.path.exists(self.copy(image)), what="the copy's removal")
        self.cloud.until(lambda: self.audit()[0] == 0, what="the object's removal")

    def test_a_small_image_and_one_for_the_other_store(self):
        small = self.make(b"x" * 512)
        self.kept(small)
        os.unlink(self.copy(small))
        self.assertEqual(self.data(small), b"x" * 512)
        there = self.make(b"y" * 512, dict(BYTES, **{"X-Image-Meta-Store": "file"}))
        self.assertEqual(self.show(there)["stores"], "file")
        self.make(b"y", dict(BYTES, **{"X-Image-Meta-Store": "none"}), 400)
        staged = self.make()
        self.ask("PUT", "%s/images/%s/stage" % (V2, staged), b"z" * 512, 204, headers=BYTES)
        path = "%s/images/%s/import" % (V2, staged)
        self.ask("POST", path, {"method": {"name": "glance-direct"}, "stores": ["none"]}, 409)
        self.ask("POST", path, {"method": {"name": "glance-direct"}, "stores": ["object", "file"]}, 501)
        self.ask("POST", path, {"method": {"name": "glance-direct"}, "all_stores": True}, 501)
        self.ask("POST", path, {"method": {"name": "glance-direct"}, "stores": ["object"]}, 202)
        self.kept(staged)

    def test_audit_finds_what_is_lost_and_what_nobody_asks_for(self):
        lost, stray = self.make(b"a" * 70000), self.make(b"b" * 70000)
        self.kept(lost)
        self.kept(stray)
        self.assertEqual(self.audit()[0], 0)
        self.cloud.sql("UPDATE image_image SET size = 1 WHERE id = '%s'" % lost,
                       "DELETE FROM image_image WHERE id = '%s'" % stray)
        code, text = self.audit()
        self.assertEqual(code, 1)
        self.assertIn("image-file %s: its store has 70000 bytes instead of 1" % lost, text)
        self.assertIn("store-image object/%s: no image asks for it" % stray, text)
        self.assertEqual(self.cloud.audit("--fix")[0], 0)
        self.assertEqual(self.audit()[0], 0)
        self.assertEqual(self.show(lost)["status"], "queued")

    def test_a_copy_that_is_missing_is_made_at_start(self):
        image = self.make(b"c" * 70000)
        self.kept(image)
        os.unlink(self.copy(image))
        self.cloud.restart()
        self.cloud.until(lambda: os.path.exists(self.copy(image)), what="the copy")
        self.assertEqual(self.data(image), b"c" * 70000)


class ImageStoreCrashTest(unittest.TestCase):
    """The API is killed at each boundary of an image's life in turn; it must settle as if it had not been."""

    def start(self, crash_at):
        os.environ["HANEUL_CRASH_AT"] = str(crash_at)
        try:
            cloud = Cloud(settings=ImageStoreTest.settings).start()
        finally:
            del os.environ["HANEUL_CRASH_AT"]
        self.addCleanup(cloud.stop)
        return cloud

    @staticmethod
    def passed(cloud):
        done = subprocess.run([PROGRAM, "ctl", "api", "stats", "--data", cloud.data], capture_output=True, text=True)
        return int(re.search(r"crash points (\d+)", done.stdout).group(1))

    @staticmethod
    def settle(cloud, image):
        """Brings the image to its end, whatever was done before."""
        path = "%s/images/%s" % (V2, image)
        if cloud.request("GET", path)[2]["status"] == "queued":
            cloud.request("PUT", path + "/file", b"d" * 70000, headers=BYTES)
        cloud.until(lambda: cloud.request("GET", path)[2].get("stores") == "object", what="the image in its store")

    def test_wherever_it_dies_the_image_settles_in_its_store(self):
        cloud = self.start("count")
        token = cloud.token()
        before = self.passed(cloud)
        image = cloud.request("POST", V2 + "/images", PLAIN, token)[2]["id"]
        self.settle(cloud, image)
        after = self.passed(cloud)
        self.assertGreater(after, before)
        for crash_at in range(before + 1, after + 1):
            with self.subTest(crash_at=crash_at):
                self.life(crash_at)

    def life(self, crash_at):
        cloud = self.start(crash_at)
        image = None
        try:
            image = cloud.request("POST", V2 + "/images", PLAIN)[2]["id"]
            self.settle(cloud, image)
        except (OSError, AssertionError, http.client.HTTPException):
            self.assertEqual(cloud.processes[0].wait(30), -signal.SIGKILL)
            cloud.restart()
        for row in cloud.request("GET", V2 + "/images")[2]["images"]:
            self.settle(cloud, row["id"])
            self.assertEqual(cloud.request("GET", "%s/images/%s/file" % (V2, row["id"]))[2], b"d" * 70000)
        breaks = cloud.audit("--fix")[1].splitlines()[:-1]
        self.assertEqual([line for line in breaks if not line.startswith("blob-object")], [])   # the object store's care
        code, text = cloud.audit()
        self.assertEqual(code, 0, text)


if __name__ == "__main__":
    unittest.main()
