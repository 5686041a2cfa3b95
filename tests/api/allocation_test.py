# SPDX-License-Identifier: Apache-2.0
"""Memory that SQLite does not get: each allocation of a handler fails once, the first, then the second and so on to the
last. A request either does all that it should or answers 5xx and has done nothing; the process lives on."""
import json
import os
import socket
import unittest
import uuid

from cloud import CloudTest

IDENTITY, NETWORK, IMAGE, COMPUTE, VOLUME = "/identity/v3", "/network/v2.0", "/image/v2", "/compute/v2.1", "/volume/v3"
MAX_TRIES = 5000


def shape(value):
    """What two answers to the same request have in common: all but ids, times and made up names."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items() if key != "provider:segmentation_id"}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return "text" if isinstance(value, str) else value


@unittest.skipIf(os.environ.get("HANEUL_TEST_PG"), "PostgreSQL has memory of its own")
class Allocations(CloudTest):
    @classmethod
    def setUpClass(cls):
        os.environ["HANEUL_LIBRARY_FAIL_AT"] = "count"
        try:
            super().setUpClass()
        finally:
            del os.environ["HANEUL_LIBRARY_FAIL_AT"]

    def arm(self, n):
        """The n-th from now on fails, none with 0; returns how many there were until now."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(os.path.join(self.cloud.data, "run", "api.ctl"))
            peer.sendall(b"fail %d\n" % n)
            text = b""
            while part := peer.recv(65536):
                text += part
        return int(text.split()[-1])

    def each(self, prepare, expect):
        """Yields (status, body) of the request that prepare() returns, once for each allocation that can fail in it."""
        failed = 0
        for n in range(1, MAX_TRIES):
            request = prepare()
            target = self.arm(n) + n
            status, _, body = self.cloud.request(*request)
            reached = self.arm(0) >= target
            self.assertTrue(status in expect or status >= 500, "the %d. allocation of %s: %s %s" % (n, request, status, body))
            failed += status >= 500
            yield status, body
            if not reached:
                self.assertIn(status, expect)
                self.assertGreater(failed, 0, "nothing failed in %d tries" % n)
                return
        self.fail("%d allocations are not all" % MAX_TRIES)

    def reads(self, path, headers=None):
        wanted = self.ask("GET", path, headers=headers)
        for status, body in self.each(lambda: ("GET", path, None, None, headers), (200,)):
            if status == 200:
                self.assertEqual(wanted, body)

    def makes(self, path, key, fields, listed=None, expect=(200, 201, 202)):
        """Creates and deletes rows of that kind; the name finds them."""
        names = []

        def body():
            names.append("n" + uuid.uuid4().hex)
            row = dict(fields, name=names[-1])
            return ("POST", path, {key: row} if key else row)

        def found(name):
            rows = next(value for value in self.ask("GET", "%s?name=%s" % (listed or path, name)).values() if isinstance(value, list))
            rows = [row for row in rows if row.get("keypair", row)["name"] == name]
            return rows[0] if rows else None
        first = body()
        answer = self.ask(*first, expect)
        shown = shape(found(names[-1])), shape(answer)
        ids = []
        for status, answer in self.each(body, expect):
            row = found(names[-1])
            if status < 500:
                self.assertEqual(shown, (shape(row), shape(answer)))
                ids.append((answer[key] if key else answer)["id"])
            else:
                self.assertIsNone(row, "it answered %s and is there: %s" % (status, answer))
        ids += [found(names[0])["id"]]
        self.removes(path, ids.pop(), body, key, found, names)
        for one in ids:
            self.ask("DELETE", "%s/%s" % (path, one), expect=(200, 202, 204))

    def removes(self, path, one, body, key, found, names):
        state = {"id": one, "name": names[0]}

        def request():
            if not found(state["name"]):
                answer = self.ask(*body())
                state.update(id=(answer[key] if key else answer)["id"], name=names[-1])
            return ("DELETE", "%s/%s" % (path, state["id"]))
        for status, answer in self.each(request, (200, 202, 204)):
            row = found(state["name"])
            self.assertEqual(status >= 500, row is not None, "%s %s %s" % (status, answer, row))

    def test_reading(self):
        self.ask("POST", NETWORK + "/networks", {"network": {"name": "read"}})
        for path in (IDENTITY + "/users", IDENTITY + "/role_assignments?include_names", NETWORK + "/networks", NETWORK + "/security-groups",
                     IMAGE + "/images", VOLUME + "/types", COMPUTE + "/limits"):
            with self.subTest(path):
                self.reads(path)

    def test_logging_in(self):
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": {
            "name": "admin", "domain": {"id": "default"}, "password": self.cloud.password()}}},
            "scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}}
        wanted = shape(self.ask("POST", IDENTITY + "/auth/tokens", body, token=""))
        for status, answer in self.each(lambda: ("POST", IDENTITY + "/auth/tokens", body, ""), (201,)):
            if status == 201:
                self.assertEqual(wanted, shape(answer))

    def test_making_and_removing(self):
        for path, key, fields in ((IDENTITY + "/projects", "project", {}), (IDENTITY + "/users", "user", {"password": "x"}),
                                  (NETWORK + "/networks", "network", {}), (NETWORK + "/security-groups", "security_group", {}),
                                  (NETWORK + "/routers", "router", {}), (IMAGE + "/images", None, {"disk_format": "raw", "container_format": "bare"}),
                                  (VOLUME + "/types", "volume_type", {"extra_specs": {"a": "b"}})):
            with self.subTest(path):
                self.makes(path, key, fields)
