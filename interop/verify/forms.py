"""A user of `embed`, played by a session of requests: it signs in and answers on the real forms."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

ANN, BEN = ("ann", "correct horse battery"), ("ben", "staple of the evening")


class Form(HTMLParser):
    """The last form of a page."""

    def __init__(self, page):
        super().__init__()
        self.url = self.action = page.url
        self.fields = []
        self.feed(page.text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.action, self.fields = urljoin(self.url, attributes.get("action") or self.url), []
        if tag == "input" and (attributes.get("type") != "checkbox" or "checked" in attributes):
            self.fields.append((attributes.get("name"), attributes.get("value", "")))

    def send(self, browser, **filled):
        """Where the answer leads."""
        fields = [(name, value) for name, value in self.fields if name not in filled]
        answer = browser.post(self.action, fields + list(filled.items()), allow_redirects=False, timeout=5)
        assert answer.status_code == 303, (answer.status_code, answer.text)
        return urljoin(self.action, answer.headers["Location"])


def sign_in(page, browser, user):
    """Fills in the login form of this page; the page that asked for it."""
    login, password = user
    return browser.get(Form(page).send(browser, login=login, password=password), timeout=5)


def answer(authorization_url, decision, *, user=ANN, name):
    """Where the client called `name` is told what the user decided."""
    browser = requests.Session()
    prompt = sign_in(browser.get(authorization_url, timeout=5), browser, user)
    assert f"Allow <strong>{name}</strong>" in prompt.text, prompt.text
    return Form(prompt).send(browser, decision=decision)


def connections(issuer, user):
    """The page on which a user sees which apps reach the notes."""
    browser = requests.Session()
    sign_in(browser.get(issuer + "/login", timeout=5), browser, user)
    page = browser.get(issuer + "/connections", timeout=5)
    assert "Connected apps" in page.text, page.text
    return page.text
