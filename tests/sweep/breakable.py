# SPDX-License-Identifier: Apache-2.0
"""A cloud whose roles may die at any instant, and a client that bears it.

    template = Template(); template.make()
    cloud = Breakable(template, crash={"api": 17}).start()
    client = Client(cloud)

A template is a cloud that was set up once (flavors, an image, networks) and stopped; each Breakable is a copy of it. A
role that died is started again as soon as the client notices, without its crash point."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "api"))
from cloud import FAKES, PROGRAM, Cloud, free_port  # noqa: E402
from state import State  # noqa: E402

TIMEOUT = 60        # seconds until something that does not settle counts as stuck


class Stuck(AssertionError):
    pass


class Lost(Exception):
    """A request got no answer, or one that says to try again."""


AGAIN = (503, 507)      # busy, no room: what a client tries again
TRIES = 200


class Template:
    """The stopped cloud that all others are copies of. 'folder' is where its data lie."""

    def __init__(self, folder):
        self.folder = folder
        self.base = os.environ.get("HANEUL_TEST_PG")
        self.database = "haneul_" + uuid.uuid4().hex if self.base else None

    def make(self, prepare):
        cloud = Cloud(agent=True)
        cloud.start()
        cloud.state = State(cloud)
        client = Client(cloud)
        try:
            prepare(client)
            client.quiet()
            cloud.state.close()
        finally:
            for process in reversed(cloud.processes):
                process.send_signal(signal.SIGTERM)
                process.wait(30)
        shutil.rmtree(os.path.join(cloud.data, "run"))
        subprocess.run(["cp", "-a", cloud.data + "/.", self.folder], check=True)     # owners too
        if cloud.database:
            name = re.match(r"^postgresql://[^/]*/([^?]*)", cloud.database).group(1)
            Cloud._psql(self.base, 'ALTER DATABASE %s RENAME TO %s' % (name, self.database))
            cloud.database = None
        shutil.rmtree(cloud.data)

    def copy(self, folder):
        subprocess.run(["cp", "-a", self.folder + "/.", folder], check=True)
        if not self.base:
            return None
        name = "haneul_" + uuid.uuid4().hex
        Cloud._psql(self.base, "CREATE DATABASE %s TEMPLATE %s" % (name, self.database))
        return re.sub(r"^(postgresql://[^/]*/)[^?]*", r"\g<1>" + name, self.base)

    def remove(self):
        if self.base:
            Cloud._psql(self.base, "DROP DATABASE IF EXISTS " + self.database)
        shutil.rmtree(self.folder, ignore_errors=True)


# How roles die: at a boundary, or because the n-th allocation fails (crash-sweep --allocations).
WAYS = {"boundaries": {"variable": "HANEUL_CRASH_AT", "counted": "crash points", "signal": signal.SIGKILL},
        "allocations": {"variable": "HANEUL_ALLOC_FAIL_AT", "counted": "allocations", "signal": signal.SIGABRT}}
WAY = WAYS[os.environ.get("HANEUL_SWEEP", "boundaries")]


class Breakable(Cloud):
    """'template' null: a new cloud. 'crash': role -> number of the boundary at which it dies, or "count". 'environment':
    role -> variables; 'settings' and 'drivers' are options, the latter of the agent alone."""

    def __init__(self, template, crash=None, environment=None, settings=(), drivers=FAKES, parent=None):
        super().__init__(agent=True, settings=settings)
        self.template = template
        self.crash = dict(crash or {})
        self.environment = environment or {}
        self.drivers = drivers
        self.parent = parent
        self.roles = {}
        self.deaths = []
        self.real = drivers != FAKES        # guests boot

    def start(self, timeout=60):
        self.data = tempfile.mkdtemp(prefix="haneul-sweep-", dir=self.parent)
        os.chmod(self.data, 0o755)
        if self.template:
            self.database = self.template.copy(self.data)
        open(os.path.join(self.data, "test.log"), "w").close()
        self.listen = "127.0.0.1:%d" % free_port(2)
        self.url = "http://" + self.listen
        self.logged = 0
        self.run_role("api")
        self.run_role("agent")
        self.ready(timeout)
        return self

    def run_role(self, role):
        environment = dict(os.environ, **self.environment.get(role, {}))
        arguments = ["--listen", self.listen] if role == "api" else []
        if role == "agent":
            for driver in self.drivers:
                arguments += ["--set", driver]
        if self.crash.get(role):
            environment[WAY["variable"]] = str(self.crash[role])
        command = [PROGRAM, role, "--data", self.data, "--set", "identity.password_cost=4", "--set", "object_store.s3_listen=off"]
        for setting in self.settings + (["database.url=" + self.database] if self.database else []):
            command += ["--set", setting]
        self.logged = self._log_size()
        with open(os.path.join(self.data, "test.log"), "ab") as log:
            self.roles[role] = subprocess.Popen(command + arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                                env=environment)
        self.processes = list(self.roles.values())

    def _log_size(self):
        return os.path.getsize(os.path.join(self.data, "test.log"))

    def revive(self):
        """Starts the roles that died; true when there were some."""
        died = [role for role, process in self.roles.items() if process.poll() is not None]
        for role in died:
            code = self.roles[role].returncode
            self.deaths.append((role, code))
            if code != -WAY["signal"]:
                raise AssertionError("%s ended with %s:\n%s" % (role, code, self.log()[-6000:]))
            self.crash.pop(role, None)
            self.run_role(role)
        return bool(died)

    def kill(self, role):
        self.roles[role].kill()
        self.roles[role].wait()

    def ready(self, timeout=TIMEOUT):
        """Waits until both roles live and know each other."""
        end = time.monotonic() + timeout
        while True:
            self.revive()
            with open(os.path.join(self.data, "test.log"), errors="replace") as log:
                log.seek(self.logged)
                if re.search(r"rest\.cloud: host \S+ connected", log.read()) and self._answers():
                    return
            if time.monotonic() > end:
                raise Stuck("the roles do not come up again")
            time.sleep(0.02)

    def control(self, role, command):
        """What the role's control socket answers, without the line that says whether it went well."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(os.path.join(self.data, "run", role + ".ctl"))
            peer.sendall(command.encode() + b"\n")
            text = b""
            while True:
                part = peer.recv(65536)
                if not part:
                    break
                text += part
        return text.decode().partition("\n")[2]

    def boundaries(self, role):
        """How many boundaries the role has passed."""
        found = re.search(WAY["counted"] + r" (\d+)", self.control(role, "stats"))
        return int(found.group(1)) if found else 0

    def audit(self):
        """The broken invariants, a line each. Who was to look may have died of it, or had no memory: it is asked again."""
        for _ in range(20):
            try:
                text = self.control("api", "audit")
            except OSError:
                text = "nobody answers"
            if text.startswith("{"):
                break
            self.ready()
        else:
            return ["the audit: " + text]
        report = json.loads(text)
        return ["%s %s: %s" % (one["invariant"], one["id"], one["what"]) for one in report["breaks"]]


class Client:
    """A client that repeats a request which was not answered, after a look whether it was done all the same."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.host, self.port = cloud.url[len("http://"):].split(":")
        self.tokens = {}
        self.trail = []
        self.refused = 0

    # ---- requests ----

    def _once(self, method, path, body, headers):
        link = http.client.HTTPConnection(self.host, int(self.port), timeout=TIMEOUT)
        try:
            link.request(method, path, body, headers)
            answer = link.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Lost(str(error)) from error
        finally:
            link.close()

    def token(self, project="admin"):
        if project not in self.tokens:
            auth = {"auth": {"identity": {"methods": ["password"], "password": {"user": {
                "name": "admin", "domain": {"id": "default"}, "password": self.cloud.password()}}},
                "scope": {"project": {"name": project, "domain": {"id": "default"}}}}}
            status, headers, body = self._once("POST", "/identity/v3/auth/tokens", json.dumps(auth),
                                               {"Content-Type": "application/json"})
            if status in AGAIN:
                time.sleep(0.2)
                raise Lost("login: %s" % body[:200])
            if status != 201:
                raise AssertionError("login: %s %s" % (status, body))
            self.tokens[project] = headers["X-Subject-Token"]
        return self.tokens[project]

    def request(self, method, path, body=None, project="admin", **headers):
        """(status, body as JSON); raises Lost."""
        sent = {"X-Auth-Token": self.token(project), "Accept": "application/json"}
        if path.startswith("/compute"):
            sent["OpenStack-API-Version"] = "compute 2.93"
        if path.startswith("/volume"):
            sent["OpenStack-API-Version"] = "volume 3.70"
        if isinstance(body, bytes):
            sent["Content-Type"] = "application/octet-stream"
        elif isinstance(body, (dict, list)):
            sent["Content-Type"] = "application/json"
            body = json.dumps(body)
        sent.update(headers)
        status, _, data = self._once(method, path, body, sent)
        self.trail.append("%s %s %s" % (method, path, status))
        if status in AGAIN:
            self.refused += 1
            time.sleep(0.2)
            raise Lost("%s %s: %s" % (method, path, data[:200]))
        try:
            return status, json.loads(data) if data else None
        except ValueError:
            return status, data

    def recover(self):
        self.trail.append("(no answer)")
        if isinstance(self.cloud, Breakable):
            time.sleep(0.01)
            self.cloud.ready()

    def get(self, path, expect=200, **more):
        for _ in range(TRIES):
            try:
                status, body = self.request("GET", path, **more)
            except Lost:
                self.recover()
                continue
            if status not in (expect if isinstance(expect, tuple) else (expect,)):
                raise AssertionError("GET %s: %s %s" % (path, status, body))
            return body if status == 200 else None
        raise Stuck("GET %s is never answered" % path)

    def change(self, method, path, body=None, done=None, expect=(200, 201, 202, 204), repeated=False, **more):
        """Sends a change until it is answered, or done() finds that it was done. Returns the answer or what done()
        returned. A refusal of a repeated request is looked into the same way."""
        self.settle()
        for _ in range(TRIES):
            try:
                status, answer = self.request(method, path, body, **more)
            except Lost:
                self.recover()
                self.quiet()
                found = done() if done else None
                if found:
                    return found
                repeated = True
                continue
            if status in expect:
                return answer
            found = done() if repeated and done else None
            if found:
                return found
            raise AssertionError("%s %s: %s %s" % (method, path, status, answer))
        raise Stuck("%s %s is never answered" % (method, path))

    def make(self, path, kind, fields, find=None, **more):
        """Creates a resource; 'find' looks for one that an unanswered request made: a list path, by name if null."""
        name = fields.get("name")

        def done():
            listed = self.get(find or "%s?name=%s" % (path, name), **more)
            rows = next((value for value in listed.values() if isinstance(value, list)), [])
            return {kind: rows[0]} if rows else None
        body = fields if kind == "image" else {kind: fields}
        answer = self.change("POST", path, body, done if name or find else None, **more)
        made = answer if kind == "image" and kind not in answer else answer[kind]
        self.quiet()
        return made["id"]

    def remove(self, path):
        """Deletes and waits until it is gone."""
        self.change("DELETE", path, None, lambda: self.get(path, (200, 404)) is None, (200, 202, 204, 404))
        self.until(lambda: self.get(path, (200, 404)) is None, "the end of " + path)

    # ---- waiting ----

    def until(self, condition, what, timeout=TIMEOUT):
        end = time.monotonic() + timeout
        while True:
            if isinstance(self.cloud, Breakable) and self.cloud.revive():
                self.cloud.ready()
            result = condition()
            if result:
                return result
            if time.monotonic() > end:
                raise Stuck("%s did not come" % what)
            time.sleep(0.02)

    def answered(self, condition):
        """What condition() is, or nothing when its request was not answered."""
        try:
            return condition()
        except Lost:
            self.recover()
            return None

    def comes(self, condition, timeout=6):
        try:
            return self.until(condition, "it", timeout)
        except Stuck:
            return None

    def quiet(self):
        """Waits until no task is left."""
        state = getattr(self.cloud, "state", None)
        if state:
            self.until(lambda: not state.tasks(), "quiet")

    def settle(self):
        """Before a change: nothing is under way, and everybody lives. A process that is about to die has died."""
        self.quiet()
        if isinstance(self.cloud, Breakable):
            if self.cloud.crash.get("agent") not in (None, "count"):
                time.sleep(0.02)
            if self.cloud.revive():
                self.cloud.ready()
                self.quiet()
