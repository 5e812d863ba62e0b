"""The command-line client of `embed` (examples/spa_client/cli), run as its user would.

Takes the ISSUER of a running `embed` and NOTES_CLI, the program, from the environment. forms.py plays the browser.
"""

import os
import subprocess
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from forms import BEN, answer, connections

ISSUER, NOTES_CLI = os.environ["ISSUER"], os.environ["NOTES_CLI"]
NAME = "Notes for the terminal"


class Run:
    """A run of it, up to the address that it has its user open."""

    def __init__(self, *arguments, **environment):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environment = {"PATIENCE": "60"} | environment
        self.process = subprocess.Popen([NOTES_CLI, *arguments], env=os.environ | environment, text=True, **pipes)
        assert self.process.stdout.readline() == "Open this in a browser:\n"
        self.url = self.process.stdout.readline().strip()
        self.asked = parse_qs(urlsplit(self.url).query)

    def decided(self, decision):
        return answer(self.url, decision, user=BEN, name=NAME)

    def end(self):
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


def back(callback, **changed):
    """The browser goes where it is sent, or where somebody else would have it sent."""
    url = urlsplit(callback)
    query = {name: values[0] for name, values in parse_qs(url.query).items()} | changed
    return requests.get(url._replace(query=urlencode(query)).geturl(), timeout=5)


run = Run("from", "the", "terminal")
assert run.asked["code_challenge_method"] == ["S256"] and run.asked["scope"] == ["notes.write"], run.asked
assert run.asked["redirect_uri"][0].startswith("http://127.0.0.1:"), run.asked
page = back(run.decided("approve"))
assert page.status_code == 200 and "Back to the terminal" in page.text, page.text
assert run.end() == (0, "- from the terminal\nSigned out.\n", "")
run = Run()
back(run.decided("approve"))
status, out, _ = run.end()
assert status == 0 and out.startswith("- from the terminal\n") and out.endswith("\nSigned out.\n"), out
print("  notes_cli: a note written, notes listed, signed out")
assert NAME not in connections(ISSUER, BEN), "its tokens are revoked"

run = Run()
callback = run.decided("approve")
page = back(callback, state="forged")
assert page.status_code == 404 and run.process.poll() is None, page.text
assert back(callback).status_code == 200
assert run.end()[0] == 0
print("  an answer with another state: not taken; it waits for its own")

run = Run()
back(run.decided("approve"), iss="https://evil.example")
status, out, err = run.end()
assert status != 0 and "another server" in err and not out, (out, err)
print("  refused, the answer is another server's")

run = Run()
back(run.decided("deny"))
status, out, err = run.end()
assert status != 0 and "access_denied" in err and not out, (out, err)
print("  refused, the user denied it: access_denied")

begun = time.monotonic()
status, out, err = Run(PATIENCE="1").end()
assert status != 0 and "nobody signed in" in err and 0.5 < time.monotonic() - begun < 10, err
print("  refused, nobody signed in within a second")
