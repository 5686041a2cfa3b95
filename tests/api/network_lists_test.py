# SPDX-License-Identifier: Apache-2.0
"""Flavors, segments and their ranges, lists of what no engine serves yet, and lists without tables."""
import unittest

from network_base import NetworkCase, name

# What can be listed and shown, and made by nobody yet.
WITHOUT_ENGINE = (
    "bgp-speakers", "bgp-peers", "bgpvpn/bgpvpns", "sfc/flow_classifiers", "sfc/port_chains", "sfc/port_pair_groups",
    "sfc/port_pairs", "sfc/service_graphs", "vpn/endpoint-groups", "vpn/ikepolicies", "vpn/ipsecpolicies",
    "vpn/vpnservices", "vpn/ipsec-site-connections", "taas/tap_services", "taas/tap_flows", "l2-gateways",
    "l2-gateway-connections", "fwaas/firewall_groups", "fwaas/firewall_policies", "fwaas/firewall_rules", "local_ips",
    "metering/metering-labels", "metering/metering-label-rules", "log/logs")


class ListsTest(NetworkCase):
    def test_what_has_no_engine_is_listed_empty_and_refused_clearly(self):
        admin = self.cloud.token()
        absent = "6bf5bd5b-1d00-4e78-b3c5-9b1b3f5f0000"
        for path in WITHOUT_ENGINE:
            listed = self.ask("GET", "/" + path, None, 200, admin)
            self.assertEqual([], [item for items in listed.values() for item in items], path)
            self.ask("GET", "/%s/%s" % (path, absent), None, 404, admin)
            refused = self.ask("POST", "/" + path, {}, 501, admin)
            self.assertIn(path, refused["NeutronError"]["message"])
            self.ask("GET", "/%s?no_such=1" % path, None, 400, admin)
        for path in ("bgpvpn/bgpvpns/%s/network_associations", "local_ips/%s/port_associations",
                     "routers/%s/conntrack_helpers"):
            self.ask("GET", "/" + path % absent, None, 404, admin)
        advertised = {e["alias"] for e in self.ask("GET", "/extensions")["extensions"]}
        self.assertFalse(advertised & {"bgp", "bgpvpn", "sfc", "vpnaas", "taas", "l2-gateway", "fwaas_v2", "local_ip",
                                       "metering", "logging", "l3-conntrack-helper"})

    def test_flavors_have_profiles(self):
        admin = self.cloud.token()
        make = lambda key, **f: self.ask("POST", "/%ss" % key, {key: f}, 201, admin)[key]
        flavor = make("flavor", name=name("f"), service_type="L3_ROUTER_NAT")
        profile = make("service_profile", metainfo="{'speed': 'high'}", driver="")
        self.ask("POST", "/flavors", {"flavor": {"service_type": "NOTHING"}}, 400, admin)
        self.ask("POST", "/service_profiles", {"service_profile": {}}, 400, admin)
        self.ask("POST", "/service_profiles", {"service_profile": {"driver": "no.such"}}, 404, admin)
        self.ask("POST", "/flavors", {"flavor": {"service_type": "QOS"}}, 403)
        path = "/flavors/%s/service_profiles" % flavor["id"]
        body = {"service_profile": {"id": profile["id"]}}
        self.ask("GET", "/flavors/%s/next_providers" % flavor["id"], None, 503)
        self.assertEqual(profile["id"], self.ask("POST", path, body, 201, admin)["service_profile"]["id"])
        self.ask("POST", path, body, 409, admin)
        self.assertEqual([profile["id"]], self.ask("GET", "/flavors/" + flavor["id"])["flavor"]["service_profiles"])
        self.assertEqual("ovn", self.ask("GET", "/flavors/%s/next_providers" % flavor["id"])["next_providers"][0]["driver"])
        self.refused("DELETE", "/service_profiles/" + profile["id"], None, 409, "ServiceProfileInUse", admin)
        self.ask("DELETE", path + "/" + profile["id"], None, 204, admin)
        self.ask("DELETE", path + "/" + profile["id"], None, 404, admin)
        self.ask("DELETE", "/flavors/" + flavor["id"], None, 204, admin)

    def test_a_network_has_the_segment_it_was_made_on_and_may_have_further_ones(self):
        admin = self.cloud.token()
        vlan = {"provider:network_type": "vlan", "provider:physical_network": "physnet1"}
        net, _ = self.network(None, admin, **vlan)
        first = self.ask("GET", "/segments?network_id=" + net["id"], token=admin)["segments"]
        self.assertEqual([("vlan", "physnet1", net["provider:segmentation_id"])],
                         [(s["network_type"], s["physical_network"], s["segmentation_id"]) for s in first])
        segment = {"network_id": net["id"], "network_type": "flat", "physical_network": "physnet1"}
        self.refused("POST", "/segments", {"segment": segment}, 409, "SegmentExists", admin)
        self.ask("POST", "/segments", {"segment": dict(segment, physical_network="no")}, 400, admin)
        self.ask("POST", "/segments", {"segment": dict(segment, network_type="geneve", physical_network=None)}, 400, admin)
        self.ask("GET", "/segments/" + first[0]["id"], None, 403)
        other, _ = self.network(None, admin)
        made = self.make("segment", admin, **dict(segment, network_id=other["id"]))
        self.told("network", other["id"], lambda d: [s["id"] for s in d["segments"]] == [made["id"]])
        self.refused("DELETE", "/segments/" + first[0]["id"], None, 409, "SegmentInUse", admin)
        body = {"network": dict({"name": "x"}, **{"provider:network_type": "flat",
                                                  "provider:physical_network": "physnet1"})}
        self.refused("POST", "/networks", body, 409, "FlatNetworkInUse", admin)
        self.ask("DELETE", "/segments/" + made["id"], None, 204, admin)
        self.told("network", other["id"], lambda d: d["segments"] == [])
        self.ask("DELETE", "/networks/" + net["id"], None, 204, admin)
        self.assertEqual([], self.ask("GET", "/segments?network_id=" + net["id"], token=admin)["segments"])

    def test_numbers_come_from_the_ranges_of_the_project(self):
        admin, project = self.cloud.token(), self.project(self.member)
        ranges = self.ask("GET", "/network_segment_ranges", token=admin)["network_segment_ranges"]
        self.assertEqual({("geneve", 1, 65536), ("vlan", 100, 200)},
                         {(r["network_type"], r["minimum"], r["maximum"]) for r in ranges if r["default"]})
        own = {"name": "own", "shared": False, "project_id": project, "network_type": "geneve", "minimum": 70001,
               "maximum": 70002}
        made = self.make("network_segment_range", admin, **own)
        self.ask("POST", "/network_segment_ranges", {"network_segment_range": own}, 409, admin)
        self.ask("POST", "/network_segment_ranges", {"network_segment_range": dict(own, minimum=9, maximum=8)}, 400, admin)
        self.ask("POST", "/network_segment_ranges", {"network_segment_range": dict(own, shared=True)}, 400, admin)
        nets = [self.make("network", name=name())["id"] for _ in range(3)]
        numbers = [self.ask("GET", "/networks/" + n, token=admin)["network"]["provider:segmentation_id"] for n in nets]
        self.assertEqual([70001, 70002], numbers[:2])
        self.assertLess(numbers[2], 65537)
        path = "/network_segment_ranges/" + made["id"]
        shown = self.ask("GET", path, None, 200, admin)["network_segment_range"]
        self.assertEqual([{"70001": project, "70002": project}, []], [shown["used"], shown["available"]])
        self.ask("PUT", path, {"network_segment_range": {"minimum": 70002}}, 409, admin)
        self.ask("DELETE", path, None, 409, admin)
        for net in nets:
            self.ask("DELETE", "/networks/" + net, status=204)
        self.ask("PUT", path, {"network_segment_range": {"minimum": 70002}}, 200, admin)
        self.assertEqual([70002], self.ask("GET", path, token=admin)["network_segment_range"]["available"])
        self.ask("DELETE", path, None, 204, admin)
        standing = [r["id"] for r in ranges if r["default"]][0]
        self.ask("DELETE", "/network_segment_ranges/" + standing, None, 409, admin)

    def test_a_project_gets_a_topology_by_asking(self):
        admin, project = self.cloud.token(), self.project(self.member)
        path = "/auto-allocated-topology/" + project
        self.refused("GET", path, None, 409, "AutoAllocationFailure")
        ext, _ = self.external("203.0.116.0/24")
        self.ask("PUT", "/networks/" + ext["id"], {"network": {"is_default": True}}, 200, admin)
        self.refused("GET", path + "?fields=dry-run", None, 409, "AutoAllocationFailure")
        self.make("subnetpool", admin, name=name("sp"), prefixes=["10.200.0.0/16"], default_prefixlen=26, is_default=True,
                  shared=True)
        dry = self.ask("GET", path + "?fields=dry-run", None, 200)["auto_allocated_topology"]
        self.assertEqual("dry-run=pass", dry["id"])
        self.ask("GET", path, None, 404, self.other)
        before = len(self.ask("GET", "/networks")["networks"])
        made = self.ask("GET", path, None, 200)["auto_allocated_topology"]
        self.assertEqual(made, self.ask("GET", "/auto-allocated-topology/None", None, 200)["auto_allocated_topology"])
        self.assertEqual(before + 1, len(self.ask("GET", "/networks")["networks"]))
        net = self.ask("GET", "/networks/" + made["id"])["network"]
        self.assertEqual([project, 1], [net["project_id"], len(net["subnets"])])
        router = self.ask("GET", "/routers?name=auto_allocated_router")["routers"][0]
        self.assertEqual(ext["id"], router["external_gateway_info"]["network_id"])
        self.told("router", router["id"], lambda d: len(d["interfaces"]) == 1)
        port = self.make("port", network_id=net["id"])
        self.ask("DELETE", path, None, 409)
        self.assertEqual(1, len(self.ask("GET", "/routers?name=auto_allocated_router")["routers"]))
        self.ask("DELETE", "/ports/" + port["id"], None, 204)
        self.ask("DELETE", path, None, 204)
        self.assertEqual(before, len(self.ask("GET", "/networks")["networks"]))
        self.assertEqual([], self.ask("GET", "/routers?name=auto_allocated_router")["routers"])
        self.ask("DELETE", path, None, 404)

    def test_pools_and_agents_are_listed(self):
        admin = self.cloud.token()
        ext, subnet = self.external("203.0.115.0/24")
        pools = self.ask("GET", "/floatingip_pools", None, 200)["floatingip_pools"]
        self.assertIn((ext["id"], subnet["id"], "203.0.115.0/24"),
                      [(p["network_id"], p["subnet_id"], p["cidr"]) for p in pools])
        net, _ = self.network(None)
        router = self.make("router")
        agent = self.ask("GET", "/agents", token=admin)["agents"][0]["id"]
        for path, key in (("networks/%s/dhcp-agents" % net["id"], "agents"),
                          ("routers/%s/l3-agents" % router["id"], "agents"),
                          ("agents/%s/dhcp-networks" % agent, "networks"), ("agents/%s/l3-routers" % agent, "routers")):
            self.assertEqual({key: []}, self.ask("GET", "/" + path, None, 200, admin))
            self.ask("GET", "/" + path.replace("/", "/0", 1), None, 404, admin)
            self.ask("GET", "/" + path, None, 403)


if __name__ == "__main__":
    unittest.main()
