"""Users of `embed` in a real browser (Chromium, by selenium): login, consent, partial consent, denial, the back button,
an interaction that has expired, a narrow screen, the keyboard.

Takes ISSUER and DATABASE (the authorization server's file) of a running `embed` from the environment, and with PICTURES a
folder for screenshots. The client is a page of this script's own at a loopback address.
"""

import base64
import hashlib
import os
import secrets
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

ISSUER, DATABASE, PICTURES = os.environ["ISSUER"], os.environ["DATABASE"], os.environ.get("PICTURES")


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


def browser():
    options = webdriver.ChromeOptions()
    # CI runs as root, in a container with little shared memory
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1100,900"):
        options.add_argument(argument)
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    driver.set_page_load_timeout(20)
    return driver


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


def picture(driver, name):
    if PICTURES:
        driver.save_screenshot(os.path.join(PICTURES, f"{name}.png"))


def until(driver, condition):
    return WebDriverWait(driver, 15).until(condition)


def title(driver, text):
    until(driver, lambda driver: text in driver.title)


def sign_in(driver, name="ann", password="correct horse battery"):
    title(driver, "Sign in")
    driver.find_element(By.ID, "login").send_keys(name)
    driver.find_element(By.ID, "password").send_keys(password + Keys.ENTER)


def press(driver, decision):
    driver.find_element(By.CSS_SELECTOR, f"button[value={decision}]").click()


def told(driver):
    """What the client was told, once the browser is there."""
    until(driver, lambda driver: driver.current_url.startswith(REDIRECT_URI))
    return {name: values[0] for name, values in parse_qs(urlsplit(driver.current_url).query).items()}


def is_labelled_and_seen(driver):
    """Every field has a name for screen readers, and what has the focus shows it."""
    for field in driver.find_elements(By.CSS_SELECTOR, "input:not([type=hidden]), textarea, button"):
        assert field.accessible_name.strip(), field.get_attribute("outerHTML")
    driver.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    outline = driver.switch_to.active_element.value_of_css_property("outline-style")
    assert outline == "solid", outline


def contrast(driver, element):
    """WCAG 2.2: the contrast of an element's text with what lies behind it."""
    colours = driver.execute_script(
        """
        const read = (text) => text.match(/[0-9.]+/g).map(Number)
        let behind = arguments[0]
        const text = read(getComputedStyle(behind).color)
        while (behind && (read(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement
        return [text, behind ? read(getComputedStyle(behind).backgroundColor) : [255, 255, 255]]
        """,
        element,
    )

    def luminance(colour):
        parts = [part / 255 for part in colour[:3]]
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted(map(luminance, colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def can_be_read(driver):
    for element in driver.find_elements(By.CSS_SELECTOR, "h1, h2, p, label, legend, button, a, li, strong, span"):
        if element.text:
            assert contrast(driver, element) >= 4.5, (element.text, contrast(driver, element))


def fits(driver):
    wide, room = driver.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= room, f"{wide} pixels on a screen of {room}"


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

narrow = browser()
# a window is never that narrow, a telephone is
telephone = {"width": 320, "height": 640, "deviceScaleFactor": 2, "mobile": True}
narrow.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", telephone)
narrow.get(authorization_url())
fits(narrow)
picture(narrow, "8-narrow-login")
sign_in(narrow)
title(narrow, "Allow")
fits(narrow)
picture(narrow, "9-narrow-consent")
# the keyboard alone: through the boxes to the first button
for _ in range(12):
    if narrow.switch_to.active_element.get_attribute("value") == "approve":
        break
    narrow.switch_to.active_element.send_keys(Keys.TAB)
narrow.switch_to.active_element.send_keys(Keys.ENTER)
assert "code" in told(narrow)
narrow.get(ISSUER + "/connections")
fits(narrow)
picture(narrow, "10-narrow-connections")
narrow.quit()
print("  a narrow screen and the keyboard alone: a code")
