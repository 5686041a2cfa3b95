# SPDX-License-Identifier: Apache-2.0
"""Several processes of the API on one database, and agents that go and come: running tasks stay with the process that
sent them as long as it lives; an agent that is started anew loses no work."""
import signal
import time

from cloud import FAKES, Cloud, freeze
from servers_test import COMPUTE, ServersTest


class Beside(Cloud):
    """Another process of the API on the database of 'first', with a data directory of its own."""

    def __init__(self, first):
        super().__init__(settings=[] if first.database else ["database.url=sqlite:%s/api/haneul.db" % first.data])
        self.first = first

    def _make_database(self):
        self.database = self.first.database

    def _drop_database(self):
        self.database = None

    def _answers(self):
        return "serving at" in self.log()


class ProcessBase(ServersTest):
    def tasks(self):
        return self.cloud.sql("SELECT kind, running, owner, attempts FROM rest_task ORDER BY id")

    def processes(self):
        return {row[0] for row in self.cloud.sql("SELECT id FROM rest_process")}

    def away(self, seconds):
        """As if nothing had been heard of the agent for so long."""
        then = int((time.time() - seconds) * 1000000)
        self.cloud.sql("UPDATE compute_host SET updated_at = %d" % then, "UPDATE volume_service SET updated_at = %d" % then)

    def stop_agent(self):
        agent = self.cloud.processes.pop()
        agent.send_signal(signal.SIGTERM)
        self.assertEqual(0, agent.wait(30))
        self.cloud.until(lambda: self.cloud.sql("SELECT DISTINCT state FROM compute_host") == [["down"]], what="host down")

    def start_agent(self):
        self.cloud._spawn("agent", *[part for fake in FAKES for part in ("--set", fake)])


class ProcessTest(ProcessBase):
    def under_way(self):
        """A server whose task was sent to an agent that does not go on."""
        self.cloud.until(lambda: not self.tasks(), what="quiet")
        freeze(self.cloud.processes[1])
        server = self.boot()
        self.cloud.until(lambda: [row[1] for row in self.tasks() if row[0] == "compute.spawn"] == ["1"] and
                         all(row[1] == "1" for row in self.tasks()), what="tasks that run: %s" % self.tasks())
        return server

    def test_a_process_that_starts_leaves_the_tasks_of_live_ones_alone(self):
        server = self.under_way()
        before = self.tasks()
        other = Beside(self.cloud).start()
        try:
            self.assertEqual(before, self.tasks())
            self.assertEqual(2, len(self.processes()))
            self.cloud.processes[1].send_signal(signal.SIGCONT)
            self.settled(server, "ACTIVE")
            self.assertEqual([["1"]], self.cloud.sql(
                "SELECT count(*) FROM rest_history WHERE resource_id = '%s' AND what LIKE 'compute.spawn done, try 1,%%'"
                % server["id"]))
        finally:
            self.cloud.processes[1].send_signal(signal.SIGCONT)
            self.assertEqual([0], other.stop())
        self.assertEqual(1, len(self.processes()))

    def test_tasks_of_a_process_that_died_begin_again(self):
        server = self.under_way()
        dead = self.tasks()[0][2]
        self.cloud.processes[0].kill()
        self.cloud.processes[0].wait()
        other = Beside(self.cloud).start()          # on another machine: it cannot know yet
        self.assertEqual(dead, self.tasks()[0][2])
        self.assertEqual([0], other.stop())
        self.assertEqual("1", self.tasks()[0][1])
        self.cloud.sql("UPDATE rest_process SET seen_at = seen_at - 61000000 WHERE id = '%s'" % dead)
        other = Beside(self.cloud).start()
        try:
            self.cloud.until(lambda: self.tasks()[0][1] == "0", what="the task taken back")
            self.assertNotIn(dead, self.processes())
        finally:
            self.assertEqual([0], other.stop())
            self.restart_api()
        self.settled(server, "ACTIVE")

    def test_the_next_process_on_the_same_data_takes_back_at_once(self):
        server = self.under_way()
        dead = self.tasks()[0][2]
        self.cloud.processes[0].kill()
        self.cloud.processes[0].wait()
        self.restart_api()
        self.assertNotIn(dead, self.processes())
        self.assertNotIn(dead, [row[2] for row in self.tasks() if row[1] == "1"])
        self.settled(server, "ACTIVE")

    def restart_api(self):
        agent = self.cloud.processes[1]
        self.cloud.processes = []
        self.cloud._spawn("api", "--listen", self.cloud.listen)
        self.cloud.processes.append(agent)
        agent.send_signal(signal.SIGCONT)
        self.cloud.until(self.cloud._answers, 60, "the API")


class AwayTest(ProcessBase):
    def test_what_is_asked_for_while_an_agent_starts_anew_waits_for_it(self):
        self.stop_agent()
        server = self.boot()
        volume = self.ask("POST", "/volume/v3/volumes", {"volume": {"size": 1}}, 202)["volume"]["id"]
        time.sleep(0.5)
        self.assertEqual("BUILD", self.ask("GET", "%s/servers/%s" % (COMPUTE, server["id"]))["server"]["status"])
        self.start_agent()
        self.settled(server, "ACTIVE")
        self.cloud.until(lambda: self.ask("GET", "/volume/v3/volumes/" + volume)["volume"]["status"] == "available",
                         what="the volume")

    def test_a_host_that_is_away_for_long_gets_nothing(self):
        self.stop_agent()
        self.away(120)
        try:
            shown = self.settled(self.boot(), "ERROR")
            self.assertIn("No valid host", shown["fault"]["message"])
            volume = self.ask("POST", "/volume/v3/volumes", {"volume": {"size": 1}}, 202)["volume"]["id"]
            self.cloud.until(lambda: self.ask("GET", "/volume/v3/volumes/" + volume)["volume"]["status"] == "error",
                             what="the volume's error")
        finally:
            self.start_agent()
            self.cloud.until(lambda: self.cloud.sql("SELECT DISTINCT state FROM compute_host") == [["up"]], what="host up")
