# SPDX-License-Identifier: Apache-2.0
"""Address groups, port forwardings, NDP proxies: who may name what, and what the driver is told."""
import unittest

from network_base import NetworkCase, name


class AddressGroupTest(NetworkCase):
    def change(self, group, verb, addresses, status=200, token=None):
        path = "/address-groups/%s/%s_addresses" % (group["id"], verb)
        return self.ask("PUT", path, {"addresses": addresses}, status, token).get("address_group")

    def test_addresses_come_and_go(self):
        group = self.make("address_group", name=name("ag"), addresses=["10.0.0.7/32", "2001:db8::/64"])
        self.assertEqual(["10.0.0.7/32", "2001:db8::/64"], group["addresses"])
        self.told("address_group", group["id"], lambda d: d["addresses"] == group["addresses"])
        changed = self.change(group, "add", ["192.0.2.0/24"])
        self.assertEqual(group["addresses"] + ["192.0.2.0/24"], changed["addresses"])
        self.change(group, "add", ["192.0.2.0/24"], 400)
        self.change(group, "add", ["no"], 400)
        self.change(group, "add", ["10.0.0.8"], 400)
        self.change(group, "remove", ["192.0.3.0/24"], 404)
        self.change(group, "remove", ["10.200.200.200"], 404)
        self.assertEqual(["192.0.2.0/24"], self.change(group, "remove", group["addresses"])["addresses"])
        self.told("address_group", group["id"], lambda d: d["addresses"] == ["192.0.2.0/24"])
        self.change(group, "add", ["10.0.0.1/32"], 404, self.other)
        self.ask("DELETE", "/address-groups/" + group["id"], status=204)
        self.cloud.until(lambda: not self.document("address_group", group["id"]))

    def test_rules_name_groups_that_their_project_sees(self):
        group = self.make("address_group", name=name("ag"), addresses=["10.0.0.0/8"])
        security = self.make("security_group", name=name("sg"))
        rule = {"security_group_id": security["id"], "direction": "ingress", "remote_address_group_id": group["id"]}
        made = self.make("security_group_rule", **rule)
        self.assertEqual(group["id"], made["remote_address_group_id"])
        self.told("security_group", security["id"],
                  lambda d: group["id"] in [r["remote_address_group_id"] for r in d["security_group_rules"]])
        self.ask("POST", "/security-group-rules", {"security_group_rule": rule}, 409)
        both = dict(rule, remote_ip_prefix="10.0.0.0/8")
        self.ask("POST", "/security-group-rules", {"security_group_rule": both}, 400)
        self.refused("DELETE", "/address-groups/" + group["id"], None, 409, "AddressGroupInUse")
        foreign = self.make("security_group", self.other, name=name("sg"))
        rule["security_group_id"] = foreign["id"]
        self.ask("POST", "/security-group-rules", {"security_group_rule": rule}, 404, self.other)
        self.make("rbac_policy", object_type="address_group", object_id=group["id"], action="access_as_shared",
                  target_tenant=self.project(self.other))
        self.make("security_group_rule", self.other, **rule)
        self.assertTrue(self.ask("GET", "/address-groups/" + group["id"], token=self.other)["address_group"]["shared"])


class ForwardingTest(NetworkCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.count = 0

    def setUp(self):
        type(self).count += 1
        self.ext, _ = self.external("198.51.%d.0/24" % self.count)
        self.net, self.subnet = self.network("10.%d.0.0/24" % (60 + self.count))
        self.router = self.make("router", external_gateway_info={"network_id": self.ext["id"]})
        self.ask("PUT", "/routers/%s/add_router_interface" % self.router["id"], {"subnet_id": self.subnet["id"]}, 200)
        self.port = self.make("port", network_id=self.net["id"])
        self.fip = self.make("floatingip", floating_network_id=self.ext["id"])
        self.path = "/floatingips/%s/port_forwardings" % self.fip["id"]

    def body(self, **fields):
        return {"port_forwarding": dict({"protocol": "tcp", "external_port": 8080, "internal_port": 80,
                                         "internal_port_id": self.port["id"],
                                         "internal_ip_address": self.port["fixed_ips"][0]["ip_address"]}, **fields)}

    def test_ports_lead_inside(self):
        way = self.ask("POST", self.path, self.body(), 201)["port_forwarding"]
        fip = self.ask("GET", "/floatingips/" + self.fip["id"])["floatingip"]
        self.assertEqual(["ACTIVE", self.router["id"], None], [fip["status"], fip["router_id"], fip["port_id"]])
        self.assertEqual([(way["id"], 8080)], [(w["id"], w["external_port"]) for w in fip["port_forwardings"]])
        document = self.told("router", self.router["id"], lambda d: d["port_forwardings"])
        self.assertEqual([[], fip["floating_ip_address"], 80],
                         [document["floatingips"], document["port_forwardings"][0]["floating_ip_address"],
                          document["port_forwardings"][0]["internal_port"]])
        self.ask("PUT", self.path + "/" + way["id"], {"port_forwarding": {"internal_port": 81}}, 200)
        self.told("router", self.router["id"], lambda d: d["port_forwardings"][0]["internal_port"] == 81)
        self.ask("DELETE", self.path + "/" + way["id"], None, 204)
        self.told("router", self.router["id"], lambda d: not d["port_forwardings"])
        self.assertEqual("DOWN", self.ask("GET", "/floatingips/" + self.fip["id"])["floatingip"]["status"])

    def test_what_contradicts_is_refused(self):
        way = self.ask("POST", self.path, self.body(), 201)["port_forwarding"]
        for fields, status in (({}, 400), ({"internal_port": 81}, 400), ({"external_port": 81}, 400),
                               ({"protocol": "icmp"}, 400), ({"external_port": 0, "internal_port": 82}, 400),
                               ({"internal_ip_address": "10.9.9.9", "external_port": 9}, 400),
                               ({"internal_port_id": self.fip["id"], "external_port": 9}, 404)):
            self.ask("POST", self.path, self.body(**fields), status)
        self.ask("POST", self.path, self.body(protocol="UDP"), 201)
        body = {"floatingip": {"port_id": self.port["id"]}}
        self.refused("PUT", "/floatingips/" + self.fip["id"], body, 409, "FipInUseByPortForwarding")
        self.refused("DELETE", "/floatingips/" + self.fip["id"], None, 409, "FipInUseByPortForwarding")
        other = self.make("floatingip", floating_network_id=self.ext["id"], port_id=self.port["id"])
        self.refused("POST", self.path, self.body(external_port=99, internal_port=99), 409, "PortHasBindingFloatingIP")
        stranger = "/floatingips/%s/port_forwardings" % other["id"]
        self.refused("GET", stranger + "/" + way["id"], None, 404, "PortForwardingNotFound")
        self.refused("DELETE", stranger + "/" + way["id"], None, 404, "PortForwardingNotFound")
        for method, path in (("GET", self.path), ("POST", self.path), ("GET", self.path + "/" + way["id"])):
            self.ask(method, path, self.body() if method == "POST" else None, 404, self.other)
        self.refused("PUT", "/routers/%s/remove_router_interface" % self.router["id"],
                     {"subnet_id": self.subnet["id"]}, 409, "RouterInterfaceInUseByFloatingIP")
        self.ask("DELETE", "/ports/" + self.port["id"], status=204)
        self.assertEqual([], self.ask("GET", self.path)["port_forwardings"])

    def test_a_gateway_answers_for_addresses_behind_it(self):
        admin = self.cloud.token()
        on = {"router": {"enable_ndp_proxy": True}}
        self.refused("PUT", "/routers/" + self.router["id"], on, 409, "RouterIPv6GatewayNotValid")
        scope = self.make("address_scope", admin, name=name("as"), ip_version=6, shared=True)
        pool = self.make("subnetpool", admin, name=name("sp"), prefixes=["2001:db8:%d::/48" % self.count],
                         default_prefixlen=64, address_scope_id=scope["id"], shared=True)
        self.make("subnet", admin, network_id=self.ext["id"], ip_version=6, subnetpool_id=pool["id"])
        inner = self.make("subnet", network_id=self.net["id"], ip_version=6, subnetpool_id=pool["id"])
        self.ask("PUT", "/routers/%s/add_router_interface" % self.router["id"], {"subnet_id": inner["id"]}, 200)
        port = self.make("port", network_id=self.net["id"])
        address = [a["ip_address"] for a in port["fixed_ips"] if ":" in a["ip_address"]][0]
        body = {"ndp_proxy": {"router_id": self.router["id"], "port_id": port["id"]}}
        self.refused("POST", "/ndp_proxies", body, 409, "RouterNDPProxyNotEnable")
        self.ask("PUT", "/routers/" + self.router["id"], on, 200)
        made = self.ask("POST", "/ndp_proxies", body, 201)["ndp_proxy"]
        self.assertEqual(address, made["ip_address"])
        gateway = self.ask("GET", "/ports?device_owner=network:router_gateway&device_id=" + self.router["id"],
                           token=admin)["ports"][0]["id"]
        self.told("port", gateway, lambda d: d["ndp_proxies"] == [address])
        self.refused("POST", "/ndp_proxies", body, 409, "NDPProxyExists")
        self.ask("PUT", "/routers/" + self.router["id"], {"router": {"external_gateway_info": {}}}, 409)
        off = {"router": {"enable_ndp_proxy": False}}
        self.refused("PUT", "/routers/" + self.router["id"], off, 409, "RouterInUseByNDPProxy")
        self.ask("GET", "/ndp_proxies/" + made["id"], status=404, token=self.other)
        self.ask("DELETE", "/ports/" + port["id"], status=204)
        self.assertEqual([], self.ask("GET", "/ndp_proxies")["ndp_proxies"])
        self.told("port", gateway, lambda d: d["ndp_proxies"] == [])


if __name__ == "__main__":
    unittest.main()
