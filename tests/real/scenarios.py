# SPDX-License-Identifier: Apache-2.0
"""What is done to a cloud with the real drivers (tests/real/lives): its parts are killed, its devices taken away, and how
its guests and tools are confined is looked at. Each scenario gets a client and its cloud and returns what is wrong."""
import json
import os
import random
import re
import signal
import subprocess
import threading
import time

import breakable
from live import converge
from lives import COMPUTE, IMAGE, NETWORK, VOLUME, act, boot, booted, named, server_of, status, volume, volume_is

SETTLE = 40


def kill_all(*names):
    """Kills the processes of these names with -9; only our own cloud's are to be seen here. Returns how many."""
    count = 0
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/comm" % process) as file:
                if any(file.read().strip() == name[:15] for name in names):
                    os.kill(int(process), signal.SIGKILL)
                    count += 1
        except OSError:
            pass
    return count


# ---- what is killed while a server lives ----

def killed(names):
    """Engines die; what runs goes on, and what is asked for next is done."""
    def scenario(client, cloud):
        disk = volume(client, "disk")
        server = boot(client, "one")
        booted(client, server)
        faults = []
        for name in names:
            if not kill_all(name):
                faults.append("no %s was there to be killed" % name)
        shown = server_of(client, server)
        if shown["status"] != "ACTIVE":
            faults.append("the guest did not go on: %s" % shown["status"])
        second = boot(client, "two")
        attachments = "%s/servers/%s/os-volume_attachments" % (COMPUTE, server)
        client.change("POST", attachments, {"volumeAttachment": {"volumeId": disk}},
                      lambda: client.get("%s/%s" % (attachments, disk), (200, 404)))
        client.until(lambda: volume_is(client, disk, "in-use"), "the attachment")
        ports = "%s/ports?device_id=%s" % (NETWORK, second)
        client.until(lambda: client.get(ports)["ports"][0]["status"] == "ACTIVE", "the port of the second server")
        faults += converge(client, None, SETTLE)
        for one in (server, second):
            client.remove("%s/servers/%s" % (COMPUTE, one))
        client.until(lambda: volume_is(client, disk, "available"), "the volume's return")
        client.remove("%s/volumes/%s" % (VOLUME, disk))
        return faults + converge(client, None, SETTLE)
    return scenario


def qemu_killed(client, cloud):
    """A guest that died is told as shut off, and starts again."""
    server = boot(client, "one")
    booted(client, server)
    if not kill_all("qemu-system-x86_64"):
        return ["no QEMU was there to be killed"]
    client.until(lambda: server_of(client, server)["status"] == "SHUTOFF", "the news of the death")
    faults = converge(client, None, SETTLE)
    act(client, server, "os-start", None, status("ACTIVE"))
    booted(client, server)
    client.remove("%s/servers/%s" % (COMPUTE, server))
    return faults + converge(client, None, SETTLE)


def agent_killed_in_the_middle(client, cloud):
    """The agent dies while it makes disks and domains, at moments that nobody chose."""
    luck = random.Random(cloud.seed)
    faults = []
    for number in range(3):
        answer = client.change("POST", COMPUTE + "/servers", {"server": {
            "name": "s%d" % number, "imageRef": named(client, "/image/v2/images", "base"), "flavorRef": "small",
            "config_drive": True, "networks": [{"uuid": named(client, NETWORK + "/networks", "inside-1")}]}})
        server = answer["server"]["id"]
        time.sleep(luck.uniform(0, 1.5))
        cloud.kill("agent")
        cloud.ready(breakable.TIMEOUT)
        client.until(lambda: server_of(client, server)["status"] == "ACTIVE", "server %d" % number)
        faults += converge(client, None, SETTLE)
        client.change("DELETE", "%s/servers/%s" % (COMPUTE, server))
        time.sleep(luck.uniform(0, 0.5))
        cloud.kill("agent")
        cloud.ready(breakable.TIMEOUT)
        client.remove("%s/servers/%s" % (COMPUTE, server))
    left = os.listdir(os.path.join(cloud.data, "instances"))
    if set(left) - {"_base"}:
        faults.append("left below instances: %s" % left)
    return faults + converge(client, None, SETTLE)


# ---- what is taken away ----

def devices_taken_away(client, cloud):
    """The device of a running guest, its place on the bridge, and devices that nobody asked for."""
    server = boot(client, "one")
    booted(client, server)
    port = client.get("%s/ports?device_id=%s" % (NETWORK, server))["ports"][0]["id"]
    tap = "tap" + port[:11]
    switch = ["ovs-vsctl", "--db=unix:%s" % socket_of(cloud, "run/ovs/db.sock")]

    def broken(*invariants):
        found = {line.split()[0] for line in cloud.audit()}
        return [] if found == set(invariants) else ["the audit found %s and not %s" % (sorted(found), sorted(invariants))]

    def mended(what):
        cloud.control("api", "audit fix")
        faults = converge(client, None, SETTLE)
        subprocess.run(["ip", "link", "show", tap], check=True, stdout=subprocess.DEVNULL)
        bridge = subprocess.run(switch + ["iface-to-br", tap], stdout=subprocess.PIPE, text=True)
        return ["%s: %s" % (what, fault) for fault in faults + ([] if bridge.returncode == 0 else ["it is on no bridge"])]
    alias = next(link["ifalias"] for link in json.loads(subprocess.run(
        ["ip", "-json", "link", "show", tap], check=True, stdout=subprocess.PIPE).stdout))
    subprocess.run(["ip", "tuntap", "add", "tapstray0000-00", "mode", "tap"], check=True)
    subprocess.run(["ip", "tuntap", "add", "tapofothers", "mode", "tap"], check=True)
    subprocess.run(["ip", "link", "set", "tapstray0000-00", "alias", alias], check=True)
    faults = broken("compute.host.taps") + mended("a stray device")
    left = subprocess.run(["ip", "-brief", "link"], check=True, stdout=subprocess.PIPE, text=True).stdout
    if "tapstray" in left or "tapofothers" not in left:
        faults.append("of the stray devices there are: " + left)
    subprocess.run(switch + ["del-port", tap], check=True)
    faults += broken("network.host.plugs") + mended("the place on the bridge")
    subprocess.run(["ip", "link", "delete", tap], check=True)
    faults += broken("compute.host.taps") + mended("the device")
    ports = "%s/ports/%s" % (NETWORK, port)
    client.until(lambda: client.get(ports)["port"]["status"] == "ACTIVE", "the port's return")
    client.remove("%s/servers/%s" % (COMPUTE, server))
    return faults + converge(client, None, SETTLE)


def socket_of(cloud, name):
    """The socket of one of the cloud's own engines."""
    found = [os.path.join(place, file) for place, _, files in os.walk(cloud.data) for file in files
             if os.path.join(place, file).endswith(name)]
    assert len(found) == 1, found
    return found[0]


# ---- how guests and tools are confined ----

def seen(process):
    """What the kernel says of a process; null when it is over."""
    try:
        with open("/proc/%s/cmdline" % process, "rb") as file:
            command = file.read().decode(errors="replace").split("\0")
        with open("/proc/%s/status" % process) as file:
            told = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        with open("/proc/%s/limits" % process) as file:
            limits = {line[:25].strip(): line[25:].split()[0] for line in file}
        network = os.readlink("/proc/%s/ns/net" % process)
    except (OSError, ValueError):
        return None
    return {"command": command, "uids": set(told["Uid"].split()), "status": told, "limits": limits, "network": network}


class Watch(threading.Thread):
    """Looks at every process of the name that comes by, until stopped."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.name_of, self.over, self.found = name, threading.Event(), {}

    def run(self):
        while not self.over.wait(0.001):
            for process in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open("/proc/%s/comm" % process) as file:
                        fits = file.read().strip() == self.name_of
                except OSError:
                    continue
                if fits:
                    told = seen(process)
                    if told and len(told["command"]) > 1:
                        self.found[process] = told

    def stop(self):
        self.over.set()
        self.join()
        return list(self.found.values())


def loose(tool):
    """What is wrong with how a tool that reads tenants' bytes runs."""
    limits = tool["limits"]
    return [text for bad, text in (
        (tool["uids"] & {"0"}, "it is root"),
        (tool["status"]["NoNewPrivs"].strip() != "1", "it may get rights"),
        (int(tool["status"]["CapEff"], 16), "it has capabilities"),
        (limits["Max address space"] == "unlimited", "its memory has no limit"),
        (limits["Max cpu time"] == "unlimited", "its time has no limit"),
        (limits["Max open files"] != "64", "it may open %s files" % limits["Max open files"]),
        (limits["Max core file size"] != "0", "it leaves core files"),
        (tool["network"] == os.readlink("/proc/self/ns/net"), "it has a network")) if bad]


def guests_are_confined(client, cloud):
    """QEMU is not root and is in its sandbox; the tools that read images have no rights, and limits."""
    watch = Watch("qemu-img")
    watch.start()
    image = named(client, IMAGE, "base")
    for name, more in (("a", {}), ("b", {"imageRef": image})):
        disk = volume(client, name, **more)
        client.remove("%s/volumes/%s" % (VOLUME, disk))
    server = boot(client, "one")
    tools = [tool for tool in watch.stop() if set(tool["command"]) & {"convert", "info"} and re.search("image", " ".join(tool["command"]))]
    faults = ["%s: %s" % (" ".join(tool["command"][:6]), text) for tool in tools for text in loose(tool)]
    if not tools:
        faults.append("no tool was seen reading an image")
    guests = [seen(process) for process in filter(str.isdigit, os.listdir("/proc")) if is_guest(process)]
    if len(guests) != 1:
        faults.append("there are %d guests" % len(guests))
    for guest in guests:
        if guest["uids"] & {"0"}:
            faults.append("QEMU is root")
        if guest["status"]["Seccomp"].strip() != "2":
            faults.append("QEMU has no seccomp filter")
        if "-sandbox" not in guest["command"] or not guest["command"][guest["command"].index("-sandbox") + 1].startswith("on"):
            faults.append("QEMU is started without its sandbox")
        if int(guest["status"]["CapEff"], 16):
            faults.append("QEMU has capabilities %s" % guest["status"]["CapEff"])
    client.remove("%s/servers/%s" % (COMPUTE, server))
    return faults + converge(client, None, SETTLE)


def is_guest(process):
    try:
        return os.path.basename(os.readlink("/proc/%s/exe" % process)).startswith("qemu-system")
    except OSError:
        return False


SCENARIOS = {
    "guests_are_confined": guests_are_confined,
    "devices_taken_away": devices_taken_away,
    "qemu_killed": qemu_killed,
    "libvirtd_killed": killed(["libvirtd"]),
    "ovn_controller_killed": killed(["ovn-controller"]),
    "ovsdb_servers_killed": killed(["ovsdb-server"]),
    "switch_and_northd_killed": killed(["ovs-vswitchd", "ovn-northd"]),
    "agent_killed_in_the_middle": agent_killed_in_the_middle,
}
