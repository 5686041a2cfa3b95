# SPDX-License-Identifier: Apache-2.0
"""Published attacks on the network service (docs/security-cases.md)."""
import uuid

from network_base import NetworkCase, name


class NetworkAttack(NetworkCase):
    def setUp(self):
        self.net = self.make("network", name=name())
        self.subnet = self.make("subnet", network_id=self.net["id"], cidr="10.7.0.0/24", ip_version=4)

    def status(self, method, path, body=None, token=None):
        return self.cloud.request(method, "/network/v2.0" + path, body, token=token or self.member)[0]


class Ports(NetworkAttack):
    def test_CVE_2014_0056_a_port_does_not_plug_into_what_is_others(self):
        theirs = self.make("router", token=self.other, name=name("r"))
        for owner in ("network:router_interface", "network:router_gateway", "network:router_interface_distributed",
                      "network:ha_router_replicated_interface", "network:dhcp", "network:floatingip", "network:anything"):
            status = self.status("POST", "/ports", {"port": {"network_id": self.net["id"], "device_id": theirs["id"], "device_owner": owner}})
            self.assertIn(status, (400, 403, 404, 409), owner)
        status = self.status("POST", "/ports", {"port": {"network_id": self.net["id"], "device_id": theirs["id"], "device_owner": ""}})
        if status == 201:
            found = self.ask("GET", "/ports?device_id=" + theirs["id"], status=200, token=self.other)["ports"]
            self.assertEqual([], found)
        self.assertEqual([], self.ask("GET", "/routers/" + theirs["id"], status=200, token=self.other)["router"].get("routes"))
        self.assertIn(self.status("PUT", "/routers/%s/add_router_interface" % theirs["id"], {"subnet_id": self.subnet["id"]}), (403, 404))

    def test_CVE_2014_0056_a_port_is_not_moved_there_either(self):
        theirs = self.make("router", token=self.other, name=name("r"))
        port = self.make("port", network_id=self.net["id"])
        for owner in ("network:router_interface", "network:router_gateway", "network:dhcp", "network:anything"):
            status = self.status("PUT", "/ports/" + port["id"], {"port": {"device_id": theirs["id"], "device_owner": owner}})
            self.assertIn(status, (400, 403, 404, 409), owner)

    def test_CVE_2015_5240_filters_stay_whatever_a_port_says_that_it_is(self):
        """No owner that a tenant can write takes a port out of its security groups."""
        port = self.make("port", network_id=self.net["id"])
        groups = port["security_groups"]
        self.assertTrue(groups)
        for owner in ("network:dhcp", "network:router_interface", "neutron:x", "trunk:subport", "compute:x", "NETWORK:dhcp", " network:dhcp", ""):
            self.ask("PUT", "/ports/" + port["id"], {"port": {"device_owner": owner}})
            shown = self.ask("GET", "/ports/" + port["id"], status=200)["port"]
            self.assertEqual((groups, True), (shown["security_groups"], shown.get("port_security_enabled", True)), owner)
        self.make("rbac_policy", object_type="network", object_id=self.net["id"], action="access_as_shared", target_tenant="*",
                  token=self.cloud.token())
        port = self.make("port", self.other, network_id=self.net["id"])["id"]
        for owner in ("network:dhcp", "network:x"):
            for method, path, body in (("PUT", "/ports/" + port, {}), ("POST", "/ports", {"network_id": self.net["id"]})):
                self.assertEqual(403, self.status(method, path, {"port": dict(body, device_owner=owner)}, self.other))
        for body in ({"port_security_enabled": False}, {"security_groups": [], "port_security_enabled": False}, {"mac_address": "fa:16:3e:00:11:22"}):
            self.assertEqual(403, self.status("PUT", "/ports/" + port, {"port": body}, self.other), body)

    def test_CVE_2014_6414_what_is_the_administrators_is_not_reset(self):
        admin = self.cloud.token()
        for kind, fields in (("network", {"shared": False, "router:external": False, "provider:network_type": None, "is_default": False}),
                             ("port", {"binding:host_id": "", "binding:profile": {}, "binding:vnic_type": None, "port_security_enabled": None})):
            row = self.net if kind == "network" else self.make("port", network_id=self.net["id"])
            for field, value in fields.items():
                before = self.ask("GET", "/%ss/%s" % (kind, row["id"]), status=200, token=admin)[kind]
                status = self.status("PUT", "/%ss/%s" % (kind, row["id"]), {kind: {field: value}})
                after = self.ask("GET", "/%ss/%s" % (kind, row["id"]), status=200, token=admin)[kind]
                if field in ("shared", "router:external", "is_default", "binding:host_id", "binding:profile", "provider:network_type"):
                    self.assertIn(status, (400, 403), field)
                before.pop("revision_number"), after.pop("revision_number"), before.pop("updated_at"), after.pop("updated_at")
                self.assertEqual(before, after, field)

    def test_addresses_of_the_infrastructure_are_not_taken(self):
        for body in ({"fixed_ips": [{"ip_address": "10.7.0.0"}]}, {"fixed_ips": [{"ip_address": "10.7.0.255"}]},
                     {"mac_address": "01:00:5e:00:00:01"}, {"mac_address": "00:00:00:00:00:00"}, {"mac_address": "ff:ff:ff:ff:ff:ff"},
                     {"fixed_ips": [{"ip_address": "169.254.169.254"}]}):
            self.assertIn(self.status("POST", "/ports", {"port": dict(body, network_id=self.net["id"])}), (400, 403, 409), body)


class Rules(NetworkAttack):
    def test_CVE_2019_9735_port_ranges_are_for_protocols_that_have_ports(self):
        group = self.make("security_group", name=name("g"))["id"]
        for protocol in ("vrrp", "112", "ah", "gre", "esp", "igmp", "ospf", "egp", "pgm", "rsvp", "ipip", None, "icmp", "icmpv6", "255", "0"):
            for low, high in ((1, 65535), (22, 22), (None, 300), (300, None), (10, 5), (0, 0), (-1, 5), (1, 65536)):
                body = {"security_group_id": group, "direction": "ingress", "ethertype": "IPv6" if protocol == "icmpv6" else "IPv4",
                        "protocol": protocol, "port_range_min": low, "port_range_max": high}
                status = self.status("POST", "/security-group-rules", {"security_group_rule": body})
                if protocol in ("icmp", "icmpv6"):
                    good = low is not None and 0 <= low <= 255 and (high is None or 0 <= high <= 255)
                    self.assertEqual(good, status == 201 or (status == 409 and good), body)
                else:
                    self.assertEqual(400, status, body)
        for protocol in ("256", "-2", "tcp ", "tcp\n", "tcp,udp", "6;drop", "", "٦"):
            body = {"security_group_id": group, "direction": "ingress", "protocol": protocol}
            self.assertIn(self.status("POST", "/security-group-rules", {"security_group_rule": body}), (400, 404), repr(protocol))

    def test_CVE_2019_10876_rules_that_overlap_stand_side_by_side(self):
        group = self.make("security_group", name=name("g"))["id"]
        port = self.make("port", network_id=self.net["id"], security_groups=[group], device_owner="compute:nova")
        for low, high in ((1, 65535), (80, 80), (22, 100), (50, 22000), (1, 1), (65535, 65535)):
            for address in (None, "0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16"):
                body = {"security_group_id": group, "direction": "ingress", "protocol": "tcp", "port_range_min": low, "port_range_max": high}
                if address:
                    body["remote_ip_prefix"] = address
                self.assertIn(self.status("POST", "/security-group-rules", {"security_group_rule": body}), (201, 409))
        self.assertEqual(200, self.status("GET", "/ports/" + port["id"]))
        self.cloud.until(lambda: not [line for line in self.cloud.log().splitlines() if port["id"] in line and "fail" in line])


class Text(NetworkAttack):
    HOSTILE = ("\n", "a\nb", "x\ndhcp-script=/tmp/evil", "a\rb", "a\0b", "a\x1b[2Jb", "a\x7fb")

    def test_CVE_2021_40085_control_characters_do_not_reach_options_of_dhcp(self):
        port = self.make("port", network_id=self.net["id"])["id"]
        for text in self.HOSTILE:
            for option in ({"opt_name": text, "opt_value": "x"}, {"opt_name": "bootfile-name", "opt_value": text}):
                for method, path, more in (("POST", "/ports", {"network_id": self.net["id"]}), ("PUT", "/ports/" + port, {})):
                    status = self.status(method, path, {"port": dict(more, extra_dhcp_opts=[option])})
                    self.assertIn(status, (400, 501), repr(option))

    def test_CVE_2021_40085_nor_other_texts_that_a_host_is_told(self):
        port = self.make("port", network_id=self.net["id"])["id"]
        for text in self.HOSTILE:
            for kind, path, body in (("network", "/networks", {"dns_domain": text}), ("port", "/ports/" + port, {"dns_name": text}),
                                     ("port", "/ports/" + port, {"mac_address": "fa:16:3e:00:00:0" + text}),
                                     ("port", "/ports/" + port, {"binding:host_id": text}),
                                     ("subnet", "/subnets/" + self.subnet["id"], {"dns_nameservers": ["9.9.9.9" + text]}),
                                     ("subnet", "/subnets/" + self.subnet["id"], {"host_routes": [{"destination": "10.0.0.0/8" + text, "nexthop": "10.7.0.9"}]}),
                                     ("subnet", "/subnets/" + self.subnet["id"], {"gateway_ip": "10.7.0.1" + text})):
                status = self.status("PUT" if path.count("/") > 1 else "POST", path, {kind: body})
                self.assertIn(status, (400, 403, 501), "%s %r" % (path, body))


class Nested(NetworkAttack):
    def test_OSSN_0102_a_child_is_not_reached_by_another_parent(self):
        """Own parent, foreign child and the reverse, for what is nested."""
        mine, theirs = self.make("network", name=name()), self.make("network", token=self.other, name=name())
        for path in ("/networks/%s/tags" % theirs["id"], "/networks/%s/tags/x" % theirs["id"]):
            for method in ("GET", "PUT", "DELETE"):
                status = self.status(method, path, {"tags": ["x"]} if path.endswith("tags") and method == "PUT" else None)
                self.assertEqual(404, status, method + path)
        self.assertEqual(404, self.status("GET", "/networks/%s/subnets/%s" % (mine["id"], self.subnet["id"])))
        for path in ("/floatingips/%s/port_forwardings/%s", "/routers/%s/conntrack_helpers/%s", "/qos/policies/%s/bandwidth_limit_rules/%s"):
            for method in ("GET", "PUT", "DELETE"):
                status = self.status(method, path % (uuid.uuid4(), uuid.uuid4()), {} if method == "PUT" else None)
                self.assertIn(status, (400, 403, 404, 501), method + path)
