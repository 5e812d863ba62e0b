"""A user's notes, by stock OAuth clients: requests-oauthlib with a secret, Authlib without. Authorization code with
PKCE, refresh, introspection, revocation.

Takes ISSUER and CLIENT_SECRET (of `paper`) of a running `embed` from the environment. forms.py plays the browser.
"""

import os
import secrets
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import OAuth2Error
from requests_oauthlib import OAuth2Session

from forms import ANN, answer

ISSUER, CLIENT_SECRET = os.environ["ISSUER"], os.environ["CLIENT_SECRET"]
CLIENT_ID, REDIRECT_URI = "paper", "https://paper.example/callback"
SCOPE = ["notes.read", "notes.write", "offline_access"]
NOTES = ISSUER + "/api/notes"

# the issuer is a loopback address without TLS
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

metadata = requests.get(ISSUER + "/.well-known/oauth-authorization-server", timeout=5).json()
assert "S256" in metadata["code_challenge_methods_supported"], metadata
TOKEN, INTROSPECTION = metadata["token_endpoint"], metadata["introspection_endpoint"]


def refuses(why, call):
    try:
        call()
    except (OAuth2Error, OAuthError) as error:
        print(f"  refused, {why}: {error.error}")
        return error.error
    raise SystemExit(f"accepted, although {why}")


def session():
    client = OAuth2Session(CLIENT_ID, redirect_uri=REDIRECT_URI, scope=SCOPE, pkce="S256")
    return client, client.authorization_url(metadata["authorization_endpoint"])[0]


def decided(url, decision):
    return answer(url, decision, user=ANN, name="Paper &#38; Post")


def exchange(client, callback):
    return client.fetch_token(TOKEN, authorization_response=callback, client_secret=CLIENT_SECRET)


client, url = session()
callback = decided(url, "approve")
assert parse_qs(urlsplit(callback).query)["iss"] == [ISSUER], callback
token = exchange(client, callback)
assert sorted(token["scope"]) == sorted(SCOPE), token
written = client.post(NOTES, data="from Python", timeout=5)
assert written.status_code == 201, written.text
refreshed = client.refresh_token(TOKEN, auth=(CLIENT_ID, CLIENT_SECRET))
assert refreshed["refresh_token"] != token["refresh_token"], refreshed
notes = client.get(NOTES, timeout=5).json()
assert "from Python" in [note["text"] for note in notes], notes
print(f"  requests-oauthlib: a code, tokens, a refresh, {len(notes)} note(s) read")

# requests-oauthlib has no call for these two
paper = AuthlibSession(CLIENT_ID, CLIENT_SECRET)


def introspected(token):
    answered = paper.introspect_token(INTROSPECTION, token=token, timeout=5)
    assert answered.status_code == 200, answered.text
    return answered.json()


held = introspected(refreshed["access_token"])
assert held["active"] is True and held["client_id"] == CLIENT_ID and held["iss"] == ISSUER, held
assert sorted(held["scope"].split()) == sorted(SCOPE), held
assert introspected(refreshed["refresh_token"])["active"] is True
assert introspected(token["refresh_token"]) == {"active": False}, "it was rotated"
revoked = paper.revoke_token(metadata["revocation_endpoint"], token=refreshed["refresh_token"], timeout=5)
assert revoked.status_code == 200, revoked.text
for kind in ("access_token", "refresh_token"):
    assert introspected(refreshed[kind]) == {"active": False}, kind
ended = client.get(NOTES, timeout=5)
assert ended.status_code == 401, ended.text
print(f"  Authlib: both tokens active, one revoked, both inactive; the API answers {ended.status_code}")
why = "the refresh token was revoked"
assert refuses(why, lambda: client.refresh_token(TOKEN, auth=(CLIENT_ID, CLIENT_SECRET))) == "invalid_grant"

again, url = session()
callback = decided(url, "approve")
exchange(again, callback)
assert refuses("the code was used", lambda: exchange(again, callback)) == "invalid_grant"
other, url = session()
callback = decided(url, "approve")
other._client.code_verifier = other._code_verifier = "x" * 43
assert refuses("the verifier is another", lambda: exchange(other, callback)) == "invalid_grant"
denied, url = session()
callback = decided(url, "deny")
assert refuses("the user denied it", lambda: exchange(denied, callback)) == "access_denied"

# a client without a secret: it ends its own tokens, and learns nothing about any
cli = AuthlibSession(
    "notes-cli", redirect_uri="http://127.0.0.1:51005/callback", scope=SCOPE, code_challenge_method="S256"
)
verifier = secrets.token_urlsafe(48)
url, state = cli.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
callback = answer(url, "approve", user=ANN, name="Notes for the terminal")
token = cli.fetch_token(TOKEN, authorization_response=callback, state=state, code_verifier=verifier)
assert cli.get(NOTES, timeout=5).status_code == 200
asked = cli.introspect_token(INTROSPECTION, token=token["access_token"], timeout=5)
assert (asked.status_code, asked.json()["error"]) == (401, "invalid_client"), asked.text
revoked = cli.revoke_token(metadata["revocation_endpoint"], token=token["refresh_token"], timeout=5)
assert revoked.status_code == 200, revoked.text
ended = cli.get(NOTES, timeout=5)
assert ended.status_code == 401, ended.text
print(f"  Authlib without a secret: no introspection ({asked.status_code}); after the revocation, {ended.status_code}")
assert refuses(why, lambda: cli.refresh_token(TOKEN, refresh_token=token["refresh_token"])) == "invalid_grant"
