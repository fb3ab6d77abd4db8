"""Draws what `check` and `doctor` print on a terminal of 80 columns, dark and light: `cargo xtask shots`."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote
from urllib.request import Request, urlopen

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME
from rich.text import Text

PROGRAM = os.environ["MASTRA_AUTH"]
# Without the fonts that rich loads from elsewhere.
FONTS = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace'
FORMAT = CONSOLE_SVG_FORMAT[: CONSOLE_SVG_FORMAT.index("    @font-face")] + CONSOLE_SVG_FORMAT[CONSOLE_SVG_FORMAT.index("    .{unique_id}-matrix") :]
FORMAT = FORMAT.replace("Fira Code, monospace", FONTS).replace("    <!-- Generated with Rich https://www.textualize.io -->\n", "")
COLUMNS = 80


def printed(*words):
    """What the program prints on a terminal, with its colours."""
    terminal, program = pty.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "CI")} | {"TERM": "xterm-256color"}
    child = subprocess.Popen([PROGRAM, *words], stdout=program, stderr=subprocess.DEVNULL, env=environment)
    os.close(program)
    text = b""
    try:
        while part := os.read(terminal, 4096):
            text += part
    except OSError:
        # The program has closed the terminal, as Linux tells it.
        pass
    os.close(terminal)
    child.wait()
    return text.decode().replace("\r\n", "\n").strip("\n")


def draw(name, command, text):
    for ground, theme in (("dark", SVG_EXPORT_THEME), ("light", DEFAULT_TERMINAL_THEME)):
        console = Console(width=COLUMNS, record=True, force_terminal=True, color_system="standard", file=open(os.devnull, "w"))
        console.print(Text.from_ansi(f"\x1b[1m$ {command}\x1b[0m\n\n{text}"))
        place = Path(__file__).with_name(f"{name}-{ground}.svg")
        place.write_text(console.export_svg(title="", theme=theme, code_format=FORMAT, unique_id=name))
        print(place.name)


class Mastra(BaseHTTPRequestHandler):
    """As much of a Mastra server as the doctor asks, with a mistake: its Cloud does not know its project."""

    def do_GET(self):
        server = self.headers["host"]
        back = quote(f"http://{server}/api/auth/sso/callback", safe="")
        page = f"{self.server.cloud}/auth/oss?project_id=other&redirect_uri={back}&state=s"
        answers = {
            "/api/auth/capabilities": (200, {"enabled": True, "login": {"sso": {"text": "Sign in"}}}),
            "/api/auth/sso/login": (200, {"url": page}),
            "/api/auth/sso/callback": (302, {}),
            "/api/auth/me": (200, None),
            "/api/agents": (401, {}),
        }
        status, body = answers.get(self.path.split("?")[0], (404, {}))
        self.send_response(status)
        self.send_header("content-type", "application/json")
        if status == 302:
            self.send_header("location", f"http://{server}/?error={quote('The authorization code is not valid.')}")
        if status == 200 and "login" in self.path:
            self.send_header("set-cookie", "mastra_login=s; HttpOnly; SameSite=Lax; Path=/")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    do_POST = do_GET

    def log_message(self, *_):
        pass


def main():
    cloud = subprocess.Popen([PROGRAM, "dev", "--end-with-stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        url = cloud.stdout.readline().strip().removeprefix("ready cloud=")
        assert url == "http://localhost:4300", "port 4300 must be free"
        fault = json.dumps({"kind": "status", "status": 500, "endpoint": "permissions", "times": 2}).encode()
        urlopen(Request(f"{url}/admin/api/faults", fault, {"content-type": "application/json"}))
        os.environ |= {"MASTRA_CLOUD_URL": url, "MASTRA_PROJECT_ID": "demo"}
        command = ["check", "--only", "permissions"]
        draw("check", f"mastra-auth {' '.join(command)}", printed(*command))
        server = ThreadingHTTPServer(("localhost", 4111), Mastra)
        server.cloud = url
        Thread(target=server.serve_forever, daemon=True).start()
        command = ["doctor", "--server", "http://localhost:4111"]
        draw("doctor", f"mastra-auth {' '.join(command)}", printed(*command))
    finally:
        cloud.stdin.close()
        cloud.wait()


main()
