# SPDX-License-Identifier: Apache-2.0
"""The audit: each kind of invariant is broken behind the cloud's back, found, and mended by --fix."""
import glob
import json
import os
import shutil
import time
import uuid

from servers_test import COMPUTE, ServersTest

VOLUME = "/volume/v3"
NETWORK = "/network/v2.0"


class AuditTest(ServersTest):
    """A server with a volume and a floating IP, a snapshot; and what breaks them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        external = cls.post(NETWORK + "/networks", {"network": {"name": "out", "router:external": True}})["network"]["id"]
        cls.post(NETWORK + "/subnets", {"subnet": {"network_id": external, "cidr": "203.0.113.0/24", "ip_version": 4}})
        subnet = cls.cloud.request("GET", NETWORK + "/subnets?network_id=" + cls.network)[2]["subnets"][0]["id"]
        cls.router = cls.post(NETWORK + "/routers",
                              {"router": {"name": "r", "external_gateway_info": {"network_id": external}}})["router"]["id"]
        cls.cloud.request("PUT", NETWORK + "/routers/%s/add_router_interface" % cls.router, {"subnet_id": subnet})
        cls.external = external

    def volume(self):
        volume = self.ask("POST", VOLUME + "/volumes", {"volume": {"size": 1}}, 202)["volume"]
        self.until_volume(volume["id"], "available")
        return volume["id"]

    def until_volume(self, volume, status):
        self.cloud.until(lambda: self.ask("GET", VOLUME + "/volumes/" + volume)["volume"]["status"] == status,
                         what="volume %s" % status)

    def attached(self):
        server, volume = self.active(), self.volume()
        self.compute("POST", "/servers/%s/os-volume_attachments" % server["id"], {"volumeAttachment": {"volumeId": volume}})
        self.until_volume(volume, "in-use")
        return server, volume

    def port_of(self, server):
        return self.ask("GET", NETWORK + "/ports?device_id=" + server["id"])["ports"][0]

    def file(self, pattern):
        found = glob.glob(os.path.join(self.cloud.data, pattern))
        self.assertEqual(len(found), 1, "%s: %s" % (pattern, found))
        return found[0]

    def on_host(self, ident):
        """What the simulated host remembers of a server; None: it is not there."""
        with open(self.file("fake/*.log")) as file:
            states = dict(line.rstrip("\n").split(" ", 1) for line in file)
        return json.loads(states[ident]) if states.get(ident) else None

    def put_on_host(self, ident, state):
        with open(self.file("fake/*.log"), "a") as file:
            file.write("%s %s\n" % (ident, json.dumps(state) if state else ""))

    def breaks(self, *statements):
        """Runs statements behind the cloud's back while nothing is being done."""
        self.cloud.until(lambda: self.cloud.sql("SELECT count(*) FROM rest_task") == [["0"]], what="no task")
        self.cloud.sql(*statements)

    def mends(self, *invariants):
        """The audit finds breaks of these invariants and no others, and mends them."""
        status, text = self.cloud.audit("--json")
        self.assertEqual(status, 1, text)
        found = {one["invariant"] for one in json.loads(text)["breaks"]}
        self.assertEqual(found, set(invariants), text)
        status, text = self.cloud.audit("--fix", "--json")
        self.assertEqual(status, 0, text)
        self.assertTrue(all(one["mended"] for one in json.loads(text)["breaks"]), text)
        self.assertEqual(self.cloud.audit()[0], 0)

    def test_nothing_is_broken_in_a_life(self):
        server, volume = self.attached()
        status, text = self.cloud.audit()
        self.assertEqual(status, 0, text)
        self.assertRegex(text, r"^\d{2,} invariants, 0 breaks, 0 left\n$")
        self.remove(server)

    def test_a_cloud_that_does_not_run_cannot_be_looked_at(self):
        from cloud import Cloud
        other = Cloud()
        other.data = os.path.join(self.cloud.data, "none")
        status, text = other.audit()
        self.assertEqual(status, 2, text)
        self.assertIn("could not run", text)

    # ---- placement ----

    def test_allocations_are_those_of_servers(self):
        server = self.active()
        self.breaks("DELETE FROM placement_allocation WHERE consumer = '%s'" % server["id"])
        self.mends("server-allocation", "inventory-used", "consumer-allocation")
        self.breaks("UPDATE placement_inventory SET used = used + 7 WHERE resource_class = 'VCPU'")
        self.mends("inventory-used")
        stray = str(uuid.uuid4())
        self.breaks("UPDATE placement_consumer SET uuid = '%s' WHERE uuid = '%s'" % (stray, server["id"]),
                    "UPDATE placement_allocation SET consumer = '%s' WHERE consumer = '%s'" % (stray, server["id"]))
        self.mends("server-allocation", "allocation-server")
        self.remove(server)

    # ---- network ----

    def test_ports_have_owners(self):
        server = self.active()
        port = self.port_of(server)
        self.breaks("UPDATE network_port SET binding_host_id = '' WHERE id = '%s'" % port["id"])
        status, text = self.cloud.audit("--fix")
        self.assertEqual(status, 0, text)
        self.assertIn("port-host", text)
        self.breaks("UPDATE network_port SET device_id = '%s' WHERE id = '%s'" % (uuid.uuid4(), port["id"]))
        self.mends("port-server", "compute.host.taps")
        self.ask("GET", NETWORK + "/ports/" + port["id"], expect=404)
        self.remove(server)

    def test_addresses_and_groups_of_ports_agree(self):
        port = self.ask("POST", NETWORK + "/ports", {"port": {"network_id": self.network}}, 201)["port"]
        self.breaks("DELETE FROM network_allocation WHERE port_id = '%s'" % port["id"])
        self.mends("port-addresses")
        self.assertEqual(self.ask("GET", NETWORK + "/ports/" + port["id"])["port"]["fixed_ips"], [])
        self.breaks("UPDATE network_port SET security_groups = '[]' WHERE id = '%s'" % port["id"])
        self.mends("port-groups")
        self.assertEqual(self.ask("GET", NETWORK + "/ports/" + port["id"])["port"]["security_groups"],
                         port["security_groups"])
        self.breaks("UPDATE network_port_group SET group_id = '%s' WHERE port_id = '%s'" % (uuid.uuid4(), port["id"]))
        self.mends("network_port_group.group_id", "port-groups")
        self.ask("DELETE", NETWORK + "/ports/" + port["id"])

    def test_floating_ips_are_associated_whole(self):
        server = self.active()
        port = self.port_of(server)
        floating = self.ask("POST", NETWORK + "/floatingips", {"floatingip": {
            "floating_network_id": self.external, "port_id": port["id"]}}, 201)["floatingip"]
        self.breaks("UPDATE network_floatingip SET port_id = '%s' WHERE id = '%s'" % (uuid.uuid4(), floating["id"]))
        self.mends("network_floatingip.port_id", "floatingip-association")
        shown = self.ask("GET", NETWORK + "/floatingips/" + floating["id"])["floatingip"]
        self.assertEqual((shown["port_id"], shown["router_id"], shown["status"]), (None, None, "DOWN"))
        self.breaks("DELETE FROM network_floatingip WHERE id = '%s'" % floating["id"])
        self.mends("port-router")
        self.remove(server)

    def test_rows_that_are_referred_to_are_there(self):
        group = self.ask("POST", NETWORK + "/security-groups", {"security_group": {"name": "g"}}, 201)["security_group"]
        self.breaks("DELETE FROM network_security_group WHERE id = '%s'" % group["id"])
        self.mends("network_security_group_rule.security_group_id", "network.host.security_groups")

    # ---- volumes ----

    def test_attachments_agree_on_three_sides(self):
        server, volume = self.attached()
        self.breaks("DELETE FROM volume_attachment WHERE volume_id = '%s'" % volume)
        self.mends("disk-volume", "volume-in-use")
        self.until_volume(volume, "in-use")
        self.breaks("DELETE FROM compute_disk WHERE volume_id = '%s'" % volume)
        self.mends("attachment-disk", "compute.host.attached")
        self.until_volume(volume, "available")
        self.compute("POST", "/servers/%s/os-volume_attachments" % server["id"], {"volumeAttachment": {"volumeId": volume}})
        self.until_volume(volume, "in-use")
        state = self.on_host(server["id"])
        state["disks"].remove(volume)
        self.put_on_host(server["id"], state)
        self.mends("compute.host.attached")
        self.assertIn(volume, self.on_host(server["id"])["disks"])
        self.remove(server)

    def test_a_volume_without_its_row_goes(self):
        volume = self.volume()
        path = self.file("volumes-fake/*/volume-" + volume)
        stray = path[:-36] + str(uuid.uuid4())
        shutil.copy(path, stray)
        self.mends("volume.host.volumes")
        self.assertFalse(os.path.exists(stray))
        self.assertTrue(os.path.exists(path))
        self.ask("DELETE", VOLUME + "/volumes/" + volume)

    # ---- images ----

    def test_files_are_images(self):
        image = self.make_image()
        path = self.file("images/" + image)
        stray = os.path.join(self.cloud.data, "images", str(uuid.uuid4()))
        shutil.copy(path, stray)
        self.mends("file-image")
        self.assertFalse(os.path.exists(stray))
        os.unlink(path)
        self.mends("image-file")
        self.assertEqual(self.ask("GET", "/image/v2/images/" + image)["status"], "queued")
        self.ask("DELETE", "/image/v2/images/" + image)

    # ---- hosts ----

    def test_servers_are_where_rows_say(self):
        server = self.active()
        stray = str(uuid.uuid4())
        self.put_on_host(stray, self.on_host(server["id"]))
        self.put_on_host(server["id"], None)
        self.mends("compute.host.servers")
        self.assertTrue(self.on_host(server["id"]))
        self.assertIsNone(self.on_host(stray))
        self.remove(server)

    def test_devices_are_those_of_ports(self):
        server = self.active()
        port = self.port_of(server)["id"]

        def change(ports):
            self.put_on_host(server["id"], {**self.on_host(server["id"]), "ports": ports})
        stray = str(uuid.uuid4())
        change([port, stray])
        self.mends("compute.host.taps")
        self.assertEqual([port], self.on_host(server["id"])["ports"])
        change([])
        self.mends("compute.host.taps")
        self.assertEqual([port], self.on_host(server["id"])["ports"])
        self.remove(server)

    def test_what_is_on_the_bridge_are_ports_of_servers(self):
        server = self.active()
        port = self.port_of(server)["id"]
        self.breaks("UPDATE network_port SET binding_host_id = 'elsewhere' WHERE id = '%s'" % port)
        self.mends("network.host.plugs", "port-host", "compute.host.taps")
        self.remove(server)

    # ---- identity, and the engine's own rows ----

    def test_what_is_left_of_tokens_and_trusts_goes(self):
        gone = uuid.uuid4().hex
        self.breaks("INSERT INTO identity_revocation_event (id, audit_id, purge_at, issued_before, revoked_at)"
                    " VALUES ('old', 'old', 1000000, 1000000, 1000000)",
                    "INSERT INTO identity_trust (id, trustor_user_id, trustee_user_id, project_id, impersonation, role_ids)"
                    " VALUES ('%s', '%s', '%s', '%s', 1, '[]')" % ((gone,) * 4),
                    "INSERT INTO identity_access_token (id, consumer_id, project_id, user_id) VALUES ('%s', '%s', '%s', '%s')"
                    % ((gone,) * 4))
        self.mends("identity_revocation.purge_at", "trust-parts", "identity_access_token.consumer_id",
                   "identity_access_token.project_id")
        self.assertEqual(self.cloud.sql("SELECT count(*) FROM identity_trust WHERE id = '%s'" % gone), [["0"]])

    def between_rounds(self):
        """Every 20 s the API takes back what runs in no process: waits until it has just done so."""
        self.cloud.until(lambda: self.cloud.sql("SELECT count(*) FROM rest_process WHERE seen_at > %d"
                                                % ((time.time() - 5) * 1000000)) == [["1"]], 30, "a round of the process")

    def test_tasks_that_nobody_can_do_go(self):
        self.between_rounds()
        columns = "(id, kind, resource_id, running, attempts, not_before, deadline, created_at)"
        self.breaks("INSERT INTO rest_task %s VALUES (1, 'nobody.knows', 'x', 1, 1, 0, 9000000000000000, 0)" % columns)
        self.mends("task-kind", "task-owner")
        host, network = self.cloud.sql("SELECT name, (SELECT min(id) FROM network_network) FROM compute_host")[0]
        self.between_rounds()
        self.breaks("INSERT INTO rest_task (host, %s VALUES ('%s', 1, 'network.network', '%s', 1, 1, %d, 9000000000000000, 0)"
                    % (columns[1:], host, network, time.time() * 1000000))
        self.mends("task-owner")
        self.breaks("INSERT INTO rest_quota (service, project_id, name, quota_limit) VALUES ('compute', 'x', 'unicorns', 1)")
        self.mends("quota-name")

    # ---- what passes ----

    def test_passing_states_have_tasks(self):
        server, volume = self.active(), self.volume()
        self.breaks("UPDATE compute_server SET task_state = 'rebooting' WHERE id = '%s'" % server["id"],
                    "UPDATE volume_volume SET status = 'extending' WHERE id = '%s'" % volume)
        self.mends("compute_server.task_state", "volume_volume.status")
        shown = self.show(server)
        self.assertEqual(shown["status"], "ERROR")
        self.assertIn("rebooting", shown["fault"]["message"])
        self.assertEqual(self.ask("GET", VOLUME + "/volumes/" + volume)["volume"]["status"], "error_extending")
        messages = self.ask("GET", VOLUME + "/messages?resource_uuid=" + volume,
                            headers={"OpenStack-API-Version": "volume 3.70"})["messages"]
        self.assertEqual(len(messages), 1)
        self.remove(server)
