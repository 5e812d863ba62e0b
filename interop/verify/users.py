"""A user's notes, by a stock OAuth client (requests-oauthlib) with a secret: authorization code with PKCE, refresh.

Takes ISSUER and CLIENT_SECRET (of `paper`) of a running `embed` from the environment. A session of requests plays the
browser: it signs in and answers on the real forms.
"""

import os
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from oauthlib.oauth2 import OAuth2Error
from requests_oauthlib import OAuth2Session

ISSUER, CLIENT_SECRET = os.environ["ISSUER"], os.environ["CLIENT_SECRET"]
CLIENT_ID, REDIRECT_URI = "paper", "https://paper.example/callback"
SCOPE = ["notes.read", "notes.write", "offline_access"]

# the issuer is a loopback address without TLS
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


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
        fields = [(name, value) for name, value in self.fields if name not in filled]
        answer = browser.post(self.action, fields + list(filled.items()), allow_redirects=False, timeout=5)
        assert answer.status_code == 303, (answer.status_code, answer.text)
        return urljoin(ISSUER, answer.headers["Location"])


def answer(authorization_url, decision):
    """Where the client is told what the user decided."""
    browser = requests.Session()
    login = browser.get(authorization_url, timeout=5)
    prompt = browser.get(Form(login).send(browser, login="ann", password="correct horse battery"), timeout=5)
    assert "Paper &#38; Post" in prompt.text, prompt.text
    return Form(prompt).send(browser, decision=decision)


metadata = requests.get(ISSUER + "/.well-known/oauth-authorization-server", timeout=5).json()
assert "S256" in metadata["code_challenge_methods_supported"], metadata


def session():
    client = OAuth2Session(CLIENT_ID, redirect_uri=REDIRECT_URI, scope=SCOPE, pkce="S256")
    return client, client.authorization_url(metadata["authorization_endpoint"])[0]


client, url = session()
callback = answer(url, "approve")
assert parse_qs(urlsplit(callback).query)["iss"] == [ISSUER], callback
token = client.fetch_token(metadata["token_endpoint"], authorization_response=callback, client_secret=CLIENT_SECRET)
assert sorted(token["scope"]) == sorted(SCOPE), token
written = client.post(ISSUER + "/api/notes", data="from Python", timeout=5)
assert written.status_code == 201, written.text
refreshed = client.refresh_token(metadata["token_endpoint"], auth=(CLIENT_ID, CLIENT_SECRET))
assert refreshed["refresh_token"] != token["refresh_token"], refreshed
notes = client.get(ISSUER + "/api/notes", timeout=5).json()
assert "from Python" in [note["text"] for note in notes], notes
print(f"  requests-oauthlib: a code, tokens, a refresh, {len(notes)} note(s) read")


def refuses(why, call):
    try:
        call()
    except OAuth2Error as error:
        print(f"  refused, {why}: {error.error}")
    else:
        raise SystemExit(f"accepted, although {why}")


def exchange(client, callback):
    return client.fetch_token(
        metadata["token_endpoint"], authorization_response=callback, client_secret=CLIENT_SECRET
    )


refuses("the code was used", lambda: exchange(client, callback))
other, url = session()
callback = answer(url, "approve")
other._client.code_verifier = other._code_verifier = "x" * 43
refuses("the verifier is another", lambda: exchange(other, callback))
denied, url = session()
refuses("the user denied it", lambda: exchange(denied, answer(url, "deny")))
