# SPDX-License-Identifier: Apache-2.0
"""Quality of service: policies, rules, what they are bound to, and what the driver is told of it."""
import unittest

from network_base import NetworkCase, name


class QosTest(NetworkCase):
    def policy(self, **fields):
        return self.make("policy", self.cloud.token(), name=name("qos"), **fields)

    def rule(self, policy, kind, status=201, **fields):
        path = "/qos/policies/%s/%s_rules" % (policy["id"], kind)
        return self.ask("POST", path, {kind + "_rule": fields}, status, self.cloud.token()).get(kind + "_rule")

    def bound_port(self, **fields):
        admin = self.cloud.token()
        net, _ = self.network("10.40.0.0/24", admin, **fields.pop("network", {}))
        host = self.ask("GET", "/agents", token=admin)["agents"][0]["host"]
        return net, self.make("port", admin, network_id=net["id"], device_owner="compute:nova",
                              **dict(fields, **{"binding:host_id": host}))

    def test_rules_belong_to_their_policy_and_kind(self):
        one, two = self.policy(), self.policy()
        rule = self.rule(one, "bandwidth_limit", max_kbps=1000)
        self.assertEqual([0, "egress"], [rule["max_burst_kbps"], rule["direction"]])
        path = "/qos/policies/%s/%s/" + rule["id"]
        admin = self.cloud.token()
        self.ask("GET", path % (one["id"], "bandwidth_limit_rules"), None, 200, admin)
        for method in ("GET", "DELETE"):
            self.refused(method, path % (two["id"], "bandwidth_limit_rules"), None, 404, "QosRuleNotFound", admin)
            self.refused(method, path % (one["id"], "dscp_marking_rules"), None, 404, "QosRuleNotFound", admin)
            self.refused(method, "/qos/alias_dscp_marking_rules/" + rule["id"], None, 404, "QosRuleNotFound", admin)
        self.refused("GET", "/qos/policies/%s/bandwidth_limit_rules" % rule["id"], None, 404, "QosPolicyNotFound", admin)
        alias = "/qos/alias_bandwidth_limit_rules/" + rule["id"]
        body = {"alias_bandwidth_limit_rule": {"max_kbps": 500}}
        self.assertEqual(500, self.ask("PUT", alias, body, 200, admin)["alias_bandwidth_limit_rule"]["max_kbps"])
        shown = self.ask("GET", "/qos/policies/" + one["id"], None, 200, admin)["policy"]["rules"]
        self.assertEqual([("bandwidth_limit", 500)], [(r["type"], r["max_kbps"]) for r in shown])
        self.ask("DELETE", alias, None, 204, admin)

    def test_rules_that_contradict_are_refused(self):
        policy, admin = self.policy(), self.cloud.token()
        self.rule(policy, "bandwidth_limit", max_kbps=1000)
        self.rule(policy, "bandwidth_limit", 409, max_kbps=2000)
        self.rule(policy, "bandwidth_limit", max_kbps=2000, direction="ingress")
        self.rule(policy, "minimum_bandwidth", 409, min_kbps=1001)
        self.rule(policy, "minimum_bandwidth", min_kbps=1000)
        self.rule(policy, "dscp_marking", 400, dscp_mark=58)
        self.rule(policy, "dscp_marking", 400)
        self.rule(policy, "bandwidth_limit", 400, max_kbps=-1, direction="ingress")
        self.ask("POST", "/qos/policies/%s/dscp_marking_rules" % policy["id"], {"dscp_marking_rule": {"dscp_mark": 8}}, 403)
        other = self.policy()
        self.rule(other, "packet_rate_limit", max_kpps=10)
        net, _ = self.network(None, admin)
        self.refused("PUT", "/networks/" + net["id"], {"network": {"qos_policy_id": other["id"]}}, 409,
                     "QosRuleNotSupported", admin)

    def test_the_driver_is_told_of_a_port_by_its_own_or_its_networks_policy(self):
        admin, weak, strong = self.cloud.token(), self.policy(), self.policy()
        self.rule(weak, "bandwidth_limit", max_kbps=100)
        self.rule(strong, "dscp_marking", dscp_mark=26)
        net, port = self.bound_port(network={"qos_policy_id": weak["id"]})
        self.assertEqual([None, weak["id"]], [port["qos_policy_id"], port["qos_network_policy_id"]])
        self.told("port", port["id"], lambda d: [r["type"] for r in d["qos_rules"]] == ["bandwidth_limit"])
        self.ask("PUT", "/ports/" + port["id"], {"port": {"qos_policy_id": strong["id"]}}, 200, admin)
        self.told("port", port["id"], lambda d: d["qos_rules"] == [{"type": "dscp_marking", "dscp_mark": 26}])
        self.rule(strong, "minimum_bandwidth", min_kbps=50)
        self.told("port", port["id"], lambda d: len(d["qos_rules"]) == 2)
        self.refused("DELETE", "/qos/policies/" + strong["id"], None, 409, "QosPolicyInUse", admin)
        self.ask("PUT", "/ports/" + port["id"], {"port": {"qos_policy_id": None}}, 200, admin)
        self.ask("PUT", "/networks/" + net["id"], {"network": {"qos_policy_id": None}}, 200, admin)
        self.told("port", port["id"], lambda d: d["qos_rules"] == [])
        self.ask("DELETE", "/qos/policies/" + strong["id"], None, 204, admin)

    def test_floating_ips_and_gateways_have_policies(self):
        admin, policy = self.cloud.token(), self.policy(shared=True)
        self.rule(policy, "bandwidth_limit", max_kbps=100)
        ext, _ = self.external("203.0.114.0/24")
        _, subnet = self.network("10.41.0.0/24")
        router = self.make("router", admin, external_gateway_info={"network_id": ext["id"], "qos_policy_id": policy["id"]},
                           project_id=self.project(self.member))
        self.assertEqual(policy["id"], router["external_gateway_info"]["qos_policy_id"])
        self.ask("PUT", "/routers/%s/add_router_interface" % router["id"], {"subnet_id": subnet["id"]}, 200)
        port = self.make("port", network_id=subnet["network_id"])
        fip = self.make("floatingip", floating_network_id=ext["id"], port_id=port["id"], qos_policy_id=policy["id"])
        document = self.told("router", router["id"], lambda d: d["floatingips"])
        self.assertEqual(100, document["floatingips"][0]["qos_rules"][0]["max_kbps"])
        gateway = document["external_gateway_info"]["port_id"]
        self.told("port", gateway, lambda d: d["qos_rules"][0]["max_kbps"] == 100)
        self.ask("PUT", "/floatingips/" + fip["id"], {"floatingip": {"qos_policy_id": None}}, 200)
        self.assertEqual(port["id"], self.ask("GET", "/floatingips/" + fip["id"])["floatingip"]["port_id"])
        self.told("router", router["id"], lambda d: d["floatingips"] and not d["floatingips"][0]["qos_rules"])
        self.assertIsNone(self.ask("PUT", "/floatingips/" + fip["id"], {"floatingip": {}}, 200)["floatingip"]["port_id"])
        info = {"network_id": ext["id"], "qos_policy_id": None}
        self.ask("PUT", "/routers/" + router["id"], {"router": {"external_gateway_info": info}}, 200)
        self.told("port", gateway, lambda d: d["qos_rules"] == [])

    def test_projects_see_what_is_shared_with_them(self):
        own = self.policy()
        self.refused("GET", "/qos/policies/" + own["id"], None, 404, "QosPolicyNotFound")
        self.refused("GET", "/qos/policies/%s/bandwidth_limit_rules" % own["id"], None, 404, "QosPolicyNotFound")
        net, _ = self.network(None)
        self.ask("PUT", "/networks/" + net["id"], {"network": {"qos_policy_id": own["id"]}}, 404)
        entry = self.make("rbac_policy", self.cloud.token(), object_type="qos_policy", object_id=own["id"],
                          action="access_as_shared", target_tenant=self.project(self.member))
        self.ask("PUT", "/networks/" + net["id"], {"network": {"qos_policy_id": own["id"]}}, 200)
        self.ask("GET", "/qos/policies/" + own["id"], status=404, token=self.other)
        self.refused("DELETE", "/rbac-policies/" + entry["id"], None, 409, "RbacPolicyInUse", self.cloud.token())
        self.ask("PUT", "/qos/policies/" + own["id"], {"policy": {"name": "x"}}, 403)

    def test_a_default_policy_is_taken_by_new_networks(self):
        admin = self.cloud.token()
        policy = self.policy(is_default=True)
        body = {"policy": {"name": "second", "is_default": True}}
        self.refused("POST", "/qos/policies", body, 409, "QoSPolicyDefaultAlreadyExists", admin)
        net, _ = self.network(None, admin)
        self.assertEqual(policy["id"], net["qos_policy_id"])
        bare = self.make("network", admin, name="bare", qos_policy_id=None)
        self.assertIsNone(bare["qos_policy_id"])
        self.ask("PUT", "/qos/policies/" + policy["id"], {"policy": {"is_default": False}}, 200, admin)

    def test_types_are_those_with_an_effect(self):
        types = [t["type"] for t in self.ask("GET", "/qos/rule-types", None, 200)["rule_types"]]
        self.assertEqual(["bandwidth_limit", "dscp_marking", "minimum_bandwidth"], types)
        self.assertEqual(5, len(self.ask("GET", "/qos/rule-types?all_rules=true", None, 200)["rule_types"]))
        self.ask("GET", "/qos/rule-types/bandwidth_limit", None, 403)
        shown = self.ask("GET", "/qos/rule-types/bandwidth_limit", None, 200, self.cloud.token())["rule_type"]
        self.assertEqual("ovn", shown["drivers"][0]["name"])

    def test_a_list_of_policies_costs_the_same_however_many_there_are(self):
        self.rule(self.policy(), "bandwidth_limit", max_kbps=100)
        self.ask("GET", "/qos/policies", None, 200)
        few = self.cost("/qos/policies", self.cloud.token())
        for _ in range(5):
            self.rule(self.policy(), "dscp_marking", dscp_mark=8)
        self.assertEqual(few, self.cost("/qos/policies", self.cloud.token()))


if __name__ == "__main__":
    unittest.main()
