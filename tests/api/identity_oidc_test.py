# SPDX-License-Identifier: Apache-2.0
"""Identity: OpenID Connect, with a real provider (glewlwyd): tokens that clients bring, and single sign-on for dashboards."""
import base64
import json
import os
import subprocess
import unittest
import urllib.parse

import glewlwyd
from cloud import Cloud, free_port
from identity_test import V3, IdentityTest, name

FED = "/OS-FEDERATION"
ORIGIN = "http://dashboard.example/auth/websso/"


def claims_of(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


@unittest.skipUnless(os.path.exists(glewlwyd.PROGRAM), "glewlwyd is not installed")
class Provider(IdentityTest):
    algorithm = "rsa"
    idp = "campus"
    protocol = "openid"

    @classmethod
    def setUpClass(cls):
        cls.port = free_port(2)
        cls.callback = "http://127.0.0.1:%d%s/auth%s/identity_providers/%s/protocols/openid/websso" % (
            cls.port, V3, FED, cls.idp)
        cls.provider = glewlwyd.Glewlwyd([cls.callback], cls.algorithm).start()
        cls.addClassCleanup(cls.provider.stop)
        cls.provider.add_user("kim", "staff", "dev")
        cls.provider.add_user("lee")
        section = "oidc.%s." % cls.idp
        cls.cloud = Cloud(settings=(
            section + "issuer=" + cls.provider.issuer, section + "client_id=" + cls.provider.client,
            section + "client_secret=" + cls.provider.secret, section + "audience=openid cloud, " + cls.provider.client,
            section + "scope=openid cloud", section + "userinfo=true", "federation.trusted_dashboard=" + ORIGIN))
        cls.cloud.start(port=cls.port)
        cls.make_provider(cls)

    def make_provider(self):
        """The identity provider and its rules, once."""
        request = self.cloud.request
        status, _, body = request("PUT", V3 + FED + "/identity_providers/" + self.idp,
                                  {"identity_provider": {"enabled": True, "remote_ids": [self.provider.issuer]}})
        assert status == 201, body
        self.domain = body["identity_provider"]["domain_id"]
        self.group = request("POST", V3 + "/groups", {"group": {"name": "staff", "domain_id": self.domain}})[2]["group"]
        self.project = request("POST", V3 + "/projects", {"project": {"name": "work", "domain_id": self.domain}})[2]["project"]
        role = request("GET", V3 + "/roles?name=member")[2]["roles"][0]["id"]
        request("PUT", "%s/projects/%s/groups/%s/roles/%s" % (V3, self.project["id"], self.group["id"], role))
        rules = [{"local": [{"user": {"id": "{0}", "name": "{1}", "email": "{2}"}}],
                  "remote": [{"type": "sub"}, {"type": "HTTP_OIDC_NAME"}, {"type": "HTTP_OIDC_EMAIL"}]},
                 {"local": [{"groups": "{0}", "domain": {"id": self.domain}}], "remote": [{"type": "HTTP_OIDC_GROUPS"}]}]
        status, _, body = request("PUT", V3 + FED + "/mappings/campus", {"mapping": {"rules": rules}})
        assert status == 201, body
        status, _, body = request("PUT", "%s%s/identity_providers/%s/protocols/openid" % (V3, FED, self.idp),
                                  {"protocol": {"mapping_id": "campus"}})
        assert status == 201, body

    def path(self, idp=None):
        return "%s%s/identity_providers/%s/protocols/openid/auth" % (V3, FED, idp or self.idp)

    def bring(self, token, expect=201):
        headers = {"Authorization": "Bearer " + token} if token else {}
        status, answered, body = self.cloud.request("POST", self.path(), b"", "", headers)
        self.assertEqual((status, "X-Subject-Token" in answered), (expect, expect == 201), body)
        return answered.get("X-Subject-Token"), (body or {}).get("token")


class Tokens(Provider):
    def test_who_has_a_token_of_the_provider_comes_in(self):
        tokens = self.provider.tokens("kim")
        sealed, token = self.bring(tokens["access_token"])
        self.assertEqual((token["user"]["name"], token["methods"], token["user"]["OS-FEDERATION"]["groups"]),
                         ("Kim", ["openid"], [{"id": self.group["id"]}]))
        user = self.get("/users/" + token["user"]["id"])["user"]
        self.assertEqual((user["email"], user["federated"][0]["protocols"][0]["unique_id"]),
                         ("kim@example.org", claims_of(tokens["access_token"])["sub"]))
        auth = {"identity": {"methods": ["token"], "token": {"id": sealed}}, "scope": {"project": {"id": self.project["id"]}}}
        status, _, body = self.cloud.authenticate(auth)
        self.assertEqual((status, body["token"]["project"]["name"]), (201, "work"))
        self.assertEqual(self.bring(tokens["access_token"])[1]["user"]["id"], user["id"])

    def test_anything_else_does_not(self):
        good = self.provider.tokens("kim")["access_token"]
        header, payload, signature = good.split(".")
        claims = claims_of(good)

        def encode(value):
            return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

        other = encode(dict(claims, sub="somebody else"))
        unsigned = encode({"alg": "none"})
        for bad in ("", "x", "a.b.c", good[:-4] + "AAAA", "%s.%s.%s" % (header, other, signature),
                    "%s.%s." % (unsigned, payload), "%s.%s.%s" % (encode({"alg": "HS256"}), payload, signature),
                    "%s.%s.%s" % (encode({"alg": "RS256", "kid": "unknown"}), payload, signature), good + ".x",
                    "A" * 20000):
            self.bring(bad, 401)
        self.bring(None, 401)

    def test_a_token_for_others_is_not_taken(self):
        """Signed by the provider, and yet: its scope, which is its audience, is none of ours."""
        token = self.provider.tokens("kim", "openid elsewhere")["access_token"]
        self.assertEqual(claims_of(token)["aud"], "openid elsewhere")
        self.bring(token, 401)


class Curves(Tokens):
    algorithm = "ecdsa"


class Clients(Provider):
    def test_the_clients_of_openstack_log_in(self):
        """keystoneauth's v3oidcpassword and v3oidcaccesstoken, as the openstack command uses them."""
        base = ["openstack", "--os-auth-url", self.cloud.url + V3, "--os-identity-provider", self.idp, "--os-protocol", "openid",
                "--os-project-id", self.project["id"]]
        ways = [["--os-auth-type", "v3oidcaccesstoken", "--os-access-token", self.provider.tokens("kim")["access_token"]],
                ["--os-auth-type", "v3oidcpassword", "--os-client-id", self.provider.client, "--os-client-secret",
                 self.provider.secret, "--os-access-token-endpoint", self.provider.issuer + "/token",
                 "--os-openid-scope", "openid cloud", "--os-username", "kim", "--os-password", glewlwyd.PASSWORD]]
        for way in ways:
            done = subprocess.run(base + way + ["token", "issue", "-f", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  stdin=subprocess.DEVNULL, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout)["project_id"], self.project["id"])


class Keys(Provider):
    def test_new_keys_are_fetched_and_a_provider_that_is_away_hinders_nobody_known(self):
        old = self.provider.tokens("kim")["access_token"]
        self.bring(old)
        self.provider.renew_keys()
        new = self.provider.tokens("kim")["access_token"]
        self.assertNotEqual(old.split(".")[0], new.split(".")[0])

        def taken():
            headers = {"Authorization": "Bearer " + new}
            return self.cloud.request("POST", self.path(), b"", "", headers)[0] == 201

        self.cloud.until(taken, timeout=40, what="the new key")
        self.bring(old, 401)


class SingleSignOn(Provider):
    def websso(self, query, path="identity_providers/campus/protocols/openid/websso", cookie=None):
        return self.cloud.request("GET", "%s/auth%s/%s?%s" % (V3, FED, path, query), None, "",
                                  {"Cookie": cookie} if cookie else {})

    def begin(self, path="identity_providers/campus/protocols/openid/websso"):
        status, headers, body = self.websso(urllib.parse.urlencode({"origin": ORIGIN}), path)
        self.assertEqual(status, 302, body)
        self.assertIn("HttpOnly; SameSite=Lax", headers["Set-Cookie"])
        return headers["Location"], headers["Set-Cookie"].split(";")[0]

    def test_a_browser_goes_to_the_provider_and_brings_the_dashboard_a_token(self):
        for path in ("identity_providers/campus/protocols/openid/websso", "websso/openid"):
            location, cookie = self.begin(path)
            back = self.provider.browse(location, "kim")
            self.assertTrue(back.startswith(self.callback + "?"), back)
            query = urllib.parse.urlparse(back).query
            status, headers, body = self.websso(query, cookie=cookie)
            self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"), self.cloud.log()[-1500:])
            page = body.decode()
            self.assertIn('action="%s"' % ORIGIN, page)
            token = page.split('name="token" value="')[1].split('"')[0]
            shown = self.ask("GET", V3 + "/auth/tokens", headers={"X-Subject-Token": token})["token"]
            self.assertEqual((shown["user"]["name"], shown["user"]["OS-FEDERATION"]["groups"]),
                             ("Kim", [{"id": self.group["id"]}]))
            self.assertEqual(self.websso(query, cookie=cookie)[0], 401)         # a code is good once

    def test_only_the_browser_that_began_can_end(self):
        location, cookie = self.begin()
        back = urllib.parse.urlparse(self.provider.browse(location, "lee")).query
        other = self.begin()[1]
        for wrong in (None, other, cookie + "x", cookie.split("=")[0] + "=" + other.split("=", 1)[1]):
            status, headers, _ = self.websso(back, cookie=wrong)
            self.assertEqual((status, "X-Subject-Token" in headers), (401, False))
        arguments = dict(urllib.parse.parse_qsl(back))
        for changed in (dict(arguments, state=arguments["state"][:-1] + "x"), {"state": arguments["state"]},
                        dict(arguments, code="guess")):
            self.assertEqual(self.websso(urllib.parse.urlencode(changed), cookie=cookie)[0], 401)

    def test_a_code_for_another_question_is_refused(self):
        """Somebody's own code put into a victim's visit: the nonce and the verifier are of another visit."""
        first, _ = self.begin()
        second, cookie = self.begin()
        stolen = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(self.provider.browse(first, "lee")).query))
        state = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(second).query))["state"]
        self.assertEqual(self.websso(urllib.parse.urlencode({"code": stolen["code"], "state": state}), cookie=cookie)[0], 401)

    def test_other_dashboards_get_nothing(self):
        for query, expect in (("", 400), ("origin=https://evil.example/", 401)):
            self.assertEqual(self.websso(query)[0], expect)
        self.assertEqual(self.websso("origin=" + ORIGIN, "websso/unknown")[0], 401)


@unittest.skipUnless(os.path.exists(glewlwyd.PROGRAM), "glewlwyd is not installed")
class Away(IdentityTest):
    """Nobody listens where the provider should be."""
    settings = ("oidc.campus.issuer=http://127.0.0.1:9", "oidc.campus.client_id=x",
                "federation.trusted_dashboard=" + ORIGIN)

    def test_a_provider_that_does_not_answer(self):
        for _ in range(2):
            status, _, body = self.cloud.request("POST", "%s%s/identity_providers/campus/protocols/openid/auth" % (V3, FED), b"",
                                                 "", {"Authorization": "Bearer a.b.c"})
            self.assertEqual(status, 503, body)
        path = "%s/auth%s/identity_providers/campus/protocols/openid/websso?origin=%s" % (V3, FED, ORIGIN)
        self.assertEqual(self.cloud.request("GET", path, None, "")[0], 503)


if __name__ == "__main__":
    unittest.main()
