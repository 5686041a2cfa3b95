# SPDX-License-Identifier: Apache-2.0
"""Domains whose users and groups are in htpasswd files."""
import os
import shutil
import subprocess
import tempfile
import unittest

from identity_test import V3, IdentityTest


def hashed(password, how="-6"):
    return subprocess.run(["openssl", "passwd", how, password], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


class Htpasswd(IdentityTest):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="haneul-test-htpasswd-")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        os.chmod(cls.directory, 0o755)
        cls.settings = ("htpasswd.directory=" + cls.directory,)
        super().setUpClass()

    def setUp(self):
        self.domain = self.make("domain")["id"]
        self.write("users", "# people", "", "ann:" + hashed("secret of ann"), "bob:" + hashed("secret of bob"),
                   "off:!" + hashed("secret of off"))
        self.write("groups", "staff: ann bob", "nobody:", "guests: bob ghost")
        self.ask("PUT", V3 + "/domains/%s/config" % self.domain, {"config": {"identity": {"driver": "htpasswd"}}}, (200, 201))

    def write(self, kind, *lines):
        with open(os.path.join(self.directory, "%s.%s" % (self.domain, kind)), "w") as file:
            file.write("".join(line + "\n" for line in lines))

    def enter(self, user, password, status=201, **scope):
        auth = {"identity": {"methods": ["password"],
                             "password": {"user": {"name": user, "domain": {"id": self.domain}, "password": password}}}}
        if scope:
            auth["scope"] = scope
        found, token, body = self.cloud.authenticate(auth)
        self.assertEqual(found, status, body)
        return token, body

    def listed(self, kind="users", path=None):
        return {one["name"]: one for one in self.get(path or "/%s?domain_id=%s" % (kind, self.domain))[kind]}

    def test_users_and_groups_are_those_of_the_files(self):
        users, groups = self.listed(), self.listed("groups")
        self.assertEqual(sorted(users), ["ann", "bob", "off"])
        self.assertEqual([users[one]["enabled"] for one in ("ann", "bob", "off")], [True, True, False])
        self.assertEqual(sorted(groups), ["guests", "nobody", "staff"])
        self.assertEqual(sorted(self.listed("users", "/groups/%s/users" % groups["staff"]["id"])), ["ann", "bob"])
        self.assertEqual(sorted(self.listed("users", "/groups/%s/users" % groups["guests"]["id"])), ["bob"])
        self.assertEqual(sorted(self.listed("users", "/groups/%s/users" % groups["nobody"]["id"])), [])
        self.assertEqual(sorted(self.listed("groups", "/users/%s/groups" % users["bob"]["id"])), ["guests", "staff"])

    def test_only_the_right_password_of_who_is_enabled_lets_in(self):
        self.enter("ann", "secret of ann")
        for user, password in (("ann", "secret of bob"), ("ann", ""), ("off", "secret of off"), ("ghost", "x"),
                               ("# people", "x"), ("staff", "x")):
            self.enter(user, password, 401)

    def test_roles_of_groups_count_until_the_file_says_otherwise(self):
        project = self.make("project", domain_id=self.domain)["id"]
        role = self.get("/roles?name=member")["roles"][0]["id"]
        staff = self.listed("groups")["staff"]["id"]
        self.ask("PUT", V3 + "/projects/%s/groups/%s/roles/%s" % (project, staff, role), expect=204)
        _, body = self.enter("ann", "secret of ann", project={"id": project})
        self.assertIn("member", [one["name"] for one in body["token"]["roles"]])
        self.write("groups", "staff: bob")
        self.enter("ann", "secret of ann", 401, project={"id": project})

    def test_ids_stay_and_who_left_the_file_is_gone(self):
        before = self.listed()
        token, _ = self.enter("bob", "secret of bob")
        self.write("users", "ann:" + hashed("new"))
        after = self.listed()
        self.assertEqual({name: one["id"] for name, one in after.items()}, {"ann": before["ann"]["id"]})
        self.enter("ann", "secret of ann", 401)
        self.enter("ann", "new")
        self.ask("GET", V3 + "/auth/projects", expect=401, token=token)

    def test_forms_of_hashes_that_servers_write(self):
        bcrypt = self.cloud.sql("SELECT password_hash FROM identity_user WHERE name = 'admin' AND domain_id = 'default'")[0][0]
        self.assertEqual(bcrypt[:4], "$2b$")
        self.write("users", "b:$2y$" + bcrypt[4:], "five:" + hashed("x", "-5"), "md5:" + hashed("x", "-apr1"), "plain:x", "empty:",
                   "sha:{SHA}Ed4VXfTYvLyW7VEKgxmtFbFCzts=")
        self.enter("b", self.cloud.password())
        self.enter("five", "x")
        for user, password in (("md5", "x"), ("plain", "x"), ("empty", ""), ("empty", "x"), ("sha", "x")):
            self.enter(user, password, 401)

    def test_users_are_changed_in_the_file_alone(self):
        ann = self.listed()["ann"]["id"]
        self.ask("PATCH", V3 + "/users/" + ann, {"user": {"name": "other"}}, 403)
        self.ask("DELETE", V3 + "/users/" + ann, expect=403)
        self.ask("POST", V3 + "/users", {"user": {"name": "new", "domain_id": self.domain}}, 403)

    def test_lines_of_anything_do_no_harm(self):
        self.write("users", ":" + hashed("x"), "no colon", "x" * 256 + ":a", "ann:" + hashed("first"), "ann:" + hashed("second"),
                   "../../x:" + hashed("path"), "a b:" + hashed("blank"))
        self.write("groups", "staff:" + " ann" * 50000, ": ann", "staff: nobody")
        self.assertEqual(sorted(self.listed()), ["../../x", "a b", "ann"])
        self.enter("ann", "first")
        self.enter("ann", "second", 401)
        self.enter("a b", "blank")
        self.assertEqual(sorted(self.listed("groups")), ["staff"])

    def test_file_that_is_not_there_is_said_to_be(self):
        os.unlink(os.path.join(self.directory, self.domain + ".users"))
        self.enter("ann", "secret of ann", 503)
        self.write("users", "ann:" + hashed("back"))
        os.unlink(os.path.join(self.directory, self.domain + ".groups"))
        self.enter("ann", "back")


if __name__ == "__main__":
    unittest.main()
