# SPDX-License-Identifier: Apache-2.0
"""Living one life in a cloud of its own, disturbed or not, and comparing what it leaves with the undisturbed one."""
import os
import threading
import time

from breakable import WAY, Breakable, Client, Stuck
from lives import LIVES
from state import State, difference

LOGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "check", "sweep")
SETTLE = 8          # seconds in which what is left to converge must have converged


def converge(client, wanted, settle=SETTLE):
    """Waits until the state is the wanted one (null: any) and every invariant holds; returns what is wrong in the end."""
    end = time.monotonic() + settle
    while True:
        wrong = difference(wanted, client.cloud.state.dump()) if wanted else []
        try:
            wrong = wrong or ["audit: " + broken for broken in client.cloud.audit()]
        except (OSError, ValueError) as error:      # the role just died, or dies while it answers
            wrong = ["audit: %s" % error]
        if not wrong or time.monotonic() > end:
            return wrong
        time.sleep(0.05)
        client.settle()


def live(template, life, crash=None, expected=None, disturb=None, settle=SETTLE, prepared=None, **options):
    """Lives one life. Returns {"checkpoints": [(name, dump)], "faults": [...], ...}. 'disturb(cloud, over)' runs beside
    it in a thread, until the event 'over'; 'prepared(client)' runs before it. The rest are options of Breakable."""
    over = threading.Event()
    cloud = Breakable(template, crash, **options)
    result = {"checkpoints": [], "faults": [], "boundaries": {}, "deaths": [], "log": "", "seconds": 0}
    began = time.monotonic()
    try:
        cloud.start()
        cloud.state = State(cloud)
        client = Client(cloud)
        if prepared:
            prepared(client)

        def checkpoint(name):
            client.quiet()
            wanted = dict(expected or []).get(name)
            result["faults"] += ["%s: %s" % (name, line) for line in converge(client, wanted, settle)]
            result["checkpoints"].append((name, cloud.state.dump()))
        disturber = threading.Thread(target=disturb, args=(cloud, over)) if disturb else None
        try:
            if disturber:
                disturber.start()
            LIVES[life](client, checkpoint)
            checkpoint("over")
        except Stuck as stuck:
            result["faults"] += ["stuck: %s" % stuck] + ["task left: %s" % task for task in cloud.state.tasks()]
        except AssertionError as error:
            result["faults"].append("failed: %s" % str(error)[:2000])
        over.set()
        if disturber:
            disturber.join()
            client.settle()
        if crash and set(crash.values()) == {"count"}:
            result["boundaries"] = {role: cloud.boundaries(role) for role in crash}
        result["deaths"] = cloud.deaths
        result["trail"] = client.trail
    finally:
        over.set()
        if result["faults"] or not result["checkpoints"]:
            result["log"] = cloud.log() if cloud.data else ""
        if getattr(cloud, "state", None):
            cloud.state.close()
        codes = cloud.stop()
        if any(code and not (crash and code == -WAY["signal"]) for code in codes):
            result["faults"].append("a role ended with %s" % codes)
            result["log"] = result["log"] or "(gone)"
    result["seconds"] = time.monotonic() - began
    return result


def undisturbed(template, life):
    """The measure: lived twice, which also shows what of the state is not comparable."""
    first = live(template, life, {"api": "count", "agent": "count"})
    if not first["faults"]:
        second = live(template, life, {"api": "count", "agent": "count"}, first["checkpoints"])
        first["faults"] = second["faults"]
        first["log"] = second["log"]
    return first


def report(name, result):
    print("FAIL %s (died: %s)" % (name, result["deaths"]))
    for fault in result["faults"][:40]:
        print("    " + fault[:600])
    print("    trail: " + "; ".join(result.get("trail", [])[-6:]))
    os.makedirs(LOGS, exist_ok=True)
    with open(os.path.join(LOGS, name.replace(":", "-").replace(" ", "-") + ".log"), "w") as file:
        file.write("\n".join(result["faults"] + result.get("trail", [])) + "\n" + result["log"])
    print("    log: " + file.name, flush=True)
