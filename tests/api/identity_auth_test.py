# SPDX-License-Identifier: Apache-2.0
"""Identity: the ways in: several methods by rules, a proxy's word, OAuth 2.0, keys under a delegation, other scopes."""
import base64
import datetime
import hmac
import json
import struct
import time
import urllib.parse

from identity_test import V3, IdentityTest


class WaysIn(IdentityTest):
    def setUp(self):
        self.project = self.make("project")
        self.user = self.user_with(self.project)
        self.token = self.cloud.login(self.user["id"], "secret", project=self.project["id"])

    def password(self, user=None, password="secret"):
        return {"password": {"user": {"id": (user or self.user)["id"], "password": password}}}

    def enter(self, *parts, scope=None, headers=None):
        identity = {"methods": [key for part in parts for key in part]}
        for part in parts:
            identity.update(part)
        auth = {"identity": identity}
        if scope:
            auth["scope"] = scope
        status, answered, body = self.cloud.request("POST", V3 + "/auth/tokens", {"auth": auth}, "", headers)
        return status, answered, body

    def scope(self):
        return {"project": {"id": self.project["id"]}}


class Rules(WaysIn):
    seed = b"12345678901234567890"

    def setUp(self):
        super().setUp()
        body = {"credential": {"user_id": self.user["id"], "type": "totp", "blob": base64.b32encode(self.seed).decode()}}
        self.ask("POST", V3 + "/credentials", body, 201, self.token)
        self.rules([["password", "totp"]])

    def rules(self, rules, enabled=True):
        options = {"multi_factor_auth_enabled": enabled, "multi_factor_auth_rules": rules}
        self.patch("/users/" + self.user["id"], {"user": {"options": options}})

    def totp(self, user=None):
        mac = hmac.new(self.seed, struct.pack(">Q", int(time.time()) // 30), "sha1").digest()
        code = (struct.unpack(">I", mac[mac[19] & 15:][:4])[0] & 0x7fffffff) % 1000000
        return {"totp": {"user": {"id": (user or self.user)["id"], "passcode": "%06d" % code}}}

    def test_one_method_of_two_gets_a_receipt_and_the_other_a_token(self):
        status, headers, body = self.enter(self.password(), scope=self.scope())
        self.assertEqual((status, headers["X-Subject-Token"]), (401, None))
        self.assertEqual((body["receipt"]["methods"], body["receipt"]["user"]["id"]), (["password"], self.user["id"]))
        self.assertEqual([sorted(rule) for rule in body["required_auth_methods"]], [["password", "totp"]])
        receipt = {"Openstack-Auth-Receipt": headers["Openstack-Auth-Receipt"]}
        status, headers, body = self.enter(self.totp(), scope=self.scope(), headers=receipt)
        self.assertEqual((status, sorted(body["token"]["methods"])), (201, ["password", "totp"]))
        status, _, body = self.enter({"token": {"id": headers["X-Subject-Token"]}}, scope=self.scope())
        self.assertEqual(status, 201)

    def test_both_at_once_need_no_receipt_and_rules_can_be_off(self):
        self.assertEqual(self.enter(self.password(), self.totp(), scope=self.scope())[0], 201)
        self.rules([["password", "totp"]], False)
        self.assertEqual(self.enter(self.password())[0], 201)
        self.rules([["password", "no_such_method"], ["totp"]])
        self.assertEqual(self.enter(self.password())[0], 201)

    def test_a_receipt_is_good_for_its_holder_alone_and_is_no_token(self):
        receipt = self.enter(self.password())[1]["Openstack-Auth-Receipt"]
        other = self.user_with(self.project)
        self.assertEqual(self.enter(self.password(other), headers={"Openstack-Auth-Receipt": receipt})[0], 401)
        self.assertEqual(self.enter(self.totp(), headers={"Openstack-Auth-Receipt": receipt[:-6] + "AAAAAA"})[0], 401)
        self.assertEqual(self.enter({"token": {"id": receipt}})[0], 404)
        self.get("/auth/projects", 401, receipt)

    def test_a_method_named_often_is_run_once(self):
        identity = dict(self.password(), methods=["password"] * 8)
        status, _, body = self.cloud.authenticate({"identity": dict(identity)})
        self.assertEqual((status, body["receipt"]["methods"]), (401, ["password"]))


class Proxy(WaysIn):
    settings = ("auth.external_header=X-Remote-User", "auth.external_addresses=127.0.0.1")

    def test_a_proxy_at_a_known_address_is_believed(self):
        status, _, body = self.enter({"external": {}}, scope=self.scope(), headers={"X-Remote-User": self.user["name"]})
        self.assertEqual((status, body["token"]["user"]["id"], body["token"]["methods"]), (201, self.user["id"], ["external"]))
        self.assertEqual(self.enter({"external": {}}, headers={"X-Remote-User": "nobody there"})[0], 401)
        self.assertEqual(self.enter({"external": {}})[0], 401)


class Stranger(WaysIn):
    settings = ("auth.external_header=X-Remote-User", "auth.external_addresses=10.0.0.0/8, 192.0.2.7")

    def test_nobody_else_is_believed(self):
        self.assertEqual(self.enter({"external": {}}, headers={"X-Remote-User": self.user["name"]})[0], 401)

    def test_headers_that_say_who_one_is_are_nothing_here(self):
        claims = {"X-User-Id": self.user["id"], "X-Roles": "admin", "X_Roles": "admin", "x-is-admin-project": "True",
                  "X-Identity-Status": "Confirmed", "X-Project-Id": self.project["id"], "Remote-User": "admin"}
        self.ask("GET", V3 + "/users", None, 401, "", claims)
        self.ask("GET", V3 + "/users", None, 403, self.token, claims)


class OAuth2(WaysIn):
    def client(self, **fields):
        body = {"application_credential": dict(name="client", **fields)}
        return self.ask("POST", V3 + "/users/%s/application_credentials" % self.user["id"], body, 201,
                        self.token)["application_credential"]

    def grant(self, client, secret, form=b"grant_type=client_credentials"):
        basic = base64.b64encode(("%s:%s" % (client, secret)).encode()).decode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic " + basic}
        return self.cloud.request("POST", V3 + "/OS-OAUTH2/token", form, "", headers)

    def test_a_client_gets_a_bearer_token(self):
        client = self.client()
        status, _, body = self.grant(client["id"], client["secret"])
        self.assertEqual((status, body["token_type"]), (200, "Bearer"))
        self.assertTrue(0 < body["expires_in"] <= 3600)
        bearer = {"Authorization": "Bearer " + body["access_token"]}
        self.ask("GET", V3 + "/auth/projects", None, 200, "", bearer)
        self.ask("GET", V3 + "/auth/projects", None, 401, "", {"Authorization": bearer["Authorization"][:-5] + "AAAAA"})
        shown = self.ask("GET", V3 + "/auth/tokens", None, 200, body["access_token"],
                         {"X-Subject-Token": body["access_token"]})["token"]
        self.assertEqual((shown["methods"], shown["application_credential"]["id"]), (["application_credential"], client["id"]))

    def test_what_is_wrong_is_said_in_the_words_of_the_protocol(self):
        client = self.client()
        for secret, form, status, error in (("wrong", b"grant_type=client_credentials", 401, "invalid_client"),
                                            (client["secret"], b"", 400, "invalid_request"),
                                            (client["secret"], b"grant_type=password", 400, "unsupported_grant_type")):
            got, headers, body = self.grant(client["id"], secret, form)
            self.assertEqual((got, body["error"]), (status, error))
            self.assertEqual("WWW-Authenticate" in headers, status == 401)
        self.assertEqual(self.cloud.request("POST", V3 + "/OS-OAUTH2/token", b"grant_type=client_credentials", "")[0], 401)
        self.assertEqual(self.cloud.request("GET", V3 + "/OS-OAUTH2/token")[0], 405)


class Keys(WaysIn):
    def key(self, user=None, project=None, **bound):
        access = "access" + base64.b32encode(struct.pack("d", time.time())).decode().strip("=")
        blob = json.dumps(dict(access=access, secret="s3cret", **bound))
        self.ask("POST", V3 + "/credentials", {"credential": {
            "user_id": (user or self.user)["id"], "type": "ec2", "blob": blob, "project_id": project or self.project["id"]}}, 201)
        return access

    def sign(self, access, expect, secret="s3cret", when=None, **more):
        when = when or datetime.datetime.now(datetime.timezone.utc)
        params = dict({"SignatureVersion": "2", "SignatureMethod": "HmacSHA256", "AWSAccessKeyId": access,
                       "Timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ")}, **more)
        query = "&".join("%s=%s" % (k, urllib.parse.quote(str(params[k]), safe="-_~")) for k in sorted(params))
        signature = base64.b64encode(hmac.new(secret.encode(), ("GET\nh\n/\n" + query).encode(), "sha256").digest()).decode()
        body = {"access": access, "signature": signature, "host": "h", "verb": "GET", "path": "/", "params": params}
        status, headers, answer = self.cloud.request("POST", V3 + "/ec2tokens", {"credentials": body})
        self.assertEqual(status, expect, answer)
        return headers["X-Subject-Token"], answer

    def trust(self, trustee, impersonation):
        trust = {"trustor_user_id": self.user["id"], "trustee_user_id": trustee["id"], "impersonation": impersonation,
                 "project_id": self.project["id"], "roles": [{"name": "reader"}]}
        return self.ask("POST", V3 + "/OS-TRUST/trusts", {"trust": trust}, 201, self.token)["trust"]

    def test_a_key_of_a_trust_has_the_trusts_roles_for_its_parties_alone(self):
        trustee, stranger = self.make("user", password="secret"), self.user_with(self.project)
        plain, as_trustor = self.trust(trustee, False), self.trust(trustee, True)
        token = self.sign(self.key(trustee, trust_id=plain["id"]), 200)[1]["token"]
        self.assertEqual((token["user"]["id"], [r["name"] for r in token["roles"]]), (trustee["id"], ["reader"]))
        token = self.sign(self.key(self.user, trust_id=as_trustor["id"]), 200)[1]["token"]
        self.assertEqual((token["user"]["id"], token["OS-TRUST:trust"]["id"]), (self.user["id"], as_trustor["id"]))
        self.sign(self.key(stranger, trust_id=plain["id"]), 401)
        self.sign(self.key(trustee, trust_id=as_trustor["id"]), 401)
        self.sign(self.key(trustee, self.make("project")["id"], trust_id=plain["id"]), 401)
        self.sign(self.key(trustee, trust_id="0" * 32), 401)

    def test_a_key_of_an_application_credential_is_no_more_than_it(self):
        body = {"application_credential": {"name": "one", "roles": [{"name": "reader"}]}}
        made = self.ask("POST", V3 + "/users/%s/application_credentials" % self.user["id"], body, 201,
                        self.token)["application_credential"]
        sealed, answer = self.sign(self.key(app_cred_id=made["id"]), 200)
        self.assertEqual([r["name"] for r in answer["token"]["roles"]], ["reader"])
        self.sign(self.key(self.user_with(self.project), app_cred_id=made["id"]), 401)
        other = self.make("project")
        self.put("/projects/%s/users/%s/roles/%s" % (other["id"], self.user["id"], self.role("member")))
        self.sign(self.key(project=other["id"], app_cred_id=made["id"]), 401)
        self.delete("/users/%s/application_credentials/%s" % (self.user["id"], made["id"]), token=self.token)
        self.get("/auth/projects", 401, sealed)

    def test_a_key_of_a_project_where_its_owner_has_nothing_is_good_for_nothing(self):
        self.sign(self.key(project=self.make("project")["id"]), 401)

    def test_a_signature_is_good_for_a_quarter_of_an_hour(self):
        access, now = self.key(), datetime.datetime.now(datetime.timezone.utc)
        for minutes, expect in ((-14, 200), (-16, 401), (14, 200), (16, 401)):
            self.sign(access, expect, when=now + datetime.timedelta(minutes=minutes))
        self.sign(access, 401, secret="another")
        self.sign(access, 401, **{"p%d" % i: "x" for i in range(600)})

    def test_only_services_may_ask(self):
        self.ask("POST", V3 + "/ec2tokens", {"credentials": {}}, 401, "")
        self.ask("POST", V3 + "/ec2tokens", {"credentials": {}}, 403, self.token)
        self.ask("POST", V3 + "/s3tokens", {"credentials": {}}, 403, self.token)


class Scopes(WaysIn):
    def test_a_token_for_the_system_is_not_exchanged_for_less(self):
        system = self.cloud.login("admin", self.cloud.password(), system=True)
        admin = {"project": {"name": "admin", "domain": {"id": "default"}}}
        self.assertEqual(self.enter({"token": {"id": system}}, scope=admin)[0], 403)
        self.assertEqual(self.enter({"token": {"id": system}}, scope={"domain": {"id": "default"}})[0], 403)

    def test_a_chain_of_tokens_keeps_its_audit_ids_and_its_end(self):
        status, headers, first = self.enter(self.password(), scope=self.scope())
        _, headers, second = self.enter({"token": {"id": headers["X-Subject-Token"]}}, scope=self.scope())
        _, _, third = self.enter({"token": {"id": headers["X-Subject-Token"]}}, scope="unscoped")
        first, second, third = first["token"], second["token"], third["token"]
        self.assertEqual([len(t["audit_ids"]) for t in (first, second, third)], [1, 2, 2])
        self.assertEqual({second["audit_ids"][1], third["audit_ids"][1]}, set(first["audit_ids"]))
        self.assertEqual({first["expires_at"], second["expires_at"], third["expires_at"]}, {first["expires_at"]})
        self.assertEqual(sorted(third["methods"]), ["password", "token"])

    def test_a_token_without_catalog_is_shorter(self):
        status, _, body = self.cloud.request("POST", V3 + "/auth/tokens?nocatalog", {"auth": {
            "identity": dict(self.password(), methods=["password"]), "scope": self.scope()}}, "")
        self.assertEqual((status, "catalog" in body["token"]), (201, False))


class Windows(WaysIn):
    settings = ("identity.token_seconds=2", "token.allow_expired_window=3", "token.allow_rescope_scoped_token=false")

    def test_an_expired_token_is_shown_on_demand_for_a_while(self):
        token = self.enter(self.password(), scope=self.scope())[1]["X-Subject-Token"]
        self.assertEqual(self.enter({"token": {"id": token}}, scope=self.scope())[0], 403)
        end = time.time() + 2.2

        def show(query, expect):
            admin = self.cloud.login("admin", self.cloud.password(), project="admin")
            self.ask("GET", V3 + "/auth/tokens" + query, None, expect, admin, {"X-Subject-Token": token})
        show("", 200)
        time.sleep(max(0, end - time.time()))
        show("", 404)
        show("?allow_expired=1", 200)
        time.sleep(3)
        show("?allow_expired=1", 404)
