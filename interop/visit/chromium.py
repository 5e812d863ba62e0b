"""Chromium, by selenium, and what is measured on every page. PICTURES in the environment is a folder for screenshots."""

import os

from selenium import webdriver
from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

PICTURES = os.environ.get("PICTURES")


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


def picture(driver, name):
    if PICTURES:
        driver.save_screenshot(os.path.join(PICTURES, f"{name}.png"))


def until(driver, condition):
    # a page that goes away under the question has not answered it; when none answers, what it said last is told
    said = []

    def asked(driver):
        try:
            return condition(driver)
        except WebDriverException as error:
            said.append(error)
            return False

    try:
        return WebDriverWait(driver, 15).until(asked)
    except TimeoutException as late:
        raise late from (said[-1] if said else None)


def title(driver, text):
    until(driver, lambda driver: text in driver.title)


def sign_in(driver, name="ann", password="correct horse battery"):
    title(driver, "Sign in")
    driver.find_element(By.ID, "login").send_keys(name)
    driver.find_element(By.ID, "password").send_keys(password + Keys.ENTER)


def press(driver, decision):
    driver.find_element(By.CSS_SELECTOR, f"button[value={decision}]").click()


def is_labelled_and_seen(driver):
    """Every field has a name for screen readers, and what has the focus shows it."""
    for field in driver.find_elements(By.CSS_SELECTOR, "input:not([type=hidden]), textarea, button"):
        assert not field.is_displayed() or field.accessible_name.strip(), field.get_attribute("outerHTML")
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


def narrow(driver):
    """A window is never that narrow, a telephone is."""
    telephone = {"width": 320, "height": 640, "deviceScaleFactor": 2, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", telephone)


def fits(driver):
    wide, room = driver.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= room, f"{wide} pixels on a screen of {room}"
