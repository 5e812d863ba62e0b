"""Refresh tokens under attack: two processes on one SQLite file, whose URLs and file are the arguments.

    race.py tripdata|atm DATABASE URL URL

Standard library only. Fails at the first thing that is not as it should be.
"""

import collections
import http.client
import json
import socket
import sqlite3
import sys
import threading
import time
import urllib.parse

CLIENTS = 32
DEADLINE = 10


class Form:
    """tripdata: RFC 6749."""

    path, client, media = "/connect/token", "tripdata-app", "application/x-www-form-urlencoded"
    user = {"username": "account@tripdata.vn", "password": "@Password123"}
    # its window is two seconds
    hurried = "tripdata-kiosk"

    @staticmethod
    def body(grant, client, members):
        return urllib.parse.urlencode({"grant_type": grant, "client_id": client, **members})


class Json:
    """atm: its own names."""

    path, client, media = "/auth/token", "atm-rotating-app", "application/json"
    user = {"username": "admin@gmail.com", "password": "atm-demo-password"}
    hurried = None

    @staticmethod
    def body(grant, client, members):
        return json.dumps({"grantType": grant, "clientId": client, **members})


class Race:
    def __init__(self, dialect, database, urls):
        self.dialect, self.database = dialect, database
        self.nodes = [urllib.parse.urlsplit(url).netloc for url in urls]

    def post(self, node, body):
        connection = http.client.HTTPConnection(self.nodes[node], timeout=DEADLINE)
        connection.request("POST", self.dialect.path, body, {"Content-Type": self.dialect.media})
        answer = connection.getresponse()
        found = answer.status, json.loads(answer.read())
        connection.close()
        return found

    def sign_in(self, client):
        status, answer = self.post(0, self.dialect.body("password", client, self.dialect.user))
        assert status == 200, answer
        return answer["refresh_token"]

    def refresh(self, node, token, client=None):
        members = {"refresh_token": token}
        return self.post(node, self.dialect.body("refresh_token", client or self.dialect.client, members))

    def successor(self, node, token, client=None):
        status, answer = self.refresh(node, token, client)
        assert status == 200, (status, answer)
        return answer["refresh_token"]

    def refused(self, node, token, client=None):
        status, answer = self.refresh(node, token, client)
        assert (status, answer.get("error")) == (400, "invalid_grant"), (status, answer)

    def families(self):
        """Every family's generation and whether it was revoked, by its handle; read from the file itself."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            return dict(
                (handle, (generation, revoked is not None))
                for handle, generation, revoked in connection.execute(
                    "SELECT handle, generation, revoked_at FROM family"
                )
            )
        finally:
            connection.close()

    def born(self, client):
        """A sign-in: its token, and the handle of its family."""
        before = self.families()
        token = self.sign_in(client)
        (handle,) = set(self.families()) - set(before)
        return token, handle

    def race(self, token):
        """All at once, on both nodes; what they hold afterwards."""
        held, failed = [], []
        barrier = threading.Barrier(CLIENTS)

        def client(node):
            try:
                barrier.wait(DEADLINE)
                held.append(self.successor(node, token))
            except Exception as error:  # told below, in the main thread
                failed.append(error)

        threads = [threading.Thread(target=client, args=(number % 2,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed, failed[:3]
        return collections.Counter(held)

    def clients_at_once(self):
        token, handle = self.born(self.dialect.client)
        for generation in (1, 2, 3):
            held = self.race(token)
            assert len(held) == 1 and sum(held.values()) == CLIENTS, held
            assert self.families()[handle] == (generation, False), self.families()[handle]
            (token,) = held
        assert self.successor(1, token) != token
        print(f"  {CLIENTS} clients at once, 3 generations: one child each, held by all, and it lives")

    def dropped_answer(self):
        token, handle = self.born(self.dialect.client)
        body = self.dialect.body("refresh_token", self.dialect.client, {"refresh_token": token}).encode()
        host, port = self.nodes[0].split(":")
        with socket.create_connection((host, int(port)), DEADLINE) as connection:
            head = f"POST {self.dialect.path} HTTP/1.1\r\nHost: {self.nodes[0]}\r\n"
            head += f"Content-Type: {self.dialect.media}\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            until = time.monotonic() + DEADLINE
            # committed, and nobody reads the answer
            while self.families()[handle][0] == 0:
                assert time.monotonic() < until, "the request was not carried out"
                time.sleep(0.02)
        asked = [self.successor(node, token) for node in (1, 0, 1)]
        assert len(set(asked)) == 1, asked
        assert self.families()[handle] == (1, False), "asking again made no further generation"
        self.successor(0, asked[0])
        print("  a dropped answer, asked for again at the other process: the same successor")

    def ancestor_inside_the_window(self):
        first, handle = self.born(self.dialect.client)
        second = self.successor(0, first)
        third = self.successor(1, second)
        self.refused(0, first)
        assert self.families()[handle][1], "the family is revoked"
        self.refused(1, third)
        self.refused(0, second)
        print("  an ancestor inside the window: refused, and the family is revoked at both processes")

    def theft_after_the_window(self):
        client = self.dialect.hurried
        first, handle = self.born(client)
        second = self.successor(0, first, client)
        assert self.successor(1, first, client) == second, "inside the window it is a retry"
        time.sleep(5.3)
        assert not self.families()[handle][1]
        self.refused(1, first, client)
        assert self.families()[handle][1], "the family is revoked"
        self.refused(0, second, client)
        print("  theft after the window: refused, and the family is revoked at both processes")


if __name__ == "__main__":
    _, system, database, *urls = sys.argv
    race = Race({"tripdata": Form, "atm": Json}[system], database, urls)
    race.clients_at_once()
    race.dropped_answer()
    race.ancestor_inside_the_window()
    if race.dialect.hurried:
        race.theft_after_the_window()
