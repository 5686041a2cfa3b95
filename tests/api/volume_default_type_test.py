# SPDX-License-Identifier: Apache-2.0
"""Default volume types of projects."""
import unittest

from cloud import CloudTest

PATH = "/volume/v3/default-types"
VERSION = {"OpenStack-API-Version": "volume 3.62"}


class VolumeDefaultTypeTest(CloudTest):
    agent = True

    def setUp(self):
        self.project = self.ask("GET", "/identity/v3/projects?name=admin")["projects"][0]["id"]
        self.type = self.ask("POST", "/volume/v3/types", {"volume_type": {"name": "gold"}})["volume_type"]
        self.addCleanup(self.ask, "DELETE", "/volume/v3/types/" + self.type["id"])
        self.addCleanup(self.ask, "DELETE", PATH + "/" + self.project, expect=204, headers=VERSION)

    def choose(self, word, expect=200, project=None):
        return self.ask("PUT", "%s/%s" % (PATH, project or self.project), {"default_type": {"volume_type": word}}, expect,
                        headers=VERSION)

    def test_a_default_is_set_by_name_or_id_shown_listed_and_unset(self):
        row = {"project_id": self.project, "volume_type_id": self.type["id"]}
        self.ask("GET", PATH + "/" + self.project, expect=404, headers=VERSION)
        self.assertEqual(self.choose("__DEFAULT__")["default_type"]["project_id"], self.project)
        self.assertEqual(self.choose("gold"), {"default_type": row})
        self.assertEqual(self.choose(self.type["id"]), {"default_type": row})
        self.assertEqual(self.ask("GET", PATH + "/" + self.project, headers=VERSION), {"default_type": row})
        self.assertEqual(self.ask("GET", PATH, headers=VERSION), {"default_types": [row]})
        self.ask("DELETE", PATH + "/" + self.project, expect=204, headers=VERSION)
        self.assertEqual(self.ask("GET", PATH, headers=VERSION), {"default_types": []})

    def test_projects_and_types_must_be_there(self):
        self.choose("no-such", 400)
        self.choose("gold", 404, "no-such")
        self.ask("PUT", PATH + "/" + self.project, {"default_type": {}}, 400, headers=VERSION)
        self.ask("GET", PATH, expect=404, headers={"OpenStack-API-Version": "volume 3.61"})
        self.assertEqual(self.ask("GET", PATH, headers=VERSION), {"default_types": []})

    def test_volumes_that_name_no_type_get_the_project_s_default_and_the_type_stays(self):
        def new(**fields):
            volume = self.ask("POST", "/volume/v3/volumes", {"volume": dict(fields, size=1)}, 202)["volume"]
            self.addCleanup(self.cloud.until, lambda: self.cloud.request("GET", path % volume["id"])[0] == 404)
            self.addCleanup(self.ask, "DELETE", path % volume["id"], expect=202)
            self.cloud.until(lambda: self.ask("GET", path % volume["id"])["volume"]["status"] == "available")
            return volume["volume_type"]

        path = "/volume/v3/volumes/%s"
        self.choose("gold")
        self.assertEqual(self.ask("GET", "/volume/v3/types/default")["volume_type"]["id"], self.type["id"])
        self.assertEqual(new(), "gold")
        self.assertEqual(new(volume_type="__DEFAULT__"), "__DEFAULT__")
        self.ask("DELETE", "/volume/v3/types/" + self.type["id"], expect=400)
        self.ask("DELETE", PATH + "/" + self.project, expect=204, headers=VERSION)
        self.assertEqual(new(), "__DEFAULT__")
        self.assertEqual(self.ask("GET", "/volume/v3/types/default")["volume_type"]["name"], "__DEFAULT__")

    def test_a_type_that_is_no_project_s_default_goes(self):
        kind = self.ask("POST", "/volume/v3/types", {"volume_type": {"name": "lead"}})["volume_type"]
        self.choose("lead")
        self.ask("DELETE", "/volume/v3/types/" + kind["id"], expect=400)
        self.choose("gold")
        self.ask("DELETE", "/volume/v3/types/" + kind["id"], expect=202)


if __name__ == "__main__":
    unittest.main()
