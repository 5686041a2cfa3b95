# SPDX-License-Identifier: Apache-2.0
"""Identity: who may do what, and what a token says."""
import unittest
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


if __name__ == "__main__":
    unittest.main()
