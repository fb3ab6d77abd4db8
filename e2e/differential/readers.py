"""Python's readers of cookies and of JSON, as children of the differential run: a line of JSON in, a line of JSON out."""

import http.cookies
import json
import sys


def cookies(text):
    jar = http.cookies.SimpleCookie()
    try:
        jar.load(text)
    except http.cookies.CookieError:
        return None
    return {name: [one.value, {key: said for key, said in one.items() if said}] for name, one in jar.items()}


def document(hexadecimal):
    """Lenient: the number NaN, controls in texts, halves of surrogate pairs, UTF-16. Fractions stay text, as JSON has no infinity."""
    text = {"parse_float": lambda number: [number], "parse_constant": lambda name: [name]}
    try:
        value = json.loads(bytes.fromhex(hexadecimal), strict=False, **text)
        # What is nested too deep for it fails only now.
        return json.dumps({"value": value}) and {"value": value}
    except (ValueError, RecursionError):
        return None


for line in sys.stdin:
    what, text = json.loads(line)
    print(json.dumps({"cookies": cookies, "document": document}[what](text)), flush=True)
