# SPDX-License-Identifier: Apache-2.0
"""Encryption at rest: the tests of objects once more with it, and what lies on the disk."""
import glob
import hashlib
import os
import signal

import object_store_property_test
import object_store_test
from cloud import in_files, kept
from object_store_care_test import CareTest

SEALED = ("object_store.encryption=true",)


class Core(object_store_test.Core):
    settings = SEALED


class Care(object_store_test.Care):
    settings = object_store_test.Care.settings + SEALED


class Property(object_store_property_test.PropertyTest):
    settings = SEALED


class Encryption(CareTest):
    settings = SEALED

    def setUp(self):
        super().setUp()
        self.objects = os.path.join(self.cloud.data, "objects")

    def stop(self):
        for process in self.cloud.processes:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        self.cloud.processes = []

    def on_disk(self):
        text = b""
        for path in glob.glob(os.path.join(self.objects, "**"), recursive=True):
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    text += file.read()
        return text

    @in_files
    def test_nothing_of_an_object_lies_plainly_on_the_disk(self):
        word = os.urandom(12).hex()
        for size in (3000, 300000):
            body = (word * (size // len(word) + 1))[:size].encode()
            name = "o-%d" % size
            self.put(name, body, headers={"X-Object-Meta-Word": word})
            self.swift("POST", "%s/%s" % (self.container, name), headers={"X-Object-Meta-Word": word + "-2"})
            self.put("copy-%d" % size, headers={"X-Copy-From": "/%s/%s" % (self.container, name), "Content-Length": "0"})
            for shown in (name, "copy-%d" % size):
                headers, answer = self.swift("GET", "%s/%s" % (self.container, shown))
                self.assertEqual((answer, headers["ETag"], headers["X-Object-Meta-Word"]),
                                 (body, hashlib.md5(body).hexdigest(), word + "-2"))
                for first, last in ((0, 0), (1, 17), (2999 % size, size - 1), (65530, 65550)):
                    if first < size:
                        answer = self.swift("GET", "%s/%s" % (self.container, shown), expect=206,
                                            headers={"Range": "bytes=%d-%d" % (first, last)})[1]
                        self.assertEqual(answer, body[first:last + 1])
            row = next(r for r in self.swift("GET", self.container + "?format=json")[1] if r["name"] == name)
            self.assertEqual((row["hash"], row["bytes"]), (hashlib.md5(body).hexdigest(), size))
            disk = self.on_disk()
            self.assertNotIn(word.encode(), disk)
            self.assertNotIn(hashlib.md5(body).hexdigest().encode(), disk)
        self.assertIn(self.container.encode(), disk)

    @kept
    def test_root_keys_change_and_are_needed(self):
        keys = os.path.join(self.cloud.data, "api", "object-keys")
        self.put("old", b"old bytes", headers={"X-Object-Meta-Age": "old"})
        self.put("old-large", b"x" * 100000)
        with open(keys) as file:
            first = file.read()
        self.assertEqual(os.stat(keys).st_mode & 0o777, 0o600)
        self.stop()
        with open(keys, "a") as file:
            file.write("2 %s\n" % os.urandom(32).hex())
        self.cloud.restart()
        self.put("new", b"new bytes")
        self.assertEqual(self.swift("GET", self.container + "/old")[1], b"old bytes")
        self.assertEqual(self.swift("GET", self.container + "/old-large")[1], b"x" * 100000)
        self.stop()
        with open(keys) as file:
            both = file.read()
        with open(keys, "w") as file:
            file.write(both[len(first):])
        self.cloud.restart()
        self.assertEqual(self.swift("GET", self.container + "/new")[1], b"new bytes")
        for name in ("old", "old-large"):
            self.swift("GET", "%s/%s" % (self.container, name), expect=503)
            self.swift("POST", "%s/%s" % (self.container, name), headers={"X-Object-Meta-A": "b"}, expect=503)
        self.stop()
        with open(keys, "w") as file:
            file.write(both)
        self.cloud.restart()
        headers, answer = self.swift("GET", self.container + "/old")
        self.assertEqual((answer, headers["X-Object-Meta-Age"]), (b"old bytes", "old"))
