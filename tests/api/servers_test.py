# SPDX-License-Identifier: Apache-2.0
"""Servers from their creation to their end, on the fake drivers."""
import re
import uuid

from cloud import CloudTest

COMPUTE = "/compute/v2.1"
LATEST = {"OpenStack-API-Version": "compute 2.93"}


class ServersTest(CloudTest):
    agent = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.image = cls.make_image()
        cls.network = cls.post("/network/v2.0/networks", {"network": {"name": "net"}})["network"]["id"]
        cls.post("/network/v2.0/subnets",
                 {"subnet": {"network_id": cls.network, "cidr": "10.1.0.0/24", "ip_version": 4}})
        for flavor, ram, disk in (("small", 64, 1), ("large", 128, 2)):
            cls.post(COMPUTE + "/flavors",
                     {"flavor": {"id": flavor, "name": flavor, "ram": ram, "vcpus": 1, "disk": disk}})

    @classmethod
    def post(cls, path, body):
        status, _, answer = cls.cloud.request("POST", path, body)
        assert status in (200, 201), (path, status, answer)
        return answer

    @classmethod
    def make_image(cls):
        image = cls.post("/image/v2/images", {"name": "image", "disk_format": "raw", "container_format": "bare",
                                              "visibility": "public"})["id"]
        status, _, answer = cls.cloud.request("PUT", "/image/v2/images/%s/file" % image, b"\0" * 65536,
                                              headers={"Content-Type": "application/octet-stream"})
        assert status == 204, answer
        return image

    def compute(self, method, path, body=None, expect=None, headers=LATEST, token=None):
        return self.ask(method, COMPUTE + path, body, expect, token, headers)

    def boot(self, expect=202, headers=LATEST, outer=None, token=None, **fields):
        wanted = {"name": "s-" + uuid.uuid4().hex[:8], "imageRef": self.image, "flavorRef": "small",
                  "networks": [{"uuid": self.network}]}
        wanted.update(fields)
        body = {"server": {key: value for key, value in wanted.items() if value is not None}}
        body.update(outer or {})
        answer = self.compute("POST", "/servers", body, expect, headers, token)
        return answer.get("server", answer)

    def show(self, server, **more):
        return self.compute("GET", "/servers/" + server["id"], **more)["server"]

    def settled(self, server, *statuses):
        """The server when nothing is being done to it any more; it must have one of the statuses then."""
        def done():
            shown = self.show(server)
            return shown if shown["OS-EXT-STS:task_state"] is None and shown["status"] != "BUILD" else None
        shown = self.cloud.until(done, what="server %s" % server["id"])
        self.assertIn(shown["status"], statuses, shown.get("fault"))
        return shown

    def active(self, **fields):
        server = self.boot(**fields)
        return self.settled(server, "ACTIVE")

    def act(self, server, action, argument=None, expect=(202, 200, 204), **more):
        return self.compute("POST", "/servers/%s/action" % server["id"], {action: argument}, expect, **more)

    def remove(self, server):
        self.compute("DELETE", "/servers/" + server["id"], None, 204)
        self.cloud.until(lambda: self.cloud.request("GET", COMPUTE + "/servers/" + server["id"])[0] == 404)


class Life(ServersTest):
    def test_a_server_boots_and_gives_everything_back(self):
        server = self.active(metadata={"a": "b"}, tags=["one", "two"], description="text", config_drive=True)
        self.assertEqual(server["metadata"], {"a": "b"})
        self.assertEqual(server["tags"], ["one", "two"])
        self.assertEqual(server["description"], "text")
        self.assertEqual(server["config_drive"], "True")
        self.assertEqual(server["OS-EXT-STS:power_state"], 1)
        self.assertEqual(server["flavor"]["original_name"], "small")
        self.assertEqual(len(server["addresses"]["net"]), 1)
        ports = self.ask("GET", "/network/v2.0/ports?device_id=" + server["id"])["ports"]
        self.assertEqual([port["device_owner"] for port in ports], ["compute:nova"])
        used = self.usage()
        self.remove(server)
        self.assertEqual(self.ask("GET", "/network/v2.0/ports?device_id=" + server["id"])["ports"], [])
        self.assertEqual(self.usage(), used - 64)

    def usage(self):
        provider = self.ask("GET", "/placement/resource_providers")["resource_providers"][0]["uuid"]
        return self.ask("GET", "/placement/resource_providers/%s/usages" % provider)["usages"]["MEMORY_MB"]

    def test_power(self):
        server = self.active()
        for action, argument, status in (("os-stop", None, "SHUTOFF"), ("os-start", None, "ACTIVE"),
                                         ("pause", None, "PAUSED"), ("unpause", None, "ACTIVE"),
                                         ("suspend", None, "SUSPENDED"), ("resume", None, "ACTIVE"),
                                         ("reboot", {"type": "SOFT"}, "ACTIVE"), ("reboot", {"type": "HARD"}, "ACTIVE"),
                                         ("rescue", None, "RESCUE"), ("unrescue", None, "ACTIVE")):
            self.act(server, action, argument)
            self.settled(server, status)
        self.act(server, "os-start", None, 409)
        self.act(server, "unpause", None, 409)
        self.act(server, "reboot", {"type": "gently"}, 400)
        self.remove(server)

    def test_resize_is_confirmed_or_reverted(self):
        server = self.active()
        self.act(server, "resize", {"flavorRef": "small"}, 400)
        self.act(server, "resize", {"flavorRef": "none"}, 400)
        self.act(server, "resize", {"flavorRef": "large"}, 202)
        self.assertEqual(self.settled(server, "VERIFY_RESIZE")["flavor"]["original_name"], "large")
        self.act(server, "revertResize")
        self.assertEqual(self.settled(server, "ACTIVE")["flavor"]["original_name"], "small")
        self.act(server, "confirmResize", None, 409)
        self.act(server, "resize", {"flavorRef": "large"}, 202)
        self.settled(server, "VERIFY_RESIZE")
        self.act(server, "confirmResize", None, 204)
        self.cloud.until(lambda: self.show(server)["status"] == "ACTIVE")
        self.assertEqual(self.show(server)["flavor"]["original_name"], "large")
        moves = self.compute("GET", "/os-migrations?instance_uuid=" + server["id"])["migrations"]
        self.assertEqual([move["status"] for move in moves], ["confirmed", "reverted"])
        self.remove(server)

    def test_rebuild_snapshot_and_shelve(self):
        server = self.active()
        rebuilt = self.act(server, "rebuild", {"imageRef": self.image, "name": "new", "metadata": {"k": "v"}}, 202)
        self.assertEqual(rebuilt["server"]["name"], "new")
        self.assertEqual(self.settled(server, "ACTIVE")["metadata"], {"k": "v"})
        image = self.act(server, "createImage", {"name": "copy"}, 202)["image_id"]
        self.settled(server, "ACTIVE")
        self.cloud.until(lambda: self.ask("GET", "/image/v2/images/" + image)["status"] == "active")
        self.assertEqual(self.ask("GET", "/image/v2/images/" + image)["instance_uuid"], server["id"])
        self.act(server, "shelve")
        self.assertIsNone(self.settled(server, "SHELVED_OFFLOADED")["OS-EXT-SRV-ATTR:host"])
        self.act(server, "unshelve")
        self.settled(server, "ACTIVE")
        self.remove(server)

    def test_a_lock_keeps_members_out(self):
        server = self.active()
        self.act(server, "lock", {"locked_reason": "because"})
        self.assertEqual(self.show(server)["locked_reason"], "because")
        self.act(server, "unlock")
        self.assertFalse(self.show(server)["locked"])
        self.remove(server)

    def test_what_was_done_is_remembered(self):
        server = self.active()
        self.act(server, "os-stop")
        self.settled(server, "SHUTOFF")
        self.remove(server)
        actions = self.compute("GET", "/servers/%s/os-instance-actions" % server["id"])["instanceActions"]
        self.assertEqual([action["action"] for action in actions], ["delete", "stop", "create"])
        shown = self.compute("GET", "/servers/%s/os-instance-actions/%s" % (server["id"], actions[1]["request_id"]))
        self.assertEqual(shown["instanceAction"]["events"][0]["result"], "Success")
        listed = self.compute("GET", "/servers?deleted=true&uuid=" + server["id"])["servers"]
        self.assertEqual([one["id"] for one in listed], [server["id"]])

    def test_servers_are_there_after_a_restart(self):
        running, stopped = self.active(), self.active()
        self.act(stopped, "os-stop")
        self.settled(stopped, "SHUTOFF")
        self.cloud.restart()
        self.settled(running, "ACTIVE")
        self.settled(stopped, "SHUTOFF")
        self.remove(running)
        self.remove(stopped)


class Wishes(ServersTest):
    def test_bad_wishes_are_refused(self):
        for fields in ({"name": ""}, {"name": None}, {"flavorRef": "none"}, {"flavorRef": None}, {"imageRef": "x"},
                       {"imageRef": str(uuid.uuid4())}, {"imageRef": None}, {"networks": [{"uuid": str(uuid.uuid4())}]},
                       {"networks": "all"}, {"networks": None}, {"networks": [{"port": "x"}]}, {"key_name": "none"},
                       {"user_data": "?"}, {"metadata": {"a": 1}}, {"metadata": {"a/b": "c"}}, {"min_count": 3, "max_count": 2},
                       {"availability_zone": "none"}, {"security_groups": [{"name": "none"}]}, {"accessIPv4": "::1"},
                       {"unknown": 1}, {"tags": ["a,b"]}, {"trusted_image_certificates": ["x"]},
                       {"block_device_mapping_v2": [{"boot_index": 0, "source_type": "blank",
                                                     "destination_type": "volume"}]},
                       {"hostname": "a_b"}, {"host": "none"}):
            with self.subTest(fields):
                self.boot(400, **fields)

    def test_several_at_once(self):
        answer = self.boot(min_count=2, max_count=3, return_reservation_id=True, name="many")
        servers = self.compute("GET", "/servers/detail?reservation_id=" + answer["reservation_id"])["servers"]
        self.assertEqual(sorted(one["name"] for one in servers), ["many-1", "many-2", "many-3"])
        for server in servers:
            self.settled(server, "ACTIVE")
            self.remove(server)

    def test_quota_is_kept(self):
        self.boot(403, min_count=20)

    def test_no_host_is_an_error_of_the_server(self):
        self.post(COMPUTE + "/flavors", {"flavor": {"id": "huge", "name": "huge", "ram": 40000, "vcpus": 1, "disk": 1000000}})
        server = self.settled(self.boot(flavorRef="huge"), "ERROR")
        self.assertEqual(server["fault"]["code"], 500)
        self.assertIn("No valid host was found", server["fault"]["message"])
        self.remove(server)

    def test_no_network(self):
        server = self.active(networks="none")
        self.assertEqual(server["addresses"], {})
        attached = self.compute("POST", "/servers/%s/os-interface" % server["id"],
                                {"interfaceAttachment": {"net_id": self.network}}, 200)["interfaceAttachment"]
        path = "/servers/%s/os-interface" % server["id"]
        self.assertEqual(self.compute("GET", path)["interfaceAttachments"][0]["port_id"], attached["port_id"])
        self.compute("DELETE", path + "/" + attached["port_id"], None, 202)
        self.cloud.until(lambda: not self.compute("GET", path)["interfaceAttachments"])
        self.remove(server)

    def test_a_port_of_its_own_outlives_the_server(self):
        port = self.post("/network/v2.0/ports", {"port": {"network_id": self.network}})["port"]["id"]
        server = self.active(networks=[{"port": port}])
        self.boot((400, 409), networks=[{"port": port}])
        self.remove(server)
        self.assertEqual(self.ask("GET", "/network/v2.0/ports/" + port)["port"]["device_id"], "")

    def test_older_versions_show_less(self):
        old = {"OpenStack-API-Version": "compute 2.1"}
        server = self.active()
        shown = self.show(server, headers=old)
        self.assertEqual(set(shown["flavor"]), {"id", "links"})
        for field in ("tags", "locked", "description", "host_status", "server_groups"):
            self.assertNotIn(field, shown)
        changed = self.compute("PUT", "/servers/" + server["id"], {"server": {"name": "other"}}, 200, old)["server"]
        self.assertEqual(changed["name"], "other")
        self.assertNotIn("OS-EXT-STS:vm_state", changed)
        self.remove(server)


class Parts(ServersTest):
    def test_metadata(self):
        server = self.active(metadata={"a": "1"})
        path = "/servers/%s/metadata" % server["id"]
        self.assertEqual(self.compute("POST", path, {"metadata": {"b": "2"}}, 200)["metadata"], {"a": "1", "b": "2"})
        self.assertEqual(self.compute("PUT", path + "/b", {"meta": {"b": "3"}}, 200)["meta"], {"b": "3"})
        self.compute("PUT", path + "/b", {"meta": {"c": "3"}}, 400)
        self.compute("DELETE", path + "/a", None, 204)
        self.compute("GET", path + "/a", None, 404)
        self.assertEqual(self.compute("PUT", path, {"metadata": {"z": "0"}}, 200)["metadata"], {"z": "0"})
        self.remove(server)

    def test_tags(self):
        server = self.active()
        path = "/servers/%s/tags" % server["id"]
        self.compute("PUT", path + "/one", None, 201)
        self.compute("PUT", path + "/one", None, 204)
        self.compute("GET", path + "/one", None, 204)
        self.assertEqual(self.compute("PUT", path, {"tags": ["x", "y", "x"]}, 200)["tags"], ["x", "y"])
        self.compute("DELETE", path + "/x", None, 204)
        self.compute("DELETE", path + "/x", None, 404)
        for query, found in (("tags=y", 1), ("tags=x", 0), ("tags-any=x,y", 1), ("not-tags=y", 0), ("not-tags-any=x", 1)):
            listed = self.compute("GET", "/servers?uuid=%s&%s" % (server["id"], query))["servers"]
            self.assertEqual(len(listed), found, query)
        self.remove(server)

    def test_filters_and_order(self):
        servers = [self.active(name="filter-%d" % n) for n in range(3)]
        ids = [server["id"] for server in servers]
        address = servers[0]["addresses"]["net"][0]["addr"].replace(".", "\\.")

        def listed(query):
            return [one["id"] for one in self.compute("GET", "/servers/detail?name=^filter-&" + query)["servers"]]
        self.assertEqual(listed("sort_key=display_name&sort_dir=asc"), ids)
        self.assertEqual(listed(""), ids[::-1])
        self.assertEqual(listed("limit=2"), [ids[2], ids[1]])
        self.assertEqual(listed("limit=2&marker=" + ids[1]), [ids[0]])
        self.assertEqual(listed("status=ACTIVE&flavor=small&image=" + self.image), ids[::-1])
        self.assertEqual(listed("status=ERROR"), [])
        self.assertEqual(listed("ip=^%s$" % address), [ids[0]])
        self.assertEqual(listed("changes-since=2100-01-01T00:00:00Z"), [])
        self.compute("GET", "/servers?status=none", None, 400)
        self.compute("GET", "/servers?nonsense=1", None, 400)
        self.compute("GET", "/servers?sort_key=nonsense", None, 400)
        self.compute("GET", "/servers?limit=-1", None, 400)
        for server in servers:
            self.remove(server)

    def test_volumes(self):
        server = self.active()
        volume = self.make_volume()
        path = "/servers/%s/os-volume_attachments" % server["id"]
        attached = self.compute("POST", path, {"volumeAttachment": {"volumeId": volume}}, 200)["volumeAttachment"]
        self.assertEqual(attached["device"], "/dev/vdb")
        self.volume_is(volume, "in-use")
        self.compute("POST", path, {"volumeAttachment": {"volumeId": volume}}, 400)
        self.assertEqual(self.compute("GET", path + "/" + volume)["volumeAttachment"]["volumeId"], volume)
        self.assertEqual([one["id"] for one in self.show(server)["os-extended-volumes:volumes_attached"]], [volume])
        self.compute("DELETE", path + "/" + volume, None, 202)
        self.volume_is(volume, "available")
        self.compute("GET", path + "/" + volume, None, 404)
        self.remove(server)

    def make_volume(self, **fields):
        fields.setdefault("size", 1)
        volume = self.ask("POST", "/volume/v3/volumes", {"volume": fields}, 202)["volume"]["id"]
        self.volume_is(volume, "available")
        return volume

    def volume_is(self, volume, status):
        self.cloud.until(lambda: self.ask("GET", "/volume/v3/volumes/" + volume)["volume"]["status"] == status,
                         what="volume %s" % status)

    def test_boot_from_volume(self):
        server = self.active(imageRef=None, block_device_mapping_v2=[
            {"boot_index": 0, "source_type": "image", "destination_type": "volume", "uuid": self.image,
             "volume_size": 1, "delete_on_termination": True}])
        self.assertEqual(server["image"], "")
        volume = server["os-extended-volumes:volumes_attached"][0]["id"]
        self.volume_is(volume, "in-use")
        self.compute("DELETE", "/servers/%s/os-volume_attachments/%s" % (server["id"], volume), None, 403)
        image = self.act(server, "createImage", {"name": "of-volume"}, 202)["image_id"]
        self.assertIn("snapshot_id", self.ask("GET", "/image/v2/images/" + image)["block_device_mapping"])
        self.remove(server)


    def test_a_list_takes_the_same_number_of_statements_whatever_its_length(self):
        def statements():
            self.compute("GET", "/servers/detail?name=^count-")
            return re.findall(r"GET /compute/v2.1/servers/detail 200 \d+us (\d+)st", self.cloud.log())[-1]
        servers = [self.active(name="count-0")]
        one = statements()
        servers += [self.active(name="count-%d" % n) for n in (1, 2, 3)]
        self.assertEqual(statements(), one)
        for server in servers:
            self.remove(server)


class OlderNames(ServersTest):
    """What compute's API answered for other services, and now has them answer."""
    OLD = {"OpenStack-API-Version": "compute 2.1"}

    def old(self, method, path, body=None, expect=None):
        return self.compute(method, path, body, expect, self.OLD)

    def test_security_groups(self):
        group = self.old("POST", "/os-security-groups", {"security_group": {"name": "g", "description": "d"}}, 200)["security_group"]
        self.assertEqual(group["rules"], [])
        rule = self.old("POST", "/os-security-group-rules",
                        {"security_group_rule": {"parent_group_id": group["id"], "ip_protocol": "tcp", "from_port": 22,
                                                 "to_port": 22, "cidr": "10.0.0.0/8"}}, 200)["security_group_rule"]
        self.assertEqual((rule["from_port"], rule["ip_range"]), (22, {"cidr": "10.0.0.0/8"}))
        self.assertEqual([one["id"] for one in self.old("GET", "/os-security-groups/" + group["id"])["security_group"]["rules"]],
                         [rule["id"]])
        server = self.active(security_groups=[{"name": "g"}])
        self.assertEqual([one["id"] for one in self.old("GET", "/servers/%s/os-security-groups" % server["id"])["security_groups"]],
                         [group["id"]])
        self.old("DELETE", "/os-security-groups/" + group["id"], None, 400)
        self.remove(server)
        self.old("DELETE", "/os-security-group-rules/" + rule["id"], None, 202)
        self.old("DELETE", "/os-security-groups/" + group["id"], None, 202)
        self.old("GET", "/os-security-groups/" + group["id"], None, 404)
        self.compute("GET", "/os-security-groups", None, 404)

    def test_images(self):
        listed = self.old("GET", "/images/detail?name=image")["images"]
        self.assertEqual([(one["id"], one["status"], one["progress"]) for one in listed], [(self.image, "ACTIVE", 100)])
        self.assertEqual(self.old("GET", "/images/" + self.image)["image"]["minDisk"], 0)
        self.old("GET", "/images/" + str(uuid.uuid4()), None, 404)

    def test_fixed_addresses(self):
        server = self.active()
        first = server["addresses"]["net"][0]["addr"]
        self.act(server, "addFixedIp", {"networkId": self.network}, 202, headers=self.OLD)
        self.assertEqual(len(self.show(server)["addresses"]["net"]), 2)
        self.act(server, "removeFixedIp", {"address": first}, 202, headers=self.OLD)
        self.assertNotIn(first, [one["addr"] for one in self.show(server)["addresses"]["net"]])
        self.act(server, "removeFixedIp", {"address": first}, 400, headers=self.OLD)
        self.act(server, "addFloatingIp", {"address": "192.0.2.1"}, 404, headers=self.OLD)
        self.remove(server)


class Tenants(ServersTest):
    def test_servers_of_others_are_not_there(self):
        project = self.ask("POST", "/identity/v3/projects", {"project": {"name": "other"}}, 201)["project"]["id"]
        user = self.ask("POST", "/identity/v3/users", {"user": {"name": "other", "password": "secret"}}, 201)["user"]["id"]
        role = self.ask("GET", "/identity/v3/roles?name=member")["roles"][0]["id"]
        self.ask("PUT", "/identity/v3/projects/%s/users/%s/roles/%s" % (project, user, role), None, 204)
        token = self.cloud.login(user, "secret", project=project)
        server = self.active()
        self.compute("GET", "/servers/" + server["id"], None, 404, token=token)
        self.compute("DELETE", "/servers/" + server["id"], None, 404, token=token)
        self.compute("POST", "/servers/%s/action" % server["id"], {"os-stop": None}, 404, token=token)
        self.compute("GET", "/servers/%s/os-instance-actions" % server["id"], None, 404, token=token)
        self.assertEqual(self.compute("GET", "/servers", token=token)["servers"], [])
        self.compute("GET", "/servers?all_tenants=1", None, 403, token=token)
        self.assertIn(server["id"], [one["id"] for one in self.compute("GET", "/servers?all_tenants=1")["servers"]])
        mine = self.boot(networks="none", token=token)
        shown = self.cloud.until(lambda: self.compute("GET", "/servers/" + mine["id"], token=token)["server"])
        self.assertNotIn("OS-EXT-SRV-ATTR:host", shown)
        self.act(self.show(mine), "lock")
        self.compute("DELETE", "/servers/" + mine["id"], None, 409, token=token)
        self.remove(mine)
        self.remove(server)
