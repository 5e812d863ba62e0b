"""Notes in a tab (examples/spa_client), a page without a server of its own, in Chromium: sign-in, notes, refresh, a
reload, a withdrawal, sign-out; answers that are forged; an origin that may read nothing.

Takes ISSUER and DATABASE (the authorization server's file) of a running `embed`, and PAGE, a folder with the page, from
the environment.
"""

import json
import os
import sqlite3
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from chromium import browser, can_be_read, fits, is_labelled_and_seen, narrow, picture, press, sign_in, title, until

ISSUER, DATABASE, PAGE = os.environ["ISSUER"], os.environ["DATABASE"], os.environ["PAGE"]


class Files(SimpleHTTPRequestHandler):
    """`python3 -m http.server`, which says nothing."""

    def log_message(self, *_):
        pass


def serve():
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=PAGE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


OURS, ELSEWHERE = f"http://127.0.0.1:{serve()}/", f"http://localhost:{serve()}/"


def shown(driver, name):
    """The part of the page with this id, once it is there to see."""

    def seen(driver):
        part = driver.find_element(By.ID, name)
        return part if part.is_displayed() else None

    return until(driver, seen)


def says(driver, name, text):
    until(driver, lambda driver: text in driver.find_element(By.ID, name).text)


def begin(driver, page=OURS):
    driver.get(page)
    shown(driver, "sign-in").click()


def allow(driver):
    title(driver, "Allow Notes in a tab?")
    press(driver, "approve")
    shown(driver, "inside")


def notes(driver):
    return [item.text for item in driver.find_elements(By.CSS_SELECTOR, "#notes li")]


def write(driver, text):
    shown(driver, "text").send_keys(text)
    driver.find_element(By.CSS_SELECTOR, "#write button").click()


def wait_for_note(driver, text):
    until(driver, lambda driver: notes(driver)[:1] == [text])


def can_be_read_by_day_and_night(driver, name):
    for scheme in ("dark", "light"):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        can_be_read(driver)
        picture(driver, f"{name}-{scheme}")


def hour_passes(driver):
    driver.execute_script("const now = Date.now; Date.now = () => now() + 3600e3")


def token_requests(driver):
    return driver.execute_script("return performance.getEntriesByName(arguments[0]).length", ISSUER + "/oauth/token")


def families():
    """What the server holds of this client's sign-ins: how often each was refreshed, and why it was revoked."""
    with sqlite3.connect(DATABASE, timeout=10) as sql:
        select = "SELECT generation, revoked_why FROM family WHERE client = 'notes-web' ORDER BY id"
        return sql.execute(select).fetchall()


def asked_from(driver, page, path, fields=None):
    """What a script of this page reads of an answer of the authorization server."""
    driver.get(page)
    return driver.execute_async_script(
        """
        const [url, fields, done] = arguments
        fetch(url, fields && { method: 'POST', body: new URLSearchParams(fields) }).then(
          async (answer) => done([answer.status, await answer.text()]),
          (error) => done(String(error)),
        )
        """,
        ISSUER + path,
        fields,
    )


driver = browser()
driver.get(OURS)
shown(driver, "outside")
is_labelled_and_seen(driver)
can_be_read_by_day_and_night(driver, "11-tab-outside")
begin(driver)
sign_in(driver)
allow(driver)
assert driver.current_url == OURS, "the code is out of the address"
before = len(notes(driver))
write(driver, "<b>from a tab</b>")
wait_for_note(driver, "<b>from a tab</b>")
says(driver, "said", "Kept")
assert driver.switch_to.active_element.get_attribute("id") == "text", "the next one can be typed"
is_labelled_and_seen(driver)
can_be_read_by_day_and_night(driver, "12-tab-inside")
held = driver.execute_script("return [Object.keys(localStorage), Object.keys(sessionStorage), document.cookie]")
assert held == [[], [], ""], held
print("  a tab: signed in, a note written; nothing is stored")

assert (token_requests(driver), families()) == (1, [(0, None)])
hour_passes(driver)
write(driver, "an hour later")
wait_for_note(driver, "an hour later")
assert (token_requests(driver), families()) == (2, [(1, None)])
print("  an hour later: refreshed")

driver.refresh()
shown(driver, "outside")
assert notes(driver) == []
until(driver, lambda _: families() == [(1, "client")])
begin(driver)
allow(driver)
assert notes(driver)[:2] == ["an hour later", "<b>from a tab</b>"] and len(notes(driver)) == before + 2, notes(driver)
print("  a reload: signed out, its tokens revoked; after consent the notes are there")

shown(driver, "sign-out").click()
says(driver, "said", "Signed out")
shown(driver, "outside")
assert notes(driver) == [] and families()[1:] == [(0, "client")], families()
assert driver.switch_to.active_element.get_attribute("id") == "sign-in"
can_be_read(driver)
picture(driver, "13-tab-signed-out")
print("  sign-out: its tokens revoked")

begin(driver)
allow(driver)
page = driver.current_window_handle
driver.switch_to.new_window("tab")
driver.get(ISSUER + "/connections")
driver.find_element(By.XPATH, "//form[contains(., 'Notes in a tab')]//button").click()
until(driver, lambda driver: "Notes in a tab" not in driver.page_source)
driver.close()
driver.switch_to.window(page)
write(driver, "too late")
says(driver, "problem", "has ended")
shown(driver, "outside")
assert notes(driver) == []
assert driver.switch_to.active_element.get_attribute("id") == "sign-in"
can_be_read(driver)
picture(driver, "14-tab-ended")
print("  withdrawn at the server: the page says so")

begin(driver)
title(driver, "Allow")
press(driver, "deny")
says(driver, "problem", "You did not allow it")
begin(driver)
title(driver, "Allow")
for scope in ("notes.write", "offline_access"):
    driver.find_element(By.CSS_SELECTOR, f"input[value='{scope}']").click()
press(driver, "approve")
shown(driver, "inside")
assert not driver.find_element(By.ID, "write").is_displayed() and "too late" not in notes(driver)
print("  denied, and allowed in part: the page shows no more")

driver.get("about:blank")
forged = {"code": "x", "state": "forged", "iss": ISSUER}
driver.get(f"{OURS}callback.html?{urlencode(forged)}")
says(driver, "problem", "not begun in this tab")
for forgery in ({"state": "forged"}, {"iss": "https://evil.example"}, {}):
    begin(driver)
    title(driver, "Allow")
    # the way to the server and back is the same tab
    driver.get(OURS)
    state = json.loads(driver.execute_script("return sessionStorage['sign-in']"))["state"]
    driver.get(f"{OURS}callback.html?{urlencode(forged | {'state': state} | forgery)}")
    says(driver, "problem", "unexpected" if forgery else "invalid_grant")
    assert token_requests(driver) == (0 if forgery else 1), forgery
    assert driver.execute_script("return sessionStorage['sign-in'] ?? null") is None
print("  forged answers: refused before their code is sent")
for entry in driver.get_log("browser"):
    assert entry["level"] != "SEVERE" or "status of 4" in entry["message"], entry

guess = {"grant_type": "authorization_code", "client_id": "notes-web", "code": "x", "code_verifier": "x" * 43}
for path, fields in (("/oauth/token", guess), ("/oauth/revoke", {"client_id": "notes-web", "token": "x"})):
    status, _ = asked_from(driver, OURS, path, fields)
    assert status == (400 if path == "/oauth/token" else 200), (path, status)
    assert asked_from(driver, ELSEWHERE, path, fields) == "TypeError: Failed to fetch", path
assert asked_from(driver, ELSEWHERE, "/.well-known/oauth-authorization-server")[0] == 200
begin(driver, ELSEWHERE)
title(driver, "This sign-in cannot go on")
assert driver.current_url.startswith(ISSUER)
print("  another origin: reads no token and no revocation, and signs nobody in")
driver.quit()

telephone = browser()
narrow(telephone)
telephone.get(OURS)
shown(telephone, "sign-in")
fits(telephone)
picture(telephone, "15-tab-narrow-outside")
# the keyboard alone
telephone.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
telephone.switch_to.active_element.send_keys(Keys.ENTER)
sign_in(telephone, "ben", "staple of the evening")
allow(telephone)
shown(telephone, "text").send_keys("unbreakable" * 12 + Keys.TAB)
telephone.switch_to.active_element.send_keys(Keys.ENTER)
wait_for_note(telephone, "unbreakable" * 12)
fits(telephone)
picture(telephone, "16-tab-narrow-inside")
telephone.quit()
print("  a narrow screen and the keyboard alone: a note written")
