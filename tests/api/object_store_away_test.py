# SPDX-License-Identifier: Apache-2.0
"""What keeps the objects does not answer: requests of objects end with 503 after a while, and nobody else waits for them."""
import concurrent.futures
import os
import signal
import tempfile
import time
import unittest

from cloud import CloudTest

WAIT = 4                # seconds, as is set
CEPH = os.environ.get("HANEUL_CEPH_CONF")


class Away:
    clients = 50

    def objects(self, method, path, body=None):
        """(status, seconds)"""
        begin = time.monotonic()
        status, _, text = self.cloud.request(method, self.account + path, body, headers={
            "Accept": "*/*", "Content-Type": "application/octet-stream"})
        return status, time.monotonic() - begin, text

    def at_once(self, method, path, body=None, expect=200):
        begin = time.monotonic()
        self.assertEqual(self.cloud.request(method, path, body)[0], expect)
        self.assertLess(time.monotonic() - begin, WAIT / 2)

    def test_only_requests_of_objects_wait_and_not_for_ever(self):
        token = self.cloud.request("GET", "/identity/v3/auth/tokens", headers={"X-Subject-Token": self.cloud.token()})[2]["token"]
        self.account = "/object-store/v1/AUTH_%s" % token["project"]["id"]
        self.assertEqual(self.objects("PUT", "/c")[0], 201)
        large = os.urandom(300000)
        for name, body in (("small", b"small"), ("large", large)):
            self.assertEqual(self.objects("PUT", "/c/" + name, body)[0], 201)
        ways = (("GET", "/c/small", None), ("PUT", "/c/new%d", b"new"), ("GET", "/c", None), ("PUT", "/c/large%d", large),
                ("GET", "/c/large", None), ("DELETE", "/c/small", None), ("HEAD", "", None))
        self.stop()
        try:
            with concurrent.futures.ThreadPoolExecutor(self.clients) as pool:
                waiting = [pool.submit(self.objects, method, path % n if "%d" in path else path, body)
                           for n, (method, path, body) in enumerate((ways * self.clients)[:self.clients])]
                time.sleep(1)
                self.assertFalse([one for one in waiting if one.done()])
                for _ in range(10):
                    self.at_once("GET", "/identity/v3", expect=200)
                    self.at_once("GET", "/identity/v3/projects")
                    self.at_once("POST", "/identity/v3/regions", {"region": {}}, expect=201)
                self.assertFalse([one for one in waiting if one.done()])
                ends = [one.result()[:2] for one in waiting]
        finally:
            self.go_on()
        self.assertEqual({status for status, _ in ends}, {503})
        self.assertLess(max(seconds for _, seconds in ends), 4 * WAIT)
        self.cloud.until(lambda: self.objects("GET", "/c/large")[0] == 200, what="objects again")
        self.cloud.until(lambda: self.objects("GET", "/c/large")[2] == large, what="the object whole")
        self.cloud.until(lambda: self.objects("PUT", "/c/after", large)[0] == 201, what="an object taken again")


class FakeAway(Away, CloudTest):
    file = os.path.join(tempfile.gettempdir(), "haneul-stop-%s" % os.urandom(6).hex())
    settings = ("object_store.driver=fake", "object_store.wait_seconds=%d" % WAIT, "object_store.fake_stop_file=" + file)

    def stop(self):
        with open(self.file, "w"):
            pass

    def go_on(self):
        os.unlink(self.file)


@unittest.skipUnless(CEPH, "needs tests/real/with-ceph")
class CephAway(Away, CloudTest):
    settings = ("object_store.driver=rados", "object_store.rados_conf=%s" % CEPH, "object_store.rados_namespace={cloud}",
                "object_store.wait_seconds=%d" % WAIT)

    def disk(self):
        with open(os.path.join(os.path.dirname(CEPH), "run", "osd.pid")) as file:
            return int(file.read())

    def stop(self):
        os.kill(self.disk(), signal.SIGSTOP)

    def go_on(self):
        os.kill(self.disk(), signal.SIGCONT)


if __name__ == "__main__":
    unittest.main()
