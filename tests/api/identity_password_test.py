# SPDX-License-Identifier: Apache-2.0
"""Identity: the rules of [security_compliance], and what a password check tells."""
import time

from identity_test import V3, IdentityTest, name

DAY = 24 * 3600 * 1000000


class PasswordTest(IdentityTest):
    def user(self, password="Secret01", **fields):
        return self.make("user", password=password, **fields)

    def enter(self, user, password="Secret01"):
        return self.cloud.authenticate({"identity": {"methods": ["password"], "password": {
            "user": {"id": user["id"], "password": password}}}})

    def change(self, user, old, new, expect=204):
        body = {"user": {"original_password": old, "password": new}}
        return self.ask("POST", V3 + "/users/%s/password" % user["id"], body, expect, "")

    def shift(self, user, column, days):
        self.cloud.sql("UPDATE identity_user SET %s = %s - %d WHERE id = '%s'" % (column, column, days * DAY, user["id"]))


class Rules(PasswordTest):
    settings = ("security_compliance.password_regex=^(?=.*\\d)(?=.*[a-zA-Z]).{7,}$",
                "security_compliance.password_regex_description=seven characters, a digit and a letter",
                "security_compliance.unique_last_password_count=3", "security_compliance.minimum_password_age=1",
                "security_compliance.password_expires_days=30")

    def test_a_password_has_the_form_that_is_wanted_and_the_domain_tells_it(self):
        self.ask("POST", V3 + "/users", {"user": {"name": name("u"), "password": "short1"}}, 400)
        user = self.user()
        body = self.patch("/users/" + user["id"], {"user": {"password": "lettersonly"}}, 400)
        self.assertIn("a digit and a letter", body["error"]["message"])
        self.change(user, "Secret01", "short", 400)
        shown = self.get("/domains/default/config/security_compliance")["config"]["security_compliance"]
        self.assertEqual(shown["password_regex_description"], "seven characters, a digit and a letter")

    def test_a_password_may_not_be_one_of_the_last(self):
        user, last = self.user(), "Secret01"
        for number in (2, 3):
            self.change(user, last, "Secret0%d" % number)
            last = "Secret0%d" % number
            self.shift(user, "password_created_at", 2)
        for used in ("Secret01", "Secret02", "Secret03"):
            self.change(user, last, used, 400)
        self.change(user, last, "Secret04")
        self.shift(user, "password_created_at", 2)
        self.change(user, "Secret04", "Secret01")

    def test_a_password_that_the_user_chose_has_a_least_age(self):
        user = self.user()
        self.change(user, "Secret01", "Secret02")
        self.change(user, "Secret02", "Secret03", 400)
        self.patch("/users/" + user["id"], {"user": {"password": "Secret04"}})
        self.change(user, "Secret04", "Secret05")

    def test_an_expired_password_is_good_for_changing_it_alone(self):
        user = self.user()
        self.assertRegex(user["password_expires_at"], r"^20\d\d-")
        self.shift(user, "password_expires_at", 31)
        status, _, body = self.enter(user)
        self.assertEqual(status, 401)
        self.assertIn("expired", body["error"]["message"])
        self.assertNotIn("expired", self.enter(user, "wrong")[2]["error"]["message"])
        self.change(user, "Secret01", "Secret02")
        self.assertEqual(self.enter(user, "Secret02")[0], 201)
        forever = self.user(options={"ignore_password_expiry": True})
        self.assertIsNone(forever["password_expires_at"])

    def test_a_locked_password_is_changed_by_administrators_only(self):
        user = self.user(options={"lock_password": True})
        self.change(user, "Secret01", "Secret02", 400)
        self.patch("/users/" + user["id"], {"user": {"password": "Secret03"}})

    def test_who_expires_is_found_by_time(self):
        user = self.user()
        self.assertIn(user["id"], [u["id"] for u in self.get("/users?password_expires_at=gt:2020-01-01T00:00:00Z")["users"]])
        self.assertNotIn(user["id"], [u["id"] for u in self.get("/users?password_expires_at=lt:2020-01-01T00:00:00Z")["users"]])


class Lockout(PasswordTest):
    settings = ("security_compliance.lockout_failure_attempts=3", "security_compliance.lockout_duration=600",
                "security_compliance.change_password_upon_first_use=true",
                "security_compliance.disable_user_account_days_inactive=10", "identity.remember_passwords=false")
    free = {"ignore_change_password_upon_first_use": True}

    def test_too_many_failures_lock_the_account_for_a_while_and_tell_nothing(self):
        user = self.user(options=self.free)
        answers = [self.enter(user, "wrong") for _ in range(3)] + [self.enter(user), self.enter({"id": "f" * 32})]
        self.assertEqual({(status, body["error"]["message"]) for status, _, body in answers},
                         {(401, "The request you have made requires authentication.")})
        self.change(user, "Secret01", "Secret02", 401)
        self.cloud.sql("UPDATE identity_user SET failed_at = failed_at - 601000000 WHERE id = '%s'" % user["id"])
        self.assertEqual(self.enter(user)[0], 201)
        self.assertEqual([self.enter(user, "wrong")[0] for _ in range(2)] + [self.enter(user)[0]], [401, 401, 201])

    def test_an_administrator_ends_a_lock_and_some_are_never_locked(self):
        user = self.user(options=self.free)
        for _ in range(3):
            self.enter(user, "wrong")
        self.assertEqual(self.enter(user)[0], 401)
        self.patch("/users/" + user["id"], {"user": {"enabled": True}})
        self.assertEqual(self.enter(user)[0], 201)
        never = self.user(options=dict(self.free, ignore_lockout_failure_attempts=True))
        for _ in range(4):
            self.enter(never, "wrong")
        self.assertEqual(self.enter(never)[0], 201)

    def test_the_first_use_of_a_password_changes_it(self):
        user = self.user()
        self.assertEqual(self.enter(user)[0], 401)
        self.change(user, "Secret01", "Secret02")
        self.assertEqual(self.enter(user, "Secret02")[0], 201)
        self.patch("/users/" + user["id"], {"user": {"password": "Secret03"}})
        self.assertEqual(self.enter(user, "Secret03")[0], 401)

    def test_who_is_not_seen_for_long_is_disabled(self):
        user = self.user(options=self.free)
        self.assertEqual(self.enter(user)[0], 201)
        self.shift(user, "last_active_at", 11)
        self.assertEqual(self.enter(user)[0], 401)
        self.assertFalse(self.get("/users/" + user["id"])["user"]["enabled"])
        self.patch("/users/" + user["id"], {"user": {"enabled": True}})
        self.assertEqual(self.enter(user)[0], 201)
        exempt = self.user(options=dict(self.free, ignore_user_inactivity=True))
        self.shift(exempt, "created_at", 11)
        self.assertEqual(self.enter(exempt)[0], 201)


class Checks(PasswordTest):
    settings = ("identity.password_cost=8", "identity.remember_passwords=false")

    def test_unknown_users_and_wrong_passwords_take_alike_and_read_alike(self):
        user = self.user()
        disabled = self.user(enabled=False)
        self.enter(user, "warm up")

        best = {}
        for who in [user, {"id": "f" * 32}, disabled] * 12:
            start = time.monotonic()
            status, _, body = self.enter(who, "wrong")
            best[who["id"]] = min(best.get(who["id"], 9), time.monotonic() - start)
            self.assertEqual((status, body["error"]["message"]),
                             (401, "The request you have made requires authentication."))
        self.assertLess(max(best.values()), 2 * min(best.values()) + 0.005, best)
        self.assertEqual(self.enter(disabled)[2]["error"], self.enter({"id": "f" * 32})[2]["error"])

    def test_a_hash_of_another_form_is_taken_and_replaced_at_the_next_use(self):
        hashes = {"$6$": "$6$bFYOPGhy5rDb1m1O$kKJdJ8N53dNdiPBJnCNrxaP3g4o.dgRwV7GWDnM.VBPUjp85hthUwiH2m/Ue2rE9y1JDZGlFrkVOoGQcJNpMs/",
                  "$scrypt$": "$scrypt$ln=8,r=8,p=1$6X1vzdl7L0WIsXbOWWsNIQ$zGlujiyFWVsXdVSYrxNWjGIJgmqV7z76j5j0+FykhGc"}
        for form, stored in hashes.items():
            user = self.user()
            self.cloud.sql("UPDATE identity_user SET password_hash = '%s' WHERE id = '%s'" % (stored, user["id"]))
            self.assertEqual(self.enter(user)[0], 401, form)
            self.assertEqual(self.enter(user, "correct horse \u00e9")[0], 201, form)
            self.cloud.sql("UPDATE identity_user SET enabled = %s WHERE id = '%s' AND password_hash LIKE '$2b$08$%%'" %
                           (0, user["id"]))
            self.assertEqual(self.enter(user, "correct horse \u00e9")[0], 401, "not hashed anew: " + form)

    def test_very_long_passwords_are_refused_before_they_cost_anything(self):
        user = self.user()
        for size in (4097, 1 << 19):
            self.assertEqual(self.enter(user, "x" * size)[0], 400)
        self.assertEqual(self.enter(user, "x" * 4096)[0], 401)
