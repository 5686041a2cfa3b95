# SPDX-License-Identifier: Apache-2.0
"""What the declarations do not say of a valid example. Everything else is derived: a resource needs a line here only
where a value has a meaning beyond its type.

    FIELDS      (resource, field): value, or a function of the world and of whose project ("own", "other")
    MAKERS      resource: a function that makes one and returns its id, where a single request does not
    COLLECTIONS (service, word of a path): the resource that lies there, where no list or create operation says it
    PARAMETERS  (resource or service, [word before,] name): the value of a path's parameter that is no id of a resource"""
import time
import uuid

class NoExample(Exception):
    """A valid example could not be made: a line is wanted below."""


class NotThere(NoExample):
    """Nothing makes one here: the operation that would is not available yet, or wants what this cloud has not."""


TEXT_BYTES = b"bytes of an image"


# ---- makers ----

def _image(w, who):
    image = w.ask("POST", "/image/v2/images", {"name": w.name(), "disk_format": "raw", "container_format": "bare"},
                  w.owner(who))["id"]
    w.ask("PUT", "/image/v2/images/%s/file" % image, TEXT_BYTES, w.owner(who), media="application/octet-stream")
    return image


def _wait(w, what, path, who, key, good):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        shown = w.ask("GET", path, None, w.owner(who))[key]
        if good(shown):
            return shown
        time.sleep(0.05)
    raise AssertionError("%s did not settle: %s" % (what, shown))


def _server(w, who):
    body = {"name": w.name(), "imageRef": w.get("image_image", who), "flavorRef": w.get("compute_flavor"),
            "networks": [{"uuid": w.get("network_network", who)}]}
    w.get("network_subnet", who)
    server = w.ask("POST", "/compute/v2.1/servers", {"server": body}, w.owner(who))["server"]["id"]
    _wait(w, "server", "/compute/v2.1/servers/" + server, who, "server", lambda s: s["status"] in ("ACTIVE", "ERROR"))
    return server


def _volume(w, who):
    volume = w.ask("POST", "/volume/v3/volumes", {"volume": {"size": 1, "name": w.name()}}, w.owner(who))["volume"]["id"]
    _wait(w, "volume", "/volume/v3/volumes/" + volume, who, "volume", lambda v: v["status"] != "creating")
    return volume


def _snapshot(w, who):
    body = {"snapshot": {"volume_id": _volume(w, who), "force": True, "name": w.name()}}
    snapshot = w.ask("POST", "/volume/v3/snapshots", body, w.owner(who))["snapshot"]["id"]
    _wait(w, "snapshot", "/volume/v3/snapshots/" + snapshot, who, "snapshot", lambda s: s["status"] != "creating")
    return snapshot


def _transfer(w, who):
    return w.ask("POST", "/volume/v3/volume-transfers", {"transfer": {"volume_id": _volume(w, who), "name": w.name()}},
                 w.owner(who))["transfer"]["id"]


def _attachment(w, who):
    return w.ask("POST", "/volume/v3/attachments",
                 {"attachment": {"volume_uuid": _volume(w, who)}},
                 w.owner(who))["attachment"]["id"]


def _floatingip(w, who):
    return w.ask("POST", "/network/v2.0/floatingips", {"floatingip": {"floating_network_id": external(w, who)}},
                 w.owner(who))["floatingip"]["id"]


def _port_forwarding(w, who):
    net, floating = w.get("network_network", who), _floatingip(w, who)
    w.get("network_subnet", who)
    router = w.ask("POST", "/network/v2.0/routers",
                   {"router": {"external_gateway_info": {"network_id": external(w, who)}}}, w.owner(who))["router"]["id"]
    subnet = w.ask("POST", "/network/v2.0/subnets", {"subnet": {"network_id": net, "ip_version": 4, "cidr": w.cidr()}},
                   w.owner(who))["subnet"]["id"]
    w.ask("PUT", "/network/v2.0/routers/%s/add_router_interface" % router, {"subnet_id": subnet}, w.owner(who))
    port = w.ask("POST", "/network/v2.0/ports", {"port": {"network_id": net, "fixed_ips": [{"subnet_id": subnet}]}},
                 w.owner(who))["port"]
    body = {"internal_port_id": port["id"], "internal_ip_address": port["fixed_ips"][0]["ip_address"], "internal_port": 80,
            "external_port": 8080, "protocol": "tcp"}
    w.made["network_floatingip", who] = floating        # the one below which it lies
    return w.ask("POST", "/network/v2.0/floatingips/%s/port_forwardings" % floating, {"port_forwarding": body},
                 w.owner(who))["port_forwarding"]["id"]


def _ndp_proxy(w, who):
    """Needs a router to an IPv6 network outside with an address scope in common."""
    raise NotThere("an NDP proxy needs a network of its own kind")


def external(w, who):
    if "external" not in w.made:
        body = {"network": {"name": w.name("external"), "router:external": True}}
        net = w.ask("POST", "/network/v2.0/networks", body)["network"]["id"]
        w.ask("POST", "/network/v2.0/subnets",
              {"subnet": {"network_id": net, "ip_version": 4, "cidr": "172.16.0.0/16", "enable_dhcp": False}})
        w.made["external"] = net
    return w.made["external"]


def _subnet(w, who):
    return w.ask("POST", "/network/v2.0/subnets",
                 {"subnet": {"network_id": w.get("network_network", who), "ip_version": 4, "cidr": w.cidr()}},
                 w.owner(who))["subnet"]["id"]


def _user(w, who):
    if who == "own":
        return w.users["user"]
    return w.ask("POST", "/identity/v3/users", {"user": {"name": w.name(), "password": "a-password"}})["user"]["id"]


def _domain(w, who):
    return "default" if who == "own" else \
        w.ask("POST", "/identity/v3/domains", {"domain": {"name": w.name()}})["domain"]["id"]


def _own_user(path, key, body):
    """What a user makes for itself, with its own token."""
    def make(w, who):
        person = "user" if who == "own" else "other-member"
        answer = w.ask("POST", path % w.users[person], {key: body(w)}, w.tokens[person])
        return answer[key].get("id") or answer[key]["access"]
    return make


def _access_rule(w, who):
    person = "user" if who == "own" else "other-member"
    rule = {"path": "/v2.1/" + w.name(), "method": "GET", "service": "compute"}
    body = {"application_credential": {"name": w.name(), "access_rules": [rule]}}
    made = w.ask("POST", "/identity/v3/users/%s/application_credentials" % w.users[person], body, w.tokens[person])
    return made["application_credential"]["access_rules"][0]["id"]


def _trust(w, who):
    person = "user" if who == "own" else "other-member"
    body = {"trust": {"trustor_user_id": w.users[person], "trustee_user_id": w.get("identity_user", "other"), "impersonation": False,
                      "project_id": w.projects["other"],
                      "roles": [{"name": "plain" if person == "user" else "member"}]}}
    return w.ask("POST", "/identity/v3/OS-TRUST/trusts", body, w.tokens[person])["trust"]["id"]


def _registered(w, who, **more):
    body = {"service_id": w.get("identity_service"), "resource_name": w.name(), "default_limit": 5}
    made = w.ask("POST", "/identity/v3/registered_limits", {"registered_limits": [body]})["registered_limits"][0]
    return made["id"], made["resource_name"]


def _limit(w, who):
    _, resource = _registered(w, who)
    body = {"service_id": w.get("identity_service"), "resource_name": resource, "resource_limit": 5,
            "project_id": w.projects[who]}
    return w.ask("POST", "/identity/v3/limits", {"limits": [body]})["limits"][0]["id"]


def _named(path, key):
    """Made by PUT under a name of one's own."""
    def make(w, who):
        word = w.name()
        body = {"identity_provider": {}, "mapping": {"rules": RULES},
                "service_provider": {"auth_url": "http://127.0.0.1:9/", "sp_url": "http://127.0.0.1:9/"}}[key]
        w.ask("PUT", path + word, {key: body})
        return word
    return make


def _protocol(w, who):
    w.ask("PUT", "/identity/v3/OS-FEDERATION/identity_providers/%s/protocols/saml2" % w.get("identity_provider", who),
          {"protocol": {"mapping_id": w.get("identity_mapping", who)}})
    return "saml2"


def _keypair(w, who):
    word = w.name("key")
    w.ask("POST", "/compute/v2.1/os-keypairs", {"keypair": {"name": word}}, w.owner(who), minor=91)
    return word


def _group_of_nova(w, who):
    return w.get("network_security_group", who)


def _trait(w, who):
    word = "CUSTOM_" + w.name().upper().replace("-", "_")
    w.ask("PUT", "/placement/traits/" + word)
    return word


def _class(w, who):
    word = "CUSTOM_" + w.name().upper().replace("-", "_")
    w.ask("PUT", "/placement/resource_classes/" + word)
    return word


def _consumer(w, who):
    """Somebody with an allocation, but no server: whose allocations must stay as they are."""
    if ("consumer", who) not in w.made:
        w.made["consumer", who] = consumer = str(uuid.uuid4())
        provider = w.ask("POST", "/placement/resource_providers", {"name": w.name()})["uuid"]
        w.ask("PUT", "/placement/resource_providers/%s/inventories" % provider,
              {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 1000}}})
        w.ask("PUT", "/placement/allocations/" + consumer, {
            "allocations": {provider: {"resources": {"VCPU": 1}}}, "project_id": w.projects[who], "user_id": w.users["user"],
            "consumer_generation": None, "consumer_type": "OTHER"})
    return w.made["consumer", who]


def _image_member(w, who):
    member = ABSENT.replace("-", "")
    w.client.send("POST", "/image/v2/images/%s/members" % w.get("image_image", who), w.owner(who), {"member": member})
    return member


def _qos(w, who):
    return w.ask("POST", "/volume/v3/qos-specs", {"qos_specs": {"name": w.name()}})["qos_specs"]["id"]


RULES = [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "UserName"}]}]

MAKERS = {
    "image_image": _image, "compute_server": _server, "volume_volume": _volume, "volume_snapshot_row": _snapshot,
    "volume_transfer": _transfer, "volume_attachment": _attachment, "network_floatingip": _floatingip,
    "network_subnet": _subnet, "identity_user": _user, "identity_domain": _domain,
    "identity_project": lambda w, who: w.projects[who],
    "identity_application_credential": _own_user("/identity/v3/users/%s/application_credentials", "application_credential",
                                                 lambda w: {"name": w.name()}),
    "identity_ec2": lambda w, who: w.ask(
        "POST", "/identity/v3/users/%s/credentials/OS-EC2" % w.users["user" if who == "own" else "other-member"],
        {"tenant_id": w.projects["other"]}, w.tokens["user" if who == "own" else "other-member"])["credential"]["access"],
    "identity_access_rule": _access_rule, "identity_trust": _trust,
    "identity_registered_limit": lambda w, who: _registered(w, who)[0], "identity_limit": _limit,
    "identity_provider": _named("/identity/v3/OS-FEDERATION/identity_providers/", "identity_provider"),
    "identity_mapping": _named("/identity/v3/OS-FEDERATION/mappings/", "mapping"),
    "identity_service_provider": _named("/identity/v3/OS-FEDERATION/service_providers/", "service_provider"),
    "identity_protocol": _protocol, "compute_keypair": _keypair, "placement_trait": _trait, "placement_class": _class,
    "network_port_forwarding": _port_forwarding, "network_ndp_proxy": _ndp_proxy, "image_member": _image_member, "volume_qos": _qos,
}

FIELDS = {
    ("identity_mapping", "rules"): RULES,
    ("identity_trust", "trustor_user_id"): lambda w, who: w.users["user"],
    ("identity_trust", "trustee_user_id"): lambda w, who: w.get("identity_user", "other"),
    ("identity_trust", "project_id"): lambda w, who: w.projects["other"],
    ("identity_trust", "roles"): lambda w, who: [{"name": "plain"}],
    ("network_subnet", "network_id"): lambda w, who: w.get("network_network", who),
    ("network_subnet", "ip_version"): 4, ("network_subnet", "cidr"): lambda w, who: w.cidr(),
    ("network_subnetpool", "prefixes"): lambda w, who: [w.cidr()],
    ("network_address_scope", "ip_version"): 4, ("network_address_scope", "name"): lambda w, who: w.name(),
    ("network_security_group_rule", "remote_ip_prefix"): lambda w, who: w.cidr(),
    ("network_floatingip", "floating_network_id"): external,
    ("network_segment", "network_type"): "vlan", ("network_segment", "physical_network"): "physnet1",
    ("network_segment", "segmentation_id"): lambda w, who: 500 + int(w.name().split("-")[1]) % 3000,
    ("network_port_forwarding", "internal_port_id"): lambda w, who: w.get("network_port", who),
    ("network_port_forwarding", "protocol"): "tcp", ("network_flavor", "service_type"): "QOS",
    ("network_service_profile", "metainfo"): "{}", ("network_segment_range", "network_type"): "geneve",
    ("network_segment_range", "shared"): True,
    ("network_segment_range", "minimum"): lambda w, who: 100_000 + int(w.name().split("-")[1]),
    ("network_segment_range", "maximum"): lambda w, who: 100_000 + w.counter,
    ("network_rbac", "object_type"): "network", ("network_rbac", "action"): "access_as_shared",
    ("network_rbac", "object_id"): lambda w, who: w.get("network_network", who),
    ("network_rbac", "target_tenant"): lambda w, who: w.name("tenant"),
    ("identity_credential", "type"): "cert", ("identity_credential", "user_id"): lambda w, who: w.users["user"],
    ("identity_credential", "project_id"): lambda w, who: w.projects[who],
    ("identity_endpoint", "interface"): "public",
    ("identity_new_password", "original_password"): "not the password",
    ("volume_create_input", "size"): 1,
    ("volume_snapshot_create_input", "volume_id"): lambda w, who: w.get("volume_volume", who),
    ("compute_server_new", "flavor_ref"): lambda w, who: w.get("compute_flavor"),
    ("compute_server_new", "image_ref"): lambda w, who: w.get("image_image", who),
    ("compute_server_new", "networks"): "none",
    ("compute_server_group", "policy"): "affinity",
    ("compute_resize", "flavor_ref"): lambda w, who: w.get("compute_flavor", "other"),
    ("compute_rebuild", "image_ref"): lambda w, who: w.get("image_image", who),
    ("compute_attachment_change", "volume_id"): lambda w, who: w.get("volume_volume", who),
    ("network_qos_dscp_marking", "dscp_mark"): 8, ("network_qos_alias_dscp_marking", "dscp_mark"): 8,
    ("compute_attachment_new", "volume_id"): lambda w, who: w.get("volume_volume", who),
    ("placement_class", "name"): lambda w, who: "CUSTOM_" + w.name().upper().replace("-", "_"),
}

COLLECTIONS = {
    ("identity", "users"): "identity_user", ("identity", "groups"): "identity_group", ("identity", "roles"): "identity_role",
    ("identity", "domains"): "identity_domain", ("identity", "projects"): "identity_project",
    ("identity", "implies"): "identity_role", ("identity", "OS-EC2"): "identity_ec2",
    ("identity", "services"): "identity_service", ("identity", "endpoints"): "identity_endpoint",
    ("identity", "identity_providers"): "identity_provider", ("identity", "protocols"): "identity_protocol",
    ("identity", "mappings"): "identity_mapping", ("identity", "service_providers"): "identity_service_provider",
    ("identity", "policies"): "identity_policy", ("identity", "regions"): "identity_region",
    ("identity", "trusts"): "identity_trust", ("identity", "limits"): "identity_limit",
    ("identity", "access_rules"): "identity_access_rule",
    ("image", "members"): "image_member",
    ("volume", "volumes"): "volume_volume", ("volume", "snapshots"): "volume_snapshot_row",
    ("volume", "types"): "volume_type", ("volume", "group_types"): "volume_group_type", ("volume", "qos-specs"): "volume_qos",
    ("volume", "os-volume-transfer"): "volume_transfer", ("volume", "volume-transfers"): "volume_transfer",
    ("volume", "attachments"): "volume_attachment",
    ("placement", "resource_providers"): "placement_provider", ("placement", "traits"): "placement_trait",
    ("placement", "resource_classes"): "placement_class",
    ("network", "network-ip-availabilities"): "network_network",
    ("compute", "servers"): "compute_server", ("compute", "os-volumes_boot"): "compute_server",
    ("compute", "flavors"): "compute_flavor", ("compute", "images"): "image_image",
    ("compute", "os-security-groups"): "network_security_group",
    ("compute", "os-security-group-rules"): "network_security_group_rule",
    ("compute", "os-floating-ips"): "network_floatingip", ("compute", "os-aggregates"): "compute_aggregate",
    ("compute", "os-volumes"): "volume_volume", ("compute", "os-snapshots"): "volume_snapshot_row",
    ("compute", "os-networks"): "network_network", ("compute", "os-tenant-networks"): "network_network",
    ("compute", "os-keypairs"): "compute_keypair", ("compute", "os-server-groups"): "compute_server_group",
    ("compute", "os-interface"): "network_port", ("compute", "os-volume_attachments"): "volume_volume",
}

ABSENT = "00000000-0000-4000-8000-000000000000"


def _service_of_compute(w, who):
    return str(w.ask("GET", "/compute/v2.1/os-services", minor=w.minor)["services"][0]["id"])


def _hypervisor(w, who):
    return str(w.ask("GET", "/compute/v2.1/os-hypervisors", minor=w.minor)["hypervisors"][0]["id"])


def _host(w, who):
    return w.ask("GET", "/compute/v2.1/os-services")["services"][0]["host"]


def _agent(w, who):
    return w.ask("GET", "/network/v2.0/agents")["agents"][0]["id"]


def _whose(w, who):
    return w.projects[who]


PARAMETERS = {
    ("identity", "tags", "value"): "example-tag", ("image", "tags"): "example-tag", ("network", "tags"): "example-tag",
    ("compute", "tags"): "example-tag", ("compute", "metadata"): "key", ("volume", "metadata"): "key",
    ("compute", "os-extra_specs"): "key", ("volume", "extra_specs"): "key", ("volume", "group_specs"): "key",
    ("volume", "encryption"): "provider", ("identity", "config"): "ldap", ("identity", "{group}"): "url",
    ("identity", "security_compliance"): "password_regex", ("identity", "websso"): "openid",
    ("identity", "authorize"): ABSENT.replace("-", ""), ("identity", "access_tokens"): ABSENT.replace("-", ""),
    ("image", "tasks"): ABSENT, ("compute", "os-instance-actions"): "req-" + ABSENT, ("compute", "migrations"): "1",
    ("compute", "ips"): "example", ("compute", "os-console-auth-tokens"): ABSENT,
    ("compute", "os-instance_usage_audit_log"): "2026-01-01", ("compute", "os-hypervisors", "id"): _hypervisor,
    ("compute", "os-hypervisors", "name"): _host, ("compute", "os-services"): _service_of_compute,
    ("compute", "os-hosts"): _host, ("compute", "os-quota-sets"): _whose, ("compute", "os-quota-class-sets"): "default",
    ("compute", "os-simple-tenant-usage"): _whose, ("compute", "versions"): "v2.1", ("compute", "extensions"): "servers",
    ("network", "quotas"): _whose, ("network", "auto-allocated-topology"): _whose, ("network", "agents"): _agent, ("network", "extensions"): "router",
    ("network", "rule-types"): "bandwidth_limit",
    ("volume", "os-quota-sets"): _whose, ("volume", "os-quota-class-sets"): "default", ("volume", "extensions"): "OS-X",
    ("volume", "os-hosts"): _host, ("volume", "capabilities"): _host, ("volume", "clusters"): "none",
    ("volume", "messages"): ABSENT, ("volume", "backups"): ABSENT, ("volume", "groups"): ABSENT,
    ("volume", "group_snapshots"): ABSENT, ("volume", "consistencygroups"): ABSENT, ("volume", "cgsnapshots"): ABSENT,
    ("placement", "inventories", "resource_class"): "VCPU", ("placement", "allocations"): _consumer,
    ("compute_gone", "id"): ABSENT, ("compute_gone", "domain_id"): "domain",
    ("console_page", "path"): "x", ("metadata_tree", "path"): "latest",
}
