"""What schemathesis cannot make up: a session's token for each call, and codes of the login page."""

import base64
import hashlib
import os
import re
import zlib
from urllib.parse import parse_qs, urlsplit

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation

CLOUD = os.environ["MASTRA_CLOUD_URL"]
APP = "http://localhost:4111/callback"
VERIFIER = "A-verifier-of-the-tests-that-hold-the-contract"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
WEB = requests.Session()


def code():
    """Signs in at the login page, as a person does."""
    query = {"project_id": "demo", "redirect_uri": APP, "state": "s", "code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    page = WEB.get(f"{CLOUD}/auth/oss", params=query, timeout=60).text
    form = {name: re.search(f'name="{name}" value="([^"]+)"', page)[1] for name in ("number", "person")}
    back = WEB.post(f"{CLOUD}/auth/oss", data=form, timeout=60, allow_redirects=False)
    return parse_qs(urlsplit(back.headers["location"]).query)["code"][0]


@schemathesis.hook
def filter_case(context, case):
    # HTTP itself refuses a longer address, with 414 (RFC 9110, section 15.5.15). Each byte may take three characters.
    return 3 * len(repr(case.query).encode()) < 60_000


def is_valid(case, location):
    part = case.meta.components.get(location) if case.meta else None
    return part is not None and part.mode.is_positive


@schemathesis.auth(refresh_interval=None)
class Bearer:
    def get(self, case, context):
        if "security" not in case.operation.definition.raw:
            return None
        answer = WEB.post(f"{CLOUD}/admin/api/tokens", json={"person": "member"}, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def set(self, case, own, context):
        case.headers["Authorization"] = f"Bearer {own['token']}"
        if is_valid(case, ParameterLocation.BODY) and is_heads(case):
            for name, value in (("token", own["token"]), ("sessionId", own["sessionId"])):
                if name in case.body:
                    case.body[name] = value


def is_heads(case):
    """The same in each run, for the same call."""
    return zlib.crc32(repr((case.body, case.headers.get("X-Project-ID"))).encode()) % 2 == 0


@schemathesis.hook
def before_call(context, case, kwargs):
    # Without a token the refusal is 401, and which one comes first is not the contract's.
    operation = case.operation.definition.raw
    if "security" in operation and "Authorization" not in case.headers and "X-Project-ID" in case.headers:
        case.headers["X-Project-ID"] = "demo"
    if operation.get("operationId") == "exchangeCode" and is_valid(case, ParameterLocation.BODY) and is_heads(case):
        case.body["code"] = code()
        if is_valid(case, ParameterLocation.HEADER):
            case.headers["X-Project-ID"] = "demo"
        if "code_verifier" in case.body:
            case.body |= {"redirect_uri": APP, "code_verifier": VERIFIER}
