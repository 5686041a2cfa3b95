# SPDX-License-Identifier: Apache-2.0
"""Identity: users of ours at another cloud (keystone to keystone): signed assertions, verified by xmlsec1, and keystoneauth
going the whole way through a service provider."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

import service_provider
from cloud import PROGRAM, Cloud
from identity_test import V3, IdentityTest, name
from service_provider import NAMES

FED = "/OS-FEDERATION"
SECRET = "between-proxy-and-api"

K2K = """
import sys
from keystoneauth1 import session
from keystoneauth1.identity import v3
url, user, password, project, provider, wanted = sys.argv[1:]
here = v3.Password(auth_url=url, user_id=user, password=password, project_id=project)
there = v3.Keystone2Keystone(here, provider, project_id=wanted)
print(session.Session(auth=there).get_token(), there.auth_ref.username, there.auth_ref.project_id)
"""


@unittest.skipUnless(shutil.which("xmlsec1"), "xmlsec1 is not installed")
class Keystones(IdentityTest):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="haneul-saml-")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.key, cls.certificate = service_provider.make_certificate(cls.directory)
        if os.geteuid() == 0:
            subprocess.run(["chmod", "-R", "a+rX", cls.directory], check=True)
        cls.cloud = Cloud(settings=("saml.keyfile=" + cls.key, "saml.certfile=" + cls.certificate,
                                    "federation.trusted_proxies=127.0.0.1", "federation.proxy_secret=" + SECRET,
                                    "federation.assertion_prefix=openstack_, Shib-",
                                    "federation.remote_id_attribute=Shib-Identity-Provider")).start()
        cls.other = service_provider.ServiceProvider(cls.cloud.url, cls.certificate, SECRET).start()
        cls.addClassCleanup(cls.other.stop)

    def setUp(self):
        self.project = self.make("project")
        self.user = self.user_with(self.project)
        self.token = self.cloud.login(self.user["id"], "secret", project=self.project["id"])
        self.provider = name("sp")
        self.put(FED + "/service_providers/" + self.provider, {"service_provider": {
            "auth_url": "%s%s%s/identity_providers/here/protocols/saml2/auth" % (self.other.url, V3, FED),
            "sp_url": self.other.url + service_provider.ECP, "enabled": True}}, 201)

    def assertion(self, kind="", token=None, provider=None, expect=200):
        body = {"auth": {"identity": {"methods": ["token"], "token": {"id": token or self.token}},
                         "scope": {"service_provider": {"id": provider or self.provider}}}}
        status, headers, answer = self.cloud.request("POST", "%s/auth%s/saml2%s" % (V3, FED, kind), body, "")
        self.assertEqual(status, expect, answer)
        return headers, answer

    def test_an_assertion_says_who_the_user_is_and_is_signed(self):
        group = self.make("group", name="a <b> & \"c\" 'd' ü")
        self.put("/groups/%s/users/%s" % (group["id"], self.user["id"]))
        self.token = self.cloud.login(self.user["id"], "secret", project=self.project["id"])
        headers, document = self.assertion()
        self.assertEqual((headers["Content-Type"], headers["X-sp-url"]), ("text/xml", self.other.url + service_provider.ECP))
        self.assertIsNone(service_provider.verify(document, self.certificate))
        issuer, recipient, values = service_provider.attributes(document)
        self.assertEqual((issuer, recipient), (self.cloud.url + V3 + FED + "/saml2/idp", headers["X-sp-url"]))
        groups = [json.loads(value[len("JSON:"):]) for value in values.pop("openstack_groups")]
        self.assertEqual(groups, [{"name": group["name"], "domain": {"name": "Default"}}])
        self.assertIn("member", values.pop("openstack_roles"))
        self.assertEqual(values, {"openstack_user": [self.user["name"]], "openstack_user_domain": ["Default"],
                                  "openstack_project": [self.project["name"]], "openstack_project_domain": ["Default"]})

    def test_nothing_of_it_can_be_changed(self):
        document = self.assertion()[1]
        for old, new in ((self.user["name"].encode(), b"admin"), (b"openstack_roles", b"openstack_user1"),
                         (self.other.url.encode(), b"http://evil.example"), (b"NotOnOrAfter=\"2", b"NotOnOrAfter=\"3")):
            self.assertIn(old, document)
            head, _, tail = document.partition(b"<saml:Assertion")
            changed = head + b"<saml:Assertion" + tail.replace(old, new)
            self.assertIsNotNone(service_provider.verify(changed, self.certificate))

    def test_an_envelope_holds_the_same_for_clients_that_are_no_browser(self):
        document = self.assertion("/ecp")[1]
        self.assertIsNone(service_provider.verify(document, self.certificate))
        root = xml.etree.ElementTree.fromstring(document)
        state = root.find("soap:Header/{urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp}RelayState", NAMES)
        self.assertTrue(state.text.startswith("ss:mem:"))
        self.assertEqual(state.get("{%s}mustUnderstand" % NAMES["soap"]), "1")
        self.assertIsNotNone(root.find("soap:Body/samlp:Response/saml:Assertion", NAMES))

    def test_not_for_everybody_and_not_with_every_token(self):
        self.assertion(provider="unknown", expect=404)
        self.assertion(token="gAAAAA", expect=404)
        self.assertion(token=self.cloud.login(self.user["id"], "secret", unscoped=True), expect=403)
        credential = self.ask("POST", "%s/users/%s/application_credentials" % (V3, self.user["id"]),
                              {"application_credential": {"name": name("c")}}, 201, self.token)["application_credential"]
        auth = {"identity": {"methods": ["application_credential"],
                             "application_credential": {"id": credential["id"], "secret": credential["secret"]}}}
        self.assertion(token=self.cloud.authenticate(auth)[1], expect=403)      # it stands for less than its user
        self.patch(FED + "/service_providers/" + self.provider, {"service_provider": {"enabled": False}})
        self.assertion(expect=403)
        for body in ({}, {"auth": {}}, {"auth": {"identity": {"methods": ["token"]}, "scope": {}}}):
            self.assertEqual(self.cloud.request("POST", "%s/auth%s/saml2" % (V3, FED), body, "")[0], 400)

    def test_names_that_xml_cannot_say(self):
        self.patch("/projects/" + self.project["id"], {"project": {"name": "a\uffffb"}})
        self.assertion(expect=403)

    def test_metadata_say_how_to_know_us(self):
        document = self.ask("GET", V3 + FED + "/saml2/metadata")
        root = xml.etree.ElementTree.fromstring(document)
        with open(self.certificate) as file:
            self.assertIn(root.find(".//{http://www.w3.org/2000/09/xmldsig#}X509Certificate").text[:60],
                          file.read().replace("\n", ""))
        self.assertEqual(root.get("entityID"), self.cloud.url + V3 + FED + "/saml2/idp")

    def command(self, *words):
        return subprocess.run([PROGRAM, "identity", *words, "--data", self.cloud.data], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60)

    def test_the_operator_has_the_metadata_and_tries_rules(self):
        done = self.command("saml-metadata")
        self.assertEqual((done.returncode, xml.etree.ElementTree.fromstring(done.stdout).get("entityID")),
                         (0, self.cloud.url + V3 + FED + "/saml2/idp"))
        rules, assertion = os.path.join(self.directory, "rules"), os.path.join(self.directory, "assertion")
        with open(rules, "w") as file:
            json.dump([{"local": [{"user": {"name": "{0}"}}, {"groups": "{1}", "domain": {"id": "d"}}],
                        "remote": [{"type": "User"}, {"type": "Groups", "blacklist": ["x"]}]}], file)
        with open(assertion, "w") as file:
            file.write("User: kim\nnothing\nGroups: a;x;b\n")
        done = self.command("mapping-test", rules, assertion)
        self.assertEqual(done.returncode, 0, done.stderr)
        made = json.loads(done.stdout)
        self.assertEqual((made["user"], [group["name"] for group in made["group_names"]]),
                         ({"name": "kim", "type": "ephemeral"}, ["a", "b"]))
        self.assertIn("no rule fits", self.command("mapping-test", rules, "/dev/null").stderr)
        self.assertIn("cannot be read", self.command("mapping-test", rules, "/nothing").stderr)
        self.assertIn("two files", self.command("mapping-test").stderr)

    def test_keystoneauth_goes_to_the_other_cloud(self):
        """Which is this one again, behind the service provider."""
        domain = self.put(FED + "/identity_providers/here", {"identity_provider": {
            "enabled": True, "remote_ids": [self.cloud.url + V3 + FED + "/saml2/idp"]}}, 201)["identity_provider"]["domain_id"]
        group = self.make("group")
        there = self.make("project", domain_id=domain)
        self.put("/projects/%s/groups/%s/roles/%s" % (there["id"], group["id"], self.role("member")))
        self.put("/groups/%s/users/%s" % (group["id"], self.user["id"]))
        self.put(FED + "/mappings/here", {"mapping": {"rules": [{
            "local": [{"user": {"name": "{0}"}}, {"groups": "{1}"}],
            "remote": [{"type": "openstack_user"}, {"type": "openstack_groups"}]}]}}, 201)
        self.put(FED + "/identity_providers/here/protocols/saml2", {"protocol": {"mapping_id": "here"}}, 201)
        done = subprocess.run(["/usr/bin/python3", "-c", K2K, self.cloud.url + V3, self.user["id"], "secret", self.project["id"],
                               self.provider, there["id"]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, (done.stderr[-2000:], self.other.refused, self.cloud.log()[-2000:]))
        token, user, project = done.stdout.split()
        self.assertEqual((user, project), (self.user["name"], there["id"]))
        shown = self.ask("GET", V3 + "/auth/tokens", headers={"X-Subject-Token": token})["token"]
        self.assertEqual((shown["user"]["domain"]["id"], shown["user"]["OS-FEDERATION"]["groups"]), (domain, [{"id": group["id"]}]))
        self.assertNotEqual(shown["user"]["id"], self.user["id"])


class Keyless(IdentityTest):
    def test_a_cloud_without_a_key_asserts_nothing(self):
        self.get(FED + "/saml2/metadata", 404)
        self.put(FED + "/service_providers/sp", {"service_provider": {"auth_url": "http://x.example/a", "enabled": True,
                                                                     "sp_url": "http://x.example/b"}}, 201)
        body = {"auth": {"identity": {"methods": ["token"], "token": {"id": self.cloud.token()}},
                         "scope": {"service_provider": {"id": "sp"}}}}
        self.ask("POST", "%s/auth%s/saml2" % (V3, FED), body, 403)


if __name__ == "__main__":
    unittest.main()
