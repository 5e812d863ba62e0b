"""A token from the quickstart, by a stock OAuth client and a JWT library that are not ours (requests-oauthlib, PyJWT).

Takes ISSUER, CLIENT_ID and CLIENT_SECRET from the environment.
"""

import base64
import json
import os

import jwt
import requests
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from requests_oauthlib import OAuth2Session

ISSUER, CLIENT_ID, CLIENT_SECRET = (os.environ[name] for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET"))
AUDIENCE, SCOPE = "orders", "orders.read"

# the issuer is a loopback address without TLS
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


def get_token(metadata, secret=CLIENT_SECRET):
    session = OAuth2Session(client=BackendApplicationClient(client_id=CLIENT_ID, scope=[SCOPE]))
    return session.fetch_token(metadata["token_endpoint"], auth=(CLIENT_ID, secret))


def verify(token, key, issuer=ISSUER, audience=AUDIENCE):
    options = {"require": ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"]}
    decoded = jwt.decode_complete(
        token, key, algorithms=["ES256"], issuer=issuer, audience=audience, options=options
    )
    # RFC 9068 section 4
    if decoded["header"]["typ"] != "at+jwt":
        raise jwt.InvalidTokenError("not an access token")
    return decoded["payload"]


def refuses(why, call):
    try:
        call()
    except (jwt.InvalidTokenError, OAuth2Error) as error:
        print(f"  refused, {why}: {error}")
    else:
        raise SystemExit(f"accepted, although {why}")


def widened(token):
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["scope"] += " admin"
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return ".".join([header, payload, signature])


# RFC 8414 section 3
metadata = requests.get(ISSUER + "/.well-known/oauth-authorization-server", timeout=5).json()
assert metadata["issuer"] == ISSUER, metadata

answer = get_token(metadata)
token = answer["access_token"]
assert answer["token_type"] == "Bearer" and answer["expires_in"] == 600, answer
assert "refresh_token" not in answer, answer

key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(token)
claims = verify(token, key)
assert claims["sub"] == claims["client_id"] == CLIENT_ID and claims["scope"] == SCOPE, claims
print(f"  PyJWT {jwt.__version__} verifies: {claims}")

orders = requests.get(ISSUER + "/orders", headers={"Authorization": f"Bearer {token}"}, timeout=5)
assert orders.status_code == 200, orders.text

refuses("it was changed", lambda: verify(widened(token), key))
refuses("it is for another API", lambda: verify(token, key, audience="billing"))
refuses("another issuer is expected", lambda: verify(token, key, issuer=ISSUER + "/"))
refuses("the secret is wrong", lambda: get_token(metadata, secret="wrong"))
changed = requests.get(ISSUER + "/orders", headers={"Authorization": f"Bearer {widened(token)}"}, timeout=5)
assert changed.status_code == 401 and "invalid_token" in changed.headers["WWW-Authenticate"], changed.headers
