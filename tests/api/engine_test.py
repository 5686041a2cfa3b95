# SPDX-License-Identifier: Apache-2.0
"""What the engine does for every service: bodies, pages, versions, errors, statements."""
import json
import re
import unittest
import uuid

from cloud import Cloud

PLACEMENT = {"OpenStack-API-Version": "placement 1.36"}


class EngineTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = Cloud().start()

    @classmethod
    def tearDownClass(cls):
        codes = cls.cloud.stop()
        assert codes == [0], "the API ended with %s" % codes

    def send(self, body, status, says=None, path="/identity/v3/regions", **more):
        if isinstance(body, str):
            body = body.encode()
        got, headers, answer = self.cloud.request("POST", path, body, headers={"Content-Type": "application/json"}, **more)
        self.assertEqual(status, got, answer)
        if says:
            self.assertIn(says, json.dumps(answer))
        return answer

    # ---- bodies ----

    def test_a_body_that_is_no_json_is_400(self):
        self.send('{"region": ', 400, "Malformed request body")
        self.send("[]", 400)
        self.send('"text"', 400)

    def test_hostile_json_is_400(self):
        self.send('{"region": {"id": "a", "id": "b"}}', 400, "there twice")
        self.send('{"region": {"description": "\\u0000"}}', 400, "NUL")
        self.send(b'{"region": {"description": "\xff\xfe"}}', 400, "UTF-8")
        self.send('{"region": {"description": "\\ud800"}}', 400, "surrogate")
        self.send("[" * 10000, 400, "too deep")
        self.send('{"region": {"extra": %s}}' % ("[" * 70 + "]" * 70), 400, "too deep")

    def test_a_body_over_the_bound_is_413(self):
        self.send('{"region": {"description": "%s"}}' % ("x" * (2 << 20)), 413)

    def test_a_wrong_value_names_its_field(self):
        self.send({"region": {"description": 7}}, 400, "description")
        self.send({"region": {"id": "x" * 300}}, 400, "id")
        self.send({"service": {"type": None}}, 400, "type", path="/identity/v3/services")
        self.send({"service": {"name": "without a type"}}, 400, "type", path="/identity/v3/services")
        self.send({"service": {"type": "a", "enabled": "maybe"}}, 400, "enabled", path="/identity/v3/services")
        self.send({"other": {}}, 400, "region")

    def test_a_control_character_in_a_value_is_400(self):
        self.send('{"service": {"type": "a\\u0001b"}}', 400, "control character", path="/identity/v3/services")

    def test_what_was_refused_left_nothing(self):
        before = self.cloud.request("GET", "/identity/v3/services")[2]["services"]
        self.send({"service": {"type": "x", "enabled": 7}}, 400, path="/identity/v3/services")
        self.assertEqual(before, self.cloud.request("GET", "/identity/v3/services")[2]["services"])

    def test_a_duplicate_is_409(self):
        name = "twice-" + uuid.uuid4().hex
        self.send({"project": {"name": name}}, 201, path="/identity/v3/projects")
        self.send({"project": {"name": name}}, 409, path="/identity/v3/projects")

    def test_what_must_be_given_is_not_null(self):
        _, _, made = self.cloud.request("POST", "/compute/v2.1/os-aggregates", {"aggregate": {"name": "null"}})
        self.send({"set_metadata": {"metadata": None}}, 400, "metadata",
                  path="/compute/v2.1/os-aggregates/%s/action" % made["aggregate"]["id"])

    def test_a_choice_is_one_choice(self):
        self.send({"name": "x", "container_format": "bare|ovf"}, 400, "container_format", path="/image/v2/images")

    def test_a_body_that_is_called_something_else_is_refused(self):
        def post(path, media):
            status, _, answer = self.cloud.request("POST", path, b'{"nothing": 1}', headers={"Content-Type": media})
            return status, "Content-Type" in json.dumps(answer)
        for path, status in (("/identity/v3/regions", 400), ("/volume/v3/types", 415), ("/compute/v2.1/flavors", 415)):
            for media in ("text/plain", "application/x-www-form-urlencoded", "text/json5"):
                self.assertEqual((status, True), post(path, media))
            for media in ("application/json; charset=UTF-8", "application/vnd.test+json"):
                self.assertEqual((400, False), post(path, media))

    def test_what_belongs_to_a_project_is_made_for_one(self):
        token = self.cloud.login("admin", self.cloud.password(), system=True)
        for body, path in (({"network": {}}, "networks"), ({"security_group": {"name": "x"}}, "security-groups")):
            self.send(body, 400, "project", path="/network/v2.0/" + path, token=token)

    def test_a_key_out_of_the_path_is_held_to_the_fields_form(self):
        for name in ("%0d%0aX-Evil:%201", "a%09b", "x" * 300):
            status, headers, answer = self.cloud.request("PUT", "/identity/v3/regions/" + name, {"region": {}})
            self.assertEqual(400, status, answer)
            self.assertNotIn("X-Evil", headers)

    # ---- routes ----

    def test_unknown_paths_and_methods(self):
        self.assertEqual(404, self.cloud.request("GET", "/identity/v3/nothing")[0])
        self.assertEqual(404, self.cloud.request("GET", "/nothing")[0])
        self.assertEqual(405, self.cloud.request("PUT", "/identity/v3/users")[0])
        self.assertEqual(200, self.cloud.request("GET", "/identity/v3/users/")[0])

    def test_without_a_token_it_is_401_and_says_where_to_get_one(self):
        status, headers, body = self.cloud.request("GET", "/identity/v3/users", token="")
        self.assertEqual(401, status)
        self.assertIn("Keystone uri=", headers["WWW-Authenticate"])
        self.assertEqual(401, self.cloud.request("GET", "/identity/v3/users", token="gAAAAABnonsense")[0])

    def test_every_answer_has_its_own_request_id(self):
        ids = {self.cloud.request("GET", "/identity/v3")[1]["x-openstack-request-id"] for _ in range(3)}
        self.assertEqual(3, len(ids))
        for each in ids:
            self.assertRegex(each, "^req-[0-9a-f-]{36}$")

    def test_encoded_slashes_and_bad_escapes(self):
        self.assertEqual(404, self.cloud.request("GET", "/identity/v3/regions/a%2Fb")[0])
        for path in ("/identity/v3/regions/a%zz", "/identity/v3/regions/a%00b", "/identity/v3/%ff", "/compute/v2.1/%c0%af",
                     "/network/v2.0/ports/%ff", "/image/v2/images/%ed%a0%80", "/identity/v3/regions?a=%ff", "/image/v2/images?name=%00"):
            self.assertEqual(400, self.cloud.request("GET", path)[0], path)

    # ---- versions ----

    def test_microversions_are_negotiated(self):
        def ask(version):
            return self.cloud.request("GET", "/placement/traits", headers={"OpenStack-API-Version": version})
        self.assertEqual(404, ask("placement 1.5")[0])
        self.assertEqual(200, ask("placement 1.6")[0])
        self.assertEqual(406, ask("placement 1.999")[0])
        self.assertEqual(406, ask("placement 2.0")[0])
        self.assertEqual(400, ask("placement rubbish")[0])
        self.assertEqual(400, ask("placement 1.6 1")[0])
        self.assertEqual(200, ask("placement  1.6 , compute 2.1")[0])
        status, headers, _ = ask("compute 2.1, placement latest")
        self.assertEqual((200, "placement 1.39"), (status, headers["OpenStack-API-Version"]))

    # ---- lists ----

    def services(self, query):
        status, _, body = self.cloud.request("GET", "/identity/v3/projects?" + query)
        self.assertEqual(200, status, body)
        return body

    def test_pages_hold_every_row_once(self):
        tag = uuid.uuid4().hex[:8]
        for n in range(7):
            self.send({"project": {"name": "%s-%d" % (tag, n)}}, 201, path="/identity/v3/projects")
        seen, marker = [], ""
        while True:
            body = self.services("limit=3&name__startswith=%s%s" % (tag, marker))
            seen += [p["name"] for p in body["projects"]]
            if not body["links"]["next"]:
                break
            marker = "&marker=" + re.search("marker=([^&]+)", body["links"]["next"]).group(1)
        self.assertEqual(sorted(seen), ["%s-%d" % (tag, n) for n in range(7)])

    def test_bad_pages_are_400(self):
        self.assertEqual(200, self.cloud.request("GET", "/network/v2.0/networks?limit=" + "9" * 30)[0])
        self.assertEqual(400, self.cloud.request("GET", "/volume/v3/volumes?size=" + "9" * 30)[0])
        self.assertNotIn("runtime error", self.cloud.log())
        for query in ("limit=-1", "limit=x", "limit=0x10", "limit=1%20", "limit=%2B1", "marker=absent", "sort_key=absent"):
            self.assertEqual(400, self.cloud.request("GET", "/identity/v3/projects?" + query)[0], query)

    def test_a_list_makes_the_same_number_of_statements_whatever_its_length(self):
        def statements():
            text = self.cloud.request("GET", "/metrics")[2].decode()
            return int(re.search(r'haneul_statements_total{service="identity"} (\d+)', text).group(1))

        def cost():
            self.cloud.request("GET", "/identity/v3/projects")
            before = statements()
            self.cloud.request("GET", "/identity/v3/projects")
            return statements() - before
        few = cost()
        for _ in range(20):
            self.send({"project": {"name": uuid.uuid4().hex}}, 201, path="/identity/v3/projects")
        self.assertEqual(few, cost())

    # ---- placement, the first service without special cases ----

    def provider(self):
        status, _, body = self.cloud.request("POST", "/placement/resource_providers", {"name": uuid.uuid4().hex},
                                             headers=PLACEMENT)
        self.assertEqual(200, status, body)
        return body["uuid"]

    def test_capacity_is_never_exceeded(self):
        provider = self.provider()
        inventory = {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 4}}}
        status, _, body = self.cloud.request("PUT", "/placement/resource_providers/%s/inventories" % provider, inventory,
                                             headers=PLACEMENT)
        self.assertEqual(200, status, body)

        def allocate(amount):
            return self.cloud.request("PUT", "/placement/allocations/" + str(uuid.uuid4()), {
                "allocations": {provider: {"resources": {"VCPU": amount}}}, "project_id": "p", "user_id": "u",
                "consumer_generation": None}, headers=PLACEMENT)[0]
        self.assertEqual([204, 409, 204, 409], [allocate(3), allocate(2), allocate(1), allocate(1)])
        usages = self.cloud.request("GET", "/placement/resource_providers/%s/usages" % provider, headers=PLACEMENT)[2]
        self.assertEqual({"VCPU": 4}, usages["usages"])

    def test_a_stale_generation_is_409(self):
        provider = self.provider()
        body = {"resource_provider_generation": 5, "traits": []}
        self.assertEqual(409, self.cloud.request("PUT", "/placement/resource_providers/%s/traits" % provider, body,
                                                 headers=PLACEMENT)[0])

    # ---- the cloud's own pages ----

    def test_health_metrics_and_openapi(self):
        self.assertEqual((200, {"status": "ok"}), self.cloud.request("GET", "/healthz", token="")[::2])
        self.assertIn(b"haneul_requests_total", self.cloud.request("GET", "/metrics", token="")[2])
        paths = self.cloud.request("GET", "/openapi.json", token="")[2]["paths"]
        self.assertIn("/identity/v3/auth/tokens", paths)

    def test_what_was_acknowledged_is_there_after_a_restart(self):
        name = "kept-" + uuid.uuid4().hex
        self.send({"project": {"name": name}}, 201, path="/identity/v3/projects")
        self.cloud.restart()
        self.assertEqual(1, len(self.services("name=" + name)["projects"]))


if __name__ == "__main__":
    unittest.main()
