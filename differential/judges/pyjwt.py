"""PyJWT, as `judges/requirements.txt` pins it. One verdict a line; see `src/judges/child.rs`."""

import base64
import datetime
import json
import sys

import jwt
from jwt import api_jwt

PUBLIC = ["RS256", "ES256", "EdDSA"]


def main() -> None:
    # The caller waits for the last answer of a batch.
    sys.stdout.reconfigure(line_buffering=True)
    lines = iter(sys.stdin)
    setting = json.loads(next(lines))
    judge_at(setting["now"])
    keys = jwt.PyJWKSet.from_dict(setting["jwks"])
    by_algorithm = {key.algorithm_name: key for key in keys.keys}
    secret = base64.urlsafe_b64decode(setting["secret"] + "==")
    wishes = {
        "audience": setting["audience"],
        "issuer": setting["issuer"],
        "leeway": setting["leeway"],
        "options": {"require": ["exp", "aud", "iss", "sub"]},
    }

    def check(deployment: str, token: str) -> None:
        if deployment == "S":
            jwt.decode(token, secret, algorithms=["HS256"], **wishes)
            return
        header = jwt.get_unverified_header(token)
        kid = header.get("kid")
        key = keys[kid] if kid is not None else by_algorithm[header["alg"]]
        jwt.decode(token, key, algorithms=PUBLIC, **wishes)

    for line in lines:
        try:
            check(line[0], json.loads(line[2:]))
            sys.stdout.write("ok\n")
        except Exception as error:  # Whatever it raises, there is no identity.
            sys.stdout.write(f"no {type(error).__name__}\n")


def judge_at(now: int) -> None:
    """Lets it believe in another time: it takes none as an argument."""

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(now, tz)

    api_jwt.datetime = Clock


main()
