# SPDX-License-Identifier: Apache-2.0
"""Trunks: subports, where they are bound, and what the driver is told of them."""
import unittest

from network_base import NetworkCase


class TrunkTest(NetworkCase):
    def port(self, cidr=None, token=None, network=None, **fields):
        net = network or self.network(cidr, token)[0]
        return self.make("port", token, network_id=net["id"], **fields)

    def sub(self, port, tag, kind="vlan"):
        return {"port_id": port["id"], "segmentation_type": kind, "segmentation_id": tag}

    def change(self, trunk, verb, *subports, status=200):
        return self.ask("PUT", "/trunks/%s/%s_subports" % (trunk["id"], verb), {"sub_ports": list(subports)}, status)

    def test_subports_come_and_go(self):
        parent, first, second = self.port(), self.port(), self.port()
        trunk = self.make("trunk", port_id=parent["id"], sub_ports=[self.sub(first, 7)])
        self.assertEqual([self.sub(first, 7)], trunk["sub_ports"])
        changed = self.change(trunk, "add", self.sub(second, 8))
        self.assertEqual([self.sub(first, 7), self.sub(second, 8)], changed["sub_ports"])
        self.assertEqual(trunk["revision_number"] + 1, changed["revision_number"])
        shown = self.ask("GET", "/ports/" + parent["id"])["port"]["trunk_details"]
        self.assertEqual(trunk["id"], shown["trunk_id"])
        self.assertEqual([(first["id"], first["mac_address"]), (second["id"], second["mac_address"])],
                         [(s["port_id"], s["mac_address"]) for s in shown["sub_ports"]])
        self.assertNotIn("trunk_details", self.ask("GET", "/ports/" + first["id"])["port"])
        self.assertEqual("trunk:subport", self.ask("GET", "/ports/" + first["id"])["port"]["device_owner"])
        self.change(trunk, "remove", {"port_id": first["id"]})
        self.assertEqual("", self.ask("GET", "/ports/" + first["id"])["port"]["device_owner"])
        self.change(trunk, "remove", {"port_id": first["id"]}, status=404)
        self.assertEqual([self.sub(second, 8)], self.ask("GET", "/trunks/%s/get_subports" % trunk["id"])["sub_ports"])
        self.ask("DELETE", "/trunks/" + trunk["id"], status=204)
        self.ask("DELETE", "/ports/" + second["id"], status=204)

    def test_a_port_has_one_place(self):
        parent, child, other = self.port(), self.port(), self.port()
        trunk = self.make("trunk", port_id=parent["id"], sub_ports=[self.sub(child, 7)])
        for body, status in (({"port_id": parent["id"]}, 409), ({"port_id": child["id"]}, 409),
                             ({"port_id": other["id"], "sub_ports": [self.sub(child, 9)]}, 409),
                             ({"port_id": other["id"], "sub_ports": [self.sub(other, 9)]}, 409),
                             ({"port_id": other["id"], "sub_ports": [self.sub(child, 9), self.sub(trunk, 9)]}, 400),
                             ({"port_id": trunk["id"]}, 404), ({}, 400)):
            self.ask("POST", "/trunks", {"trunk": body}, status)
        self.change(trunk, "add", self.sub(other, 7), status=409)
        self.change(trunk, "add", self.sub(other, 5000), status=400)
        self.change(trunk, "add", self.sub(other, 9, "gre"), status=400)
        self.change(trunk, "add", {"port_id": other["id"]}, status=400)
        self.change(trunk, "add", self.sub(self.port(token=self.other), 9), status=404)
        self.refused("DELETE", "/ports/" + parent["id"], None, 409, "PortInUseAsTrunkParent")
        self.refused("DELETE", "/ports/" + child["id"], None, 409, "PortInUseAsSubPort")
        self.ask("GET", "/trunks/" + trunk["id"], status=404, token=self.other)
        self.ask("PUT", "/trunks/%s/add_subports" % trunk["id"], {"sub_ports": []}, 404, self.other)
        self.ask("PUT", "/trunks/" + trunk["id"], {"trunk": {"admin_state_up": False}}, 200)
        self.change(trunk, "add", self.sub(other, 9), status=409)
        self.ask("DELETE", "/trunks/" + trunk["id"], status=409)

    def test_a_network_owner_does_not_trunk_the_ports_of_others(self):
        net, _ = self.network("10.50.0.0/24")
        self.make("rbac_policy", object_type="network", object_id=net["id"], action="access_as_shared",
                  target_tenant=self.project(self.other))
        foreign = self.make("port", self.other, network_id=net["id"])
        self.ask("GET", "/ports/" + foreign["id"], None, 200)
        self.ask("POST", "/trunks", {"trunk": {"port_id": foreign["id"]}}, 404)
        own = self.make("port", network_id=net["id"])
        body = {"trunk": {"port_id": own["id"], "sub_ports": [self.sub(foreign, 7)]}}
        self.ask("POST", "/trunks", body, 404)

    def test_subports_are_where_their_parent_is(self):
        admin = self.cloud.token()
        host = self.ask("GET", "/agents", token=admin)["agents"][0]["host"]
        parent, child = self.port(token=admin), self.port(token=admin)
        trunk = self.make("trunk", admin, port_id=parent["id"], sub_ports=[self.sub(child, 7)])
        self.assertEqual("DOWN", trunk["status"])
        bind = {"port": {"binding:host_id": host, "device_owner": "compute:nova"}}
        self.ask("PUT", "/ports/" + parent["id"], bind, 200, admin)
        document = self.told("port", child["id"], lambda d: d["binding:host_id"] == host)
        self.assertEqual({"parent_name": parent["id"], "tag": 7}, document["binding:profile"])
        self.cloud.until(lambda: self.ask("GET", "/trunks/" + trunk["id"], token=admin)["trunk"]["status"] == "ACTIVE")
        self.ask("PUT", "/ports/" + parent["id"], {"port": {"binding:host_id": ""}}, 200, admin)
        self.cloud.until(lambda: not self.document("port", child["id"]))

    def test_a_list_costs_the_same_however_many_there_are(self):
        self.make("trunk", port_id=self.port()["id"], sub_ports=[self.sub(self.port(), 7)])
        self.cost("/trunks")
        few = self.cost("/trunks")
        for _ in range(4):
            self.make("trunk", port_id=self.port()["id"], sub_ports=[self.sub(self.port(), 7)])
        self.assertEqual(few, self.cost("/trunks"))


if __name__ == "__main__":
    unittest.main()
