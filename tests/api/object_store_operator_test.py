# SPDX-License-Identifier: Apache-2.0
"""What an operator configures of the object store: storage policies, limits on how often, what is told without a token."""
import os
import time

from object_store_test import ObjectStoreTest


class Policies(ObjectStoreTest):
    settings = ("storage_policy:0.name=gold", "storage_policy:0.aliases=yellow, orange",
                "storage_policy:3.name=silver", "storage_policy:3.default=yes",
                "storage_policy:7.name=lead", "storage_policy:7.deprecated=yes")

    def test_info_names_those_that_take_containers(self):
        _, _, info = self.cloud.request("GET", "/info")
        self.assertEqual(info["swift"]["policies"], [{"name": "gold", "aliases": "gold, yellow, orange"},
                                                     {"name": "silver", "aliases": "silver", "default": True}])

    def test_a_container_keeps_its_policy(self):
        self.assertEqual(self.swift("HEAD", self.container)[0]["X-Storage-Policy"], "silver")
        named = self.container + "-named"
        self.swift("PUT", named, headers={"X-Storage-Policy": "YELLOW"}, expect=201)
        for method in ("HEAD", "GET"):
            self.assertEqual(self.swift(method, named)[0]["X-Storage-Policy"], "gold")
        self.swift("PUT", named, headers={"X-Storage-Policy": "gold"}, expect=202)
        self.swift("PUT", named, expect=202)
        self.swift("PUT", named, headers={"X-Storage-Policy": "silver", "X-Container-Meta-A": "b"}, expect=409)
        self.assertNotIn("X-Container-Meta-A", self.swift("HEAD", named)[0])
        for wrong in ("lead", "none", "3"):
            self.swift("PUT", self.container + "-wrong", headers={"X-Storage-Policy": wrong}, expect=400)
        self.swift("HEAD", self.container + "-wrong", expect=404)

    def test_the_account_counts_each(self):
        def counters(policy):
            headers, _ = self.swift("HEAD")
            return [int(headers.get("X-Account-Storage-Policy-%s-%s" % (policy, what), 0))
                    for what in ("Container-Count", "Object-Count", "Bytes-Used")]

        silver, gold = counters("silver"), counters("gold")
        self.put("o", b"123")
        self.swift("PUT", self.container + "-gold", headers={"X-Storage-Policy": "gold"})
        self.swift("PUT", self.container + "-gold/o", b"12345")
        self.assertEqual([now - was for now, was in zip(counters("silver"), silver)], [0, 1, 3])
        self.assertEqual([now - was for now, was in zip(counters("gold"), gold)], [1, 1, 5])
        self.assertEqual(counters("lead"), [0, 0, 0])


class OnePolicy(ObjectStoreTest):
    def test_it_is_called_policy_0(self):
        self.assertEqual(self.swift("HEAD", self.container)[0]["X-Storage-Policy"], "Policy-0")
        info = self.cloud.request("GET", "/info")[2]
        self.assertEqual(info["swift"]["policies"], [{"name": "Policy-0", "aliases": "Policy-0", "default": True}])
        self.assertNotIn("ratelimit", info)
        self.assertGreaterEqual(int(self.swift("HEAD")[0]["X-Account-Storage-Policy-Policy-0-Container-Count"]), 1)

    def test_places_are_not_told(self):
        self.assertEqual(self.cloud.request("GET", "/endpoints/v1/a", token="")[0], 404)


class Limits(ObjectStoreTest):
    settings = ("ratelimit.container_ratelimit_2=1", "ratelimit.container_ratelimit_4=0.5",
                "ratelimit.container_listing_ratelimit_1=1", "ratelimit.max_sleep_time_seconds=0.5",
                "ratelimit.rate_buffer_seconds=0")

    def statuses(self, count, method, path, body=None):
        return [self.cloud.request(method, "%s/%s" % (self.account, path), body)[0] for _ in range(count)]

    def test_info(self):
        self.assertEqual(self.cloud.request("GET", "/info")[2]["ratelimit"], {
            "account_ratelimit": 0, "max_sleep_time_seconds": 0.5, "container_ratelimits": [[2, 1], [4, 0.5]],
            "container_listing_ratelimits": [[1, 1]]})

    def test_changes_of_a_container_with_many_objects(self):
        self.put("a")
        self.assertEqual(self.statuses(5, "PUT", self.container + "/a", b"x"), [201] * 5)
        self.put("b")
        found = self.statuses(4, "PUT", self.container + "/a", b"x" * 100000)
        self.assertEqual((found[0], set(found[1:])), (201, {498}))
        self.assertEqual(self.statuses(3, "HEAD", self.container + "/a"), [200] * 3)
        time.sleep(2.1)
        self.assertEqual(self.statuses(1, "DELETE", self.container + "/a"), [204])

    def test_lists(self):
        self.assertEqual(set(self.statuses(4, "GET", self.container)), {200})
        self.put("a")
        found = self.statuses(4, "GET", self.container)
        self.assertEqual((found[0], set(found[1:])), (200, {498}))


class Waits(ObjectStoreTest):
    settings = ("ratelimit.account_ratelimit=2", "ratelimit.account_blacklist=AUTH_refused")

    def test_containers_wait_for_their_turn(self):
        begin = time.monotonic()
        for number in range(4):
            self.swift("PUT", "%s-%d" % (self.container, number), expect=201)
        self.assertGreater(time.monotonic() - begin, 1.4)
        begin = time.monotonic()
        for number in range(20):
            self.put("o")
        self.assertEqual(self.cloud.request("GET", "/object-store/v1/AUTH_refused")[0], 403)
        self.assertEqual(self.cloud.request("GET", "/info")[2]["ratelimit"]["account_ratelimit"], 2)


class Told(ObjectStoreTest):
    settings = ("object_store.list_endpoints=true", "object_store.healthcheck_disable_path=/tmp/haneul-test-none-%d" % os.getpid())

    def test_places(self):
        account = self.account.split("/")[-1]
        for version in ("", "v1/", "1.0/"):
            for path in (account, account + "/c", account + "/c/o/p%20q"):
                status, _, answer = self.cloud.request("GET", "/endpoints/" + version + path, token="")
                self.assertEqual((status, answer), (200, ["%s/object-store/v1/%s" % (self.cloud.url, path)]))
        self.put("o", b"bytes")
        path = "%s/%s/o" % (account, self.container)
        answer = self.cloud.request("GET", "/endpoints/v2/" + path, token="")[2]
        self.assertEqual(answer["headers"], {"X-Backend-Storage-Policy-Index": "0"})
        self.assertEqual(self.cloud.request("GET", answer["endpoints"][0])[2], b"bytes")
        answer = self.cloud.request("GET", "/endpoints/v2/" + account, token="")[2]
        self.assertEqual(answer["headers"], {})
        for wrong in ("v3/" + account, "v1/", "v1//c"):
            self.assertEqual(self.cloud.request("GET", "/endpoints/" + wrong, token="")[0], 400)
        self.assertEqual(self.cloud.request("POST", "/endpoints/v1/" + account, {})[0], 405)

    def test_health(self):
        file = dict(setting.split("=") for setting in self.settings)["object_store.healthcheck_disable_path"]
        for path in ("/healthcheck", "/object-store/healthcheck"):
            self.assertEqual(self.cloud.request("GET", path, token="")[::2], (200, b"OK"))
        with open(file, "w"):
            pass
        self.addCleanup(os.unlink, file)
        for path in ("/healthcheck", "/object-store/healthcheck"):
            self.assertEqual(self.cloud.request("GET", path, token="")[0], 503)

    def test_preflight(self):
        def preflight(path, method, origin="http://a.example", **more):
            return self.cloud.request("OPTIONS", self.account + path, None, "", {
                "Origin": origin, "Access-Control-Request-Method": method, **more})

        path = "/" + self.container
        self.assertEqual(preflight("", "GET")[0], 200)
        self.assertEqual(preflight(path, "GET")[0], 401)
        self.swift("POST", self.container, headers={"X-Container-Meta-Access-Control-Allow-Origin": "http://a.example *",
                                                    "X-Container-Meta-Access-Control-Expose-Headers": "X-One x-two"})
        status, headers, _ = preflight(path, "GET")
        self.assertEqual((status, headers["Access-Control-Allow-Origin"], headers["Vary"]), (200, "http://a.example", "Origin"))
        for wrong in ("ET", "PATCH", "GET,"):
            self.assertEqual(preflight(path, wrong)[0], 401)
        headers, _ = self.swift("HEAD", self.container, headers={"Origin": "http://a.example"})
        self.assertTrue(headers["Access-Control-Expose-Headers"].endswith(", x-one, x-two"))
        self.swift("POST", self.container, headers={"X-Container-Meta-Access-Control-Allow-Origin": " * "})
        headers = preflight(path, "GET", **{"Access-Control-Request-Headers": "x-y"})[1]
        self.assertEqual((headers["Access-Control-Allow-Origin"], headers["Vary"]), ("*", "Access-Control-Request-Headers"))
