# SPDX-License-Identifier: Apache-2.0
"""What tests of the network service share: a cloud on the fake driver, two members of two projects, short ways to ask."""
import json
import os
import re
import unittest
import uuid

from cloud import Cloud

BASE = "/network/v2.0"
PATHS = {"security_group": "/security-groups", "security_group_rule": "/security-group-rules",
         "address_scope": "/address-scopes", "rbac_policy": "/rbac-policies", "policy": "/qos/policies",
         "address_group": "/address-groups", "ndp_proxy": "/ndp_proxies"}


def name(word="n"):
    return "%s-%s" % (word, uuid.uuid4().hex[:8])


class NetworkCase(unittest.TestCase):
    """Tests that share a cloud with two members; the fake driver keeps its documents as files."""

    @classmethod
    def setUpClass(cls):
        cls.cloud = Cloud().start()
        os.mkdir(os.path.join(cls.cloud.data, "fake"))
        cls.cloud.agent = True
        cls.cloud.restart()
        cls.member = cls.make_member("alice")
        cls.other = cls.make_member("bob")

    @classmethod
    def tearDownClass(cls):
        codes = cls.cloud.stop()
        assert not any(codes), "a role ended with %s" % codes

    @classmethod
    def make_member(cls, user):
        """A token of a new user with the member role on a new project."""
        ask = cls.cloud.request
        project = ask("POST", "/identity/v3/projects", {"project": {"name": name(user)}})[2]["project"]["id"]
        body = {"user": {"name": name(user), "password": "secret-%s" % user, "domain_id": "default"}}
        person = ask("POST", "/identity/v3/users", body)[2]["user"]
        role = ask("GET", "/identity/v3/roles?name=member")[2]["roles"][0]["id"]
        status = ask("PUT", "/identity/v3/projects/%s/users/%s/roles/%s" % (project, person["id"], role))[0]
        assert status == 204, status
        return cls.cloud.login(person["name"], "secret-%s" % user, project=project)

    # ---- helpers ----

    def ask(self, method, path, body=None, status=None, token=None, **more):
        got, _, answer = self.cloud.request(method, BASE + path, body, token=token or self.member, **more)
        if status:
            self.assertEqual(status, got, answer)
        return answer

    def refused(self, method, path, body, status, kind, token=None):
        answer = self.ask(method, path, body, status, token)
        self.assertEqual(kind, answer["NeutronError"]["type"], answer)

    def make(self, resource, token=None, **fields):
        path = PATHS.get(resource, "/%ss" % resource)
        made = self.ask("POST", path, {resource: fields}, 201, token)[resource]
        return made

    def network(self, cidr="10.0.0.0/24", token=None, **fields):
        net = self.make("network", token, name=name(), **fields)
        subnet = self.make("subnet", token, network_id=net["id"], ip_version=4, cidr=cidr) if cidr else None
        return net, subnet

    def external(self, cidr):
        net = self.make("network", self.cloud.token(), name=name("ext"), **{"router:external": True})
        subnet = self.make("subnet", self.cloud.token(), network_id=net["id"], ip_version=4, cidr=cidr, enable_dhcp=False)
        return net, subnet

    def statements(self):
        text = self.cloud.request("GET", "/metrics")[2].decode()
        return int(re.search(r'haneul_statements_total{service="network"} (\d+)', text).group(1))

    def project(self, token):
        return self.cloud.request("GET", "/identity/v3/auth/tokens", token=token,
                                  headers={"X-Subject-Token": token})[2]["token"]["project"]["id"]

    def document(self, kind, ident):
        """What the driver was told last of the resource; None: nothing, or that it must not be."""
        try:
            with open(os.path.join(self.cloud.data, "fake", "network", kind, ident + ".json")) as file:
                return json.load(file)
        except OSError:
            return None

    def told(self, kind, ident, condition):
        """Waits until the driver has a document of the resource for which the condition holds, and returns it."""
        def look():
            document = self.document(kind, ident)
            return document if document and condition(document) else None
        return self.cloud.until(look, what="the document of the %s" % kind)

    def cost(self, path, token=None):
        before = self.statements()
        self.ask("GET", path, None, 200, token)
        return self.statements() - before
