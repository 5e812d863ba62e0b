"""Users of `embed` in a real browser (Chromium, by selenium): login, consent, partial consent, denial, the back button,
an interaction that has expired, a narrow screen, the keyboard.

Takes ISSUER and DATABASE (the authorization server's file) of a running `embed` from the environment. The client is a
page of this script's own at a loopback address.
"""

import base64
import hashlib
import os
import secrets
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from chromium import browser, can_be_read, fits, is_labelled_and_seen, narrow, picture, press, sign_in, title, until

ISSUER, DATABASE = os.environ["ISSUER"], os.environ["DATABASE"]


class Client(BaseHTTPRequestHandler):
    """Where the answers go."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>client</title><p>Back at the client.")

    def log_message(self, *_):
        pass


client = ThreadingHTTPServer(("127.0.0.1", 0), Client)
threading.Thread(target=client.serve_forever, daemon=True).start()
REDIRECT_URI = f"http://127.0.0.1:{client.server_port}/callback"


def authorization_url():
    challenge = base64.urlsafe_b64encode(hashlib.sha256(secrets.token_bytes(32)).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": "notes-cli",
        "redirect_uri": REDIRECT_URI,
        "scope": "notes.read notes.write offline_access",
        "state": "from the browser",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{ISSUER}/oauth/authorize?{urlencode(query)}"


def told(driver):
    """What the client was told, once the browser is there."""
    until(driver, lambda driver: driver.current_url.startswith(REDIRECT_URI))
    return {name: values[0] for name, values in parse_qs(urlsplit(driver.current_url).query).items()}


driver = browser()
driver.get(authorization_url())
title(driver, "Sign in")
is_labelled_and_seen(driver)
can_be_read(driver)
picture(driver, "1-login")
sign_in(driver, password="wrong")
until(driver, lambda driver: driver.find_elements(By.CSS_SELECTOR, "[role=alert]"))
can_be_read(driver)
picture(driver, "2-wrong-password")
driver.find_element(By.ID, "password").send_keys("correct horse battery" + Keys.ENTER)
title(driver, "Allow Notes for the terminal?")
is_labelled_and_seen(driver)
can_be_read(driver)
picture(driver, "3-consent")
press(driver, "approve")
answer = told(driver)
assert answer["state"] == "from the browser" and answer["iss"] == ISSUER and answer["code"], answer
print("  login, consent: a code")

driver.back()
until(driver, lambda driver: driver.current_url.startswith(ISSUER))
title(driver, "This sign-in cannot go on")
picture(driver, "4-back")
assert not driver.find_elements(By.CSS_SELECTOR, "button[value=approve]"), driver.page_source
print("  the back button: nothing to decide")

driver.get(authorization_url())
title(driver, "Allow")
box = driver.find_element(By.CSS_SELECTOR, "input[value='notes.write']")
box.find_element(By.XPATH, "..").click()
assert not box.is_selected(), "a click on the text unticks the box"
picture(driver, "5-partial-consent")
press(driver, "approve")
assert "code" in told(driver)
print("  partial consent: a code")

driver.get(authorization_url())
title(driver, "Allow")
press(driver, "deny")
assert told(driver)["error"] == "access_denied"
print("  denial: access_denied")

driver.get(authorization_url())
title(driver, "Allow")
with sqlite3.connect(DATABASE, timeout=10) as sql:
    # half an hour passes
    sql.execute("UPDATE authorization_request SET expires_at = 1")
press(driver, "approve")
title(driver, "This sign-in cannot go on")
assert driver.current_url.startswith(ISSUER)
can_be_read(driver)
picture(driver, "6-expired")
print("  an interaction that has expired: a page that says so")

driver.get(authorization_url())
title(driver, "Allow")
page = driver.current_url
first = driver.current_window_handle
driver.switch_to.new_window("tab")
driver.get(ISSUER + "/login")
sign_in(driver, "ben", "staple of the evening")
title(driver, "My notes")
driver.close()
driver.switch_to.window(first)
press(driver, "approve")
title(driver, "This sign-in cannot go on")
driver.get(page)
title(driver, "Allow")
assert "Ben Baker" in driver.page_source
press(driver, "approve")
assert "code" in told(driver)
print("  another user in another tab: asked anew")

driver.get(ISSUER + "/connections")
title(driver, "Connected apps")
can_be_read(driver)
picture(driver, "7-connections")
for entry in driver.get_log("browser"):
    assert entry["level"] != "SEVERE" or "favicon" in entry["message"] or "status of 4" in entry["message"], entry
driver.quit()

telephone = browser()
narrow(telephone)
telephone.get(authorization_url())
fits(telephone)
picture(telephone, "8-narrow-login")
sign_in(telephone)
title(telephone, "Allow")
fits(telephone)
picture(telephone, "9-narrow-consent")
# the keyboard alone: through the boxes to the first button
for _ in range(12):
    if telephone.switch_to.active_element.get_attribute("value") == "approve":
        break
    telephone.switch_to.active_element.send_keys(Keys.TAB)
telephone.switch_to.active_element.send_keys(Keys.ENTER)
assert "code" in told(telephone)
telephone.get(ISSUER + "/connections")
fits(telephone)
picture(telephone, "10-narrow-connections")
telephone.quit()
print("  a narrow screen and the keyboard alone: a code")
