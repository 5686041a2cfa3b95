# SPDX-License-Identifier: Apache-2.0
"""Identity by its own client: each identity command of `openstack`."""
import json
import os
import subprocess
import tempfile
import unittest

from cloud import CloudTest

HERE = os.path.dirname(os.path.abspath(__file__))


class IdentityClient(CloudTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="identity-client-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.start("admin", self.cloud.password())

    def start(self, user, password):
        """The next commands are that user's: the client keeps what it has logged in with."""
        environment = dict(os.environ, OS_AUTH_URL=self.cloud.url + "/identity/v3", OS_IDENTITY_API_VERSION="3",
                           OS_USERNAME=user, OS_PASSWORD=password, OS_PROJECT_NAME="admin", HOME=self.folder,
                           OS_USER_DOMAIN_NAME="Default", OS_PROJECT_DOMAIN_NAME="Default", OS_REGION_NAME="RegionOne")
        self.client = subprocess.Popen(["/usr/bin/python3", os.path.join(HERE, "openstack_client.py")], env=environment,
                                       cwd=self.folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.client.wait)
        self.addCleanup(self.client.stdout.close)
        self.addCleanup(self.client.stdin.close)

    def run_client(self, command, *more, expect=0):
        self.client.stdin.write(json.dumps(command.split() + list(more)) + "\n")
        self.client.stdin.flush()
        status, out, err = json.loads(self.client.stdout.readline())
        self.assertEqual(status, expect, "%s %s: %s %s" % (command, more, out, err))
        return out

    def show(self, command, *more):
        return json.loads(self.run_client(command, *more, "-f", "json"))

    def column(self, command, column="ID"):
        return [row[column] for row in self.show(command)]

    def rules(self, name, rules):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            json.dump(rules, file)
        return path

    def test_directory(self):
        self.run_client("domain create dom --description one")
        self.run_client("domain set dom --description two --name zone")
        self.assertEqual(self.show("domain show zone")["description"], "two")
        self.assertIn("zone", self.column("domain list", "Name"))
        self.run_client("project create team --domain zone")
        self.run_client("project set team --domain zone --tag x --description y")
        self.assertEqual(self.show("project show team --domain zone")["tags"], ["x"])
        self.assertIn("team", self.column("project list", "Name"))
        self.run_client("user create ann --domain zone --password secret --project team --project-domain zone")
        self.run_client("user set ann --domain zone --email a@example.org")
        self.assertEqual(self.show("user show ann --domain zone")["email"], "a@example.org")
        self.assertEqual(self.column("user list --domain zone", "Name"), ["ann"])
        self.run_client("group create staff --domain zone")
        self.run_client("group set staff --domain zone --description z")
        self.assertEqual(self.show("group show staff --domain zone")["description"], "z")
        self.run_client("group add user staff ann --group-domain zone --user-domain zone")
        self.assertIn("ann in group", self.run_client("group contains user staff ann --group-domain zone --user-domain zone"))
        self.assertEqual(self.column("group list --domain zone", "Name"), ["staff"])
        self.run_client("group remove user staff ann --group-domain zone --user-domain zone")
        self.run_client("role create boss")
        self.run_client("role set boss --description d")
        self.assertEqual(self.show("role show boss")["description"], "d")
        self.run_client("role add boss --user ann --user-domain zone --project team --project-domain zone")
        self.assertEqual(self.column("role assignment list --names --role boss", "User"), ["ann@zone"])
        self.run_client("role remove boss --user ann --user-domain zone --project team --project-domain zone")
        self.run_client("implied role create boss --implied-role member")
        self.assertIn("boss", self.column("implied role list", "Prior Role Name"))
        self.run_client("implied role delete boss --implied-role member")
        self.assertIn("boss", self.column("role list", "Name"))
        for command in ("role delete boss", "group delete staff --domain zone", "user delete ann --domain zone",
                        "project delete team --domain zone", "domain set zone --disable", "domain delete zone"):
            self.run_client(command)

    def test_catalog(self):
        self.run_client("region create north")
        self.run_client("region set north --description cold")
        self.assertEqual(self.show("region show north")["description"], "cold")
        self.assertIn("north", self.column("region list", "Region"))
        self.run_client("service create made-up --name first")
        self.run_client("service set first --description d")
        self.assertEqual(self.show("service show first")["description"], "d")
        self.assertIn("first", self.column("service list", "Name"))
        endpoint = self.show("endpoint create first public http://a.example.org --region north")["id"]
        self.run_client("endpoint set %s --url http://b.example.org" % endpoint)
        self.assertEqual(self.show("endpoint show " + endpoint)["url"], "http://b.example.org")
        self.assertIn(endpoint, self.column("endpoint list"))
        self.run_client("endpoint add project %s admin" % endpoint)
        self.run_client("endpoint remove project %s admin" % endpoint)
        filters = self.rules("filters", {"interface": "public"})
        self.run_client("endpoint group create many " + filters)
        self.run_client("endpoint group set many --description d")
        self.assertEqual(self.show("endpoint group show many")["description"], "d")
        self.assertEqual(self.column("endpoint group list", "Name"), ["many"])
        self.run_client("endpoint group add project many admin")
        self.run_client("endpoint group remove project many admin")
        self.assertIn("keystone", self.column("catalog list", "Name"))
        self.assertEqual(self.show("catalog show identity")["type"], "identity")
        limit = self.show("registered limit create things --service first --default-limit 5")["id"]
        self.run_client("registered limit set %s --default-limit 6" % limit)
        self.assertEqual(self.show("registered limit show " + limit)["default_limit"], 6)
        self.assertEqual(self.column("registered limit list"), [limit])
        own = self.show("limit create things --service first --project admin --resource-limit 7")["id"]
        self.run_client("limit set %s --resource-limit 8" % own)
        self.assertEqual(self.show("limit show " + own)["resource_limit"], 8)
        self.assertEqual(self.column("limit list"), [own])
        for command in ("limit delete " + own, "registered limit delete " + limit, "endpoint group delete many",
                        "endpoint delete " + endpoint, "service delete first", "region delete north"):
            self.run_client(command)

    def test_ways_in(self):
        secret = self.show("application credential create robot --secret s --role member --access-rules",
                           self.rules("access", [{"path": "/v3/users", "method": "GET", "service": "identity"}]))
        self.assertEqual(self.show("application credential show robot")["id"], secret["id"])
        self.assertEqual(self.column("application credential list", "Name"), ["robot"])
        rule = self.column("access rule list")[0]
        self.assertEqual(self.show("access rule show " + rule)["path"], "/v3/users")
        self.run_client("application credential delete robot")
        self.run_client("access rule delete " + rule)
        credential = self.show("credential create admin --type cert --project admin", "blob")["id"]
        self.run_client("credential set %s --user admin --type cert --data other --project admin" % credential)
        self.assertEqual(self.show("credential show " + credential)["blob"], "other")
        self.assertIn(credential, self.column("credential list"))
        self.run_client("credential delete " + credential)
        keys = self.show("ec2 credentials create")["access"]
        self.assertEqual(self.show("ec2 credentials show " + keys)["access"], keys)
        self.assertEqual(self.column("ec2 credentials list", "Access"), [keys])
        self.run_client("ec2 credentials delete " + keys)
        self.run_client("user create bob --password secret")
        trust = self.show("trust create admin bob --project admin --role member")["id"]
        self.assertEqual(self.show("trust show " + trust)["id"], trust)
        self.assertEqual(self.column("trust list"), [trust])
        self.run_client("trust delete " + trust)
        consumer = self.show("consumer create --description one")
        self.run_client("consumer set %s --description two" % consumer["id"])
        self.assertEqual(self.show("consumer show " + consumer["id"])["description"], "two")
        self.assertEqual(self.column("consumer list"), [consumer["id"]])
        keys = "--consumer-key %s --consumer-secret %s" % (consumer["id"], consumer["secret"])
        request = self.show("request token create %s --project admin" % keys)
        verifier = self.show("request token authorize --request-key %s --role member" % request["id"])["oauth_verifier"]
        access = self.show("access token create %s --request-key %s --request-secret %s --verifier %s" % (
            keys, request["id"], request["secret"], verifier))
        self.assertTrue(access["id"])
        self.run_client("consumer delete " + consumer["id"])
        token = self.show("token issue")["id"]
        self.run_client("token revoke " + token)
        self.ask("GET", "/identity/v3/auth/projects", expect=401, token=token)

    def test_federation_and_policies(self):
        rules = self.rules("rules", [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "UserName"}]}])
        self.run_client("mapping create map --rules " + rules)
        self.run_client("mapping set map --rules " + rules)
        self.assertEqual(self.show("mapping show map")["id"], "map")
        self.assertEqual(self.column("mapping list"), ["map"])
        self.run_client("identity provider create idp --remote-id one")
        self.run_client("identity provider set idp --description d --remote-id two")
        self.assertEqual(self.show("identity provider show idp")["remote_ids"], ["two"])
        self.assertEqual(self.column("identity provider list"), ["idp"])
        self.run_client("federation protocol create saml2 --identity-provider idp --mapping map")
        self.run_client("federation protocol set saml2 --identity-provider idp --mapping map")
        self.assertEqual(self.show("federation protocol show saml2 --identity-provider idp")["mapping"], "map")
        self.assertEqual(self.column("federation protocol list --identity-provider idp", "id"), ["saml2"])
        self.run_client("service provider create sp --auth-url http://a.example.org --service-provider-url http://b.example.org")
        self.run_client("service provider set sp --description d")
        self.assertEqual(self.show("service provider show sp")["description"], "d")
        self.assertEqual(self.column("service provider list"), ["sp"])
        policy = self.show("policy create --type text/plain " + rules)["id"]
        self.run_client("policy set %s --type application/json" % policy)
        self.assertEqual(self.show("policy show " + policy)["type"], "application/json")
        self.assertEqual(self.column("policy list"), [policy])
        self.assertIn("admin", self.column("federation project list", "Name"))
        self.run_client("role add member --user admin --domain default")
        self.assertEqual(self.column("federation domain list"), ["default"])
        for command in ("federation protocol delete saml2 --identity-provider idp", "identity provider delete idp",
                        "mapping delete map", "service provider delete sp", "policy delete " + policy):
            self.run_client(command)

    def test_own_password(self):
        self.run_client("user create carl --password secret --project admin")
        self.run_client("role add member --user carl --project admin")
        self.start("carl", "secret")
        self.run_client("user password set --original-password wrong --password other", expect=1)
        self.run_client("user password set --original-password secret --password other")
        self.start("carl", "secret")
        self.run_client("token issue", expect=1)
        self.start("carl", "other")
        self.run_client("token issue")


if __name__ == "__main__":
    unittest.main()
