# SPDX-License-Identifier: Apache-2.0
"""Identity: keys and their rotation, signed tokens, what is revoked by what, and the command `haneul identity`."""
import base64
import json
import os
import stat
import subprocess
import time

from cloud import PROGRAM
from identity_test import V3, IdentityTest


class TokenTest(IdentityTest):
    def setUp(self):
        self.cloud._token = None        # its key may have gone
        self.project = self.make("project")
        self.user = self.user_with(self.project)

    def enter(self, scope=True, user=None):
        user = user or self.user
        return self.cloud.login(user["id"], "secret", project=self.project["id"]) if scope else \
            self.cloud.login(user["id"], "secret", unscoped=True)

    def manage(self, *words, expect=0):
        done = subprocess.run([PROGRAM, "identity", "--data", self.cloud.data, *words], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout if expect == 0 else done.stderr

    def keys(self, name="fernet-keys"):
        return sorted(int(n) for n in os.listdir(os.path.join(self.cloud.data, "api", name)) if n.isdigit())

    def works(self, token):
        return self.cloud.request("GET", V3 + "/auth/projects", token=token)[0] == 200


class Keys(TokenTest):
    def test_a_token_survives_rotations_until_its_key_goes(self):
        token, first = self.enter(), self.keys()
        self.manage("fernet-rotate")
        self.assertEqual(self.keys(), [0, first[-1], first[-1] + 1])
        self.assertTrue(self.works(token))
        self.manage("fernet-rotate")
        self.cloud._token = None
        self.get("/auth/catalog", 200, self.enter())
        self.patch("/projects/" + self.project["id"], {"project": {"description": "the memory of tokens is stale"}})
        self.assertFalse(self.works(token))
        for file in os.listdir(os.path.join(self.cloud.data, "api", "fernet-keys")):
            mode = os.stat(os.path.join(self.cloud.data, "api", "fernet-keys", file)).st_mode
            self.assertEqual(stat.S_IMODE(mode), 0o600)

    def test_keys_that_somebody_else_rotates_are_noticed(self):
        token, directory = self.enter(), os.path.join(self.cloud.data, "api", "receipt-keys")
        number = self.keys("receipt-keys")[-1] + 1
        os.rename(os.path.join(directory, "0"), os.path.join(directory, str(number)))
        with open(os.path.join(directory, "0"), "w") as file:
            file.write(base64.urlsafe_b64encode(os.urandom(32)).decode())
        self.assertTrue(self.works(token))

    def test_credentials_are_sealed_anew_before_their_key_goes(self):
        seed = "SEALEDANEW"
        body = {"credential": {"user_id": self.user["id"], "type": "totp", "blob": seed}}
        made = self.ask("POST", V3 + "/credentials", body, 201)["credential"]
        self.manage("credential-rotate")
        self.assertIn("credential-migrate", self.manage("credential-rotate", expect=1))
        self.assertRegex(self.manage("credential-migrate"), r"^[1-9]\d* sealed anew")
        self.manage("credential-rotate")
        self.manage("credential-migrate")
        self.assertEqual(self.get("/credentials/" + made["id"])["credential"]["blob"], seed)

    def test_commands_are_listed_and_a_wrong_one_is_no_command(self):
        self.assertIn("fernet-rotate", self.manage())
        self.manage("make-coffee", expect=1)
        self.assertIn("findings", self.manage("doctor"))
        for command in ("fernet-setup", "receipt-setup", "receipt-rotate", "credential-setup", "token-flush", "trust-flush"):
            self.manage(command)

    def test_bootstrap_lets_the_administrator_in_again(self):
        admin = self.get("/users?name=admin")["users"][0]["id"]
        self.patch("/users/" + admin, {"user": {"password": "forgotten", "enabled": False}})
        self.cloud._token = None
        self.manage("bootstrap")
        self.get("/users/" + admin)


class Offline(TokenTest):
    def test_without_an_api_the_command_does_it_itself(self):
        for process in self.cloud.processes:
            process.terminate()
            process.wait(30)
        self.cloud.processes = []
        self.manage("fernet-rotate")
        self.assertEqual(len(self.keys()), 3)
        self.cloud.restart()
        self.get("/auth/catalog", 200, self.enter())


class Signed(TokenTest):
    settings = ("token.provider=jws",)

    def test_a_token_is_a_signed_text_that_says_what_it_is_for(self):
        token = self.enter()
        header, claims, signature = [base64.urlsafe_b64decode(part + "==") for part in token.split(".")]
        self.assertEqual((json.loads(header)["alg"], len(signature)), ("ES256", 64))
        claims = json.loads(claims)
        self.assertEqual((claims["sub"], claims["openstack_project_id"], claims["openstack_methods"]),
                         (self.user["id"], self.project["id"], ["password"]))
        self.assertTrue(self.works(token))
        public = os.path.join(self.cloud.data, "api", "jws-keys", "public")
        with open(os.path.join(public, os.listdir(public)[0])) as file:
            self.assertIn("PUBLIC KEY", file.read())

    def test_nothing_but_what_we_signed_is_believed(self):
        token = self.enter()
        header, claims, signature = token.split(".")

        def text(value):
            return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().strip("=")
        other = dict(json.loads(base64.urlsafe_b64decode(claims + "==")), sub="0" * 32)
        for forged in (header + "." + text(other) + "." + signature, text({"alg": "none"}) + "." + claims + ".",
                       text({"alg": "HS256"}) + "." + claims + "." + signature, header + "." + claims,
                       header + "." + claims + "." + "A" * 86, header + "." + claims + "." + signature[:-4], "..", "a.b.c"):
            self.assertFalse(self.works(forged), forged)

    def test_old_keys_verify_after_a_new_pair_was_made(self):
        token = self.enter()
        time.sleep(1.1)
        self.manage("jws-rotate")
        self.patch("/projects/" + self.project["id"], {"project": {"description": "the memory of tokens is stale"}})
        self.assertTrue(self.works(token))
        self.assertTrue(self.works(self.enter()))
        self.assertEqual(len(os.listdir(os.path.join(self.cloud.data, "api", "jws-keys", "public"))), 2)

    def test_delegations_and_the_system_are_in_it_too(self):
        token = self.enter()
        body = {"application_credential": {"name": "one"}}
        made = self.ask("POST", V3 + "/users/%s/application_credentials" % self.user["id"], body, 201, token)["application_credential"]
        status, token, _ = self.cloud.authenticate({"identity": {"methods": ["application_credential"], "application_credential": {
            "id": made["id"], "secret": made["secret"]}}})
        self.assertEqual(status, 201)
        self.assertTrue(self.works(token))
        self.delete("/users/%s/application_credentials/%s" % (self.user["id"], made["id"]), token=self.enter())
        self.assertFalse(self.works(token))
        self.get("/users", 200, self.cloud.login("admin", self.cloud.password(), system=True))


class Revoked(TokenTest):
    def events(self):
        return self.get("/OS-REVOKE/events")["events"]

    def test_what_ends_tokens_ends_all_of_them_and_is_told(self):
        domain = self.make("domain")
        guest = self.make("user", password="secret", domain_id=domain["id"])
        self.put("/projects/%s/users/%s/roles/%s" % (self.project["id"], guest["id"], self.role("member")))
        group, member = self.make("group"), self.make("user", password="secret")
        self.put("/groups/%s/users/%s" % (group["id"], member["id"]))
        self.put("/projects/%s/groups/%s/roles/%s" % (self.project["id"], group["id"], self.role("member")))
        grant = "/projects/%s/users/%s/roles/%s" % (self.project["id"], self.user["id"], self.role("member"))
        users = {"user": self.user, "guest": guest, "member": member}
        role = self.make("role")
        holder = self.make("user", password="secret")
        self.put("/projects/%s/users/%s/roles/%s" % (self.project["id"], holder["id"], role["id"]))
        users["holder"] = holder
        matrix = (
            ("user", lambda: self.delete(grant), lambda: self.put(grant), None),
            ("user", lambda: self.patch("/users/" + self.user["id"], {"user": {"enabled": False}}),
             lambda: self.patch("/users/" + self.user["id"], {"user": {"enabled": True}}), {"user_id": self.user["id"]}),
            ("user", lambda: self.patch("/users/" + self.user["id"], {"user": {"password": "secret"}}), None,
             {"user_id": self.user["id"]}),
            ("guest", lambda: self.patch("/domains/" + domain["id"], {"domain": {"enabled": False}}),
             lambda: self.patch("/domains/" + domain["id"], {"domain": {"enabled": True}}), {"domain_id": domain["id"]}),
            ("member", lambda: self.delete("/groups/%s/users/%s" % (group["id"], member["id"])),
             lambda: self.put("/groups/%s/users/%s" % (group["id"], member["id"])), {"user_id": member["id"]}),
            ("member", lambda: self.delete("/groups/" + group["id"]), None, None),
            ("holder", lambda: self.delete("/roles/" + role["id"]), None, {"role_id": role["id"]}),
            ("guest", lambda: self.patch("/projects/" + self.project["id"], {"project": {"enabled": False}}),
             lambda: self.patch("/projects/" + self.project["id"], {"project": {"enabled": True}}), {"project_id": self.project["id"]}),
            ("guest", lambda: self.delete("/users/" + guest["id"]), None, {"user_id": guest["id"]}),
            ("user", lambda: self.delete("/projects/" + self.project["id"]), None, {"project_id": self.project["id"]}),
        )
        for number, (who, end, undo, told) in enumerate(matrix):
            token = self.enter(user=users[who])
            self.assertTrue(self.works(token), number)
            end()
            self.assertFalse(self.works(token), number)
            if undo:
                undo()
                self.assertEqual(self.works(token), told is None, number)
            if told:
                self.assertTrue(any(told.items() <= event.items() for event in self.events()), (number, told))

    def test_a_revoked_token_stays_revoked_over_a_restart(self):
        token, kept = self.enter(), self.enter()
        self.ask("DELETE", V3 + "/auth/tokens", None, 204, token, {"X-Subject-Token": token})
        self.assertFalse(self.works(token))
        self.ask("GET", V3 + "/auth/tokens?allow_expired=1", None, 404, None, {"X-Subject-Token": token})
        self.cloud.restart()
        self.assertFalse(self.works(token))
        self.assertTrue(self.works(kept))
        self.assertTrue(any("audit_id" in event for event in self.events()))
