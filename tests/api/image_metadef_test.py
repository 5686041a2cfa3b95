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

    def test_a_put_names_the_whole(self):
        self.make("a", display_name="A", visibility="public")
        row = self.ask("PUT", PATH + "/a", {"namespace": "a"}, 200)
        self.assertEqual(row["visibility"], "private")
        self.assertNotIn("display_name", row)
        self.ask("PUT", PATH + "/a", {"description": "d"}, 400)

    def test_a_namespace_comes_with_all_that_it_holds(self):
        given = {"objects": [{"name": "o", "required": ["p"], "properties": {"p": {"title": "P", "type": "string"}}}],
                 "properties": {"q": {"title": "Q", "type": "integer", "minimum": 0, "enum": [1, 2]}},
                 "tags": [{"name": "t"}],
                 "resource_type_associations": [{"name": "OS::New", "prefix": "x:"}, {"name": "OS::Glance::Image"}]}
        made = self.make("a", **given)
        shown = self.ask("GET", PATH + "/a")
        self.assertEqual(made, shown)
        self.assertEqual(shown["properties"], given["properties"])
        self.assertEqual(shown["tags"], [{"name": "t"}])
        self.assertEqual([row["name"] for row in shown["resource_type_associations"]], ["OS::Glance::Image", "OS::New"])
        self.assertEqual(shown["objects"][0]["self"], "/v2/metadefs/namespaces/a/objects/o")
        listed = self.ask("GET", PATH)["namespaces"][0]
        self.assertEqual(len(listed["resource_type_associations"]), 2)
        self.assertNotIn("objects", listed)
        self.assertEqual(self.names("?resource_types=OS::New,x"), ["a"])
        self.assertEqual(self.names("?resource_types=x"), [])
        types = self.ask("GET", "/image/v2/metadefs/resource_types")["resource_types"]
        self.assertIn("OS::New", [row["name"] for row in types])
        prefixed = self.ask("GET", PATH + "/a?resource_type=OS::New")
        self.assertEqual(list(prefixed["properties"]), ["x:q"])
        self.assertEqual((prefixed["objects"][0]["required"], list(prefixed["objects"][0]["properties"])), (["x:p"], ["x:p"]))
        self.ask("PUT", PATH + "/a", {"namespace": "b"}, 200)
        self.assertEqual(self.ask("GET", PATH + "/b/objects/o")["required"], ["p"])

    def test_nothing_is_made_when_a_part_is_wrong(self):
        for part in ({"objects": [{}]}, {"objects": {}}, {"properties": {"q": {"title": "Q"}}}, {"properties": []},
                     {"properties": {"q": {"title": "Q", "type": "odd"}}}, {"tags": [{"name": "x" * 81}]},
                     {"tags": [{"name": "t"}, 1]}, {"objects": [{"name": "o", "properties": {"p": {"type": "string"}}}]},
                     {"properties": {"q": {"title": "Q", "type": "array", "items": {"type": "odd"}}}},
                     {"properties": {"q": {"title": "Q", "type": "array", "items": []}}},
                     {"properties": {"q": {"title": "Q", "type": "string", "enum": "x"}}}):
            self.ask("POST", PATH, dict(part, namespace="a"), 400)
        self.ask("POST", PATH, {"namespace": "a", "tags": [{"name": "t"}, {"name": "t"}]}, 409)
        self.assertEqual(self.names(), [])

    def test_objects_live_in_their_namespace(self):
        self.make("a", visibility="public")
        self.make("b")
        path = PATH + "/a/objects"
        row = self.ask("POST", path, {"name": "o", "description": "d", "properties": {"p": {"title": "P", "type": "string"}}}, 201)
        self.assertEqual(row["schema"], "/v2/schemas/metadefs/object")
        self.assertEqual(self.ask("GET", path + "/o"), row)
        self.ask("POST", path, {"name": "o"}, 409)
        self.ask("POST", path, {"name": "p", "created_at": "2020-01-01T00:00:00Z"}, 403)
        self.ask("POST", PATH + "/b/objects", {"name": "o"}, 201)
        self.ask("GET", PATH + "/none/objects", expect=404)
        self.ask("GET", path + "/o", expect=200, token=self.other)
        self.ask("GET", PATH + "/b/objects/o", expect=404, token=self.other)
        self.ask("GET", PATH + "/b/objects", expect=404, token=self.other)
        self.ask("POST", path, {"name": "x"}, 403, self.other)
        self.ask("PUT", path + "/o", {"name": "o"}, 403, self.other)
        self.ask("DELETE", path + "/o", expect=403, token=self.other)
        self.ask("POST", path, {"name": "p"}, 201)
        self.ask("PUT", path + "/p", {"name": "o"}, 409)
        changed = self.ask("PUT", path + "/o", {"name": "n"}, 200)
        self.assertEqual((changed["name"], changed["properties"]), ("n", {}))
        self.assertNotIn("description", changed)
        self.ask("GET", path + "/o", expect=404)
        self.ask("DELETE", path + "/n", expect=204)
        self.ask("DELETE", path + "/n", expect=404)
        self.assertEqual([row["name"] for row in self.ask("GET", PATH + "/b/objects")["objects"]], ["o"])

    def test_lists_of_what_is_held_have_no_page_of_their_own(self):
        self.make("a")
        self.make("b", tags=[{"name": "t7"}])
        self.ask("POST", PATH + "/a/tags", {"tags": [{"name": "t%d" % n} for n in range(40)]}, 201)
        self.assertEqual(len(self.ask("GET", PATH + "/a/tags")["tags"]), 40)
        page = self.ask("GET", PATH + "/a/tags?sort_key=name&sort_dir=asc&limit=2&marker=t7")
        self.assertEqual(page, {"tags": [{"name": "t8"}, {"name": "t9"}]})
        self.ask("GET", PATH + "/a/tags?marker=none", expect=400)

    def test_properties_are_a_map(self):
        self.make("a", resource_type_associations=[{"name": "OS::New", "prefix": "x:"}])
        path = PATH + "/a/properties"
        whole = {"name": "q", "title": "Q", "type": "array", "items": {"type": "string", "enum": ["a"]}, "uniqueItems": True,
                 "minItems": 1, "default": ["a"], "operators": ["<in>"]}
        self.assertEqual(self.ask("POST", path, whole, 201), whole)
        self.assertEqual(self.ask("GET", path + "/q"), whole)
        self.assertEqual(self.ask("GET", path + "/x:q?resource_type=OS::New"), whole)
        self.ask("GET", path + "/q?resource_type=OS::New", expect=404)
        self.ask("GET", path + "/q?resource_type=OS::None", expect=404)
        self.assertEqual(self.ask("GET", path), {"properties": {"q": {k: v for k, v in whole.items() if k != "name"}}})
        self.ask("PUT", path + "/q", {"name": "q", "title": "Q"}, 400)
        self.assertEqual(self.ask("PUT", path + "/q", {"name": "r", "title": "R", "type": "string", "minimum": -4}, 200),
                         {"name": "r", "title": "R", "type": "string", "minimum": -4})
        self.ask("POST", path, {"title": "Q", "type": "string"}, 400)
        self.ask("POST", path, {"name": "q", "title": "Q", "type": "string", "odd": 1}, 400)
        self.ask("DELETE", path, expect=204)
        self.assertEqual(self.ask("GET", path), {"properties": {}})

    def test_tags_are_made_by_name_or_together(self):
        self.make("a")
        path = PATH + "/a/tags"
        self.assertEqual(self.ask("POST", path + "/one", None, 201)["name"], "one")
        self.ask("POST", path + "/one", None, 409)
        self.ask("POST", path + "/" + "x" * 81, None, 400)
        self.assertEqual(self.ask("POST", path, {"tags": [{"name": "two"}]}, 201), {"tags": [{"name": "two"}]})
        self.assertEqual(self.ask("GET", path), {"tags": [{"name": "two"}]})
        self.ask("POST", path, {"tags": [{"name": "x"}, {"name": "x"}]}, 409)
        self.ask("POST", path, {"tags": [{"name": "x", "odd": 1}]}, 400)
        self.assertEqual(self.ask("GET", path), {"tags": [{"name": "two"}]})
        self.assertEqual(self.ask("PUT", path + "/two", {"name": "three"}, 200)["name"], "three")
        self.ask("PUT", path + "/three", {}, 400)
        self.ask("DELETE", path + "/three", expect=204)
        self.ask("GET", path + "/three", expect=404)
        self.ask("POST", path, {"tags": [{"name": "x"}]}, 403, self.other)

    def test_of_what_is_protected_nothing_goes(self):
        self.make("a", tags=[{"name": "t"}], objects=[{"name": "o"}], properties={"q": {"title": "Q", "type": "string"}},
                  resource_type_associations=[{"name": "OS::New"}], protected=True)
        paths = ("/tags", "/tags/t", "/objects", "/objects/o", "/properties", "/properties/q", "/resource_types/OS::New")
        for path in paths:
            self.ask("DELETE", PATH + "/a" + path, expect=403)
        self.ask("PUT", PATH + "/a", {"namespace": "a", "protected": False}, 200)
        for path in reversed(paths):
            self.ask("DELETE", PATH + "/a" + path, expect=204)
        self.assertEqual(self.ask("GET", PATH + "/a/resource_types"), {"resource_type_associations": []})
        self.ask("POST", PATH + "/a/resource_types", {"name": "OS::Nova::Server", "properties_target": "image"}, 201)
        self.ask("POST", PATH + "/a/resource_types", {"name": "OS::Nova::Server"}, 409)
        self.ask("DELETE", PATH + "/a", expect=204)
        self.make("a")
        self.assertEqual(self.ask("GET", PATH + "/a/resource_types"), {"resource_type_associations": []})

    def test_every_kind_has_its_schema(self):
        for one, many, names in (("object", "objects", "objects"), ("property", "properties", "properties"),
                                 ("tag", "tags", "tags"),
                                 ("resource_type", "resource_types", "resource_type_associations")):
            schema = self.ask("GET", "/image/v2/schemas/metadefs/" + one)
            self.assertEqual(schema["properties"]["name"]["maxLength"], 80)
            self.assertEqual(self.ask("GET", "/image/v2/schemas/metadefs/" + many)["properties"][names]["items"], schema)


if __name__ == "__main__":
    unittest.main()
