# SPDX-License-Identifier: Apache-2.0
"""A whole cloud for API tests: `haneul api`, and an agent with fake drivers when asked, in a temporary directory.

    cloud = Cloud(agent=True).start()
    status, headers, body = cloud.request("GET", "/identity/v3/projects")
    cloud.stop()

The database is SQLite, or a database of its own on the PostgreSQL that HANEUL_TEST_PG names. HANEUL names the
program (default: build/haneul beside the tests). HANEUL_SETTINGS has "section.key=value" words for every cloud; "{cloud}"
in them stands for a name of the cloud's own."""
import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.environ.get("HANEUL", os.path.join(HERE, "..", "..", "build", "haneul"))
SETTINGS = os.environ.get("HANEUL_SETTINGS", "").split()
OBJECT_DRIVER = dict(word.split("=", 1) for word in SETTINGS).get("object_store.driver", "file")
# What a test wants of the driver of objects.
in_files = unittest.skipUnless(OBJECT_DRIVER == "file", "is about the files of the driver file, and this is " + OBJECT_DRIVER)
kept = unittest.skipIf(OBJECT_DRIVER == "fake", "the driver fake keeps nothing when its process ends")
FAKES = ("compute.driver=fake", "network.driver=fake", "volume.driver=fake")


_chosen = set()         # ports that this process was given


def _never_given_to_clients():
    """Ports that the kernel does not give to sockets that ask for any: one that is free now is free when it is used."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        low, high = map(int, file.read().split())
    return [port for port in range(10000, 65536) if not low <= port <= high]


def free_port(count=1):
    """The first of 'count' free ports in a row, none of which was given before."""
    ports = _never_given_to_clients() or range(10000, 65536)
    for _ in range(1000):
        first = random.choice(ports)
        row = set(range(first, first + count))
        if not row & _chosen and row <= set(ports) and all(_is_free(port) for port in row):
            _chosen.update(row)
            return first
    raise AssertionError("no port is free")


def _is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)     # as servers do
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def freeze(process):
    """SIGSTOP, and waits until it is obeyed: on a busy machine threads run on for a while."""
    process.send_signal(signal.SIGSTOP)
    end = time.monotonic() + 60
    while True:
        threads = "/proc/%d/task" % process.pid
        states = set()
        for thread in os.listdir(threads):
            with open("%s/%s/stat" % (threads, thread)) as file:
                states.add(file.read().rsplit(")", 1)[1].split()[0])
        if states == {"T"}:
            return
        if time.monotonic() > end:
            raise AssertionError("process %d does not stop: %s" % (process.pid, states))
        time.sleep(0.01)


class Cloud:
    """One cloud. 'settings' are further "section.key=value" of its configuration."""

    def __init__(self, agent=False, settings=(), variables=None):
        self.agent = agent
        self.variables = variables or {}      # of the environment of the roles
        self.settings = SETTINGS + list(settings)
        self.processes = []
        self.data = self.url = self.s3 = self.database = None
        self._token = None

    # ---- life ----

    def start(self, timeout=60, port=None):
        self.data = tempfile.mkdtemp(prefix="haneul-test-")
        os.chmod(self.data, 0o755)
        port = port or free_port(2)
        self.listen = "127.0.0.1:%d" % port
        self.url = "http://" + self.listen
        self.s3 = "http://127.0.0.1:%d" % (port + 1)
        self._make_database()
        self._spawn("api", "--listen", self.listen)
        self._wait_for(self._answers, timeout, "the API does not answer")
        if self.agent:
            self._spawn("agent", *[part for fake in FAKES for part in ("--set", fake)])
            self._wait_for(self._agent_up, timeout, "the agent does not connect")
        return self

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        codes = []
        for process in self.processes:
            try:
                codes.append(process.wait(30))
            except subprocess.TimeoutExpired:
                process.kill()
                codes.append(process.wait())
        self.processes = []
        self._drop_database()
        if os.environ.get("HANEUL_KEEP"):
            print("kept", self.data)
        else:
            shutil.rmtree(self.data, ignore_errors=True)
        return codes

    def restart(self, timeout=60):
        """Stops the roles and starts them again on the same data."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        self.processes = []
        self._spawn("api", "--listen", self.listen)
        self._wait_for(self._answers, timeout, "the API does not answer")
        if self.agent:
            self._spawn("agent", *[part for fake in FAKES for part in ("--set", fake)])
            self._wait_for(self._agent_up, timeout, "the agent does not connect")

    def log(self):
        with open(os.path.join(self.data, "test.log"), errors="replace") as file:
            return file.read()

    def audit(self, *arguments):
        """`haneul audit`: its exit status, and what it printed."""
        done = subprocess.run([PROGRAM, "audit", "--data", self.data, *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        return done.returncode, done.stdout

    def sql(self, *statements):
        """Runs statements on the database behind the cloud's back; the rows of the last one, as lists of texts."""
        if self.database:
            for statement in statements:
                answer = self._psql(self.database, statement)
            return [line.split("|") for line in answer.splitlines()]
        with contextlib.closing(sqlite3.connect(os.path.join(self.data, "api", "haneul.db"), timeout=30)) as database:
            for statement in statements:
                rows = database.execute(statement).fetchall()
            database.commit()
        return [["" if cell is None else str(cell) for cell in row] for row in rows]

    # ---- use ----

    def request(self, method, path, body=None, token=None, headers=None):
        """Returns (status, headers, body): the body as JSON where it is JSON, else as bytes; None when empty.
        'token' None: the administrator's; "": none. 'body' may be bytes, sent as they are."""
        sent = {"Accept": "application/json"}
        data = body
        if token != "":
            sent["X-Auth-Token"] = token or self.token()
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        url = path if path.startswith("http") else self.url + path
        request = urllib.request.Request(url, data=data, method=method, headers=sent)
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=60) as answer:
                return answer.status, answer.headers, _decode(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, _decode(error)

    def authenticate(self, auth):
        """POST of an "auth" body; returns (status, token, body)."""
        status, headers, body = self.request("POST", "/identity/v3/auth/tokens", {"auth": auth}, token="")
        return status, headers.get("X-Subject-Token"), body

    def login(self, user, password, project=None, domain=None, system=False, unscoped=False):
        """A token of a user of the default domain; 'user' and 'project' are ids or names."""
        auth = {"identity": {"methods": ["password"], "password": {"user": dict(_ref(user), password=password)}}}
        if project:
            auth["scope"] = {"project": _ref(project)}
        elif domain:
            auth["scope"] = {"domain": {"id": domain}}
        elif system:
            auth["scope"] = {"system": {"all": True}}
        elif unscoped:
            auth["scope"] = "unscoped"
        status, token, body = self.authenticate(auth)
        if status != 201:
            raise AssertionError("login of %s: %s %s" % (user, status, body))
        return token

    def password(self):
        with open(os.path.join(self.data, "api", "admin-password")) as file:
            return file.read().strip()

    def token(self):
        """The administrator's, scoped to project admin; made once."""
        if not self._token:
            self._token = self.login("admin", self.password(), project="admin")
        return self._token

    def until(self, condition, timeout=60, what="the condition"):
        """Waits until condition() is true and returns what it returned. It says that something comes true, not how soon:
        the time is for a machine on which much else runs."""
        end = time.monotonic() + timeout
        while True:
            result = condition()
            if result:
                return result
            if time.monotonic() > end:
                raise AssertionError("%s did not come true in %s s" % (what, timeout))
            time.sleep(0.05)

    # ---- inside ----

    def _spawn(self, role, *arguments):
        command = [PROGRAM, role, "--data", self.data, "--set", "identity.password_cost=4"]
        for setting in ["object_store.s3_listen=" + self.s3[7:]] + self.settings:
            command += ["--set", setting.replace("{cloud}", os.path.basename(self.data))]
        if self.database:
            command += ["--set", "database.url=" + self.database]
        with open(os.path.join(self.data, "test.log"), "ab") as log:
            self.processes.append(subprocess.Popen(command + list(arguments), stdout=log, stderr=log,
                                                   stdin=subprocess.DEVNULL, env=dict(os.environ, **self.variables)))

    def _wait_for(self, condition, timeout, what):
        end = time.monotonic() + timeout
        while not condition():
            dead = [process for process in self.processes if process.poll() is not None]
            if dead or time.monotonic() > end:
                log = self.log()[-4000:]
                self.stop()
                raise AssertionError("%s:\n%s" % (what, log))
            time.sleep(0.05)

    def _answers(self):
        try:
            return self.request("GET", "/identity/v3", token="")[0] == 200
        except OSError:
            return False

    def _agent_up(self):
        return re.search(r"rest\.cloud: host \S+ connected", self.log().rsplit("serving at", 1)[-1])

    def _make_database(self):
        base = os.environ.get("HANEUL_TEST_PG")
        if base:
            name = "haneul_" + uuid.uuid4().hex
            self._psql(base, "CREATE DATABASE " + name)
            self.database = re.sub(r"^(postgresql://[^/]*/)[^?]*", r"\g<1>" + name, base)

    def _drop_database(self):
        if self.database:
            name = re.match(r"^postgresql://[^/]*/([^?]*)", self.database).group(1)
            self._psql(os.environ["HANEUL_TEST_PG"], "DROP DATABASE IF EXISTS %s WITH (FORCE)" % name)
            self.database = None

    @staticmethod
    def _psql(url, sql):
        command = ["psql", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]
        for _ in range(60):
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if done.returncode != 2:        # 2: no connection; a scenario may have killed the server, which comes back
                break
            time.sleep(0.5)
        done.check_returncode()
        return done.stdout


class CloudTest(unittest.TestCase):
    """Tests that share one cloud, started before the first and stopped after the last; it must end well, and with all
    invariants holding ('audited' False: for tests that break what no audit can mend)."""
    agent = False
    audited = True
    settings = ()
    variables = {}

    @classmethod
    def setUpClass(cls):
        cls.cloud = Cloud(agent=cls.agent, settings=cls.settings, variables=cls.variables).start()

    @classmethod
    def tearDownClass(cls):
        status, report = cls.cloud.audit() if cls.audited else (0, "")
        codes = cls.cloud.stop()
        assert not any(codes), "a role ended with %s" % codes
        assert status == 0, "audit: %s" % report

    def ask(self, method, path, body=None, expect=None, token=None, headers=None):
        """request() that asserts the status ('expect': a number or several) and returns the body."""
        status, _, answer = self.cloud.request(method, path, body, token, headers)
        expected = (200, 201, 202, 204) if expect is None else expect if isinstance(expect, tuple) else (expect,)
        self.assertIn(status, expected, "%s %s: %s" % (method, path, answer))
        return answer


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


def _decode(answer):
    data = answer.read()
    if not data:
        return None
    if "json" in (answer.headers.get("Content-Type") or ""):
        return json.loads(data)
    return data


def _ref(name):
    """{"id": ...} for ids, a name in the default domain else."""
    if re.fullmatch("[0-9a-f]{32}", name):
        return {"id": name}
    return {"name": name, "domain": {"id": "default"}}
