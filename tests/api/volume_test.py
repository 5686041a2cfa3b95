# SPDX-License-Identifier: Apache-2.0
"""Volumes on the fake driver: the status machine, sources, attachments, types, quotas, transfers."""
import unittest
import uuid

from cloud import CloudTest

V3 = "/volume/v3"


def version(minor):
    return {"OpenStack-API-Version": "volume 3.%d" % minor}


class VolumeTest(CloudTest):
    agent = True

    def setUp(self):
        if not hasattr(type(self), "other"):
            role = self.ask("GET", "/identity/v3/roles?name=member")["roles"][0]["id"]
            project = self.ask("POST", "/identity/v3/projects", {"project": {"name": "other"}})["project"]["id"]
            user = self.ask("POST", "/identity/v3/users", {"user": {"name": "other", "password": "x"}})["user"]["id"]
            self.ask("PUT", "/identity/v3/projects/%s/users/%s/roles/%s" % (project, user, role))
            type(self).other, type(self).other_project = self.cloud.login(user, "x", project), project
            admin = self.ask("GET", "/identity/v3/projects?name=admin")["projects"][0]["id"]
            for word in (admin, project):
                self.ask("PUT", V3 + "/os-quota-sets/" + word, {"quota_set": {"volumes": 100, "snapshots": 100}})

    def status(self, volume, token=None):
        return self.ask("GET", V3 + "/volumes/" + volume["id"], token=token)["volume"]["status"]

    def wait(self, volume, status="available", token=None):
        self.cloud.until(lambda: self.status(volume, token) == status, what="status %s" % status)
        return self.ask("GET", V3 + "/volumes/" + volume["id"], token=token)["volume"]

    def make(self, wait="available", token=None, **fields):
        fields.setdefault("size", 1)
        volume = self.ask("POST", V3 + "/volumes", {"volume": fields}, 202, token)["volume"]
        self.assertEqual(volume["status"], "creating")
        return self.wait(volume, wait, token) if wait else volume

    def act(self, volume, action, body=None, expect=202, token=None, minor=0):
        return self.ask("POST", "%s/volumes/%s/action" % (V3, volume["id"]), {action: body or {}}, expect, token,
                        version(minor))

    def gone(self, kind, row):
        self.cloud.until(lambda: self.cloud.request("GET", "%s/%s/%s" % (V3, kind, row["id"]))[0] == 404)

    def delete(self, volume, expect=202, query=""):
        self.ask("DELETE", "%s/volumes/%s%s" % (V3, volume["id"], query), None, expect)
        if expect == 202:
            self.gone("volumes", volume)

    def snapshot(self, volume, expect=202, **fields):
        fields["volume_id"] = volume["id"]
        answer = self.ask("POST", V3 + "/snapshots", {"snapshot": fields}, expect)
        if expect == 202:
            self.cloud.until(lambda: self.ask("GET", V3 + "/snapshots/" + answer["snapshot"]["id"])
                             ["snapshot"]["status"] == "available")
            return answer["snapshot"]

    def image(self, size=1000):
        body = {"name": "i", "disk_format": "raw", "container_format": "bare", "os_distro": "x"}
        image = self.ask("POST", "/image/v2/images", body)
        self.ask("PUT", "/image/v2/images/%s/file" % image["id"], b"x" * size, 204,
                 headers={"Content-Type": "application/octet-stream"})
        return image

    def test_a_volume_lives_and_dies(self):
        volume = self.make(name="v", description="d", metadata={"k": "v"})
        self.assertEqual((volume["bootable"], volume["volume_type"], volume["size"]), ("false", "__DEFAULT__", 1))
        self.assertTrue(volume["os-vol-host-attr:host"].endswith("@fake#fake"))
        changed = self.ask("PUT", V3 + "/volumes/" + volume["id"], {"volume": {"name": "w"}})["volume"]
        self.assertEqual((changed["name"], changed["description"]), ("w", "d"))
        self.delete(volume)

    def test_bodies_are_checked(self):
        for fields in ({}, {"size": 0}, {"size": -1}, {"size": "x"}, {"size": 1, "name": "x" * 256}, {"size": 1, "metadata": {"k": 1}},
                       {"size": 1, "availability_zone": "nowhere"}, {"size": 1, "multiattach": True}):
            self.ask("POST", V3 + "/volumes", {"volume": fields}, 400)
        self.ask("POST", V3 + "/volumes", {}, 400)
        for fields in ({"volume_type": "nothing"}, {"snapshot_id": str(uuid.uuid4())}, {"source_volid": str(uuid.uuid4())}):
            self.ask("POST", V3 + "/volumes", {"volume": dict(fields, size=1)}, 404)
        self.ask("POST", V3 + "/volumes", {"volume": {"size": 1, "imageRef": str(uuid.uuid4())}}, 400)

    def test_volumes_of_images_are_bootable_and_know_their_image(self):
        image = self.image()
        volume = self.make(imageRef=image["id"])
        self.assertEqual(volume["bootable"], "true")
        self.assertEqual(volume["volume_image_metadata"]["image_id"], image["id"])
        self.assertEqual(volume["volume_image_metadata"]["os_distro"], "x")
        self.ask("POST", V3 + "/volumes", {"volume": {"imageRef": image["id"]}}, 400)

    def test_snapshots_and_clones_have_their_source_s_size(self):
        volume = self.make(size=2)
        snapshot = self.snapshot(volume, name="s")
        self.assertEqual(self.make(size=None, snapshot_id=snapshot["id"])["size"], 2)
        self.assertEqual(self.make(size=3, source_volid=volume["id"])["size"], 3)
        self.ask("POST", V3 + "/volumes", {"volume": {"size": 1, "snapshot_id": snapshot["id"]}}, 400)
        self.ask("POST", V3 + "/volumes", {"volume": {"size": 1, "source_volid": volume["id"]}}, 400)
        self.delete(volume, 400)
        shown = self.ask("GET", V3 + "/snapshots/" + snapshot["id"])["snapshot"]
        self.assertEqual(shown["os-extended-snapshot-attributes:progress"], "100%")
        self.ask("DELETE", V3 + "/snapshots/" + snapshot["id"], None, 202)
        self.gone("snapshots", snapshot)
        self.delete(volume)

    def test_cascade_takes_snapshots_along(self):
        volume = self.make()
        snapshot = self.snapshot(volume)
        self.delete(volume, query="?cascade=true")
        self.gone("snapshots", snapshot)

    def test_volumes_grow(self):
        volume = self.make()
        self.act(volume, "os-extend", {"new_size": 1}, 400)
        self.act(volume, "os-extend", {"new_size": 2})
        self.cloud.until(lambda: self.wait(volume)["size"] == 2)

    def test_old_attachments_follow_the_status_machine(self):
        volume, server = self.make(), str(uuid.uuid4())
        self.act(volume, "os-reserve")
        self.assertEqual(self.status(volume), "attaching")
        self.act(volume, "os-reserve", expect=400)
        self.act(volume, "os-unreserve")
        self.act(volume, "os-attach", {"instance_uuid": server, "mountpoint": "/dev/vdb"})
        shown = self.wait(volume, "in-use")
        self.assertEqual((shown["attachments"][0]["server_id"], shown["attachments"][0]["device"]), (server, "/dev/vdb"))
        self.delete(volume, 400)
        self.snapshot(volume, 400)
        snapshot = self.snapshot(volume, force=True)
        self.ask("DELETE", V3 + "/snapshots/" + snapshot["id"], None, 202)
        self.gone("snapshots", snapshot)
        self.act(volume, "os-extend", {"new_size": 2}, 400, minor=41)
        self.act(volume, "os-extend", {"new_size": 2}, minor=42)
        self.wait(volume, "in-use")
        self.act(volume, "os-begin_detaching")
        self.act(volume, "os-roll_detaching")
        self.act(volume, "os-detach")
        self.assertEqual(self.wait(volume)["attachments"], [])
        self.delete(volume)

    def test_attachments_are_resources_since_3_27(self):
        volume, server = self.make(), str(uuid.uuid4())
        new = version(44)
        body = {"attachment": {"volume_uuid": volume["id"], "instance_uuid": server}}
        self.ask("GET", V3 + "/attachments", expect=404)
        attachment = self.ask("POST", V3 + "/attachments", body, 200, headers=new)["attachment"]
        path = V3 + "/attachments/" + attachment["id"]
        self.assertEqual((attachment["status"], self.status(volume)), ("reserved", "reserved"))
        second = {"attachment": {"volume_uuid": volume["id"], "instance_uuid": str(uuid.uuid4())}}
        self.ask("POST", V3 + "/attachments", second, 400, headers=new)
        connected = self.ask("PUT", path, {"attachment": {"connector": {"host": "h", "mountpoint": "/dev/vdb"}}}, 200,
                             headers=new)["attachment"]
        self.assertEqual(connected["connection_info"]["driver_volume_type"], "local")
        self.ask("POST", path + "/action", {"os-complete": {}}, 204, headers=new)
        self.assertEqual(self.wait(volume, "in-use")["attachments"][0]["host_name"], "h")
        self.assertEqual(len(self.ask("GET", V3 + "/attachments/detail?volume_id=" + volume["id"], headers=new)["attachments"]), 1)
        self.ask("DELETE", path, None, 200, headers=new)
        self.assertEqual(self.status(volume), "available")

    def test_metadata_is_changed_whole_and_by_key(self):
        volume = self.make(metadata={"a": "1"})
        path = "%s/volumes/%s/metadata" % (V3, volume["id"])
        self.assertEqual(self.ask("POST", path, {"metadata": {"b": "2"}}, 200)["metadata"], {"a": "1", "b": "2"})
        self.assertEqual(self.ask("PUT", path, {"metadata": {"c": "3"}}, 200)["metadata"], {"c": "3"})
        self.assertEqual(self.ask("PUT", path + "/d", {"meta": {"d": "4"}}, 200)["meta"], {"d": "4"})
        self.ask("PUT", path + "/d", {"meta": {"e": "4"}}, 400)
        self.assertEqual(self.ask("GET", path + "/d", expect=200)["meta"], {"d": "4"})
        self.ask("DELETE", path + "/d", None, 200)
        self.ask("DELETE", path + "/d", None, 404)
        self.assertEqual(self.ask("GET", path)["metadata"], {"c": "3"})

    def test_lists_filter_by_metadata_and_page(self):
        word = uuid.uuid4().hex
        ids = [self.make(metadata={"w": word}, name="n%d" % i)["id"] for i in range(3)]
        query = V3 + "/volumes/detail?metadata=%7B%27w%27%3A+%27" + word + "%27%7D"
        self.assertEqual([v["id"] for v in self.ask("GET", query)["volumes"]], ids[::-1])
        page = self.ask("GET", query + "&sort=name:asc&limit=2")
        self.assertEqual([v["id"] for v in page["volumes"]], ids[:2])
        self.assertIn("marker=" + ids[1], page["volumes_links"][0]["href"])
        self.assertEqual(self.ask("GET", V3 + "/volumes?name=n1&limit=1")["volumes"][0].keys(), {"id", "name", "links"})

    def test_projects_do_not_see_each_other_s(self):
        volume = self.make()
        self.ask("GET", V3 + "/volumes/" + volume["id"], None, 404, self.other)
        self.ask("DELETE", V3 + "/volumes/" + volume["id"], None, 404, self.other)
        self.assertNotIn(volume["id"], [v["id"] for v in self.ask("GET", V3 + "/volumes?all_tenants=1", token=self.other)["volumes"]])
        self.act(volume, "os-reset_status", {"status": "error"}, 404, self.other)
        mine = self.make(token=self.other)
        self.act(mine, "os-reset_status", {"status": "error"}, 403, self.other)
        self.assertNotIn("os-vol-host-attr:host", mine)
        self.assertIn(mine["id"], [v["id"] for v in self.ask("GET", V3 + "/volumes?all_tenants=1")["volumes"]])

    def test_quotas_hold(self):
        path = V3 + "/os-quota-sets/" + self.other_project
        self.ask("PUT", path, {"quota_set": {"gigabytes": 5}})
        volume = self.make(token=self.other, size=4)
        self.ask("POST", V3 + "/volumes", {"volume": {"size": 2}}, 413, self.other)
        self.act(volume, "os-extend", {"new_size": 9}, 413, self.other)
        used = self.ask("GET", path + "?usage=True", token=self.other)["quota_set"]["gigabytes"]
        self.assertEqual(used["limit"], 5)
        self.assertGreaterEqual(used["in_use"], 4)
        self.ask("PUT", path, {"quota_set": {"gigabytes": 5}}, 403, self.other)
        self.ask("PUT", path, {"quota_set": {"nonsense": 5}}, 400)
        self.ask("DELETE", path, None, 200)
        self.ask("PUT", path, {"quota_set": {"volumes": 100}})
        self.assertEqual(self.ask("GET", path)["quota_set"]["gigabytes"], 1000)

    def test_types_are_public_or_for_some(self):
        kind = self.ask("POST", V3 + "/types", {"volume_type": {"name": "t", "os-volume-type-access:is_public": False,
                                                                "extra_specs": {"a": "b"}}}, 200)["volume_type"]
        path = V3 + "/types/" + kind["id"]
        self.ask("GET", path, None, 404, self.other)
        self.ask("POST", V3 + "/volumes", {"volume": {"size": 1, "volume_type": "t"}}, 404, self.other)
        self.ask("POST", path + "/action", {"addProjectAccess": {"project": self.other_project}}, 202)
        self.ask("POST", path + "/action", {"addProjectAccess": {"project": self.other_project}}, 409)
        self.ask("GET", path, None, 200, self.other)
        self.ask("PUT", path + "/extra_specs/a", {"a": "c"}, 200)
        self.assertEqual(self.ask("GET", path + "/extra_specs")["extra_specs"], {"a": "c"})
        self.ask("POST", path + "/action", {"removeProjectAccess": {"project": self.other_project}}, 202)
        self.ask("POST", V3 + "/types", {"volume_type": {"name": "t"}}, 409)
        self.ask("DELETE", path, None, 202)
        default = self.ask("GET", V3 + "/types/default")["volume_type"]
        self.ask("DELETE", V3 + "/types/" + default["id"], None, 400)

    def test_no_place_is_an_error_with_a_message(self):
        self.ask("POST", V3 + "/types", {"volume_type": {"name": "far", "extra_specs": {"volume_backend_name": "far"}}})
        volume = self.ask("POST", V3 + "/volumes", {"volume": {"size": 1, "volume_type": "far"}}, 202)["volume"]
        self.wait(volume, "error")
        messages = self.ask("GET", V3 + "/messages", headers=version(3))["messages"]
        self.assertIn(volume["id"], [message["resource_uuid"] for message in messages])
        self.delete(volume)

    def test_volumes_become_images(self):
        volume = self.make()
        answer = self.act(volume, "os-volume_upload_image", {"image_name": "of-volume", "disk_format": "qcow2"})
        image = answer["os-volume_upload_image"]["image_id"]
        self.cloud.until(lambda: self.ask("GET", "/image/v2/images/" + image)["status"] == "active")
        self.wait(volume)
        self.cloud.until(lambda: self.ask("GET", "/image/v2/images/" + image)["checksum"])

    def test_whoever_has_the_key_takes_the_volume(self):
        volume = self.make()
        transfer = self.ask("POST", V3 + "/os-volume-transfer", {"transfer": {"volume_id": volume["id"]}}, 202)["transfer"]
        path = V3 + "/os-volume-transfer/" + transfer["id"]
        self.wait(volume, "awaiting-transfer")
        self.ask("POST", path + "/accept", {"accept": {"auth_key": "wrong"}}, 400, self.other)
        self.ask("POST", path + "/accept", {"accept": {"auth_key": transfer["auth_key"]}}, 202, self.other)
        self.assertEqual(self.status(volume, self.other), "available")
        self.ask("GET", path, expect=404)

    def test_services_pools_and_zones_are_told(self):
        binaries = {row["binary"]: row["state"] for row in self.ask("GET", V3 + "/os-services")["services"]}
        self.assertEqual(binaries, {"cinder-backup": "up", "cinder-scheduler": "up", "cinder-volume": "up"})
        self.assertEqual(self.ask("GET", V3 + "/os-availability-zone")["availabilityZoneInfo"],
                         [{"zoneName": "nova", "zoneState": {"available": True}}])
        self.assertTrue(self.ask("GET", V3 + "/scheduler-stats/get_pools?detail=true")["pools"][0]["capabilities"])
        self.ask("GET", V3 + "/os-services", None, 403, self.other)


if __name__ == "__main__":
    unittest.main()
