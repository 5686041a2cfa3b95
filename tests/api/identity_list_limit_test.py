# SPDX-License-Identifier: Apache-2.0
"""Lists of identity are cut off where the configuration says so."""
import unittest

from identity_test import V3, IdentityTest


class Limits(IdentityTest):
    settings = ("DEFAULT.list_limit=4", "role.list_limit=2", "identity.list_limit=3")

    def whole(self, path, kind):
        """All of a list by its links, and how large its parts were."""
        names, sizes = [], []
        while path:
            body = self.get(path)
            names += [one["id"] for one in body[kind]]
            sizes.append(len(body[kind]))
            self.assertEqual(body.get("truncated"), True if body["links"]["next"] else None)
            path = body["links"]["next"] and body["links"]["next"].split("/v3", 1)[1]
        return names, sizes

    def test_each_section_has_its_own_and_default_the_rest(self):
        domain = self.make("domain")["id"]
        for _ in range(7):
            self.ask("POST", V3 + "/users", {"user": {"name": "u%d" % _, "domain_id": domain}}, 201)
            self.make("project", domain_id=domain)
        users, sizes = self.whole("/users?domain_id=" + domain, "users")
        self.assertEqual((len(set(users)), sizes), (7, [3, 3, 1]))
        projects, sizes = self.whole("/projects?domain_id=" + domain, "projects")
        self.assertEqual((len(set(projects)), sizes), (7, [4, 3]))
        roles, sizes = self.whole("/roles", "roles")
        self.assertEqual(sizes[0], 2)
        self.assertEqual(len(set(roles)), len(roles))

    def test_client_gets_no_more_by_asking_for_more(self):
        for query in ("?limit=0", "?limit=100", "?limit=1"):
            self.assertLessEqual(len(self.get("/roles" + query)["roles"]), 2, query)
        self.assertEqual(len(self.get("/roles?limit=1")["roles"]), 1)

    def test_list_that_fits_is_not_truncated(self):
        domain = self.make("domain")["id"]
        for _ in range(3):
            self.ask("POST", V3 + "/users", {"user": {"name": "u%d" % _, "domain_id": domain}}, 201)
        body = self.get("/users?domain_id=" + domain)
        self.assertEqual((len(body["users"]), "truncated" in body), (3, False))

    def test_domain_may_have_its_own(self):
        domain = self.make("domain")["id"]
        for _ in range(6):
            self.ask("POST", V3 + "/users", {"user": {"name": "u%d" % _, "domain_id": domain}}, 201)
        for limit, size in ((5, 5), (1, 1), (100, 6)):
            self.ask("PUT", V3 + "/domains/%s/config" % domain, {"config": {"identity": {"list_limit": limit}}}, (200, 201))
            body = self.get("/users?domain_id=" + domain)
            self.assertEqual((len(body["users"]), body.get("truncated", False)), (size, size < 6))


if __name__ == "__main__":
    unittest.main()
