# SPDX-License-Identifier: Apache-2.0
"""Identity: what the log says of changes and authentications, and limits that follow the tree."""
import json

from identity_test import V3, IdentityTest, name


class Records(IdentityTest):
    def records(self, event_type):
        lines = [line for line in self.cloud.log().splitlines() if "identity.audit" in line and '{"event_type"' in line]
        return [r["payload"] for r in (json.loads(line[line.index('{"event_type"'):]) for line in lines)
                if r["event_type"] == event_type]

    def test_changes_are_told_once_they_are_made(self):
        user = self.make("user", password="sesame-open")
        self.patch("/users/" + user["id"], {"user": {"description": "x"}})
        self.ask("POST", V3 + "/users", {"user": {"name": user["name"]}}, 409)
        self.delete("/users/" + user["id"])
        for verb in ("created", "updated", "deleted"):
            found = [r for r in self.records("identity.user." + verb) if r["resource_info"] == user["id"]]
            self.assertEqual([(r["action"], r["outcome"], r["target"]["typeURI"]) for r in found],
                             [(verb + ".user", "success", "data/security/account/user")])
            self.assertEqual(found[0]["initiator"]["username"], "admin")
            self.assertEqual(found[0]["initiator"]["host"]["address"], "127.0.0.1")
        self.assertNotIn("sesame-open", self.cloud.log())

    def test_grants_are_told_with_who_and_where(self):
        project, user, role = self.make("project"), self.make("user"), self.role("member")
        path = "/projects/%s/users/%s/roles/%s" % (project["id"], user["id"], role)
        self.put(path)
        self.delete(path)
        for verb in ("created", "deleted"):
            found = [r for r in self.records("identity.role_assignment." + verb) if r.get("user") == user["id"]]
            self.assertEqual([(r["project"], r["role"], r["inherited_to_projects"]) for r in found], [(project["id"], role, False)])

    def test_authentications_are_told_whether_they_went_well_or_not(self):
        user = self.make("user", password="secret")
        for password in ("secret", "wrong"):
            self.cloud.authenticate({"identity": {"methods": ["password"], "password": {
                "user": {"id": user["id"], "password": password}}}})
        found = [r for r in self.records("identity.authenticate") if r["initiator"].get("user_id") == user["id"]]
        self.assertEqual([r["outcome"] for r in found], ["success", "failure"])


class Limits(IdentityTest):
    settings = ("unified_limit.enforcement_model=strict_two_level",)

    def test_no_project_has_more_than_its_domain(self):
        service = self.make("service", type="t")["id"]
        domain = self.make("domain")
        project = self.make("project", domain_id=domain["id"])
        base = {"service_id": service, "resource_name": name("r")}
        self.ask("POST", V3 + "/registered_limits", {"registered_limits": [dict(base, default_limit=10)]}, 201)

        def limit(expect, **fields):
            answer = self.ask("POST", V3 + "/limits", {"limits": [dict(base, **fields)]}, expect)
            return answer["limits"][0]["id"] if expect == 201 else None
        limit(403, project_id=project["id"], resource_limit=11)
        limit(403, project_id=project["id"], resource_limit=-1)
        of_project = limit(201, project_id=project["id"], resource_limit=10)
        limit(403, domain_id=domain["id"], resource_limit=9)
        of_domain = limit(201, domain_id=domain["id"], resource_limit=20)
        self.patch("/limits/" + of_project, {"limit": {"resource_limit": 20}})
        self.patch("/limits/" + of_project, {"limit": {"resource_limit": 21}}, 403)
        self.patch("/limits/" + of_domain, {"limit": {"resource_limit": 19}}, 403)
        self.assertEqual(self.get("/limits/model")["model"]["name"], "strict_two_level")
