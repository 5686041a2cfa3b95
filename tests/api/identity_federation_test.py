# SPDX-License-Identifier: Apache-2.0
"""Identity: users of others. Mappings, shadow users, and what a proxy in front asserts (the way of SAML 2)."""
import contextlib
import http.client
import time
import urllib.parse

from identity_test import V3, IdentityTest, name

FED = "/OS-FEDERATION"
SECRET = "between-proxy-and-api"


class Federation(IdentityTest):
    settings = ("federation.trusted_proxies=127.0.0.1", "federation.proxy_secret=" + SECRET,
                "federation.assertion_prefix=openstack_, Shib-", "federation.remote_id_attribute=Shib-Identity-Provider",
                "federation.trusted_dashboard=https://dashboard.example/auth/websso/, http://other.example/x")
    protocol = "saml2"

    def setUp(self):
        self.idp = name("idp")
        self.provider = self.put(FED + "/identity_providers/" + self.idp,
                                 {"identity_provider": {"enabled": True, "remote_ids": ["https://%s/" % self.idp]}},
                                 201)["identity_provider"]
        self.domain = self.provider["domain_id"]

    def mapping(self, *rules):
        """Makes the rules the provider's; each is (local, remote)."""
        self.mapped = name("mapping")
        rules = [{"local": local, "remote": remote} for local, remote in rules]
        self.put(FED + "/mappings/" + self.mapped, {"mapping": {"rules": rules}}, 201)
        self.put("%s/identity_providers/%s/protocols/%s" % (FED, self.idp, self.protocol),
                 {"protocol": {"mapping_id": self.mapped}}, 201)

    def group_with_project(self, role="member"):
        """A group of the provider's domain with a role in a project."""
        group, project = self.make("group", domain_id=self.domain), self.make("project", domain_id=self.domain)
        self.put("/projects/%s/groups/%s/roles/%s" % (project["id"], group["id"], self.role(role)))
        return group, project

    def path(self):
        return "%s%s/identity_providers/%s/protocols/%s/auth" % (V3, FED, self.idp, self.protocol)

    def headers(self, **assertion):
        sent = {"X-Haneul-Proxy-Secret": SECRET, "Shib-Identity-Provider": "https://%s/" % self.idp}
        sent.update({"openstack_" + key: value for key, value in assertion.items()})
        return sent

    def enter(self, expect=201, **assertion):
        """(the token, its body) of who the proxy asserts."""
        status, headers, body = self.cloud.request("POST", self.path(), b"", "", self.headers(**assertion))
        self.assertEqual(status, expect, body)
        return headers.get("X-Subject-Token"), (body or {}).get("token")

    def scope(self, token, expect=201, **scope):
        auth = {"identity": {"methods": ["token"], "token": {"id": token}}, "scope": scope}
        status, answered, body = self.cloud.authenticate(auth)
        self.assertEqual(status, expect, body)
        return answered, body.get("token")

    def is_valid(self, token):
        status = self.cloud.request("GET", V3 + "/auth/tokens", None, None, {"X-Subject-Token": token})[0]
        self.assertIn(status, (200, 404))
        return status == 200


USER = {"user": {"name": "{0}"}}
NAMED = [{"type": "openstack_user"}]


class Shadow(Federation):
    def test_a_user_has_one_row_from_the_first_login_on(self):
        self.mapping(([{"user": {"name": "{0}", "email": "{0}@example.org"}}], NAMED))
        who = name("kim")
        first, token = self.enter(user=who)
        again = self.enter(user=who)[1]
        self.assertEqual((token["user"]["id"], token["user"]["name"], token["user"]["domain"]["id"], token["methods"]),
                         (again["user"]["id"], who, self.domain, ["saml2"]))
        self.assertEqual(token["user"]["OS-FEDERATION"], {"groups": [], "identity_provider": {"id": self.idp},
                                                          "protocol": {"id": "saml2"}})
        self.assertNotIn("password_expires_at", token["user"])
        user = self.get("/users/" + token["user"]["id"])["user"]
        self.assertEqual((user["federated"], user["email"], user["enabled"]),
                         ([{"idp_id": self.idp, "protocols": [{"protocol_id": "saml2", "unique_id": who}]}],
                          who + "@example.org", True))
        listed = self.get("/users?idp_id=%s&protocol_id=saml2&unique_id=%s" % (self.idp, who))["users"]
        self.assertEqual([one["id"] for one in listed], [user["id"]])
        self.assertNotEqual(self.enter(user=name("other"))[1]["user"]["id"], user["id"])
        self.patch("/users/" + user["id"], {"user": {"enabled": False}})
        self.enter(401, user=who)
        self.assertFalse(self.is_valid(first))

    def test_an_id_and_a_name_may_differ_and_the_name_changes(self):
        self.mapping(([{"user": {"id": "{0}", "name": "{1}"}}], NAMED + [{"type": "openstack_display"}]))
        who = "a b/%s" % name("x")
        token = self.enter(user=who, display="Ann")[1]
        renamed = self.enter(user=who, display="Anna")[1]
        self.assertEqual((renamed["user"]["id"], token["user"]["name"], renamed["user"]["name"]),
                         (token["user"]["id"], "Ann", "Anna"))
        user = self.get("/users/" + token["user"]["id"])["user"]
        self.assertEqual(user["federated"][0]["protocols"][0]["unique_id"], urllib.parse.quote(who))

    def test_a_name_that_somebody_has_here_does_not_make_it_that_user(self):
        self.mapping(([USER], NAMED))
        here = self.make("user", domain_id=self.domain, password="secret")
        token = self.enter(user=here["name"])[1]
        self.assertNotEqual(token["user"]["id"], here["id"])
        self.assertTrue(token["user"]["name"].startswith(here["name"] + " ("))
        self.assertEqual(self.enter(user=here["name"])[1]["user"]["id"], token["user"]["id"])

    def test_who_is_known_at_a_provider_can_be_said_beforehand(self):
        self.mapping(([USER], NAMED))
        who = name("pat")
        federated = [{"idp_id": self.idp, "protocols": [{"protocol_id": "saml2", "unique_id": who}]}]
        user = self.make("user", domain_id=self.domain, federated=federated)
        self.assertEqual(user["federated"], federated)
        self.assertEqual(self.enter(user=who)[1]["user"]["id"], user["id"])
        for bad in ([{"idp_id": "no", "protocols": [{"protocol_id": "saml2", "unique_id": who}]}],
                    [{"idp_id": self.idp, "protocols": [{"protocol_id": "no", "unique_id": who}]}],
                    [{"idp_id": self.idp, "protocols": []}], [{"idp_id": self.idp}], [7], {"idp_id": self.idp}):
            self.patch("/users/" + user["id"], {"user": {"federated": bad}}, 400)

    def test_a_local_user_is_only_named_by_its_provider(self):
        user = self.make("user", password="secret")
        self.mapping(([{"user": {"name": "{0}", "type": "local", "domain": {"id": "default"}}}], NAMED))
        token = self.enter(user=user["name"])[1]
        self.assertEqual(token["user"]["id"], user["id"])
        self.assertNotIn("OS-FEDERATION", token["user"])
        self.enter(401, user="nobody-" + user["name"])


class Groups(Federation):
    def test_groups_of_the_mapping_are_in_the_token_and_give_its_roles(self):
        group, project = self.group_with_project()
        self.put("/domains/%s/groups/%s/roles/%s" % (self.domain, group["id"], self.role("reader")))
        self.mapping(([USER, {"group": {"id": group["id"]}}], NAMED))
        sealed, token = self.enter(user=name("kim"))
        self.assertEqual(token["user"]["OS-FEDERATION"]["groups"], [{"id": group["id"]}])
        for path in ("/auth/projects", FED + "/projects"):
            self.assertEqual([one["id"] for one in self.get(path, token=sealed)["projects"]], [project["id"]])
        self.assertEqual([one["id"] for one in self.get("/auth/domains", token=sealed)["domains"]], [self.domain])
        scoped, body = self.scope(sealed, project={"id": project["id"]})
        self.assertIn("member", [role["name"] for role in body["roles"]])
        self.assertEqual(body["user"]["OS-FEDERATION"], token["user"]["OS-FEDERATION"])
        self.assertEqual(body["expires_at"], token["expires_at"])
        self.assertEqual(self.scope(scoped, domain={"id": self.domain})[1]["domain"]["id"], self.domain)
        self.scope(sealed, 401, project={"id": self.make("project")["id"]})
        self.scope(sealed, 401, system={"all": True})
        self.put("/system/groups/%s/roles/%s" % (group["id"], self.role("reader")))
        self.assertEqual(self.get("/auth/system", token=sealed)["system"], [{"all": True}])
        self.scope(sealed, system={"all": True})

    def test_a_group_that_is_removed_takes_its_roles_from_tokens(self):
        group, project = self.group_with_project()
        self.mapping(([USER, {"group": {"id": group["id"]}}], NAMED))
        sealed = self.enter(user=name("kim"))[0]
        scoped = self.scope(sealed, project={"id": project["id"]})[0]
        self.assertTrue(self.is_valid(scoped))
        self.delete("/groups/" + group["id"])
        self.assertFalse(self.is_valid(scoped))
        self.scope(sealed, 401, project={"id": project["id"]})
        self.enter(401, user=name("kim"))                   # the mapping names a group that is not there

    def test_who_loses_a_group_at_its_provider_has_none_of_it_in_new_tokens(self):
        group, project = self.group_with_project()
        self.mapping(([USER, {"groups": "{1}", "domain": {"id": self.domain}}], NAMED + [{"type": "openstack_groups"}]))
        who = name("kim")
        self.scope(self.enter(user=who, groups="%s;unknown" % group["name"])[0], project={"id": project["id"]})
        self.scope(self.enter(user=who, groups="unknown")[0], 401, project={"id": project["id"]})

    def test_a_membership_lasts_as_long_as_the_provider_is_trusted_for(self):
        group, project = self.group_with_project()
        self.mapping(([USER, {"groups": "{1}", "domain": {"id": self.domain}}], NAMED + [{"type": "openstack_groups"}]))
        who = name("kim")
        sealed, token = self.enter(user=who, groups=group["name"])
        user = token["user"]["id"]
        self.assertEqual(self.get("/users/%s/groups" % user)["groups"], [])
        self.patch(FED + "/identity_providers/" + self.idp, {"identity_provider": {"authorization_ttl": 10}})
        sealed = self.enter(user=who, groups=group["name"])[0]
        self.assertIn("membership_expires_at", self.get("/users/%s/groups" % user)["groups"][0])
        self.get("/groups/%s/users/%s" % (group["id"], user), 204)
        scoped = self.scope(sealed, project={"id": project["id"]})[0]
        credential = self.ask("POST", "%s/users/%s/application_credentials" % (V3, user),
                              {"application_credential": {"name": name("c")}}, 201, scoped)["application_credential"]
        auth = {"identity": {"methods": ["application_credential"],
                             "application_credential": {"id": credential["id"], "secret": credential["secret"]}}}
        lasting = self.cloud.authenticate(auth)[1]
        self.assertTrue(self.is_valid(lasting))
        self.cloud.sql("UPDATE identity_expiring_membership SET verified_at = verified_at - 599000000,"
                       " expires_at = expires_at - 599000000 WHERE user_id = '%s'" % user)
        lasting = self.cloud.authenticate(auth)[1]          # good for a second yet
        self.assertTrue(self.is_valid(lasting))
        self.cloud.until(lambda: not self.is_valid(lasting), what="the end of the membership")
        self.assertEqual(self.cloud.authenticate(auth)[0], 401)
        self.assertTrue(self.is_valid(scoped))              # which has the group itself
        self.enter(user=who, groups=group["name"])
        self.assertEqual(self.cloud.authenticate(auth)[0], 201)
        self.enter(user=who, groups="unknown")
        self.assertEqual(self.cloud.authenticate(auth)[0], 401)

    def test_too_many_groups_are_refused(self):
        self.mapping(([USER, {"group_ids": "{1}"}], NAMED + [{"type": "openstack_groups"}]))
        ids = [self.make("group", domain_id=self.domain)["id"] for _ in range(129)]
        self.enter(user="many", groups=";".join(ids[:128]))
        self.enter(401, user="many", groups=";".join(ids))


class Projects(Federation):
    def rules(self, *roles):
        return ([USER, {"projects": [{"name": "work of {0}", "roles": [{"name": role} for role in roles]}]}], NAMED)

    def test_projects_are_made_with_roles(self):
        self.mapping(self.rules("member", "reader"))
        for _ in range(2):
            sealed, token = self.enter(user="kim")
            projects = self.get("/auth/projects", token=sealed)["projects"]
            self.assertEqual([(one["name"], one["domain_id"]) for one in projects], [("work of kim", self.domain)])
        roles = [role["name"] for role in self.scope(sealed, project={"id": projects[0]["id"]})[1]["roles"]]
        self.assertEqual(sorted(roles), ["member", "reader"])

    def test_a_role_that_is_not_there_makes_nothing(self):
        self.mapping(self.rules("member", "no such role"))
        self.enter(404, user="kim")
        self.assertEqual(self.get("/projects?domain_id=" + self.domain)["projects"], [])
        self.assertEqual(self.get("/users?domain_id=" + self.domain)["users"], [])

    def test_a_role_of_another_domain_is_not_given(self):
        role = self.make("role", domain_id=self.make("domain")["id"])
        own = self.make("role", domain_id=self.domain)
        self.mapping(self.rules(role["name"]))
        self.enter(403, user="kim")
        self.patch(FED + "/mappings/" + self.mapped, {"mapping": {"rules": [
            {"local": self.rules(own["name"])[0], "remote": NAMED}]}})
        self.enter(user="kim")


class Ends(Federation):
    def setUp(self):
        super().setUp()
        self.group, self.project = self.group_with_project()
        self.mapping(([USER, {"group": {"id": self.group["id"]}}], NAMED))
        self.unscoped = self.enter(user="kim")[0]
        self.scoped = self.scope(self.unscoped, project={"id": self.project["id"]})[0]

    def ended(self):
        self.assertFalse(self.is_valid(self.unscoped) or self.is_valid(self.scoped))
        self.scope(self.unscoped, 404, project={"id": self.project["id"]})

    def test_a_disabled_provider(self):
        path = FED + "/identity_providers/" + self.idp
        self.patch(path, {"identity_provider": {"enabled": False}})
        self.ended()
        self.enter(403, user="kim")
        self.patch(path, {"identity_provider": {"enabled": True}})
        self.ended()
        self.enter(user="kim")

    def test_a_provider_that_is_gone(self):
        self.delete(FED + "/identity_providers/" + self.idp)
        self.ended()
        self.enter(404, user="kim")

    def test_a_protocol_that_is_gone_and_back(self):
        path = "%s/identity_providers/%s/protocols/saml2" % (FED, self.idp)
        self.delete(path)
        self.ended()
        self.enter(404, user="kim")
        self.put(path, {"protocol": {"mapping_id": self.mapped}}, 201)
        self.ended()
        self.enter(user="kim")

    def test_a_mapping_that_is_gone(self):
        self.delete(FED + "/mappings/" + self.mapped)
        self.ended()
        self.enter(401, user="kim")


class Proxies(Federation):
    def setUp(self):
        super().setUp()
        self.mapping(([USER], NAMED))

    def refused(self, headers, expect=401):
        for method in ("GET", "POST"):
            status, answered, _ = self.cloud.request(method, self.path(), None, "", headers)
            self.assertEqual((status, answered.get("X-Subject-Token")), (expect, None))

    def test_headers_of_anybody_else_are_worth_nothing(self):
        good = self.headers(user="kim")
        self.assertEqual(self.cloud.request("GET", self.path(), None, "", good)[0], 201)
        self.refused({key: value for key, value in good.items() if key != "X-Haneul-Proxy-Secret"})
        self.refused(dict(good, **{"X-Haneul-Proxy-Secret": "guess"}))
        self.refused({"X-Haneul-Proxy-Secret": SECRET})

    def test_only_headers_of_the_prefix_are_an_assertion(self):
        self.refused({"X-Haneul-Proxy-Secret": SECRET, "Shib-Identity-Provider": "https://%s/" % self.idp, "user": "kim"})

    def test_a_header_beside_the_proxys_spoils_both(self):
        """What a client sends and the proxy lets through because it looks different."""
        for smuggled in ("openstack-user", "Openstack_user", "openstack_user", "OPENSTACK-USER"):
            connection = http.client.HTTPConnection(self.cloud.listen, timeout=30)
            with contextlib.closing(connection):
                connection.putrequest("GET", self.path())
                for key, value in [*self.headers(user="kim").items(), (smuggled, "admin")]:
                    connection.putheader(key, value)
                connection.endheaders()
                self.assertEqual(connection.getresponse().status, 401, smuggled)

    def test_a_provider_may_not_speak_for_another(self):
        self.refused(dict(self.headers(user="kim"), **{"Shib-Identity-Provider": "https://elsewhere/"}), 403)
        self.refused({"X-Haneul-Proxy-Secret": SECRET, "openstack_user": "kim"})

    def test_the_protocol_may_name_the_attribute_that_names_the_provider(self):
        self.patch("%s/identity_providers/%s/protocols/saml2" % (FED, self.idp),
                   {"protocol": {"mapping_id": self.mapped, "remote_id_attribute": "HTTP_OPENSTACK_ISSUER"}})
        self.refused(self.headers(user="kim"))
        self.enter(user="kim", issuer="https://%s/" % self.idp)

    def test_the_method_can_be_named_in_a_request_for_a_token(self):
        group, project = self.group_with_project()
        self.patch(FED + "/mappings/" + self.mapped, {"mapping": {"rules": [
            {"local": [USER, {"group": {"id": group["id"]}}], "remote": NAMED}]}})
        for method in ("saml2", "mapped"):
            body = {"auth": {"identity": {"methods": [method], method: {"identity_provider": self.idp, "protocol": "saml2"}},
                             "scope": {"project": {"id": project["id"]}}}}
            status, headers, answer = self.cloud.request("POST", V3 + "/auth/tokens", body, "", self.headers(user="kim"))
            self.assertEqual((status, answer["token"]["project"]["id"], answer["token"]["methods"]),
                             (201, project["id"], [method]))
            self.assertEqual(self.cloud.request("POST", V3 + "/auth/tokens", body, "")[0], 401)
        again = {"identity": {"methods": ["saml2"], "saml2": {"id": headers["X-Subject-Token"]}}, "scope": "unscoped"}
        self.assertEqual(self.cloud.authenticate(again)[2]["token"]["user"]["name"], "kim")
        again["identity"]["saml2"]["id"] = self.cloud.token()
        self.assertEqual(self.cloud.authenticate(again)[0], 401)        # no provider brought the administrator
        del again["identity"]["saml2"]["id"]
        self.assertEqual(self.cloud.authenticate(again)[0], 400)

    def test_a_dashboard_gets_the_token_in_a_form(self):
        one = "%s/auth%s/identity_providers/%s/protocols/saml2/websso" % (V3, FED, self.idp)
        for path in (one, "%s/auth%s/websso/saml2" % (V3, FED)):
            origin = urllib.parse.quote("https://DASHBOARD.example/auth/websso/", safe="")
            status, headers, body = self.cloud.request("GET", path + "?origin=" + origin, None, "", self.headers(user="kim"))
            self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
            page = body.decode()
            self.assertIn('action="https://DASHBOARD.example/auth/websso/"', page)
            token = page.split('name="token" value="')[1].split('"')[0]
            self.assertTrue(self.is_valid(token))
            for query, expect in (("", 400), ("?origin=", 400), ("?origin=https://evil.example/", 401),
                                  ("?origin=" + origin + "evil", 401),
                                  ("?origin=https://dashboard.example/AUTH/websso/", 401)):
                status, _, body = self.cloud.request("POST", path + query, b"", "", self.headers(user="kim"))
                self.assertEqual(status, expect, body)
            self.assertEqual(self.cloud.request("GET", path + "?origin=" + origin, None, "")[0], 401)


class Untrusted(Federation):
    settings = ("federation.trusted_proxies=192.0.2.1", "federation.assertion_prefix=openstack_")

    def test_a_proxy_is_known_by_its_address(self):
        self.mapping(([USER], NAMED))
        self.enter(401, user="kim")


class Rules(Federation):
    def test_what_can_never_work_is_refused(self):
        def refused(local, remote, word):
            body = {"mapping": {"rules": [{"local": local, "remote": remote}]}}
            answer = self.put(FED + "/mappings/" + name("m"), body, 400)
            self.assertIn(word, answer["error"]["message"])

        refused([USER], [{"type": "a", "any_one_of": ["("], "regex": True}], "pattern")
        refused([{"user": {"name": "{1}"}}], NAMED, "number")
        refused([{"user": {"name": "{x}"}}], NAMED, "brace")
        refused([{"user": {"name": "{0}"}}], [{"type": "a", "any_one_of": ["x"]}], "number")
        refused([USER], [{"type": "a", "any_one_of": ["x"], "whitelist": ["y"]}], "condition")
        refused([{"user": {"name": "{0}", "type": "other"}}], NAMED, "type")
        refused([{"group": {"name": "g"}}], NAMED, "group")

    def test_a_pattern_that_blows_up_costs_little(self):
        self.mapping(([USER], NAMED + [{"type": "openstack_x", "any_one_of": ["^(a+)+$", "(x+x+)+y"] * 20, "regex": True}]))
        self.enter(user="kim", x="aaa")
        begin = time.monotonic()
        self.enter(401, user="kim", x="a" * 2000 + "!")
        self.assertLess(time.monotonic() - begin, 5)

    def test_no_rule_no_user(self):
        self.mapping(([USER], NAMED + [{"type": "openstack_kind", "not_any_of": ["guest"]}]))
        self.enter(user="kim", kind="staff;other")
        self.enter(401, user="kim", kind="staff;guest")
        self.enter(401, user="kim")


if __name__ == "__main__":
    import unittest
    unittest.main()
