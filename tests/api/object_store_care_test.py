# SPDX-License-Identifier: Apache-2.0
"""The object store's care: what the audit finds and mends, and a full disk."""
import glob
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import unittest

from cloud import in_files
from object_store_test import ObjectStoreTest


class CareTest(ObjectStoreTest):
    def blobs(self):
        return sorted(f for f in glob.glob(os.path.join(self.cloud.data, "objects", "blobs", "*", "*")))

    def break_index(self, statement, *arguments):
        """Changes the index of a stopped store behind its back; the number of rows that changed."""
        for process in self.cloud.processes:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        self.cloud.processes = []
        changed = 0
        for path in glob.glob(os.path.join(self.cloud.data, "objects", "index-*.db")):
            database = sqlite3.connect(path)
            changed += database.execute(statement, arguments).rowcount
            database.commit()
            database.close()
        self.cloud.restart()
        return changed

    def found_and_mended(self, invariant, what):
        code, text = self.cloud.audit()
        self.assertEqual(code, 1, text)
        self.assertRegex(text, "%s.*%s" % (invariant, what))
        self.cloud.audit("--fix")
        code, text = self.cloud.audit()
        self.assertEqual(code, 0, text)


@in_files
class Audit(CareTest):
    settings = ("object_store.scrub_seconds=3600",)

    def test_blobs_without_an_object_are_found_and_removed(self):
        self.put("o", os.urandom(100000))
        kept = self.blobs()
        for folder in ("abc", "new"):
            name = "abc" + os.urandom(15).hex()[:29]
            blobs = os.path.join(self.cloud.data, "objects", "blobs")
            os.makedirs(os.path.join(blobs, folder), exist_ok=True)
            os.chown(os.path.join(blobs, folder), os.stat(blobs).st_uid, os.stat(blobs).st_gid)
            with open(os.path.join(blobs, folder, name), "wb") as file:
                file.write(b"x" * 100)
            self.found_and_mended("blob-object", name)
            self.assertEqual(self.blobs(), kept)

    def test_an_upload_under_way_is_no_orphan(self):
        host, port = self.cloud.listen.split(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(("PUT %s/%s/o HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\nContent-Length: 1000000\r\n\r\n"
                            % (self.account, self.container, self.cloud.token())).encode() + b"x" * 600000)
            self.cloud.until(self.blobs)
            self.assertEqual(self.cloud.audit("--fix")[0], 0)
            client.sendall(b"x" * 400000)
            self.assertIn(b" 201 ", client.recv(4096).split(b"\r\n")[0])
        self.assertEqual(self.swift("GET", self.container + "/o")[1], b"x" * 1000000)

    def test_a_blob_that_cannot_be_removed_holds_no_other(self):
        """Removals that a crash left undone: the first cannot be done, as a folder with a file is in its place."""
        blobs = os.path.join(self.cloud.data, "objects", "blobs")
        os.makedirs(os.path.join(blobs, "000", "0" * 32, "in-the-way"))
        self.addCleanup(lambda: shutil.rmtree(os.path.join(blobs, "000"), ignore_errors=True))
        removable = [os.path.join(blobs, folder, folder * 10 + "00") for folder in ("111", "fff")]
        for path in removable:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(b"x" * 100)
        for path in [os.path.join(blobs, "000"), *glob.glob(os.path.join(blobs, "???")), *removable]:
            os.chown(path, os.stat(blobs).st_uid, os.stat(blobs).st_gid)
        names = ", ".join("('%s')" % os.path.basename(path) for path in removable)
        self.break_index("INSERT INTO garbage VALUES ('%s'), %s" % ("0" * 32, names))
        self.cloud.until(lambda: not any(map(os.path.exists, removable)))
        self.put("o", os.urandom(100000))
        code, text = self.cloud.audit()
        self.assertEqual(code, 1, text)
        self.assertRegex(text, "blob-object.*" + "0" * 32)
        self.assertRegex(self.cloud.log(), "blob 0{32} belongs to no object .*[Dd]irectory")
        count_noted = "UPDATE garbage SET place = place"
        self.assertGreaterEqual(self.break_index(count_noted), 1)
        shutil.rmtree(os.path.join(blobs, "000"))
        self.cloud.restart()
        self.swift("DELETE", self.container + "/o")
        self.cloud.until(lambda: self.break_index(count_noted) == 0)
        self.assertEqual(self.cloud.audit()[0], 0)

    def test_wrong_counters_are_found_and_mended(self):
        self.put("o", b"12345")
        for column in ("objects", "bytes", "old_objects", "old_bytes"):
            self.assertEqual(self.break_index("UPDATE container SET %s = %s + 7 WHERE name = ?" % (column, column),
                                              self.container), 1)
            self.found_and_mended("object-counters", self.container)
        headers, _ = self.swift("HEAD", self.container)
        self.assertEqual((headers["X-Container-Object-Count"], headers["X-Container-Bytes-Used"]), ("1", "5"))
        for column in ("containers", "objects", "bytes"):
            before = self.swift("HEAD")[0]
            self.assertGreaterEqual(self.break_index("UPDATE account SET %s = %s + 7" % (column, column)), 1)
            self.found_and_mended("object-counters", "AUTH_")
            after = self.swift("HEAD")[0]
            for header in ("X-Account-Container-Count", "X-Account-Object-Count", "X-Account-Bytes-Used"):
                self.assertEqual(before[header], after[header])

    def test_damage_in_the_index_is_never_served(self):
        body = os.urandom(3000)
        self.put("o", body)
        self.assertGreaterEqual(self.break_index("UPDATE data SET bytes = CAST(substr(bytes, 1, 99) || x'00' ||"
                                                 " substr(bytes, 101) AS BLOB) WHERE length(bytes) = 3000"), 1)
        self.swift("GET", self.container + "/o", expect=503)


@in_files
class Scrubber(CareTest):
    settings = ("object_store.scrub_seconds=1",)

    def test_damage_is_reported_until_the_object_is_replaced(self):
        for harm in ("flip", "cut", "lose"):
            before = set(self.blobs())
            self.put("o", os.urandom(200000))
            blob, = set(self.blobs()) - before
            if harm == "lose":
                os.unlink(blob)
            else:
                with open(blob, "r+b") as file:
                    file.seek(70000)
                    byte = file.read(1)
                    file.seek(70000)
                    file.write(bytes([byte[0] ^ 0x40])) if harm == "flip" else file.truncate()
            self.cloud.until(lambda: "object-whole" in self.cloud.audit()[1])
            self.assertIn(self.container + "/o", self.cloud.audit()[1])
            self.put("o", b"new")
            self.cloud.until(lambda: self.cloud.audit()[0] == 0)


class FullDiskTest(CareTest):
    """The store is on a small disk of its own."""

    def setUp(self):
        self.folder = os.path.join(self.cloud.data, "objects")
        for process in self.cloud.processes:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        self.cloud.processes = []
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=777", "none", self.folder], check=True)
        self.cloud.restart()
        super().setUp()

    def tearDown(self):
        for process in self.cloud.processes:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        self.cloud.processes = []
        subprocess.run(["umount", "-l", self.folder], check=True)
        self.cloud.restart()

    def fill(self):
        with open(os.path.join(self.folder, "ballast"), "wb", buffering=0) as file:
            for block in (1 << 20, 4096):
                try:
                    while file.write(b"\0" * block):
                        pass
                except OSError:
                    pass


@in_files
@unittest.skipIf(os.geteuid() != 0, "mounting a small disk needs root")
class FullDisk(FullDiskTest):
    def test_is_507_and_loses_nothing(self):
        now = {"small": os.urandom(1000), "large": os.urandom(300000), "gone": os.urandom(200000)}
        for name, body in now.items():
            self.put(name, body)
        self.fill()
        kept = self.blobs()
        refused = 0
        for round in range(3):
            for name, size in (("large", 400000), ("new-large", 4 << 20), ("small", 60000), ("new", 50000), ("new-%d" % round, 9)):
                body = os.urandom(size)
                _, text = self.swift("PUT", "%s/%s" % (self.container, name), body, (201, 507))
                if text and b"507" in bytes(text) or text and b"nsufficient" in bytes(text):
                    refused += 1
                else:
                    now[name] = body        # there was a little room in the log of the index
                    self.assertLessEqual(size, 60000)
        self.assertGreater(refused, 6)
        self.swift("PUT", self.container + "-2", expect=(201, 507))
        self.swift("POST", self.container + "/small", headers={"X-Object-Meta-A": "b" * 200}, expect=(202, 507))
        for name, body in now.items():
            self.assertEqual(self.swift("GET", "%s/%s" % (self.container, name))[1], body)
        self.assertEqual([b for b in self.blobs() if b not in kept], [])
        self.cloud.restart()
        for name, body in now.items():
            self.assertEqual(self.swift("GET", "%s/%s" % (self.container, name))[1], body)
        os.unlink(os.path.join(self.folder, "ballast"))
        body = os.urandom(1 << 20)
        self.put("after", body)
        self.swift("DELETE", self.container + "/gone", expect=204)
        del now["gone"]
        now["after"] = body
        self.assertEqual(sorted(self.names()), sorted(now))
        headers, _ = self.swift("HEAD", self.container)
        self.assertEqual((int(headers["X-Container-Object-Count"]), int(headers["X-Container-Bytes-Used"])),
                         (len(now), sum(map(len, now.values()))))
        self.assertEqual(self.cloud.audit()[0], 0)
        self.cloud.until(lambda: len(self.blobs()) == 2)
