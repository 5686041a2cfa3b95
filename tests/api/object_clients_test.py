# SPDX-License-Identifier: Apache-2.0
"""The object store by its own clients: the object commands of `openstack`, and a tree up and down with `swift`."""
import filecmp
import json
import os
import subprocess
import tempfile
import unittest

from cloud import CloudTest


class ObjectClients(CloudTest):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="object-clients-")
        self.addCleanup(self.folder.cleanup)

    def run_client(self, *command):
        environment = dict(os.environ, OS_AUTH_URL=self.cloud.url + "/identity/v3", OS_IDENTITY_API_VERSION="3",
                           OS_USERNAME="admin", OS_PASSWORD=self.cloud.password(), OS_PROJECT_NAME="admin",
                           OS_USER_DOMAIN_NAME="Default", OS_PROJECT_DOMAIN_NAME="Default", OS_REGION_NAME="RegionOne",
                           HOME=self.folder.name)
        done = subprocess.run(command, env=environment, cwd=self.folder.name, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        self.assertEqual(done.returncode, 0, "%s: %s%s" % (" ".join(command), done.stdout, done.stderr))
        return done.stdout

    def openstack(self, *command, shown=False):
        answer = self.run_client("/usr/bin/openstack", *command, *(["-f", "json"] if shown else []))
        return json.loads(answer) if shown else answer

    def write(self, name, data):
        path = os.path.join(self.folder.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def test_openstack_commands(self):
        self.openstack("container", "create", "box")
        self.openstack("container", "set", "--property", "color=blue", "box")
        self.assertEqual(self.openstack("container", "show", "box", shown=True)["properties"]["Color"], "blue")
        self.openstack("container", "unset", "--property", "color", "box")
        self.assertFalse(self.openstack("container", "show", "box", shown=True).get("properties"))
        self.assertIn("box", [row["Name"] for row in self.openstack("container", "list", shown=True)])
        self.write("a.txt", b"first")
        self.openstack("object", "create", "box", "a.txt")
        self.openstack("object", "set", "--property", "kind=x", "box", "a.txt")
        shown = self.openstack("object", "show", "box", "a.txt", shown=True)
        self.assertEqual((str(shown["content-length"]), shown["properties"]["Kind"]), ("5", "x"))
        self.openstack("object", "unset", "--property", "kind", "box", "a.txt")
        self.assertFalse(self.openstack("object", "show", "box", "a.txt", shown=True).get("properties"))
        self.assertEqual([row["Name"] for row in self.openstack("object", "list", "box", shown=True)], ["a.txt"])
        self.openstack("object", "save", "--file", "back.txt", "box", "a.txt")
        with open(os.path.join(self.folder.name, "back.txt"), "rb") as file:
            self.assertEqual(file.read(), b"first")
        os.remove(os.path.join(self.folder.name, "a.txt"))
        self.openstack("container", "save", "box")
        with open(os.path.join(self.folder.name, "a.txt"), "rb") as file:
            self.assertEqual(file.read(), b"first")
        self.openstack("object", "store", "account", "set", "--property", "owner=me")
        self.assertEqual(self.openstack("object", "store", "account", "show", shown=True)["properties"]["Owner"], "me")
        self.openstack("object", "store", "account", "unset", "--property", "owner")
        self.assertFalse(self.openstack("object", "store", "account", "show", shown=True).get("properties"))
        self.openstack("object", "delete", "box", "a.txt")
        self.openstack("container", "delete", "box")
        self.assertNotIn("box", [row["Name"] for row in self.openstack("container", "list", shown=True)])

    def test_tree_with_segments(self):
        """Files above 1 MiB go up as static large objects; everything comes back as it was."""
        sizes = {"tree/small": 10, "tree/empty": 0, "tree/deep/er/one": 70000, "tree/big": 3 * (1 << 20) + 5,
                 "tree/deep/exact": 2 << 20, "tree/sp ace+é": 100}
        for name, size in sizes.items():
            self.write(name, os.urandom(size))
        self.run_client("/usr/bin/swift", "upload", "--use-slo", "--segment-size", str(1 << 20), "up", "tree")
        listed = self.run_client("/usr/bin/swift", "list", "up").splitlines()
        self.assertEqual(sorted(listed), sorted(sizes))
        segments = self.run_client("/usr/bin/swift", "list", "up_segments").splitlines()
        self.assertEqual(len(segments), 4 + 2)
        self.run_client("/usr/bin/swift", "download", "up", "--output-dir", "down")
        for name in sizes:
            self.assertTrue(filecmp.cmp(os.path.join(self.folder.name, name), os.path.join(self.folder.name, "down", name),
                                        shallow=False), name)
        self.run_client("/usr/bin/swift", "delete", "up")
        self.assertEqual(self.run_client("/usr/bin/swift", "list", "up_segments"), "")


if __name__ == "__main__":
    unittest.main()
