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


def admin(way, body, method="POST"):
    """What the local Cloud's admin route answers."""
    answer = WEB.request(method, f"{CLOUD}/admin/api/{way}", json=body, timeout=60)
    answer.raise_for_status()
    return answer.json()


def of_platform():
    """Signs in an admin of the first organization, who alone may change it. A call before may have taken the role away."""
    admin("organizations/org_acme/members/admin", {"role": "admin"}, "PUT")
    return admin("tokens", {"person": "admin"})


@schemathesis.auth(refresh_interval=None)
class Credential:
    def get(self, case, context):
        operation = case.operation.definition.raw
        ways = [way for one in operation.get("security", []) for way in one]
        if not ways:
            return None
        if operation["operationId"] == "verifyIngest":
            return admin("project-tokens", {"role": "member"})
        return of_platform() if {"session", "bearer"} & set(ways) else admin("tokens", {"person": "member"})

    def set(self, case, own, context):
        if "session" in case.operation.definition.raw["security"][0]:
            case.cookies["wos-session"] = own["session"]
        else:
            case.headers["Authorization"] = f"Bearer {own['token']}"
        if isinstance(case.body, dict) and is_valid(case, ParameterLocation.BODY) and is_heads(case):
            for name, value in (("token", own["token"]), ("sessionId", own.get("sessionId"))):
                if name in case.body:
                    case.body[name] = value


def is_heads(case):
    """The same in each run, for the same call."""
    return zlib.crc32(repr((case.body, case.headers.get("X-Project-ID"), case.path_parameters)).encode()) % 2 == 0


@schemathesis.hook
def before_call(context, case, kwargs):
    # Without a token the refusal is 401, and which one comes first is not the contract's.
    operation = case.operation.definition.raw
    if "security" in operation and "Authorization" not in case.headers and "X-Project-ID" in case.headers:
        case.headers["X-Project-ID"] = "demo"
    if is_heads(case):
        known(case, operation.get("operationId"))


def known(case, name):
    """Puts in what only a Cloud can know."""
    if isinstance(case.body, dict) and is_valid(case, ParameterLocation.BODY):
        if name == "exchangeCode":
            case.body["code"] = code()
            if is_valid(case, ParameterLocation.HEADER):
                case.headers["X-Project-ID"] = "demo"
            if "code_verifier" in case.body:
                case.body |= {"redirect_uri": APP, "code_verifier": VERIFIER}
        if name == "refreshToken":
            case.body["refreshToken"] = of_platform()["refreshToken"]
        if name == "switchOrganization":
            case.body["organizationId"] = "org_globex"
        if name == "verifyIngest":
            case.body["projectId"] = "demo"
    if name in NEW and is_valid(case, ParameterLocation.PATH):
        case.path_parameters["id"] = NEW[name]()
        if "x-organization-id" in case.headers:
            case.headers["x-organization-id"] = "org_acme"


def organization(method, way, body=None):
    """What the platform answers an admin of the first organization."""
    issued = of_platform()
    headers = {"Authorization": f"Bearer {issued['token']}", "Cookie": f"wos-session={issued['session']}"}
    answer = WEB.request(method, f"{CLOUD}/v1/{way}", json=body, headers=headers, timeout=60)
    answer.raise_for_status()
    return answer.json()


def member():
    """The id of a member who may leave."""
    admin("organizations/org_acme/members/newcomer", {"role": "member"}, "PUT")
    members = organization("GET", "org/members")["members"]
    return next(one["id"] for one in members if one["email"] == "noor@example.com")


NEW = {
    "changeMember": member,
    "removeMember": member,
    "revokeInvitation": lambda: organization("POST", "org/members/invitations", {"email": "a@example.com", "role": "member"})["invitation"]["id"],
    "deleteToken": lambda: organization("POST", "auth/tokens", {"name": "CI"})["token"]["id"],
}
