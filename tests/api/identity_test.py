# SPDX-License-Identifier: Apache-2.0
"""Identity: who may do what, and what a token says."""
import base64
import hmac
import os
import re
import struct
import time
import unittest
import urllib.parse
import uuid

from cloud import CloudTest

V3 = "/identity/v3"


def name(prefix):
    return "%s-%s" % (prefix, uuid.uuid4().hex[:8])


class IdentityTest(CloudTest):
    def make(self, kind, token=None, **fields):
        """Makes a resource by POST and returns it."""
        plural = {"policy": "policies"}.get(kind, kind + "s")
        fields.setdefault("name", name(kind))
        return self.ask("POST", "%s/%s" % (V3, plural), {kind: fields}, 201, token)[kind]

    def get(self, path, expect=200, token=None):
        return self.ask("GET", V3 + path, None, expect, token)

    def put(self, path, body=None, expect=204, token=None):
        return self.ask("PUT", V3 + path, body, expect, token)

    def patch(self, path, body, expect=200, token=None):
        return self.ask("PATCH", V3 + path, body, expect, token)

    def delete(self, path, expect=204, token=None):
        return self.ask("DELETE", V3 + path, None, expect, token)

    def role(self, wanted):
        return self.get("/roles?name=" + wanted)["roles"][0]["id"]

    def user_with(self, project, role="member", **fields):
        user = self.make("user", password="secret", **fields)
        self.put("/projects/%s/users/%s/roles/%s" % (project["id"], user["id"], self.role(role)))
        return user


class Assignments(IdentityTest):
    def test_a_grant_is_made_seen_and_removed(self):
        project, user = self.make("project"), self.make("user")
        path = "/projects/%s/users/%s/roles" % (project["id"], user["id"])
        self.get(path + "/" + self.role("member"), 404)
        self.put(path + "/" + self.role("member"))
        self.put(path + "/" + self.role("member"))
        self.get(path + "/" + self.role("member"), 204)
        self.ask("HEAD", V3 + path + "/" + self.role("member"), None, 204)
        self.assertEqual([role["name"] for role in self.get(path)["roles"]], ["member"])
        self.delete(path + "/" + self.role("member"))
        self.delete(path + "/" + self.role("member"), 404)
        self.assertEqual(self.get(path)["roles"], [])

    def test_what_a_grant_names_must_be_there(self):
        project, user = self.make("project"), self.make("user")
        role = self.role("member")
        self.put("/projects/%s/users/%s/roles/%s" % ("0" * 32, user["id"], role), expect=404)
        self.put("/projects/%s/users/%s/roles/%s" % (project["id"], "0" * 32, role), expect=404)
        self.put("/projects/%s/users/%s/roles/%s" % (project["id"], user["id"], "0" * 32), expect=404)

    def test_inherited_roles_reach_the_projects_below_and_not_the_target(self):
        parent = self.make("project")
        child = self.make("project", parent_id=parent["id"])
        user = self.make("user", password="secret")
        self.put("/OS-INHERIT/projects/%s/users/%s/roles/%s/inherited_to_projects"
                 % (parent["id"], user["id"], self.role("reader")))
        self.assertTrue(self.cloud.login(user["id"], "secret", project=child["id"]))
        with self.assertRaises(AssertionError):
            self.cloud.login(user["id"], "secret", project=parent["id"])
        self.assertEqual([p["id"] for p in self.get("/users/%s/projects" % user["id"])["projects"]], [child["id"]])
        made = self.get("/role_assignments?user.id=" + user["id"])["role_assignments"]
        self.assertEqual(made[0]["scope"], {"project": {"id": parent["id"]}, "OS-INHERIT:inherited_to": "projects"})
        effective = self.get("/role_assignments?effective&user.id=" + user["id"])["role_assignments"]
        self.assertEqual([a["scope"]["project"]["id"] for a in effective], [child["id"]])
        self.assertTrue(effective[0]["links"]["assignment"].endswith(
            "/OS-INHERIT/projects/%s/users/%s/roles/%s/inherited_to_projects"
            % (parent["id"], user["id"], self.role("reader"))))

    def test_effective_assignments_follow_groups_and_implied_roles(self):
        project, user, group = self.make("project"), self.make("user"), self.make("group")
        self.put("/groups/%s/users/%s" % (group["id"], user["id"]))
        self.put("/projects/%s/groups/%s/roles/%s" % (project["id"], group["id"], self.role("member")))
        listed = self.get("/role_assignments?include_names&effective&user.id=%s&scope.project.id=%s"
                          % (user["id"], project["id"]))["role_assignments"]
        self.assertEqual(sorted(a["role"]["name"] for a in listed), ["member", "reader"])
        self.assertEqual({a["user"]["name"] for a in listed}, {user["name"]})
        self.assertEqual({a["scope"]["project"]["domain"]["id"] for a in listed}, {"default"})
        self.assertTrue(all("membership" in a["links"] for a in listed))
        self.assertEqual(self.get("/role_assignments?user.id=" + user["id"])["role_assignments"], [])
        self.get("/role_assignments?effective&group.id=" + group["id"], 400)

    def test_system_roles_make_system_tokens(self):
        user = self.make("user", password="secret")
        self.put("/system/users/%s/roles/%s" % (user["id"], self.role("reader")))
        self.assertEqual([r["name"] for r in self.get("/system/users/%s/roles" % user["id"])["roles"]], ["reader"])
        token = self.cloud.login(user["id"], "secret", system=True)
        self.assertEqual(self.get("/auth/system", token=token)["system"], [{"all": True}])
        self.get("/users", token=token)
        self.ask("POST", V3 + "/users", {"user": {"name": name("user")}}, 403, token)

    def test_a_removed_grant_ends_its_tokens(self):
        project = self.make("project")
        user = self.user_with(project)
        token = self.cloud.login(user["id"], "secret", project=project["id"])
        self.get("/auth/projects", token=token)
        self.delete("/projects/%s/users/%s/roles/%s" % (project["id"], user["id"], self.role("member")))
        self.get("/auth/projects", 401, token=token)

    def test_a_role_cannot_imply_itself_through_others(self):
        a, b = self.make("role"), self.make("role")
        answer = self.put("/roles/%s/implies/%s" % (a["id"], b["id"]), expect=201)["role_inference"]
        self.assertEqual((answer["prior_role"]["id"], answer["implies"]["id"]), (a["id"], b["id"]))
        self.put("/roles/%s/implies/%s" % (b["id"], a["id"]), expect=403)
        self.put("/roles/%s/implies/%s" % (a["id"], a["id"]), expect=403)
        self.ask("HEAD", V3 + "/roles/%s/implies/%s" % (a["id"], b["id"]), None, 204)
        listed = self.get("/roles/%s/implies" % a["id"])["role_inference"]
        self.assertEqual([r["id"] for r in listed["implies"]], [b["id"]])
        self.assertIn(a["id"], [i["prior_role"]["id"] for i in self.get("/role_inferences")["role_inferences"]])
        self.delete("/roles/%s/implies/%s" % (a["id"], b["id"]))


class Users(IdentityTest):
    def test_members_of_a_group(self):
        user, group = self.make("user"), self.make("group")
        path = "/groups/%s/users/%s" % (group["id"], user["id"])
        self.get(path, 404)
        self.put(path)
        self.get(path, 204)
        self.assertEqual([u["id"] for u in self.get("/groups/%s/users" % group["id"])["users"]], [user["id"]])
        self.assertEqual([g["id"] for g in self.get("/users/%s/groups" % user["id"])["groups"]], [group["id"]])
        self.delete(path)
        self.delete(path, 404)
        self.get("/groups/%s/users" % ("0" * 32), 404)

    def test_a_new_password_ends_tokens_at_once(self):
        project = self.make("project")
        user = self.user_with(project)
        path, token = "/users/%s/password" % user["id"], self.cloud.login(user["id"], "secret")
        self.ask("POST", V3 + path, {"user": {"original_password": "wrong", "password": "new"}}, 401, "")
        self.ask("POST", V3 + path, {"user": {"original_password": "secret", "password": "new"}}, 204, "")
        self.get("/auth/projects", 401, token)
        self.get("/auth/projects", 200, self.cloud.login(user["id"], "new"))
        token = self.cloud.login(user["id"], "new")
        self.patch("/users/%s" % user["id"], {"user": {"enabled": False}})
        self.patch("/users/%s" % user["id"], {"user": {"enabled": True}})
        self.get("/auth/projects", 401, token)

    def test_who_may_not_look_is_not_told_what_is_there(self):
        user = self.user_with(self.make("project"))
        token = self.cloud.login(user["id"], "secret", unscoped=True)
        self.get("/users/" + user["id"], 200, token)
        self.get("/users/" + "0" * 32, 403, token)
        self.get("/users/" + "0" * 32, 404)
        self.get("/users", 403, token)


class Projects(IdentityTest):
    def test_the_tree_is_shown_both_ways(self):
        top = self.make("project")
        middle = self.make("project", parent_id=top["id"])
        leaf = self.make("project", parent_id=middle["id"])
        shown = self.get("/projects/%s?parents_as_ids&subtree_as_ids" % middle["id"])["project"]
        self.assertEqual(shown["parents"], {top["id"]: {"default": None}})
        self.assertEqual(shown["subtree"], {leaf["id"]: None})
        admin = self.get("/users?name=admin")["users"][0]["id"]
        self.put("/OS-INHERIT/domains/default/users/%s/roles/%s/inherited_to_projects" % (admin, self.role("reader")))
        shown = self.get("/projects/%s?parents_as_list&subtree_as_list" % middle["id"])["project"]
        self.assertEqual([p["project"]["id"] for p in shown["parents"]], [top["id"]])
        self.assertEqual([p["project"]["id"] for p in shown["subtree"]], [leaf["id"]])
        self.get("/projects/%s?parents_as_list&parents_as_ids" % middle["id"], 400)

    def test_the_tree_has_a_depth_and_disabled_branches_grow_not(self):
        parent = self.make("project")
        for _ in range(4):
            parent = self.make("project", parent_id=parent["id"])
        self.ask("POST", V3 + "/projects", {"project": {"name": name("p"), "parent_id": parent["id"]}}, 403)
        self.patch("/projects/%s" % parent["parent_id"], {"project": {"enabled": False}}, 403)
        self.patch("/projects/%s" % parent["id"], {"project": {"enabled": False}})
        self.ask("POST", V3 + "/projects", {"project": {"name": name("p"), "parent_id": parent["id"]}}, 400)
        self.delete("/projects/%s" % parent["parent_id"], 403)

    def test_a_project_acting_as_domain_is_a_domain(self):
        project = self.make("project", is_domain=True)
        self.assertIsNone(project["domain_id"])
        self.assertEqual(self.get("/domains/" + project["id"])["domain"]["name"], project["name"])
        self.assertNotIn(project["id"], [p["id"] for p in self.get("/projects")["projects"]])
        self.assertEqual([p["id"] for p in self.get("/projects?is_domain=true&name=" + project["name"])["projects"]],
                         [project["id"]])
        self.delete("/projects/" + project["id"], 403)

    def test_tags(self):
        project = self.make("project", tags=["red", "blue"])
        path = "/projects/%s/tags" % project["id"]
        self.get(path + "/red", 204)
        self.get(path + "/green", 404)
        self.put(path + "/green", expect=201)
        self.assertEqual(sorted(self.get(path)["tags"]), ["blue", "green", "red"])
        self.put(path + "/a,b", expect=400)
        self.put(path, {"tags": ["x", "x"]}, 400)
        for query, found in (("tags=red,green", True), ("tags=red,none", False), ("tags-any=none,red", True),
                             ("not-tags=red,none", True), ("not-tags-any=red,none", False)):
            listed = self.get("/projects?name=%s&%s" % (project["name"], query))["projects"]
            self.assertEqual(bool(listed), found, query)
        self.delete(path + "/red")
        self.delete(path)
        self.assertEqual(self.get(path)["tags"], [])

    def test_what_is_immutable_stays(self):
        project = self.make("project", options={"immutable": True})
        self.patch("/projects/" + project["id"], {"project": {"description": "new"}}, 403)
        self.delete("/projects/" + project["id"], 403)
        self.patch("/projects/" + project["id"], {"project": {"options": {"immutable": False}}})
        self.delete("/projects/" + project["id"])
        self.ask("POST", V3 + "/projects", {"project": {"name": name("p"), "options": {"unknown": True}}}, 400)

    def test_an_update_may_repeat_what_it_cannot_change(self):
        user = self.make("user")
        self.patch("/users/" + user["id"], {"user": dict(user, description="same")})
        self.patch("/users/" + user["id"], {"user": {"id": "0" * 32}}, 400)
        self.patch("/users/" + user["id"], {"user": {"domain_id": "other"}}, 400)


class Domains(IdentityTest):
    def test_a_domain_takes_its_contents_with_it_and_its_tokens_end(self):
        domain = self.make("domain")
        project = self.make("project", domain_id=domain["id"])
        user = self.user_with(project, domain_id=domain["id"])
        group = self.make("group", domain_id=domain["id"])
        self.put("/groups/%s/users/%s" % (group["id"], user["id"]))
        token = self.cloud.login(user["id"], "secret", project=project["id"])
        self.delete("/domains/" + domain["id"], 403)
        self.patch("/domains/" + domain["id"], {"domain": {"enabled": False}})
        self.get("/auth/projects", 401, token)
        with self.assertRaises(AssertionError):
            self.cloud.login(user["id"], "secret")
        self.delete("/domains/" + domain["id"])
        for path in ("/projects/" + project["id"], "/users/" + user["id"], "/groups/" + group["id"]):
            self.get(path, 404)
        self.assertEqual(self.get("/role_assignments?user.id=" + user["id"])["role_assignments"], [])

    def test_who_has_a_role_on_a_domain_sees_that_domain(self):
        domain = self.make("domain")
        user = self.make("user", domain_id=domain["id"], password="secret")
        self.put("/domains/%s/users/%s/roles/%s" % (domain["id"], user["id"], self.role("reader")))
        token = self.cloud.login(user["id"], "secret", domain=domain["id"])
        self.assertEqual([u["id"] for u in self.get("/users", token=token)["users"]], [user["id"]])
        self.assertEqual(self.get("/projects", token=token)["projects"], [])
        self.assertEqual([d["id"] for d in self.get("/auth/domains", token=token)["domains"]], [domain["id"]])
        self.get("/domains", 403, token)

    def test_roles_of_a_domain_only_imply(self):
        domain = self.make("domain")
        role = self.make("role", domain_id=domain["id"])
        project = self.make("project", domain_id=domain["id"])
        user = self.make("user", password="secret")
        self.put("/roles/%s/implies/%s" % (role["id"], self.role("reader")), expect=201)
        self.put("/projects/%s/users/%s/roles/%s" % (project["id"], user["id"], role["id"]))
        self.put("/projects/%s/users/%s/roles/%s" % (self.make("project")["id"], user["id"], role["id"]), expect=403)
        token = self.cloud.login(user["id"], "secret", project=project["id"])
        status, _, body = self.cloud.request("GET", V3 + "/auth/tokens", headers={"X-Subject-Token": token})
        self.assertEqual([r["name"] for r in body["token"]["roles"]], ["reader"])

    def test_settings_of_a_domain(self):
        path = "/domains/%s/config" % self.make("domain")["id"]
        config = {"identity": {"driver": "ldap"}, "ldap": {"url": "ldap://x", "password": "secret"}}
        self.get(path, 404)
        self.put(path, {"config": config}, 201)
        self.assertEqual(self.get(path)["config"], {"identity": {"driver": "ldap"}, "ldap": {"url": "ldap://x"}})
        self.put(path, {"config": {"identity": {"driver": "sql"}}}, 200)
        self.get(path + "/ldap", 404)
        self.patch(path + "/identity/driver", {"config": {"driver": "ldap"}})
        self.assertEqual(self.get(path + "/identity/driver")["config"], {"driver": "ldap"})
        self.put(path, {"config": {"unknown": {"a": 1}}}, 403)
        self.delete(path)
        self.assertEqual(self.get("/domains/config/identity/driver/default")["config"], {"driver": "sql"})


class Delegation(IdentityTest):
    def setUp(self):
        self.project = self.make("project")
        self.user = self.user_with(self.project)
        self.token = self.cloud.login(self.user["id"], "secret", project=self.project["id"])
        self.path = "/users/%s/application_credentials" % self.user["id"]

    def credential(self, expect=201, token=None, **fields):
        fields.setdefault("name", name("cred"))
        answer = self.ask("POST", V3 + self.path, {"application_credential": fields}, expect, token or self.token)
        return answer["application_credential"] if expect == 201 else None

    def login_with(self, credential, secret=None):
        return self.cloud.authenticate({"identity": {"methods": ["application_credential"], "application_credential": {
            "id": credential["id"], "secret": secret or credential["secret"]}}})

    def test_an_application_credential_is_a_way_in_with_its_roles(self):
        made = self.credential(roles=[{"name": "reader"}])
        self.assertNotIn("secret", self.get(self.path + "/" + made["id"], token=self.token)["application_credential"])
        status, token, body = self.login_with(made)
        self.assertEqual((status, [r["name"] for r in body["token"]["roles"]]), (201, ["reader"]))
        self.assertEqual(body["token"]["application_credential"]["restricted"], True)
        self.assertEqual(self.login_with(made, "wrong")[0], 401)
        self.credential(400, roles=[{"name": "admin"}])
        self.delete(self.path + "/" + made["id"], token=self.token)
        self.get("/auth/catalog", 401, token)

    def test_delegated_tokens_make_nothing_that_lasts(self):
        token = self.login_with(self.credential())[1]
        self.credential(403, token)
        blob = '{"access": "a", "secret": "b"}'
        body = {"credential": {"user_id": self.user["id"], "type": "ec2", "blob": blob, "project_id": self.project["id"]}}
        self.ask("POST", V3 + "/credentials", body, 403, token)
        self.ask("POST", V3 + "/users/%s/credentials/OS-EC2" % self.user["id"], {"tenant_id": self.project["id"]}, 403, token)
        trust = {"trustor_user_id": self.user["id"], "trustee_user_id": self.user["id"], "impersonation": True,
                 "project_id": self.project["id"], "roles": [{"name": "member"}]}
        self.ask("POST", V3 + "/OS-TRUST/trusts", {"trust": trust}, 403, token)
        self.assertEqual(self.cloud.authenticate({"identity": {"methods": ["token"], "token": {"id": token}}})[0], 403)

    def test_access_rules_are_all_that_a_token_is_good_for(self):
        rule = {"service": "identity", "method": "GET", "path": "/v3/auth/*"}
        made = self.credential(access_rules=[rule])
        token = self.login_with(made)[1]
        self.get("/auth/projects", 200, token)
        self.get("/users/" + self.user["id"], 401, token)
        kept = self.get("/users/%s/access_rules" % self.user["id"], token=self.token)["access_rules"]
        self.assertEqual([r["path"] for r in kept], ["/v3/auth/*"])
        self.delete("/users/%s/access_rules/%s" % (self.user["id"], kept[0]["id"]), 403, self.token)

    def test_a_trust_lets_another_act(self):
        trustee = self.make("user", password="secret")
        trust = {"trustor_user_id": self.user["id"], "trustee_user_id": trustee["id"], "impersonation": True,
                 "project_id": self.project["id"], "roles": [{"name": "reader"}], "remaining_uses": 1}
        made = self.ask("POST", V3 + "/OS-TRUST/trusts", {"trust": trust}, 201, self.token)["trust"]
        auth = {"identity": {"methods": ["password"], "password": {"user": {"id": trustee["id"], "password": "secret"}}},
                "scope": {"OS-TRUST:trust": {"id": made["id"]}}}
        status, token, body = self.cloud.authenticate(auth)
        self.assertEqual((status, body["token"]["user"]["id"]), (201, self.user["id"]))
        self.assertEqual([r["name"] for r in body["token"]["roles"]], ["reader"])
        self.assertEqual(self.cloud.authenticate(auth)[0], 401)
        self.get("/auth/catalog", 200, token)
        self.get("/OS-TRUST/trusts", 403, self.token)
        self.get("/OS-TRUST/trusts?trustor_user_id=" + self.user["id"], 200, self.token)
        self.delete("/OS-TRUST/trusts/" + made["id"], token=self.token)
        self.get("/auth/catalog", 401, token)

    def test_credentials_are_sealed_at_rest_and_ones_own(self):
        body = {"credential": {"user_id": self.user["id"], "type": "totp", "blob": "WELLHIDDENSEED"}}
        made = self.ask("POST", V3 + "/credentials", body, 201, self.token)["credential"]
        self.assertEqual(self.get("/credentials/" + made["id"], token=self.token)["credential"]["blob"], "WELLHIDDENSEED")
        other = self.cloud.login(self.user_with(self.project)["id"], "secret", project=self.project["id"])
        self.get("/credentials/" + made["id"], 403, other)
        self.assertEqual(self.get("/credentials", token=other)["credentials"], [])
        database = os.path.join(self.cloud.data, "api", "haneul.db")
        for file in (database, database + "-wal"):
            if os.path.exists(file):
                with open(file, "rb") as data:
                    self.assertNotIn(b"WELLHIDDENSEED", data.read())

    def test_a_passcode_of_the_time_is_a_way_in(self):
        seed = b"12345678901234567890"
        body = {"credential": {"user_id": self.user["id"], "type": "totp", "blob": base64.b32encode(seed).decode()}}
        self.ask("POST", V3 + "/credentials", body, 201, self.token)
        mac = hmac.new(seed, struct.pack(">Q", int(time.time()) // 30), "sha1").digest()
        code = (struct.unpack(">I", mac[mac[19] & 15:][:4])[0] & 0x7fffffff) % 1000000

        def login(passcode):
            return self.cloud.authenticate({"identity": {"methods": ["totp"], "totp": {
                "user": {"id": self.user["id"], "passcode": passcode}}}, "scope": {"project": {"id": self.project["id"]}}})
        status, _, answer = login("%06d" % code)
        self.assertEqual((status, answer["token"]["methods"]), (201, ["totp"]))
        self.assertEqual(login("%06d" % ((code + 1) % 1000000))[0], 401)

    def test_a_signed_ec2_request_gets_a_token(self):
        key = self.ask("POST", V3 + "/users/%s/credentials/OS-EC2" % self.user["id"],
                       {"tenant_id": self.project["id"]}, 201, self.token)["credential"]
        params = {"SignatureVersion": "2", "SignatureMethod": "HmacSHA256", "AWSAccessKeyId": key["access"], "Action": "x y",
                  "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        query = "&".join("%s=%s" % (k, urllib.parse.quote(params[k], safe="-_~")) for k in sorted(params))
        text = "GET\nhost\n/\n" + query
        signature = base64.b64encode(hmac.new(key["secret"].encode(), text.encode(), "sha256").digest()).decode()
        body = {"access": key["access"], "signature": signature, "host": "host:8773", "verb": "GET", "path": "/",
                "params": params}
        status, headers, answer = self.cloud.request("POST", V3 + "/ec2tokens", {"credentials": body})
        self.assertEqual((status, answer["token"]["project"]["id"]), (200, self.project["id"]))
        self.get("/auth/catalog", 200, headers["X-Subject-Token"])
        body["signature"] = signature[:-4] + "AAA="
        self.ask("POST", V3 + "/ec2tokens", {"credentials": body}, 401)
        self.ask("POST", V3 + "/ec2tokens", {"credentials": body}, 401, "")


class Catalog(IdentityTest):
    def urls(self, token):
        return {e["id"] for s in self.get("/auth/catalog", token=token)["catalog"] for e in s["endpoints"]}

    def test_disabled_services_and_endpoints_are_not_in_the_catalog(self):
        service = self.make("service", type="weather")
        endpoint = self.ask("POST", V3 + "/endpoints", {"endpoint": {"service_id": service["id"], "interface": "public",
                            "url": "http://weather", "region": name("region")}}, 201)["endpoint"]
        token = self.cloud.token()
        self.assertIn(endpoint["id"], self.urls(token))
        self.patch("/endpoints/" + endpoint["id"], {"endpoint": {"enabled": False}})
        self.assertNotIn(endpoint["id"], self.urls(token))
        self.delete("/services/" + service["id"])
        self.get("/endpoints/" + endpoint["id"], 404)

    def test_a_project_with_endpoints_of_its_own_sees_no_others(self):
        project = self.make("project")
        token = self.cloud.login(self.user_with(project)["id"], "secret", project=project["id"])
        endpoints = self.get("/endpoints?interface=public")["endpoints"]
        self.assertGreater(len(self.urls(token)), 1)
        self.put("/OS-EP-FILTER/projects/%s/endpoints/%s" % (project["id"], endpoints[0]["id"]))
        self.assertEqual(self.urls(token), {endpoints[0]["id"]})
        group = self.ask("POST", V3 + "/OS-EP-FILTER/endpoint_groups", {"endpoint_group": {
            "name": name("group"), "filters": {"interface": "admin"}}}, 201)["endpoint_group"]
        self.put("/OS-EP-FILTER/endpoint_groups/%s/projects/%s" % (group["id"], project["id"]))
        listed = self.get("/OS-EP-FILTER/projects/%s/endpoints" % project["id"])["endpoints"]
        self.assertEqual({e["id"] for e in listed}, self.urls(token))
        self.assertEqual({e["interface"] for e in listed}, {"admin", "public"})

    def test_limits_need_a_registered_limit(self):
        service, project = self.make("service", type="weather"), self.make("project")
        wanted = {"service_id": service["id"], "resource_name": "rain", "resource_limit": 5, "project_id": project["id"]}
        self.ask("POST", V3 + "/limits", {"limits": [wanted]}, 400)
        body = {"registered_limits": [{"service_id": service["id"], "resource_name": "rain", "default_limit": 10}]}
        registered = self.ask("POST", V3 + "/registered_limits", body, 201)["registered_limits"][0]
        self.ask("POST", V3 + "/registered_limits", body, 409)
        limit = self.ask("POST", V3 + "/limits", {"limits": [wanted]}, 201)["limits"][0]
        self.delete("/registered_limits/" + registered["id"], 403)
        self.delete("/limits/" + limit["id"])
        self.delete("/registered_limits/" + registered["id"])

    def test_lists_take_as_many_statements_whatever_their_length(self):
        def statements(path):
            for _ in range(2):      # the first one may look the token up again
                self.get(path)
            line = [line for line in self.cloud.log().splitlines() if " GET " + V3 + path.split("?")[0] + " " in line][-1]
            return int(re.search(r" (\d+)st ", line).group(1))
        paths = ("/users", "/projects", "/role_assignments?effective&include_names", "/OS-TRUST/trusts", "/credentials")
        before = [statements(path) for path in paths]
        project = self.make("project")
        for _ in range(5):
            self.user_with(project)
        self.assertEqual([statements(path) for path in paths], before)


if __name__ == "__main__":
    unittest.main()
