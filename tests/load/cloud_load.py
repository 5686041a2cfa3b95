# SPDX-License-Identifier: Apache-2.0
"""The load of a whole cloud with an agent and the fake drivers: servers, volumes, networks, images, tokens."""
import json
import os
import time
import uuid

from harness import Client, Load, Unexpected

BYTES = {"Content-Type": "application/octet-stream"}
LATEST = {"OpenStack-API-Version": "compute 2.93"}


class CloudClient(Client):
    def identity(self):
        self.login()
        self.ask("GET", "/identity/v3/auth/tokens", headers={"X-Subject-Token": self.token})
        self.ask("GET", "/identity/v3/auth/projects")
        self.ask("GET", "/identity/v3/users/" + self.user)
        self.ask("GET", "/identity/v3/users", expect=403)
        made = self.ask("POST", "/identity/v3/users/%s/application_credentials" % self.user,
                        {"application_credential": {"name": uuid.uuid4().hex}}, 201)["application_credential"]
        self.ask("DELETE", "/identity/v3/users/%s/application_credentials/%s" % (self.user, made["id"]), None, 204)

    def images(self):
        image = self.ask("POST", "/image/v2/images", {"name": "i", "disk_format": "raw", "container_format": "bare"}, 201)["id"]
        path = "/image/v2/images/" + image
        data = self.random.randbytes(self.random.randrange(1, 300000))
        self.ask("PUT", path + "/file", data, 204, BYTES)
        if self.ask("GET", path + "/file", headers=BYTES) != data:
            raise Unexpected("image %s came back changed" % image)
        self.ask("GET", "/image/v2/images?limit=5")
        self.ask("PATCH", path, json.dumps([{"op": "add", "path": "/k", "value": "v"}]).encode(), 200,
                 {"Content-Type": "application/openstack-images-v2.1-json-patch"})
        self.ask("PUT", path + "/file", b"again", 409, BYTES)
        self.ask("DELETE", path, None, 204)
        self.ask("GET", path, None, 404)

    def networks(self):
        base = "/network/v2.0"
        net = self.ask("POST", base + "/networks", {"network": {"name": "n"}}, 201)["network"]["id"]
        subnet = self.ask("POST", base + "/subnets", {"subnet": {"network_id": net, "cidr": "10.%d.%d.0/24" % (
            self.random.randrange(256), self.random.randrange(256)), "ip_version": 4}}, 201)["subnet"]["id"]
        group = self.ask("POST", base + "/security-groups", {"security_group": {"name": "g"}}, 201)["security_group"]["id"]
        for port in self.random.sample(range(1, 65535), 4):
            self.ask("POST", base + "/security-group-rules", {"security_group_rule": {
                "security_group_id": group, "direction": "ingress", "protocol": "tcp", "port_range_min": port, "port_range_max": port}}, 201)
        ports = [self.ask("POST", base + "/ports", {"port": {"network_id": net, "security_groups": [group]}}, 201)["port"]["id"]
                 for _ in range(3)]
        router = self.ask("POST", base + "/routers", {"router": {"name": "r"}}, 201)["router"]["id"]
        self.ask("PUT", "%s/routers/%s/add_router_interface" % (base, router), {"subnet_id": subnet}, 200)
        self.ask("GET", base + "/ports?network_id=" + net)
        self.ask("DELETE", base + "/networks/" + net, None, 409)
        self.ask("PUT", "%s/routers/%s/remove_router_interface" % (base, router), {"subnet_id": subnet}, 200)
        for kind, rows in (("ports", ports), ("routers", [router]), ("networks", [net]), ("security-groups", [group])):
            for row in rows:
                self.ask("DELETE", "%s/%s/%s" % (base, kind, row), None, 204)

    def wait_gone(self, path):
        end = time.monotonic() + 90
        while time.monotonic() < end:
            try:
                self.ask("GET", path, None, 404)
                return
            except Unexpected as error:
                if " 200 " not in " " + str(error).split(": ", 1)[1]:
                    raise
            time.sleep(self.random.uniform(0.05, 0.2))
        raise Unexpected("%s does not go away" % path)

    def act(self, server, action, argument=None, expect=(200, 202, 204)):
        return self.ask("POST", "/compute/v2.1/servers/%s/action" % server, {action: argument}, expect, LATEST)

    def settled(self, server, *wanted):
        end = time.monotonic() + 90
        path = "/compute/v2.1/servers/" + server
        while time.monotonic() < end:
            row = self.ask("GET", path, headers=LATEST)["server"]
            if row["OS-EXT-STS:task_state"] is None and row["status"] != "BUILD":
                if row["status"] not in wanted:
                    raise Unexpected("server %s is %s and not %s: %s" % (server, row["status"], wanted, row.get("fault")))
                return row
            time.sleep(self.random.uniform(0.05, 0.2))
        raise Unexpected("server %s does not settle: %s %s" % (server, row["status"], row["OS-EXT-STS:task_state"]))

    def servers(self):
        body = {"server": {"name": "s", "imageRef": self.load.image, "flavorRef": "small", "networks": [{"uuid": self.load.network}],
                           "metadata": {"k": "v"}, "config_drive": self.random.random() < 0.3}}
        server = self.ask("POST", "/compute/v2.1/servers", body, 202, LATEST)["server"]["id"]
        self.settled(server, "ACTIVE")
        for action in self.random.sample(("power", "pause", "resize", "snapshot", "volume", "rebuild", "reboot", "shelve"), 2):
            getattr(self, "server_" + action)(server)
        self.ask("GET", "/compute/v2.1/servers/detail?limit=20")
        self.ask("DELETE", "/compute/v2.1/servers/" + server, None, 204)
        self.wait_gone("/compute/v2.1/servers/" + server)

    def server_power(self, server):
        self.act(server, "os-stop")
        self.settled(server, "SHUTOFF")
        self.act(server, "os-start")
        self.settled(server, "ACTIVE")

    def server_pause(self, server):
        self.act(server, "pause")
        self.settled(server, "PAUSED")
        self.act(server, "unpause")
        self.settled(server, "ACTIVE")
        self.act(server, "unpause", None, 409)

    def server_reboot(self, server):
        self.act(server, "reboot", {"type": self.random.choice(("SOFT", "HARD"))})
        self.settled(server, "ACTIVE")

    def server_resize(self, server):
        self.act(server, "resize", {"flavorRef": "large"})
        self.settled(server, "VERIFY_RESIZE")
        if self.random.random() < 0.5:
            self.act(server, "revertResize")
        else:
            self.act(server, "confirmResize")       # which ends after its answer
        self.until("/compute/v2.1/servers/" + server, "server", "status", ("ACTIVE",))

    def server_rebuild(self, server):
        self.act(server, "rebuild", {"imageRef": self.load.image})
        self.settled(server, "ACTIVE")

    def server_shelve(self, server):
        self.act(server, "shelve")
        self.settled(server, "SHELVED_OFFLOADED", "SHELVED")
        self.act(server, "unshelve")
        self.settled(server, "ACTIVE")

    def server_snapshot(self, server):
        image = self.act(server, "createImage", {"name": "snap"})["image_id"]
        self.settled(server, "ACTIVE")
        end = time.monotonic() + 90
        while self.ask("GET", "/image/v2/images/" + image)["status"] != "active":
            if time.monotonic() > end:
                raise Unexpected("image %s of server %s does not become active" % (image, server))
            time.sleep(0.1)
        self.ask("DELETE", "/image/v2/images/" + image, None, 204)

    def server_volume(self, server):
        volume = self.ask("POST", "/volume/v3/volumes", {"volume": {"size": 1}}, 202)["volume"]["id"]
        path = "/volume/v3/volumes/" + volume
        self.until(path, "volume", "status", ("available",))
        self.ask("POST", "/compute/v2.1/servers/%s/os-volume_attachments" % server, {"volumeAttachment": {"volumeId": volume}}, 200)
        self.until(path, "volume", "status", ("in-use",))
        self.ask("DELETE", path, None, 400)
        self.ask("DELETE", "/compute/v2.1/servers/%s/os-volume_attachments/%s" % (server, volume), None, 202)
        self.until(path, "volume", "status", ("available",))
        self.ask("DELETE", path, None, 202)
        self.wait_gone(path)

    def volumes(self):
        volume = self.ask("POST", "/volume/v3/volumes", {"volume": {"size": 1, "name": "v"}}, 202)["volume"]["id"]
        path = "/volume/v3/volumes/" + volume
        self.until(path, "volume", "status", ("available",))
        snapshot = self.ask("POST", "/volume/v3/snapshots", {"snapshot": {"volume_id": volume}}, 202)["snapshot"]["id"]
        self.until("/volume/v3/snapshots/" + snapshot, "snapshot", "status", ("available",))
        clone = self.ask("POST", "/volume/v3/volumes", {"volume": {"size": 2, "snapshot_id": snapshot}}, 202)["volume"]["id"]
        self.until("/volume/v3/volumes/" + clone, "volume", "status", ("available",))
        self.ask("POST", "/volume/v3/volumes/%s/action" % clone, {"os-extend": {"new_size": 3}}, 202)
        self.until("/volume/v3/volumes/" + clone, "volume", "status", ("available",))
        self.ask("GET", "/volume/v3/volumes/detail?limit=10")
        self.ask("DELETE", path, None, 400)
        self.ask("DELETE", "/volume/v3/snapshots/" + snapshot, None, 202)
        self.wait_gone("/volume/v3/snapshots/" + snapshot)
        for row in (volume, clone):
            self.ask("DELETE", "/volume/v3/volumes/" + row, None, 202)
            self.wait_gone("/volume/v3/volumes/" + row)

    def nonsense(self):
        for path, expect in (("/compute/v2.1/servers/" + str(uuid.uuid4()), 404), ("/network/v2.0/ports/x", 404),
                             ("/volume/v3/volumes/" + str(uuid.uuid4()), 404), ("/image/v2/images/x", 404), ("/identity/v3/nothing", 404)):
            self.ask("GET", path, None, expect)
        self.ask("POST", "/compute/v2.1/servers", {"server": {"name": 1}}, 400)
        self.ask("POST", "/network/v2.0/networks", b"{", 400)
        self.ask("POST", "/volume/v3/volumes", {"volume": {"size": -1}}, 400)

    EPISODES = (("servers", 6), ("volumes", 3), ("networks", 3), ("images", 3), ("identity", 2), ("nonsense", 1))


class CloudLoad(Load):
    client, agent = CloudClient, True

    def prepare(self):
        super().prepare()
        ask = self.must
        for _, project in self.members:
            ask("PUT", "/compute/v2.1/os-quota-sets/" + project, {"quota_set": {"instances": 1000, "cores": 10000, "ram": 10000000}})
            ask("PUT", "/volume/v3/os-quota-sets/" + project, {"quota_set": {"volumes": 1000, "snapshots": 1000, "gigabytes": 100000}})
            ask("PUT", "/network/v2.0/quotas/" + project, {"quota": {"network": 1000, "subnet": 1000, "port": 10000, "router": 1000,
                                                                     "security_group": 1000, "security_group_rule": 10000}})
        for flavor, ram in (("small", 64), ("large", 128)):
            ask("POST", "/compute/v2.1/flavors", {"flavor": {"id": flavor, "name": flavor, "ram": ram, "vcpus": 1, "disk": 1}})
        self.image = ask("POST", "/image/v2/images", {"name": "i", "disk_format": "raw", "container_format": "bare", "visibility": "public"})["id"]
        self.must("PUT", "/image/v2/images/%s/file" % self.image, b"\0" * 65536, BYTES)
        self.network = ask("POST", "/network/v2.0/networks", {"network": {"name": "shared", "shared": True}})["network"]["id"]
        ask("POST", "/network/v2.0/subnets", {"subnet": {"network_id": self.network, "cidr": "10.0.0.0/16", "ip_version": 4}})

    def rows(self):
        found = {}
        for kind, path in (("servers", "/compute/v2.1/servers?all_tenants=1"), ("volumes", "/volume/v3/volumes?all_tenants=1"),
                           ("snapshots", "/volume/v3/snapshots?all_tenants=1"), ("networks", "/network/v2.0/networks"),
                           ("subnets", "/network/v2.0/subnets"), ("ports", "/network/v2.0/ports"), ("routers", "/network/v2.0/routers"),
                           ("images", "/image/v2/images?visibility=all&limit=1000")):
            found[kind] = sorted(row["id"] for row in self.must("GET", path)[kind])
        found["security groups"] = sorted(row["id"] for row in self.must("GET", "/network/v2.0/security-groups")["security_groups"]
                                          if row["name"] != "default")
        provider = self.must("GET", "/placement/resource_providers")["resource_providers"][0]["uuid"]
        found["used"] = self.must("GET", "/placement/resource_providers/%s/usages" % provider)["usages"]
        found["image files"] = sorted(os.listdir(os.path.join(self.cloud.data, "images")))
        return found
