# SPDX-License-Identifier: Apache-2.0
"""Lives of resources: what a client does with them from their making to their end. A life calls checkpoint(name) where
the cloud is quiet and its state is compared."""
from breakable import Stuck

COMPUTE, IMAGE, NETWORK, VOLUME = "/compute/v2.1", "/image/v2/images", "/network/v2.0", "/volume/v3"
NO_HOST = "No valid host"


def prepare(client, image_file=None):
    """What all lives find: flavors, an image (of a file, or zeros), a network with a router to the outside, a second
    project."""
    def make(path, body, expect=(200, 201, 202)):
        status, answer = client.request("POST", path, body)
        assert status in expect, (path, status, answer)
        return answer
    more = 128 if image_file else 0
    for name, ram, disk in (("small", 64 + more, 1), ("large", 128 + more, 2)):
        make(COMPUTE + "/flavors", {"flavor": {"id": name, "name": name, "ram": ram, "vcpus": 1, "disk": disk}})
    image = make(IMAGE, {"name": "base", "disk_format": "qcow2" if image_file else "raw", "container_format": "bare", "visibility": "public"})["id"]
    content = b"\0" * 65536
    if image_file:
        with open(image_file, "rb") as file:
            content = file.read()
    status, answer = client.request("PUT", "%s/%s/file" % (IMAGE, image), content)
    assert status == 204, answer
    outside = make(NETWORK + "/networks", {"network": {"name": "outside", "router:external": True}})["network"]["id"]
    make(NETWORK + "/subnets", {"subnet": {"network_id": outside, "cidr": "203.0.113.0/24", "ip_version": 4,
                                           "enable_dhcp": False, "name": "outside"}})
    router = make(NETWORK + "/routers", {"router": {"name": "router", "external_gateway_info": {"network_id": outside}}})
    for number in (1, 2):
        network = make(NETWORK + "/networks", {"network": {"name": "inside-%d" % number}})["network"]["id"]
        subnet = make(NETWORK + "/subnets", {"subnet": {"network_id": network, "cidr": "10.%d.0.0/24" % number,
                                                        "ip_version": 4, "name": "inside-%d" % number}})
        if number == 1:
            status, answer = client.request("PUT", "%s/routers/%s/add_router_interface" % (NETWORK, router["router"]["id"]),
                                            {"subnet_id": subnet["subnet"]["id"]})
            assert status == 200, answer
    status, me = client.request("GET", "/identity/v3/users?name=admin")
    status, roles = client.request("GET", "/identity/v3/roles?name=admin")
    other = make("/identity/v3/projects", {"project": {"name": "other"}})["project"]["id"]
    status, answer = client.request("PUT", "/identity/v3/projects/%s/users/%s/roles/%s"
                                    % (other, me["users"][0]["id"], roles["roles"][0]["id"]))
    assert status == 204, answer


def named(client, path, name):
    listed = client.get("%s?name=%s" % (path, name))
    return next(value for value in listed.values() if isinstance(value, list))[0]["id"]


# ---- servers ----

def server_of(client, server):
    return client.get("%s/servers/%s" % (COMPUTE, server))["server"]


def server_is(client, server, *statuses):
    shown = server_of(client, server)
    if shown["OS-EXT-STS:task_state"] is None and shown["status"] in statuses:
        return shown
    return None


def act(client, server, action, argument, done):
    """An action on a server, until done(server as shown) is true."""
    def look():
        shown = server_of(client, server)
        return shown if shown["OS-EXT-STS:task_state"] is None and done(shown) else None
    for attempt in range(4):
        client.change("POST", "%s/servers/%s/action" % (COMPUTE, server), {action: argument}, look, repeated=attempt > 0)
        client.quiet()
        if client.comes(look):
            return
    raise Stuck("%s does not end: %s" % (action, server_of(client, server)))


def status(word):
    return lambda shown: shown["status"] == word


def boot(client, name, **more):
    fields = {"name": name, "imageRef": named(client, IMAGE, "base"), "flavorRef": "small",
              "networks": [{"uuid": named(client, NETWORK + "/networks", "inside-1")}]}
    fields.update(more)
    for _ in range(4):
        server = client.make(COMPUTE + "/servers", "server", fields)
        client.until(lambda: server_of(client, server)["status"] != "BUILD", "the boot")
        shown = server_of(client, server)
        if shown["status"] == "ACTIVE":
            return server
        # Made in the moment in which its host was away: that is told, and such a server is made again.
        assert NO_HOST in shown["fault"]["message"], shown["fault"]
        client.remove("%s/servers/%s" % (COMPUTE, server))
    raise Stuck("no host for a server")


def volume_is(client, volume, word):
    return client.get("%s/volumes/%s" % (VOLUME, volume))["volume"]["status"] == word


def volume(client, name, **fields):
    for _ in range(4):
        made = client.make(VOLUME + "/volumes", "volume", dict({"name": name, "size": 1}, **fields))
        shown = client.until(lambda: not volume_is(client, made, "creating")
                             and client.get("%s/volumes/%s" % (VOLUME, made))["volume"], "volume " + name)
        if shown["status"] == "available":
            return made
        assert not shown.get("os-vol-host-attr:host"), shown      # else it failed on a host
        client.remove("%s/volumes/%s" % (VOLUME, made))
    raise Stuck("no host for a volume")


def booted(client, server):
    """A real guest listens to its power button only when it is up."""
    if getattr(client.cloud, "real", False):
        def console():
            status, answer = client.request("POST", "%s/servers/%s/action" % (COMPUTE, server), {"os-getConsoleOutput": {}})
            return status == 200 and "BOOT COMPLETE" in answer["output"]
        client.until(lambda: client.answered(console), "the guest", 240)


def port_of(client, server):
    ports = client.get("%s/ports?device_id=%s" % (NETWORK, server))["ports"]
    return ports[0]["id"]


def server_life(client, checkpoint):
    disk = volume(client, "disk")
    server = boot(client, "one", block_device_mapping_v2=[
        {"source_type": "image", "uuid": named(client, IMAGE, "base"), "destination_type": "local", "boot_index": 0},
        {"source_type": "volume", "uuid": disk, "destination_type": "volume", "boot_index": -1}])
    outside = named(client, NETWORK + "/networks", "outside")
    address = client.make(NETWORK + "/floatingips", "floatingip",
                          {"floating_network_id": outside, "port_id": port_of(client, server), "description": "of-one"},
                          NETWORK + "/floatingips?description=of-one")
    booted(client, server)
    act(client, server, "os-stop", None, status("SHUTOFF"))
    act(client, server, "os-start", None, status("ACTIVE"))
    booted(client, server)
    act(client, server, "resize", {"flavorRef": "large"}, status("VERIFY_RESIZE"))
    act(client, server, "confirmResize", None, status("ACTIVE"))
    checkpoint("confirmed")
    booted(client, server)
    act(client, server, "os-stop", None, status("SHUTOFF"))
    large = "%s/flavors" % COMPUTE
    client.change("POST", large, {"flavor": {"id": "huge", "name": "huge", "ram": 256, "vcpus": 2, "disk": 4}},
                  lambda: client.get(large + "/huge", (200, 404)))
    act(client, server, "resize", {"flavorRef": "huge"}, status("VERIFY_RESIZE"))
    act(client, server, "revertResize", None, status("SHUTOFF"))
    act(client, server, "reboot", {"type": "HARD"}, status("ACTIVE"))
    checkpoint("alive")
    client.remove("%s/floatingips/%s" % (NETWORK, address))
    client.remove("%s/servers/%s" % (COMPUTE, server))
    client.until(lambda: volume_is(client, disk, "available"), "the volume's return")
    client.remove("%s/volumes/%s" % (VOLUME, disk))
    client.remove(large + "/huge")


def attach_life(client, checkpoint):
    disk = volume(client, "disk")
    server = boot(client, "two")
    booted(client, server)
    act_image = client.change("POST", "%s/servers/%s/action" % (COMPUTE, server), {"createImage": {"name": "copy"}},
                              lambda: (client.get(IMAGE + "?name=copy")["images"] or [None])[0])
    image = act_image.get("image_id") or act_image["id"]
    client.quiet()
    client.until(lambda: client.get("%s/%s" % (IMAGE, image))["status"] == "active", "the snapshot")
    attachments = "%s/servers/%s/os-volume_attachments" % (COMPUTE, server)
    client.change("POST", attachments, {"volumeAttachment": {"volumeId": disk}},
                  lambda: client.get("%s/%s" % (attachments, disk), (200, 404)))
    client.until(lambda: volume_is(client, disk, "in-use"), "the attachment")
    interfaces = "%s/servers/%s/os-interface" % (COMPUTE, server)
    network = named(client, NETWORK + "/networks", "inside-2")

    def second_port():
        return [port for port in client.get(interfaces)["interfaceAttachments"] if port["net_id"] == network]
    client.change("POST", interfaces, {"interfaceAttachment": {"net_id": network}}, second_port)
    client.quiet()
    checkpoint("attached")
    client.change("DELETE", "%s/%s" % (interfaces, second_port()[0]["port_id"]), None, lambda: not second_port())
    client.until(lambda: not second_port(), "the port's end")
    client.change("DELETE", "%s/%s" % (attachments, disk), None, lambda: not client.get(attachments)["volumeAttachments"])
    client.until(lambda: volume_is(client, disk, "available"), "the detachment")
    act(client, server, "rebuild", {"imageRef": image, "name": "two"},
        lambda shown: shown["status"] == "ACTIVE" and shown["image"]["id"] == image)
    booted(client, server)
    act(client, server, "shelve", None, status("SHELVED_OFFLOADED"))
    checkpoint("shelved")
    act(client, server, "unshelve", None, status("ACTIVE"))
    checkpoint("alive")
    client.remove("%s/servers/%s" % (COMPUTE, server))
    client.remove("%s/%s" % (IMAGE, image))
    client.remove("%s/volumes/%s" % (VOLUME, disk))


# ---- volumes ----

def volume_act(client, volume_id, action, argument, done):
    def look():
        shown = client.get("%s/volumes/%s" % (VOLUME, volume_id))["volume"]
        return shown if done(shown) else None
    client.change("POST", "%s/volumes/%s/action" % (VOLUME, volume_id), {action: argument}, look)
    client.until(look, action)


def volume_life(client, checkpoint):
    first = volume(client, "first", imageRef=named(client, IMAGE, "base"))
    volume_act(client, first, "os-extend", {"new_size": 2},
               lambda shown: shown["status"] == "available" and shown["size"] == 2)
    snapshot = client.make(VOLUME + "/snapshots", "snapshot", {"name": "then", "volume_id": first})
    client.until(lambda: client.get("%s/snapshots/%s" % (VOLUME, snapshot))["snapshot"]["status"] == "available",
                 "the snapshot")
    second = volume(client, "second", snapshot_id=snapshot, size=2)
    third = volume(client, "third", source_volid=first, size=3)
    checkpoint("copied")
    path = VOLUME + "/os-volume-transfer"
    # Without an answer the key is lost: such a transfer is taken back and made anew.
    while True:
        made = client.change("POST", path, {"transfer": {"volume_id": third, "name": "gift"}},
                             lambda: client.get(path + "?name=gift")["transfers"] and {"transfer": None})
        if made["transfer"]:
            break
        client.remove("%s/%s" % (path, client.get(path + "?name=gift")["transfers"][0]["id"]))
    client.change("POST", "%s/%s/accept" % (path, made["transfer"]["id"]),
                  {"accept": {"auth_key": made["transfer"]["auth_key"]}},
                  lambda: not client.get(path + "?name=gift")["transfers"], project="other")
    volume_act(client, second, "os-volume_upload_image",
               {"image_name": "of-volume", "disk_format": "raw", "container_format": "bare"},
               lambda shown: shown["status"] == "available" and client.get(IMAGE + "?name=of-volume")["images"])
    client.quiet()
    checkpoint("alive")
    client.remove("%s/%s" % (IMAGE, named(client, IMAGE, "of-volume")))
    client.remove("%s/snapshots/%s" % (VOLUME, snapshot))
    for one in (first, second, third):
        client.remove("%s/volumes/%s" % (VOLUME, one))


def backup_life(client, checkpoint):
    first, path = volume(client, "first"), VOLUME + "/backups"

    def backup_is(backup, word):
        return client.get("%s/%s" % (path, backup))["backup"]["status"] == word
    kept = client.make(path, "backup", {"name": "kept", "volume_id": first})
    client.until(lambda: backup_is(kept, "available"), "the backup")
    client.until(lambda: volume_is(client, first, "available"), "the volume")
    checkpoint("kept")
    client.change("POST", "%s/%s/restore" % (path, kept), {"restore": {"name": "fresh"}},
                  lambda: client.get(VOLUME + "/volumes?name=fresh")["volumes"])
    fresh = named(client, VOLUME + "/volumes", "fresh")
    client.until(lambda: volume_is(client, fresh, "available"), "the new volume")
    client.until(lambda: backup_is(kept, "available"), "the backup")
    client.quiet()
    checkpoint("alive")
    client.remove("%s/%s" % (path, kept))
    for one in (first, fresh):
        client.remove("%s/volumes/%s" % (VOLUME, one))


# ---- images ----

def image_life(client, checkpoint):
    def make(name):
        return client.make(IMAGE, "image", {"name": name, "disk_format": "raw", "container_format": "bare"})

    def image_is(image, word):
        return client.get("%s/%s" % (IMAGE, image))["status"] == word
    sent = make("sent")
    client.change("PUT", "%s/%s/file" % (IMAGE, sent), b"s" * 300000, lambda: image_is(sent, "active"))
    staged = make("staged")
    client.change("PUT", "%s/%s/stage" % (IMAGE, staged), b"t" * 300000, lambda: image_is(staged, "uploading"))
    client.change("POST", "%s/%s/import" % (IMAGE, staged), {"method": {"name": "glance-direct"}},
                  lambda: not image_is(staged, "uploading"))
    client.until(lambda: image_is(staged, "active"), "the import")
    client.change("POST", "%s/%s/actions/deactivate" % (IMAGE, sent), None, lambda: image_is(sent, "deactivated"))
    checkpoint("alive")
    client.change("POST", "%s/%s/actions/reactivate" % (IMAGE, sent), None, lambda: image_is(sent, "active"))
    third = make("again")
    client.change("PUT", "%s/%s/stage" % (IMAGE, third), b"u" * 100000, lambda: image_is(third, "uploading"))
    for image in (sent, staged, third):
        client.remove("%s/%s" % (IMAGE, image))


# ---- networks ----

def network_life(client, checkpoint):
    outside = named(client, NETWORK + "/networks", "outside")
    net = client.make(NETWORK + "/networks", "network", {"name": "net"})
    subnet = client.make(NETWORK + "/subnets", "subnet",
                         {"name": "sub", "network_id": net, "cidr": "10.9.0.0/24", "ip_version": 4})
    router = client.make(NETWORK + "/routers", "router", {"name": "way"})
    path = "%s/routers/%s" % (NETWORK, router)

    def interfaces():
        return client.get("%s/ports?device_id=%s&device_owner=network:router_interface" % (NETWORK, router))["ports"]
    client.change("PUT", path + "/add_router_interface", {"subnet_id": subnet}, interfaces)

    def gateway(wanted):
        client.change("PUT", path, {"router": {"external_gateway_info": {"network_id": outside} if wanted else None}})
    gateway(True)
    group = client.make(NETWORK + "/security-groups", "security_group", {"name": "wall"})
    rules = "%s/security-group-rules" % NETWORK
    client.make(rules, "security_group_rule",
                {"security_group_id": group, "direction": "ingress", "protocol": "tcp", "port_range_min": 22,
                 "port_range_max": 22, "description": "ssh"}, rules + "?description=ssh")
    port = client.make(NETWORK + "/ports", "port", {"name": "port", "network_id": net, "security_groups": [group]})
    address = client.make(NETWORK + "/floatingips", "floatingip",
                          {"floating_network_id": outside, "description": "of-port"},
                          NETWORK + "/floatingips?description=of-port")
    client.change("PUT", "%s/floatingips/%s" % (NETWORK, address), {"floatingip": {"port_id": port}})
    checkpoint("alive")
    client.change("PUT", "%s/floatingips/%s" % (NETWORK, address), {"floatingip": {"port_id": None}})
    client.remove("%s/floatingips/%s" % (NETWORK, address))
    client.remove("%s/ports/%s" % (NETWORK, port))
    client.remove("%s/security-groups/%s" % (NETWORK, group))
    gateway(False)
    client.change("PUT", path + "/remove_router_interface", {"subnet_id": subnet}, lambda: not interfaces())
    for what, one in (("routers", router), ("subnets", subnet), ("networks", net)):
        client.remove("%s/%s/%s" % (NETWORK, what, one))


LIVES = {"server": server_life, "attach": attach_life, "volume": volume_life, "backup": backup_life, "image": image_life, "network": network_life}
