# SPDX-License-Identifier: Apache-2.0
"""A directory for tests: Debian's slapd as a process of its own in a temporary directory.

    server = LdapServer(users=3).start()
    server.modify("dn: ...")        LDIF for ldapmodify
    server.stop()

Users uid=user0000 and so on below ou=people have the password "secret-0000"; who is not rootdn gets at most 500 entries
at a time."""
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from cloud import free_port, freeze

SUFFIX = "dc=example,dc=com"
PEOPLE = "ou=people," + SUFFIX
GROUPS = "ou=groups," + SUFFIX
READER = "cn=reader," + SUFFIX
CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {home}/slapd.pid
allow bind_anon_cred bind_anon_dn
TLSCACertificateFile {home}/ca.pem
TLSCertificateFile {home}/server.pem
TLSCertificateKeyFile {home}/server.key
database mdb
maxsize 67108864
suffix {suffix}
rootdn cn=admin,{suffix}
rootpw root
directory {home}/db
index objectClass,uid,cn,sn,mail,member eq
limits users size.soft=500 size.hard=500 size.pr=500 size.prtotal=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by * read
"""


def entry(dn, classes, **values):
    lines = ["dn: " + dn] + ["objectClass: " + one for one in classes]
    for name, value in values.items():
        lines += ["%s: %s" % (name, one) for one in (value if isinstance(value, list) else [value])]
    return "\n".join(lines) + "\n\n"


def person(uid, password, **values):
    values.setdefault("cn", uid)
    values.setdefault("sn", uid)
    values.setdefault("mail", uid + "@example.com")
    return entry("uid=%s,%s" % (uid, PEOPLE), ["inetOrgPerson"], uid=uid, userPassword=password, **values)


class LdapServer:
    def __init__(self, users=3, more=""):
        self.users, self.more = users, more
        self.process = None

    def start(self):
        self.home = tempfile.mkdtemp(prefix="haneul-ldap-")
        os.mkdir(os.path.join(self.home, "db"))
        self._certificates()
        self._write("slapd.conf", CONFIG.format(home=self.home, suffix=SUFFIX))
        self._write("data.ldif", self._data())
        self.user = None
        if os.geteuid() == 0:
            self.user = "nobody"
            for path in (self.home, os.path.join(self.home, "db"), os.path.join(self.home, "server.key")):
                os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
        self.port, self.tls_port = free_port(), free_port()
        self._run("/usr/sbin/slapadd", "-q", "-f", self._path("slapd.conf"), "-l", self._path("data.ldif"))
        self.resume()
        return self

    @property
    def url(self):
        return "ldap://127.0.0.1:%d" % self.port

    @property
    def tls_url(self):
        return "ldaps://127.0.0.1:%d" % self.tls_port

    def resume(self):
        self.process = subprocess.Popen(["/usr/sbin/slapd", "-f", self._path("slapd.conf"), "-h",
                                         "%s %s" % (self.url, self.tls_url), "-d", "0"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        user=self.user)
        end = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError("slapd does not start")
            time.sleep(0.05)

    def pause(self):
        """Ends the process; the data stays."""
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def freeze(self):
        """Connections are taken and nothing is answered."""
        freeze(self.process)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self.pause()
        shutil.rmtree(self.home, ignore_errors=True)

    def modify(self, ldif):
        done = subprocess.run(["ldapmodify", "-x", "-H", self.url, "-D", "cn=admin," + SUFFIX, "-w", "root"], input=ldif,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
        if done.returncode:
            raise AssertionError(done.stdout)

    def replace(self, dn, **values):
        for name, value in values.items():
            self.modify("dn: %s\nchangetype: modify\nreplace: %s\n%s: %s\n" % (dn, name, name, value))

    @property
    def authority(self):
        return self._path("ca.pem")

    # ---- inside ----

    def _path(self, name):
        return os.path.join(self.home, name)

    def _write(self, name, text):
        with open(self._path(name), "w") as file:
            file.write(text)

    def _run(self, *command):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=120, cwd=self.home, user=self.user)
        if done.returncode:
            raise AssertionError("%s: %s" % (command[0], done.stdout))

    def _certificates(self):
        self.user = None
        self._run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj",
                  "/CN=Test authority", "-days", "2")
        self._run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj",
                  "/CN=localhost")
        self._write("names.ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._run("openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                  "-out", "server.pem", "-days", "2", "-extfile", "names.ext")
        os.chmod(self.home, 0o755)

    def _data(self):
        uids = ["user%04d" % i for i in range(self.users)]
        text = entry(SUFFIX, ["dcObject", "organization"], dc="example", o="Example")
        text += entry(PEOPLE, ["organizationalUnit"], ou="people") + entry(GROUPS, ["organizationalUnit"], ou="groups")
        text += entry(READER, ["organizationalRole", "simpleSecurityObject"], cn="reader", userPassword="reader")
        for i, uid in enumerate(uids):
            text += person(uid, "secret-%04d" % i, employeeNumber="512", employeeType="TRUE", description="number %d" % i)
        text += entry("cn=staff," + GROUPS, ["groupOfNames"], cn="staff", ou="staff", description="who works here",
                      member=["uid=%s,%s" % (uid, PEOPLE) for uid in uids[:2]])
        text += entry("cn=others," + GROUPS, ["groupOfNames"], cn="others", ou="others",
                      member="uid=%s,%s" % (uids[-1], PEOPLE))
        return text + self.more
