"""A process that behaves as a service does towards its supervisor: ready over HTTP, ends on SIGTERM.

Arguments: port, then any of ``stubborn`` (ignores SIGTERM), ``parent`` (has a child), ``misset`` (has a wrong setting).
"""

import http.server
import signal
import subprocess
import sys


class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the library's name
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        pass


def main() -> None:
    port, traits = int(sys.argv[1]), sys.argv[2:]
    if "misset" in traits:
        sys.stderr.write("setting FAKE_PORT: must be lovelier; found 'x'; example: FAKE_PORT=1\n")
        sys.exit(78)
    if "parent" in traits:
        child = subprocess.Popen(["sleep", "600"])
        sys.stdout.write(f"child {child.pid}\n")
        sys.stdout.flush()
    if "stubborn" in traits:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Ready).serve_forever()


if __name__ == "__main__":
    main()
