# SPDX-License-Identifier: Apache-2.0
"""Metadata definitions."""
import unittest

from cloud import CloudTest

PATH = "/image/v2/metadefs/namespaces"


class ImageMetadefTest(CloudTest):
    def setUp(self):
        self.addCleanup(self.sweep)
        if not hasattr(type(self), "other"):
            role = self.ask("GET", "/identity/v3/roles?name=member")["roles"][0]["id"]
            project = self.ask("POST", "/identity/v3/projects", {"project": {"name": "other"}})["project"]["id"]
            user = self.ask("POST", "/identity/v3/users", {"user": {"name": "other", "password": "x"}})["user"]["id"]
            self.ask("PUT", "/identity/v3/projects/%s/users/%s/roles/%s" % (project, user, role))
            type(self).other = self.cloud.login(user, "x", project)

    def sweep(self):
        for row in self.ask("GET", PATH)["namespaces"]:
            if row["protected"]:
                self.ask("PUT", PATH + "/" + row["namespace"], {"namespace": row["namespace"], "protected": False}, 200)
            self.ask("DELETE", PATH + "/" + row["namespace"], expect=204)

    def make(self, name, **fields):
        return self.ask("POST", PATH, dict(fields, namespace=name), 201)

    def names(self, query="", token=None):
        return [row["namespace"] for row in self.ask("GET", PATH + query, token=token)["namespaces"]]

    def test_a_namespace_is_made_shown_renamed_and_deleted(self):
        row = self.make("OS::A", display_name="A")
        self.assertEqual((row["visibility"], row["protected"], row["display_name"]), ("private", False, "A"))
        self.assertEqual((row["self"], row["schema"]),
                         ("/v2/metadefs/namespaces/OS::A", "/v2/schemas/metadefs/namespace"))
        self.assertEqual(self.ask("GET", PATH + "/OS::A"), row)
        changed = self.ask("PUT", PATH + "/OS::A", {"namespace": "OS::B", "description": "d"}, 200)
        self.assertEqual((changed["namespace"], changed["description"]), ("OS::B", "d"))
        self.ask("GET", PATH + "/OS::A", expect=404)
        self.assertEqual(self.ask("GET", PATH + "/OS::B")["description"], "d")
        self.ask("DELETE", PATH + "/OS::B", expect=204)
        self.ask("GET", PATH + "/OS::B", expect=404)

    def test_names_are_taken_once(self):
        self.make("a")
        self.make("b")
        self.ask("POST", PATH, {"namespace": "a"}, 409)
        self.ask("PUT", PATH + "/b", {"namespace": "a"}, 409)
        self.ask("POST", PATH, {}, 400)
        self.ask("POST", PATH, {"namespace": "c", "visibility": "odd"}, 400)
        self.assertEqual(sorted(self.names()), ["a", "b"])

    def test_what_is_protected_stays(self):
        self.make("a", protected=True)
        self.ask("DELETE", PATH + "/a", expect=403)
        self.ask("PUT", PATH + "/a", {"namespace": "a", "protected": False}, 200)
        self.ask("DELETE", PATH + "/a", expect=204)

    def test_others_see_what_is_public_and_change_nothing(self):
        self.make("hidden")
        self.make("open", visibility="public")
        self.assertEqual(self.names(token=self.other), ["open"])
        self.ask("GET", PATH + "/open", expect=200, token=self.other)
        self.ask("GET", PATH + "/hidden", expect=404, token=self.other)
        self.ask("POST", PATH, {"namespace": "x"}, 403, self.other)
        self.ask("DELETE", PATH + "/open", expect=403, token=self.other)
        self.assertEqual(self.names("?visibility=private"), ["hidden"])

    def test_lists_sort_and_page(self):
        for name in "bac":
            self.make(name)
        self.assertEqual(self.names("?sort_key=namespace&sort_dir=asc"), ["a", "b", "c"])
        self.assertEqual(self.names("?sort_key=namespace&sort_dir=asc&limit=1&marker=a"), ["b"])

    def test_schemas_come_of_the_declaration(self):
        one = self.ask("GET", "/image/v2/schemas/metadefs/namespace")
        self.assertEqual(self.ask("GET", PATH)["schema"], "/v2/schemas/metadefs/namespaces")
        self.assertEqual(one["properties"]["visibility"]["enum"], ["public", "private"])
        self.assertEqual(self.ask("GET", "/image/v2/schemas/metadefs/namespaces")["properties"]["namespaces"]["items"], one)


if __name__ == "__main__":
    unittest.main()
