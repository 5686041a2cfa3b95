# SPDX-License-Identifier: Apache-2.0
"""Domains whose users and groups are in an LDAP directory."""
import hashlib
import json
import subprocess
import threading
import time
import unittest

from cloud import PROGRAM
from identity_test import V3, IdentityTest, name
from ldap_server import GROUPS, PEOPLE, READER, SUFFIX, LdapServer, entry, person

OPTIONS = {"user": READER, "password": "reader", "suffix": SUFFIX, "user_tree_dn": PEOPLE, "group_tree_dn": GROUPS,
           "user_id_attribute": "uid", "user_name_attribute": "uid", "page_size": 100}


def public_id(domain, kind, local):
    return hashlib.sha256((domain + kind + local).encode()).hexdigest()


class LdapTest(IdentityTest):
    users = 3

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = LdapServer(cls.users, cls.more()).start()
        cls.addClassCleanup(cls.server.stop)

    @classmethod
    def more(cls):
        return ""

    def domain(self, server=None, **options):
        domain = self.make("domain")
        self.configure(domain["id"], server, **options)
        return domain["id"]

    def configure(self, domain, server=None, **options):
        options = dict(OPTIONS, url=(server or self.server).url, **options)
        self.ask("PUT", V3 + "/domains/%s/config" % domain,
                 {"config": {"identity": {"driver": "ldap"}, "ldap": options}}, (200, 201))

    def login(self, domain, user, password, status=201, **scope):
        """Logs in by name; returns the token and its body."""
        auth = {"identity": {"methods": ["password"],
                             "password": {"user": {"name": user, "domain": {"id": domain}, "password": password}}}}
        if scope:
            auth["scope"] = scope
        found, token, body = self.cloud.authenticate(auth)
        self.assertEqual(found, status, body)
        return token, body

    def listed(self, path, kind="users"):
        return sorted(one["name"] for one in self.get(path)[kind])


class Directory(LdapTest):
    def test_users_and_groups_are_listed_found_and_shown(self):
        domain = self.domain()
        users = self.get("/users?domain_id=" + domain)["users"]
        self.assertEqual(sorted(user["name"] for user in users), ["user0000", "user0001", "user0002"])
        first = [user for user in users if user["name"] == "user0000"][0]
        self.assertEqual(first["id"], public_id(domain, "user", "user0000"))
        self.assertEqual((first["email"], first["description"], first["enabled"], first["domain_id"]),
                         ("user0000@example.com", "number 0", True, domain))
        self.assertNotIn("password", first)
        shown = self.get("/users/" + first["id"])["user"]
        self.assertEqual(shown["name"], "user0000")
        self.assertEqual(self.listed("/users?name=user0001&domain_id=" + domain), ["user0001"])
        self.assertEqual(self.listed("/users?name=nobody&domain_id=" + domain), [])
        groups = self.get("/groups?domain_id=" + domain)["groups"]
        self.assertEqual(sorted(group["name"] for group in groups), ["others", "staff"])
        staff = public_id(domain, "group", "staff")
        self.assertEqual(self.get("/groups/" + staff)["group"]["description"], "who works here")
        self.assertEqual(self.listed("/groups/%s/users" % staff), ["user0000", "user0001"])
        self.assertEqual(self.listed("/users/%s/groups" % first["id"], "groups"), ["staff"])
        self.ask("HEAD", V3 + "/groups/%s/users/%s" % (staff, first["id"]), None, 204)
        self.ask("HEAD", V3 + "/groups/%s/users/%s" % (staff, public_id(domain, "user", "user0002")), None, 404)
        self.get("/users/" + "f" * 64, 404)

    def test_changes_in_the_directory_are_seen(self):
        domain = self.domain()
        self.server.modify(person("mortal", "x", changetype="add").replace("objectClass", "changetype: add\nobjectClass", 1)
                           .replace("changetype: add\nchangetype: add", "changetype: add")
                           .replace("\nchangetype: add\ncn", "\ncn"))
        path = "/users/" + public_id(domain, "user", "mortal")
        self.assertIn("mortal", self.listed("/users?domain_id=" + domain))
        self.server.replace("uid=mortal," + PEOPLE, description="changed")
        self.assertEqual(self.get(path)["user"]["description"], "changed")
        self.server.modify("dn: uid=mortal,%s\nchangetype: delete\n" % PEOPLE)
        self.get(path, 404)
        self.assertNotIn("mortal", self.listed("/users?domain_id=" + domain))

    def test_what_comes_from_the_directory_cannot_be_changed_here(self):
        domain = self.domain()
        self.listed("/users?domain_id=" + domain)
        self.listed("/groups?domain_id=" + domain, "groups")
        user, group = public_id(domain, "user", "user0000"), public_id(domain, "group", "staff")
        self.ask("POST", V3 + "/users", {"user": {"name": name("user"), "domain_id": domain}}, 403)
        self.ask("POST", V3 + "/groups", {"group": {"name": name("group"), "domain_id": domain}}, 403)
        self.patch("/users/" + user, {"user": {"email": "x@example.com"}}, 403)
        self.patch("/users/" + user, {"user": {"password": "x"}}, 403)
        self.patch("/groups/" + group, {"group": {"description": "x"}}, 403)
        self.delete("/users/" + user, 403)
        self.delete("/groups/" + group, 403)
        self.put("/groups/%s/users/%s" % (group, public_id(domain, "user", "user0002")), expect=403)
        self.delete("/groups/%s/users/%s" % (group, user), 403)
        self.ask("POST", V3 + "/users/%s/password" % user,
                 {"user": {"original_password": "secret-0000", "password": "other"}}, 403)
        self.login(domain, "user0000", "secret-0000")

    def test_passwords_are_the_directory_s(self):
        domain = self.domain()
        token, body = self.login(domain, "user0000", "secret-0000")
        self.assertEqual(body["token"]["user"]["id"], public_id(domain, "user", "user0000"))
        self.assertTrue(self.get("/auth/projects", token=token) is not None)
        self.login(domain, "USER0000", "secret-0000")
        for user, password in (("user0000", "secret-0001"), ("user0000", ""), ("nobody", "secret-0000"), ("nobody", ""),
                               ("", "secret-0000")):
            self.login(domain, user, password, status=401)
        status, _, body = self.cloud.authenticate({"identity": {"methods": ["password"], "password": {"user": {
            "id": public_id(domain, "user", "user0001"), "password": "secret-0001"}}}})
        self.assertEqual(status, 401)           # never heard of: no mapping yet
        self.listed("/users?domain_id=" + domain)
        status, _, body = self.cloud.authenticate({"identity": {"methods": ["password"], "password": {"user": {
            "id": public_id(domain, "user", "user0001"), "password": "secret-0001"}}}})
        self.assertEqual(status, 201, body)

    def test_names_are_not_parts_of_filters(self):
        domain = self.domain()
        for text in ("*", "user*", "user0000)(uid=*", "*)(objectClass=*", "user0000\\2a", "\\", "(", ")(|(uid=*", "user0000)(|(a=b",
                     "user0000,ou=people", "\u00e4\u20ac*"):
            self.login(domain, text, "secret-0000", status=401)
            listed = self.get("/users?domain_id=%s&name=%s" % (domain, "".join("%%%02x" % b for b in text.encode())))["users"]
            self.assertEqual(listed, [], text)

    def test_roles_are_ours_and_reach_users_through_groups(self):
        domain, project = self.domain(), self.make("project")
        self.listed("/users?domain_id=" + domain)
        self.listed("/groups?domain_id=" + domain, "groups")
        first, second = public_id(domain, "user", "user0000"), public_id(domain, "user", "user0002")
        staff = public_id(domain, "group", "staff")
        self.put("/projects/%s/groups/%s/roles/%s" % (project["id"], staff, self.role("member")))
        self.put("/projects/%s/users/%s/roles/%s" % (project["id"], second, self.role("reader")))
        scope = {"project": {"id": project["id"]}}
        token, body = self.login(domain, "user0000", "secret-0000", **scope)
        self.assertEqual(sorted(role["name"] for role in body["token"]["roles"]), ["member", "reader"])
        _, body = self.login(domain, "user0002", "secret-0002", **scope)
        self.assertEqual([role["name"] for role in body["token"]["roles"]], ["reader"])
        effective = self.get("/role_assignments?effective&include_names&scope.project.id=" + project["id"])["role_assignments"]
        self.assertEqual({(one["user"]["name"], one["role"]["name"]) for one in effective},
                         {("user0000", "member"), ("user0000", "reader"), ("user0001", "member"), ("user0001", "reader"),
                          ("user0002", "reader")})
        self.assertEqual([one["id"] for one in self.get("/users/%s/projects" % first)["projects"]], [project["id"]])
        made = self.ask("POST", V3 + "/users/%s/application_credentials" % first,
                        {"application_credential": {"name": "robot"}}, 201, token)["application_credential"]
        status, robot, body = self.cloud.authenticate({"identity": {
            "methods": ["application_credential"],
            "application_credential": {"id": made["id"], "secret": made["secret"]}}})
        self.assertEqual(status, 201, body)
        trustee = self.make("user", password="secret")
        trust = self.ask("POST", V3 + "/OS-TRUST/trusts", {"trust": {
            "trustor_user_id": first, "trustee_user_id": trustee["id"], "project_id": project["id"], "impersonation": True,
            "roles": [{"name": "member"}]}}, 201, token)["trust"]
        self.assertEqual(trust["trustor_user_id"], first)
        # who leaves the group has no roles any more, nor has what stands for it
        self.server.modify("dn: cn=staff,%s\nchangetype: modify\ndelete: member\nmember: uid=user0000,%s\n" % (GROUPS, PEOPLE))
        self.addCleanup(self.server.modify, "dn: cn=staff,%s\nchangetype: modify\nadd: member\nmember: uid=user0000,%s\n"
                        % (GROUPS, PEOPLE))
        self.assertEqual(self.get("/users/%s/groups" % first)["groups"], [])
        self.get("/auth/projects", 401, token=token)
        self.get("/auth/projects", 401, token=robot)
        self.login(domain, "user0000", "secret-0000", status=401, **scope)

    def test_two_directories_and_our_own_domain_are_apart(self):
        other = LdapServer(1, person("user9999", "another")).start()
        self.addCleanup(other.stop)
        one, two = self.domain(), self.domain(other)
        self.assertEqual(self.listed("/users?domain_id=" + one), ["user0000", "user0001", "user0002"])
        self.assertEqual(self.listed("/users?domain_id=" + two), ["user0000", "user9999"])
        self.assertNotIn("user9999", self.listed("/users?domain_id=default"))
        self.assertNotEqual(public_id(one, "user", "user0000"), public_id(two, "user", "user0000"))
        self.login(two, "user9999", "another")
        self.login(one, "user9999", "another", status=401)
        ours = self.make("user", password="secret")
        self.assertTrue(self.cloud.login(ours["id"], "secret"))

    def test_a_domain_that_leaves_its_directory_has_its_users_no_more(self):
        domain = self.domain()
        token, _ = self.login(domain, "user0000", "secret-0000")
        self.patch("/domains/%s/config/identity/driver" % domain, {"config": {"driver": "sql"}})
        self.assertEqual(self.get("/users?domain_id=" + domain)["users"], [])
        self.get("/auth/projects", 401, token=token)
        self.login(domain, "user0000", "secret-0000", status=401)
        self.patch("/domains/%s/config/identity/driver" % domain, {"config": {"driver": "ldap"}})
        self.login(domain, "user0000", "secret-0000")


class Enabled(LdapTest):
    @classmethod
    def more(cls):
        return (person("masked", "x", employeeNumber="514") + person("plain", "x", employeeType="FALSE") +
                person("bare", "x") + entry("cn=enabled_users," + PEOPLE, ["groupOfNames"], cn="enabled_users",
                                            member=["uid=plain," + PEOPLE, "uid=user0000," + PEOPLE]))

    def enabled(self, **options):
        domain = self.domain(**options)
        return domain, {user["name"]: user["enabled"] for user in self.get("/users?domain_id=" + domain)["users"]}

    def test_a_bit_may_mean_disabled(self):
        domain, enabled = self.enabled(user_enabled_attribute="employeeNumber", user_enabled_mask=2, user_enabled_default="512")
        self.assertEqual(enabled, {"user0000": True, "user0001": True, "user0002": True, "masked": False, "plain": True,
                                   "bare": True})
        self.login(domain, "user0000", "secret-0000")
        self.login(domain, "masked", "x", status=401)

    def test_an_attribute_may_say_it_and_may_be_inverted(self):
        domain, enabled = self.enabled(user_enabled_attribute="employeeType", user_enabled_default="False")
        self.assertEqual({one for one in enabled if enabled[one]}, {"user0000", "user0001", "user0002"})
        self.login(domain, "plain", "x", status=401)
        _, enabled = self.enabled(user_enabled_attribute="employeeType", user_enabled_invert=True,
                                  user_enabled_default="False")
        self.assertEqual({one for one in enabled if enabled[one]}, {"plain", "masked", "bare"})

    def test_a_group_may_have_those_who_are_enabled(self):
        domain, enabled = self.enabled(user_enabled_emulation=True)
        self.assertEqual({one for one in enabled if enabled[one]}, {"user0000", "plain"})
        self.assertNotIn("enabled_users", enabled)
        self.login(domain, "plain", "x")
        self.login(domain, "user0001", "secret-0001", status=401)

    def test_who_is_disabled_has_no_token_any_more(self):
        domain = self.domain(user_enabled_attribute="employeeType")
        token, _ = self.login(domain, "user0002", "secret-0002")
        self.server.replace("uid=user0002," + PEOPLE, employeeType="FALSE")
        self.addCleanup(self.server.replace, "uid=user0002," + PEOPLE, employeeType="TRUE")
        self.get("/auth/projects", token=token)         # nobody has looked yet
        # a change of the settings has everybody looked up again, as time does
        self.patch("/domains/%s/config/ldap/page_size" % domain, {"config": {"page_size": 200}})
        self.cloud.until(lambda: self.cloud.request("GET", V3 + "/auth/projects", token=token)[0] == 401,
                         what="the end of the token")


class Many(LdapTest):
    users = 1500

    def test_lists_longer_than_the_server_gives_at_once_come_in_pages(self):
        domain = self.domain()
        listed = self.listed("/users?domain_id=" + domain)
        self.assertEqual((len(listed), listed[0], listed[-1]), (1500, "user0000", "user1499"))
        unpaged = self.domain(page_size=0)
        status, _, body = self.cloud.request("GET", V3 + "/users?domain_id=" + unpaged)
        self.assertEqual(status, 503, body)
        self.assertEqual(self.listed("/users?name=user0700&domain_id=" + unpaged), ["user0700"])


class Tls(LdapTest):
    def test_start_tls_wants_a_certificate_that_it_trusts(self):
        good = self.make("domain")["id"]
        self.put_config(good, self.server.url, use_tls=True, tls_cacertfile=self.server.authority)
        self.login(good, "user0000", "secret-0000")
        self.put_config(good, self.server.url, use_tls=True)
        self.login(good, "user0000", "secret-0000", status=503)
        self.put_config(good, self.server.url, use_tls=True, tls_req_cert="never")
        self.cloud.until(lambda: self.try_login(good) == 201, what="a login without a certificate")
        self.put_config(good, self.server.tls_url, tls_cacertfile=self.server.authority)
        self.login(good, "user0000", "secret-0000")

    def try_login(self, domain):
        return self.cloud.authenticate({"identity": {"methods": ["password"], "password": {"user": {
            "name": "user0000", "domain": {"id": domain}, "password": "secret-0000"}}}})[0]

    def put_config(self, domain, url, **options):
        self.ask("PUT", V3 + "/domains/%s/config" % domain,
                 {"config": {"identity": {"driver": "ldap"}, "ldap": dict(OPTIONS, url=url, **options)}}, (200, 201))


class Dead(LdapTest):
    def test_a_server_that_is_away_is_said_to_be(self):
        server = LdapServer(1).start()
        self.addCleanup(server.stop)
        domain = self.domain(server)
        token, _ = self.login(domain, "user0000", "secret-0000")
        user = public_id(domain, "user", "user0000")
        server.pause()
        began = time.monotonic()
        self.login(domain, "user0000", "secret-0000", status=503)
        self.get("/users?domain_id=" + domain, 503)
        self.get("/users/" + user, 503)
        self.assertLess(time.monotonic() - began, 5)
        self.get("/auth/projects", token=token)         # tokens that are out stay good
        server.resume()
        self.cloud.until(lambda: self.cloud.request("GET", V3 + "/users/" + user)[0] == 200, what="the server's return")
        self.login(domain, "user0000", "secret-0000")

    def test_a_server_that_hangs_holds_nobody_else_up(self):
        server = LdapServer(1).start()
        self.addCleanup(server.stop)
        domain = self.domain(server)
        self.login(domain, "user0000", "secret-0000")
        ours = self.user_with(self.make("project"))
        server.freeze()
        answers = []

        def ask():
            began = time.monotonic()
            status = self.cloud.request("GET", V3 + "/users?domain_id=" + domain)[0]
            answers.append((status, time.monotonic() - began))

        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        time.sleep(0.7)
        began = time.monotonic()
        for _ in range(5):
            self.cloud.login(ours["id"], "secret")
            self.make("project")
        self.assertLess(time.monotonic() - began, 4)
        for thread in threads:
            thread.join(60)
        server.thaw()
        self.assertEqual({status for status, _ in answers}, {503}, answers)
        self.assertLess(max(took for _, took in answers), 15)


class Mapping(LdapTest):
    def manage(self, *words, expect=0):
        done = subprocess.run([PROGRAM, "identity", "--data", self.cloud.data, *words], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout

    def test_public_ids_are_made_forgotten_and_made_again(self):
        domain = self.domain()
        self.manage("mapping-populate", domain)
        path = "/users/" + public_id(domain, "user", "user0001")
        for each in (path, "/groups/" + public_id(domain, "group", "staff")):
            self.cloud.until(lambda: self.cloud.request("GET", V3 + each)[0] == 200, what="the arrival of " + each)
        self.cloud.until(lambda: self.cloud.sql("SELECT count(*) FROM rest_task") == [["0"]], what="the end of the arrival")
        self.assertEqual(self.manage("mapping-purge", "domain", domain, "type", "user"), "3 forgotten\n")
        self.get(path, 404)
        self.get("/groups/" + public_id(domain, "group", "staff"))
        self.listed("/users?domain_id=" + domain)
        self.get(path)
        self.assertEqual(self.manage("mapping-purge", "public-id", path[7:]), "1 forgotten\n")
        self.manage("mapping-purge", expect=1)
        self.manage("mapping-purge", "all", "type", "user", expect=1)
        self.manage("mapping-purge", "colour", "red", expect=1)
        self.manage("mapping-populate", "default", expect=1)


class DefaultDomain(LdapTest):
    """The directory of haneul.conf, as an existing cloud may have it: ids are not mapped, our own users stay."""

    @classmethod
    def setUpClass(cls):
        cls.server = LdapServer(2).start()
        cls.addClassCleanup(cls.server.stop)
        cls.settings = ["identity.driver=ldap", "ldap.url=" + cls.server.url] + [
            "ldap.%s=%s" % (option, value) for option, value in OPTIONS.items()]
        super(LdapTest, cls).setUpClass()

    def test_the_administrator_stays_and_users_keep_their_ids(self):
        self.assertTrue(self.cloud.token())
        self.assertTrue({"user0000", "user0001", "admin"} <= set(self.listed("/users?domain_id=default")))
        self.assertEqual(self.get("/users/user0000")["user"]["email"], "user0000@example.com")
        _, body = self.login("default", "user0001", "secret-0001")
        self.assertEqual(body["token"]["user"]["id"], "user0001")
        self.ask("POST", V3 + "/users", {"user": {"name": name("user")}}, 403)


class Config(LdapTest):
    def test_secrets_are_taken_and_never_shown(self):
        domain = self.make("domain")["id"]
        body = {"config": {"identity": {"driver": "ldap"},
                           "ldap": {"url": self.server.url, "user_tree_dn": PEOPLE, "password": "hidden-thing"}}}
        first = self.ask("PUT", V3 + "/domains/%s/config" % domain, body, 201)
        self.assertNotIn("hidden-thing", json.dumps(first))
        self.assertNotIn("password", first["config"]["ldap"])
        for path in ("", "/ldap"):
            self.assertNotIn("hidden-thing", json.dumps(self.get("/domains/%s/config%s" % (domain, path))))
        self.assertEqual(self.get("/domains/%s/config/ldap/user_tree_dn" % domain)["config"], {"user_tree_dn": PEOPLE})
        self.ask("PUT", V3 + "/domains/%s/config" % domain, body, 200)
        self.patch("/domains/%s/config/ldap/password" % domain, {"config": {"password": "another-thing"}})
        self.assertNotIn("thing", json.dumps(self.get("/domains/%s/config" % domain)))

    def test_what_is_not_known_is_refused(self):
        domain = self.make("domain")["id"]
        path = "/domains/%s/config" % domain
        self.get(path, 404)
        for config in ({}, {"nothing": {"a": 1}}, {"ldap": {"nothing": 1}}, {"ldap": {}}, {"ldap": "text"},
                       {"identity": {"driver": "ldap"}, "ldap": {"url": "ldap://x", "nothing": 1}}):
            self.ask("PUT", V3 + path, {"config": config}, 403)
        self.get(path, 404)
        self.put(path, {"config": {"ldap": {"url": "ldap://x"}}}, 201)
        self.get(path + "/nothing", 403)
        self.get(path + "/ldap/nothing", 403)
        self.get(path + "/ldap/user", 404)
        self.patch(path + "/ldap", {"config": {"identity": {"driver": "ldap"}}}, 403)
        self.patch(path + "/ldap/url", {"config": {"user": "x"}}, 403)
        self.delete(path + "/ldap/user", 404)
        self.delete(path + "/ldap/url")
        self.get(path, 404)
        self.get("/domains/%s/config" % ("0" * 32), 404)
        defaults = self.get("/domains/config/default")["config"]
        self.assertEqual(defaults["ldap"]["user_objectclass"], "inetOrgPerson")
        self.assertNotIn("password", defaults["ldap"])
        self.assertEqual(self.get("/domains/config/ldap/query_scope/default")["config"], {"query_scope": "one"})

    def test_a_secret_stands_in_other_options_by_its_name(self):
        domain = self.make("domain")["id"]
        options = dict(OPTIONS, url=self.server.url, user="cn=%(password)s," + SUFFIX)      # "reader" is its name, too
        self.put("/domains/%s/config" % domain, {"config": {"identity": {"driver": "ldap"}, "ldap": options}}, 201)
        self.assertEqual(len(self.listed("/users?domain_id=" + domain)), 3)
        self.assertEqual(self.get("/domains/%s/config/ldap/user" % domain)["config"], {"user": "cn=%(password)s," + SUFFIX})

    def test_settings_that_are_not_good_are_named(self):
        for option, value in (("user_filter", "(uid=*"), ("user_filter", "(uid=a))(uid=*"), ("user_id_attribute", "a)(b"),
                              ("group_member_attribute", "*"), ("tls_req_cert", "perhaps")):
            domain = self.domain(**{option: value})
            status, _, body = self.cloud.request("GET", V3 + "/users?domain_id=" + domain)
            self.assertEqual(status, 503)
            self.assertIn(option.split("_")[0], body["error"]["message"])

    def test_further_attributes_and_filters_count(self):
        domain = self.domain(user_filter="(|(uid=user0000)(uid=user0002))", group_filter="(ou=staff)",
                             user_additional_attribute_mapping=["employeeNumber:number", "sn:surname"],
                             user_attribute_ignore=["default_project_id", "email"])
        users = self.get("/users?domain_id=" + domain)["users"]
        self.assertEqual(sorted((user["name"], user["number"], user["surname"]) for user in users),
                         [("user0000", "512", "user0000"), ("user0002", "512", "user0002")])
        self.assertNotIn("email", users[0])
        self.assertEqual(self.listed("/groups?domain_id=" + domain, "groups"), ["staff"])
        self.login(domain, "user0001", "secret-0001", status=401)


if __name__ == "__main__":
    unittest.main()
