"""Whether an answer, on standard input, is the one that its page shows. Standard library only."""

import base64
import json
import re
import sys

SERVICES = "client-data config-data hub-data tenant-data user-data"
USERS = "client-data config-data hub-data offline_access user-data"


def part(token, at):
    text = token.split(".")[at]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()


def same(found, wanted):
    assert found == wanted, f"{found!r} is not {wanted!r}"


def standard(answer, lifetime, scope, more=()):
    same(set(answer), {"access_token", "expires_in", "token_type", "scope", *more})
    same((answer["expires_in"], answer["token_type"], answer["scope"]), (lifetime, "Bearer", scope))


def tripdata_service(answer):
    standard(answer, 3600, SERVICES)
    assert answer["access_token"].startswith("eyJhbGciOiJSUzI1NiIsImtp"), answer


def tripdata_app(answer):
    standard(answer, 3600, USERS, ["refresh_token"])
    for name in ("access_token", "refresh_token"):
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", answer[name]), answer


def tokenidp(answer):
    same(set(answer), {"isSuccess", "data"})
    same(answer["isSuccess"], True)
    data = answer["data"]
    same(set(data), {"accessToken", "tokenType", "expiresIn"})
    same((data["tokenType"], data["expiresIn"]), ("Bearer", 3600))
    assert re.fullmatch(r'\{"alg":"RS256","kid":"\d{4}-\d\d-\d\d"\}', part(data["accessToken"], 0)), data
    same(json.loads(part(data["accessToken"], 1))["scope"], "orders.read orders.write")


def atm(answer):
    same(set(answer), {"access_token", "exp_access_token"})
    same(answer["exp_access_token"], 600)


def atm_token(answer):
    atm(answer)
    claims = json.loads(part(answer["access_token"], 1))
    same(set(claims), {"iat", "iss", "exp", "aud"})
    same((claims["iss"], claims["aud"]), ("atm", "NmN78x6DMfde1XRx9hQg"))


def atm_sign_in(answer):
    same(set(answer), {"access_token", "exp_access_token", "refresh_token", "id_token"})


def tiki(answer):
    standard(answer, 600, "inventory multichannel order product")


PAGES = {
    "tripdata-service": tripdata_service,
    "tripdata-app": tripdata_app,
    "tokenidp": tokenidp,
    "atm-token": atm_token,
    "atm-refresh": atm,
    "atm-sign-in": atm_sign_in,
    "tiki": tiki,
}

if __name__ == "__main__":
    text = sys.stdin.read()
    try:
        PAGES[sys.argv[1]](json.loads(text))
    except (AssertionError, KeyError, ValueError) as error:
        sys.exit(f"{sys.argv[1]}: {error!r} in {text}")
