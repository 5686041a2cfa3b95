# SPDX-License-Identifier: Apache-2.0
"""The network service on the fake driver: what Neutron's clients rely on."""
import json
import os
import unittest
import uuid

from cloud import Cloud
from network_base import BASE, NetworkCase, name


class NetworkTest(NetworkCase):
    # ---- networks ----

    def test_a_network_has_a_segment_an_mtu_and_a_metadata_port(self):
        net, subnet = self.network("10.1.0.0/24")
        self.assertNotIn("provider:network_type", net)
        shown = self.ask("GET", "/networks/" + net["id"], token=self.cloud.token())["network"]
        self.assertEqual(["geneve", 1442], [shown["provider:network_type"], shown["mtu"]])
        self.assertEqual([subnet["id"]], shown["subnets"])
        ports = self.ask("GET", "/ports?network_id=" + net["id"])["ports"]
        self.assertEqual([("network:distributed", "10.1.0.2")],
                         [(p["device_owner"], p["fixed_ips"][0]["ip_address"]) for p in ports])
        self.cloud.until(lambda: self.ask("GET", "/ports/" + ports[0]["id"])["port"]["status"] == "ACTIVE")

    def test_segments_are_the_administrators_and_taken_once(self):
        admin = self.cloud.token()
        vlan = {"name": "v", "provider:network_type": "vlan", "provider:physical_network": "physnet1",
                "provider:segmentation_id": 150}
        self.ask("POST", "/networks", {"network": vlan}, 403)
        made = self.ask("POST", "/networks", {"network": vlan}, 201, admin)["network"]
        self.refused("POST", "/networks", {"network": vlan}, 409, "VlanIdInUse", admin)
        self.refused("POST", "/networks", {"network": dict(vlan, **{"provider:segmentation_id": 5000})}, 400,
                     "InvalidInput", admin)
        self.refused("POST", "/networks", {"network": dict(vlan, **{"provider:physical_network": "no"})}, 400,
                     "InvalidInput", admin)
        self.ask("DELETE", "/networks/" + made["id"], status=204, token=admin)

    def test_projects_do_not_see_each_other_until_one_shares(self):
        net, _ = self.network("10.2.0.0/24")
        self.refused("GET", "/networks/" + net["id"], None, 404, "NetworkNotFound", self.other)
        self.assertEqual([], self.ask("GET", "/subnets?network_id=" + net["id"], token=self.other)["subnets"])
        rule = {"object_type": "network", "object_id": net["id"], "action": "access_as_shared",
                "target_tenant": self.project(self.other)}
        entry = self.make("rbac_policy", **rule)
        self.assertTrue(self.ask("GET", "/networks/" + net["id"], status=200, token=self.other)["network"]["shared"])
        port = self.make("port", self.other, network_id=net["id"])
        self.refused("DELETE", "/rbac-policies/" + entry["id"], None, 409, "RbacPolicyInUse")
        self.ask("PUT", "/networks/" + net["id"], {"network": {"name": "mine"}}, 403, self.other)
        self.ask("DELETE", "/ports/" + port["id"], status=204, token=self.other)
        self.ask("DELETE", "/rbac-policies/" + entry["id"], status=204)
        self.ask("GET", "/networks/" + net["id"], status=404, token=self.other)

    def test_another_projects_name_is_only_for_administrators(self):
        body = {"network": {"name": "x", "project_id": self.project(self.other)}}
        self.ask("POST", "/networks", body, 400)
        made = self.ask("POST", "/networks", body, 201, self.cloud.token())["network"]
        self.assertEqual(made["tenant_id"], self.project(self.other))

    # ---- subnets ----

    def test_subnets_of_a_network_do_not_overlap_those_of_two_may(self):
        net, _ = self.network("10.3.0.0/24")
        self.refused("POST", "/subnets", {"subnet": {"network_id": net["id"], "ip_version": 4, "cidr": "10.3.0.128/25"}},
                     400, "InvalidInput")
        self.network("10.3.0.0/24")

    def test_pools_and_gateways_must_fit(self):
        net, _ = self.network(None)
        base = {"network_id": net["id"], "ip_version": 4, "cidr": "10.4.0.0/24"}
        for pools, status, kind in (
                ([{"start": "10.4.0.9", "end": "10.4.0.2"}], 400, "InvalidAllocationPool"),
                ([{"start": "10.4.0.9", "end": "10.5.0.2"}], 400, "OutOfBoundsAllocationPool"),
                ([{"start": "10.4.0.1", "end": "10.4.0.9"}], 409, "GatewayConflictWithAllocationPools"),
                ([{"start": "10.4.0.2", "end": "10.4.0.9"}, {"start": "10.4.0.5", "end": "10.4.0.19"}], 409,
                 "OverlappingAllocationPools")):
            self.refused("POST", "/subnets", {"subnet": dict(base, allocation_pools=pools)}, status, kind)
        self.refused("POST", "/subnets", {"subnet": dict(base, ip_version=6)}, 400, "InvalidInput")
        self.refused("POST", "/subnets", {"subnet": dict(base, gateway_ip="10.4.0.255")}, 400, "InvalidInput")
        self.ask("POST", "/subnets", {"subnet": dict(base, dns_nameservers=["no"])}, 400)
        made = self.make("subnet", **dict(base, gateway_ip=None))
        self.assertEqual([{"start": "10.4.0.1", "end": "10.4.0.254"}], made["allocation_pools"])

    def test_a_full_subnet_says_so_and_gaps_are_found(self):
        net, _ = self.network("10.5.0.0/29")
        ports = [self.make("port", network_id=net["id"]) for _ in range(4)]
        self.refused("POST", "/ports", {"port": {"network_id": net["id"]}}, 409, "IpAddressGenerationFailure")
        self.ask("DELETE", "/ports/" + ports[1]["id"], status=204)
        again = self.make("port", network_id=net["id"])
        self.assertEqual(ports[1]["fixed_ips"], again["fixed_ips"])

    def test_automatic_addresses_follow_the_mac_address(self):
        net, _ = self.network(None)
        early = self.make("port", network_id=net["id"], mac_address="fa:16:3e:00:00:01")
        self.make("subnet", network_id=net["id"], ip_version=6, cidr="2001:db8:1::/64", ipv6_ra_mode="slaac",
                  ipv6_address_mode="slaac")
        shown = self.ask("GET", "/ports/" + early["id"])["port"]
        self.assertEqual("2001:db8:1:0:f816:3eff:fe00:1", shown["fixed_ips"][0]["ip_address"])
        subnet = shown["fixed_ips"][0]["subnet_id"]
        body = {"port": {"network_id": net["id"], "fixed_ips": [{"subnet_id": subnet, "ip_address": "2001:db8:1::7"}]}}
        self.refused("POST", "/ports", body, 400, "AllocationOnAutoAddressSubnet")

    def test_a_subnet_in_use_stays(self):
        net, subnet = self.network("10.6.0.0/24")
        port = self.make("port", network_id=net["id"])
        self.refused("DELETE", "/subnets/" + subnet["id"], None, 409, "SubnetInUse")
        self.refused("DELETE", "/networks/" + net["id"], None, 409, "NetworkInUse")
        self.ask("DELETE", "/ports/" + port["id"], status=204)
        self.ask("DELETE", "/networks/" + net["id"], status=204)
        self.ask("GET", "/subnets/" + subnet["id"], status=404)

    def test_pools_give_prefixes(self):
        pool = self.make("subnetpool", name="p", prefixes=["10.64.0.0/25", "10.64.0.128/25"], default_prefixlen=26)
        self.assertEqual(["10.64.0.0/24"], pool["prefixes"])
        net, _ = self.network(None)
        cidrs = [self.make("subnet", network_id=net["id"], ip_version=4, subnetpool_id=pool["id"])["cidr"] for _ in range(2)]
        self.assertEqual(["10.64.0.0/26", "10.64.0.64/26"], cidrs)
        self.refused("DELETE", "/subnetpools/" + pool["id"], None, 400, "SubnetPoolDeleteError")
        self.refused("PUT", "/subnetpools/" + pool["id"], {"subnetpool": {"prefixes": ["10.65.0.0/16"]}}, 400,
                     "IllegalSubnetPoolPrefixUpdate")

    # ---- ports ----

    def test_a_port_gets_address_mac_and_the_default_group(self):
        net, subnet = self.network("10.7.0.0/24")
        port = self.make("port", network_id=net["id"])
        self.assertEqual([{"subnet_id": subnet["id"], "ip_address": "10.7.0.3"}], port["fixed_ips"])
        self.assertTrue(port["mac_address"].startswith("fa:16:3e:"))
        groups = self.ask("GET", "/security-groups?name=default")["security_groups"]
        self.assertEqual([g["id"] for g in groups], port["security_groups"])
        self.assertEqual("DOWN", port["status"])
        found = self.ask("GET", "/ports?fixed_ips=ip_address%%3D10.7.0.3&network_id=%s&fields=id" % net["id"])["ports"]
        self.assertEqual([{"id": port["id"]}], found)

    def test_an_address_or_mac_is_given_once(self):
        net, subnet = self.network("10.8.0.0/24")
        wanted = {"network_id": net["id"], "fixed_ips": [{"ip_address": "10.8.0.40"}], "mac_address": "fa:16:3e:aa:bb:cc"}
        self.make("port", **wanted)
        self.refused("POST", "/ports", {"port": dict(wanted, mac_address="fa:16:3e:aa:bb:cd")}, 409,
                     "IpAddressAlreadyAllocated")
        self.refused("POST", "/ports", {"port": dict(wanted, fixed_ips=[{"ip_address": "10.8.0.41"}])}, 409,
                     "MacAddressInUse")
        self.refused("POST", "/ports", {"port": dict(wanted, fixed_ips=[{"ip_address": "10.9.0.41"}])}, 409,
                     "MacAddressInUse")
        wrong = {"network_id": net["id"], "fixed_ips": [{"ip_address": "10.9.0.41", "subnet_id": subnet["id"]}]}
        self.refused("POST", "/ports", {"port": wrong}, 400, "InvalidIpForSubnet")

    def test_addresses_change_and_what_is_kept_is_kept(self):
        net, subnet = self.network("10.10.0.0/24")
        port = self.make("port", network_id=net["id"])
        first = port["fixed_ips"][0]["ip_address"]
        wanted = [{"ip_address": first}, {"subnet_id": subnet["id"], "ip_address": "10.10.0.77"}]
        shown = self.ask("PUT", "/ports/" + port["id"], {"port": {"fixed_ips": wanted}}, 200)["port"]
        self.assertEqual({first, "10.10.0.77"}, {ip["ip_address"] for ip in shown["fixed_ips"]})
        shown = self.ask("PUT", "/ports/" + port["id"], {"port": {"fixed_ips": wanted[1:]}}, 200)["port"]
        self.assertEqual(["10.10.0.77"], [ip["ip_address"] for ip in shown["fixed_ips"]])
        self.make("port", network_id=net["id"], fixed_ips=[{"ip_address": first}])

    def test_security_needs_to_be_consistent(self):
        net, _ = self.network("10.11.0.0/24")
        self.refused("POST", "/ports", {"port": {"network_id": net["id"], "port_security_enabled": False,
                                                 "allowed_address_pairs": [{"ip_address": "10.11.0.9"}]}}, 409,
                     "AddressPairAndPortSecurityRequired")
        self.refused("POST", "/ports", {"port": {"network_id": net["id"], "security_groups": [str(uuid.uuid4())]}}, 404,
                     "SecurityGroupNotFound")
        port = self.make("port", network_id=net["id"])
        self.refused("PUT", "/ports/" + port["id"], {"port": {"port_security_enabled": False}}, 409,
                     "PortSecurityPortHasSecurityGroup")
        body = {"port": {"port_security_enabled": False, "security_groups": []}}
        self.assertEqual([], self.ask("PUT", "/ports/" + port["id"], body, 200)["port"]["security_groups"])

    def test_what_watches_the_data_plane_says_a_ports_status(self):
        network = self.ask("POST", "/networks", {"network": {}}, 201)["network"]["id"]
        port = self.ask("POST", "/ports", {"port": {"network_id": network}}, 201)["port"]
        self.assertIsNone(port["data_plane_status"])
        path, admin = "/ports/" + port["id"], self.cloud.token()
        self.ask("PUT", path, {"port": {"data_plane_status": "DOWN"}}, 403)
        self.assertEqual(self.ask("PUT", path, {"port": {"data_plane_status": "DOWN"}}, 200, admin)["port"]
                         ["data_plane_status"], "DOWN")
        self.ask("PUT", path, {"port": {"data_plane_status": "odd"}}, 400, admin)
        self.ask("POST", "/ports", {"port": {"network_id": network, "data_plane_status": "DOWN"}}, 400, admin)
        self.assertEqual(self.ask("GET", path)["port"]["data_plane_status"], "DOWN")
        self.ask("GET", "/extensions/data-plane-status", status=200)
        self.ask("DELETE", path, status=204)
        self.ask("DELETE", "/networks/" + network, status=204)

    def test_a_bound_port_becomes_active(self):
        host = self.ask("GET", "/agents", token=self.cloud.token())["agents"][0]["host"]
        net, _ = self.network("10.12.0.0/24")
        port = self.make("port", network_id=net["id"])
        self.ask("PUT", "/ports/" + port["id"], {"port": {"binding:host_id": host}}, 403)
        shown = self.ask("PUT", "/ports/" + port["id"], {"port": {"binding:host_id": host}}, 200, self.cloud.token())["port"]
        self.assertEqual(["ovs", host], [shown["binding:vif_type"], shown["binding:host_id"]])
        self.cloud.until(lambda: self.ask("GET", "/ports/" + port["id"])["port"]["status"] == "ACTIVE")
        self.assertNotIn("binding:host_id", self.ask("GET", "/ports/" + port["id"])["port"])

    def test_bulk_is_all_or_nothing(self):
        net, _ = self.network("10.13.0.0/24")
        ports = [{"network_id": net["id"], "name": "a"}, {"network_id": net["id"], "name": "b"}]
        self.assertEqual(2, len(self.ask("POST", "/ports", {"ports": ports}, 201)["ports"]))
        ports = [{"network_id": net["id"], "name": "c"}, {"network_id": net["id"], "fixed_ips": [{"ip_address": "1.2.3.4"}]}]
        self.ask("POST", "/ports", {"ports": ports}, 400)
        self.assertEqual([], self.ask("GET", "/ports?name=c")["ports"])

    def test_a_wrong_filter_is_400(self):
        self.ask("GET", "/ports?colour=red", status=400)
        self.ask("GET", "/ports?sort_key=colour", status=400)

    # ---- security groups ----

    def test_groups_have_rules_once(self):
        group = self.make("security_group", name=name("g"))
        self.assertEqual([("egress", "IPv4"), ("egress", "IPv6")],
                         sorted((r["direction"], r["ethertype"]) for r in group["security_group_rules"]))
        rule = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp", "port_range_min": 22,
                "port_range_max": 22, "remote_ip_prefix": "10.0.0.7/8"}
        made = self.make("security_group_rule", **rule)
        self.assertEqual("10.0.0.0/8", made["normalized_cidr"])
        self.refused("POST", "/security-group-rules", {"security_group_rule": rule}, 409, "SecurityGroupRuleExists")
        for change, kind in (({"port_range_min": 30}, "SecurityGroupInvalidPortRange"),
                             ({"protocol": None}, "SecurityGroupProtocolRequiredWithPorts"),
                             ({"protocol": "foo"}, "SecurityGroupRuleInvalidProtocol"),
                             ({"ethertype": "IPv5"}, "SecurityGroupRuleInvalidEtherType"),
                             ({"ethertype": "IPv6"}, "SecurityGroupRuleParameterConflict"),
                             ({"remote_group_id": group["id"]}, "SecurityGroupMultipleRemoteEntites")):
            self.refused("POST", "/security-group-rules", {"security_group_rule": dict(rule, **change)}, 400, kind)
        self.ask("GET", "/security-groups/" + group["id"], status=404, token=self.other)
        self.ask("DELETE", "/security-group-rules/" + made["id"], status=204)
        self.ask("DELETE", "/security-groups/" + group["id"], status=204)

    def test_the_default_group_stays_and_a_used_one_too(self):
        default = self.ask("GET", "/security-groups?name=default")["security_groups"]
        self.assertEqual(1, len(default))
        self.assertEqual(4, len(default[0]["security_group_rules"]))
        self.refused("PUT", "/security-groups/" + default[0]["id"], {"security_group": {"name": "x"}}, 409,
                     "SecurityGroupCannotUpdateDefault")
        group = self.make("security_group", name=name("g"))
        net, _ = self.network("10.14.0.0/24")
        self.make("port", network_id=net["id"], security_groups=[group["id"]])
        self.refused("DELETE", "/security-groups/" + group["id"], None, 409, "SecurityGroupInUse")

    # ---- routers and floating IPs ----

    def test_a_router_joins_subnets_that_do_not_overlap(self):
        net, subnet = self.network("10.15.0.0/24")
        _, twin = self.network("10.15.0.0/25")
        router = self.make("router", name="r")
        added = self.ask("PUT", "/routers/%s/add_router_interface" % router["id"], {"subnet_id": subnet["id"]}, 200)
        port = self.ask("GET", "/ports/" + added["port_id"])["port"]
        self.assertEqual([{"subnet_id": subnet["id"], "ip_address": "10.15.0.1"}], port["fixed_ips"])
        self.cloud.until(lambda: self.ask("GET", "/ports/" + port["id"])["port"]["status"] == "ACTIVE")
        for again in (subnet, twin):
            self.refused("PUT", "/routers/%s/add_router_interface" % router["id"], {"subnet_id": again["id"]}, 400,
                         "BadRequest")
        self.refused("DELETE", "/ports/" + port["id"], None, 409, "ServicePortInUse")
        self.refused("PUT", "/ports/" + port["id"], {"port": {"fixed_ips": []}}, 409, "IPAddressChangeNotAllowed")
        self.refused("DELETE", "/routers/" + router["id"], None, 409, "RouterInUse")
        self.refused("PUT", "/subnets/" + subnet["id"], {"subnet": {"gateway_ip": "10.15.0.254"}}, 409, "GatewayIpInUse")
        self.refused("PUT", "/routers/" + router["id"],
                     {"router": {"routes": [{"destination": "10.99.0.0/16", "nexthop": "10.98.0.1"}]}}, 400, "InvalidRoutes")
        routes = [{"destination": "10.99.0.0/16", "nexthop": "10.15.0.9"}]
        self.ask("PUT", "/routers/%s/add_extraroutes" % router["id"], {"router": {"routes": routes}}, 200)
        self.refused("PUT", "/routers/%s/remove_router_interface" % router["id"], {"subnet_id": subnet["id"]}, 409,
                     "RouterInterfaceInUseByRoute")
        self.ask("PUT", "/routers/%s/remove_extraroutes" % router["id"], {"router": {"routes": routes}}, 200)
        self.ask("PUT", "/routers/%s/remove_router_interface" % router["id"], {"subnet_id": subnet["id"]}, 200)
        self.ask("DELETE", "/routers/" + router["id"], status=204)

    def test_a_floating_ip_stands_for_a_fixed_address(self):
        ext, _ = self.external("203.0.113.0/24")
        net, subnet = self.network("10.16.0.0/24")
        port = self.make("port", network_id=net["id"])
        fip = self.make("floatingip", floating_network_id=ext["id"])
        self.assertEqual(["DOWN", None], [fip["status"], fip["port_id"]])
        self.refused("PUT", "/floatingips/" + fip["id"], {"floatingip": {"port_id": port["id"]}}, 404,
                     "ExternalGatewayForFloatingIPNotFound")
        router = self.make("router", name="r", external_gateway_info={"network_id": ext["id"]})
        self.ask("PUT", "/routers/%s/add_router_interface" % router["id"], {"subnet_id": subnet["id"]}, 200)
        shown = self.ask("PUT", "/floatingips/" + fip["id"], {"floatingip": {"port_id": port["id"]}}, 200)["floatingip"]
        self.assertEqual(["ACTIVE", router["id"], port["fixed_ips"][0]["ip_address"]],
                         [shown["status"], shown["router_id"], shown["fixed_ip_address"]])
        self.assertEqual(port["mac_address"], shown["port_details"]["mac_address"])
        self.refused("PUT", "/routers/%s/remove_router_interface" % router["id"], {"subnet_id": subnet["id"]}, 409,
                     "RouterInterfaceInUseByFloatingIP")
        self.refused("PUT", "/routers/" + router["id"], {"router": {"external_gateway_info": {}}}, 409,
                     "RouterExternalGatewayInUseByFloatingIp")
        second = self.make("floatingip", floating_network_id=ext["id"])
        self.refused("PUT", "/floatingips/" + second["id"], {"floatingip": {"port_id": port["id"]}}, 409,
                     "FloatingIPPortAlreadyAssociated")
        self.ask("DELETE", "/ports/" + port["id"], status=204)
        shown = self.ask("GET", "/floatingips/" + fip["id"], status=200)["floatingip"]
        self.assertEqual(["DOWN", None, None], [shown["status"], shown["port_id"], shown["fixed_ip_address"]])
        self.refused("POST", "/floatingips", {"floatingip": {"floating_network_id": net["id"]}}, 400, "BadRequest")

    # ---- what others may not do ----

    def shared(self, cidr):
        """A network of the first project that the second may use."""
        net, subnet = self.network(cidr)
        self.make("rbac_policy", object_type="network", object_id=net["id"], action="access_as_shared",
                  target_tenant=self.project(self.other))
        return net, subnet

    def test_a_guest_on_a_shared_network_cannot_pose_as_the_network(self):
        net, _ = self.shared("10.20.0.0/24")
        base = {"network_id": net["id"]}
        for extra in ({"device_owner": "network:router_interface"}, {"mac_address": "fa:16:3e:00:00:09"},
                      {"fixed_ips": [{"ip_address": "10.20.0.9"}]}, {"port_security_enabled": False},
                      {"allowed_address_pairs": [{"ip_address": "10.20.0.9"}]}, {"binding:host_id": "h"}):
            self.ask("POST", "/ports", {"port": dict(base, **extra)}, 403, self.other)
        port = self.make("port", self.other, **base)
        for extra in ({"device_owner": "network:dhcp"}, {"port_security_enabled": True}, {"mac_address": "fa:16:3e:00:00:09"}):
            self.ask("PUT", "/ports/" + port["id"], {"port": extra}, 403, self.other)
        subnet = {"network_id": net["id"], "ip_version": 4, "cidr": "10.21.0.0/24"}
        self.ask("POST", "/subnets", {"subnet": subnet}, 403, self.other)

    def test_a_port_is_not_plugged_into_anothers_router(self):
        router = self.make("router", name="r")
        net, _ = self.network("10.22.0.0/24", token=self.other)
        body = {"network_id": net["id"], "device_id": router["id"], "device_owner": "network:router_interface"}
        self.refused("POST", "/ports", {"port": body}, 409, "DeviceIDNotOwnedByTenant", self.other)
        port = self.make("port", self.other, network_id=net["id"], device_id=router["id"])
        self.refused("PUT", "/ports/" + port["id"], {"port": {"device_owner": "network:router_gateway"}}, 409,
                     "DeviceIDNotOwnedByTenant", self.other)

    def test_only_administrators_share_with_everybody(self):
        net, _ = self.network(None)
        rule = {"object_type": "network", "object_id": net["id"], "action": "access_as_shared", "target_tenant": "*"}
        self.ask("POST", "/rbac-policies", {"rbac_policy": rule}, 403)
        entry = self.make("rbac_policy", **dict(rule, target_tenant=self.project(self.other)))
        self.ask("PUT", "/rbac-policies/" + entry["id"], {"rbac_policy": {"target_tenant": "*"}}, 403)
        self.ask("PUT", "/networks/" + net["id"], {"network": {"shared": True}}, 403)
        self.ask("PUT", "/networks/" + net["id"], {"network": {"router:external": False}}, 403)

    def test_options_have_no_control_characters(self):
        net, _ = self.network("10.23.0.0/24")
        for value in ("a\nb", "a\rb", "\u007f"):
            body = {"network_id": net["id"], "extra_dhcp_opts": [{"opt_name": "bootfile-name", "opt_value": value}]}
            self.ask("POST", "/ports", {"port": body}, 400)
        self.ask("PUT", "/networks/" + net["id"], {"network": {"dns_domain": "a\nb."}}, 400)

    # ---- the rest ----

    def test_tags_are_on_every_resource(self):
        net, subnet = self.network("10.17.0.0/24")
        paths = ["/networks/" + net["id"], "/subnets/" + subnet["id"], "/routers/" + self.make("router")["id"],
                 "/security-groups/" + self.make("security_group", name="t")["id"],
                 "/ports/" + self.make("port", network_id=net["id"])["id"]]
        for path in paths:
            self.ask("PUT", path + "/tags", {"tags": ["red", "b%u_\""]}, 200)
            self.ask("PUT", path + "/tags/green", status=201)
            self.assertEqual({"red", "green", "b%u_\""}, set(self.ask("GET", path + "/tags")["tags"]))
            self.ask("GET", path + "/tags/blue", status=404)
            self.ask("DELETE", path + "/tags/red", status=204)
            listed = path.rsplit("/", 1)[0]
            body = self.ask("GET", listed + "?tags=green,b%25u_%22&fields=id")
            self.assertEqual([path.rsplit("/", 1)[1]], [row["id"] for rows in body.values() for row in rows])
            self.ask("DELETE", path + "/tags", status=204)

    def test_quotas_bound_projects(self):
        project, token = self.project(self.other), self.other
        admin = self.cloud.token()
        self.ask("PUT", "/quotas/" + project, {"quota": {"router": 1}}, 403, token)
        self.assertEqual(1, self.ask("PUT", "/quotas/" + project, {"quota": {"router": 1}}, 200, admin)["quota"]["router"])
        self.make("router", token)
        self.refused("POST", "/routers", {"router": {}}, 409, "OverQuota", token)
        details = self.ask("GET", "/quotas/%s/details" % project, status=200, token=token)["quota"]["router"]
        self.assertEqual({"limit": 1, "used": 1, "reserved": 0}, details)
        self.ask("GET", "/quotas/" + project, status=403)
        self.ask("DELETE", "/quotas/" + project, status=204, token=admin)
        self.assertEqual(10, self.ask("GET", "/quotas/" + project, status=200, token=token)["quota"]["router"])

    def test_a_routers_port_keeps_its_address(self):
        _, subnet = self.network("10.20.0.0/24")
        router = self.make("router")
        port = self.ask("PUT", "/routers/%s/add_router_interface" % router["id"], {"subnet_id": subnet["id"]}, 200)["port_id"]
        same = {"port": {"fixed_ips": [{"subnet_id": subnet["id"]}]}}
        self.assertEqual("10.20.0.1", self.ask("PUT", "/ports/" + port, same, 200)["port"]["fixed_ips"][0]["ip_address"])
        other = {"port": {"fixed_ips": [{"subnet_id": subnet["id"], "ip_address": "10.20.0.9"}]}}
        self.refused("PUT", "/ports/" + port, other, 409, "IPAddressChangeNotAllowed")

    def test_pages_go_both_ways(self):
        word = name("page")
        made = sorted(self.make("network", name=word, description=str(i))["id"] for i in range(5))
        every = "/networks?name=%s&sort_key=id&limit=2" % word

        def page(path):
            body = self.ask("GET", path, None, 200)
            links = {link["rel"]: link["href"].split("/v2.0")[1] for link in body["networks_links"]}
            return [n["id"] for n in body["networks"]], links
        there, links = page(every)
        self.assertEqual(made[:2], there)
        there, links = page(links["next"])
        self.assertEqual(made[2:4], there)
        self.assertEqual(made[:2], page(links["previous"])[0])
        there, links = page(links["next"])
        self.assertEqual((made[4:], False), (there, "next" in links))
        there, links = page(every + "&page_reverse=true")
        self.assertEqual(made[3:], there)
        there, links = page(links["previous"])
        self.assertEqual(made[1:3], there)
        there, links = page(links["previous"])
        self.assertEqual((made[:1], False), (there, "previous" in links))

    def test_ports_have_names(self):
        admin = self.cloud.token()
        net, _ = self.network("10.19.0.0/24", admin, dns_domain="example.org.")
        host = self.ask("GET", "/agents", token=admin)["agents"][0]["host"]
        port = self.make("port", admin, network_id=net["id"], dns_name="Web", device_owner="compute:nova",
                         **{"binding:host_id": host})
        address = port["fixed_ips"][0]["ip_address"]
        self.assertEqual([{"ip_address": address, "hostname": "web", "fqdn": "web.openstacklocal."}],
                         port["dns_assignment"])
        self.told("port", port["id"], lambda d: d["dns_records"] == {
            "web": address, "web.openstacklocal": address, "web.example.org": address})
        for bad in ("-web", "web-", "a..b", "no good", "x" * 64):
            self.ask("PUT", "/ports/" + port["id"], {"port": {"dns_name": bad}}, 400, admin)
        self.ask("PUT", "/ports/" + port["id"], {"port": {"dns_name": ""}}, 200, admin)
        self.told("port", port["id"], lambda d: d["dns_records"] == {})
        bare = self.make("port", admin, network_id=net["id"])
        self.assertEqual("host-" + bare["fixed_ips"][0]["ip_address"].replace(".", "-"),
                         bare["dns_assignment"][0]["hostname"])

    def test_a_change_may_be_bound_to_a_revision(self):
        net, _ = self.network(None)
        path, body = "/networks/" + net["id"], {"network": {"name": "x"}}
        stale = {"If-Match": "revision_number=%d" % (net["revision_number"] + 7)}
        answer = self.ask("PUT", path, body, 412, headers=stale)
        self.assertEqual("RevisionNumberConstraintFailed", answer["NeutronError"]["type"])
        self.ask("PUT", path, body, 400, headers={"If-Match": "7"})
        self.ask("PUT", path, body, 200, headers={"If-Match": "revision_number=%d" % net["revision_number"]})
        self.ask("DELETE", path, None, 412, headers={"If-Match": "revision_number=%d" % net["revision_number"]})
        port = self.make("port", network_id=net["id"])
        self.ask("DELETE", "/ports/" + port["id"], None, 412, headers=stale)
        self.ask("DELETE", "/ports/" + port["id"], None, 204, headers={"If-Match": "revision_number=0"})
        self.ask("DELETE", path, None, 204, headers={"If-Match": "revision_number=%d" % (net["revision_number"] + 1)})

    def test_what_is_not_there_says_so(self):
        self.ask("POST", "/l2-gateways", {"l2_gateway": {}}, 501)
        self.ask("GET", "/extensions/no-such", status=404)
        self.assertEqual("router", self.ask("GET", "/extensions/router", status=200)["extension"]["alias"])

    def test_addresses_in_use_are_counted(self):
        net, _ = self.network("10.18.0.0/24")
        self.make("port", network_id=net["id"])
        shown = self.ask("GET", "/network-ip-availabilities/" + net["id"], status=200, token=self.cloud.token())
        self.assertEqual([2, 253], [shown["network_ip_availability"][key] for key in ("used_ips", "total_ips")])

    # ---- statements and speed ----

    def test_a_port_costs_the_same_number_of_statements_however_many_there_are(self):
        net, _ = self.network("10.128.0.0/16", token=self.cloud.token())
        body = {"port": {"network_id": net["id"]}}
        self.ask("PUT", "/quotas/" + self.project(self.cloud.token()), {"quota": {"port": -1}}, 200, self.cloud.token())

        def cost():
            before = self.statements()
            self.ask("POST", "/ports", body, 201, self.cloud.token())
            return self.statements() - before
        cost()      # makes the project's default group
        few = cost()
        ports = [{"network_id": net["id"]}] * 500
        self.ask("POST", "/ports", {"ports": ports}, 201, self.cloud.token())
        self.assertEqual(few, cost())
        self.assertLessEqual(few, 14)
        before = self.statements()
        self.assertGreater(len(self.ask("GET", "/ports", token=self.cloud.token())["ports"]), 500)
        self.assertLessEqual(self.statements() - before, 8)


class ConvergeTest(unittest.TestCase):
    """The back end becomes what the rows say, whatever was lost meanwhile: the fake driver keeps documents as files."""

    def test_a_restarted_agent_brings_back_what_is_wanted_and_removes_the_rest(self):
        cloud = Cloud().start()
        try:
            folder = os.path.join(cloud.data, "fake")
            os.mkdir(folder)
            net = cloud.request("POST", BASE + "/networks", {"network": {"name": "n"}})[2]["network"]
            subnet = {"network_id": net["id"], "ip_version": 4, "cidr": "10.0.0.0/24"}
            cloud.request("POST", BASE + "/subnets", {"subnet": subnet})
            cloud.agent = True
            cloud.restart()

            def document(kind, name):
                try:
                    with open(os.path.join(folder, "network", kind, name + ".json")) as file:
                        return json.load(file)
                except OSError:
                    return None
            made = cloud.until(lambda: document("network", net["id"]), what="the network's document")
            self.assertEqual(["10.0.0.2", 1442], [made["subnets"][0]["metadata_ip"], made["mtu"]])
            port = cloud.request("GET", BASE + "/ports?network_id=" + net["id"])[2]["ports"][0]
            cloud.until(lambda: document("port", port["id"]), what="the metadata port's document")
            lost, stray = os.path.join(folder, "network", "network"), str(uuid.uuid4())
            os.rename(os.path.join(lost, net["id"] + ".json"), os.path.join(lost, stray + ".json"))
            cloud.restart()
            cloud.until(lambda: document("network", net["id"]) and not document("network", stray), what="convergence")
            cloud.request("DELETE", BASE + "/networks/" + net["id"])
            cloud.until(lambda: not document("network", net["id"]) and not document("port", port["id"]), what="removal")
        finally:
            codes = cloud.stop()
        self.assertFalse(any(codes), codes)


if __name__ == "__main__":
    unittest.main()
