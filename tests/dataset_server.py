"""A mirror of data sets on 127.0.0.1, good and bad."""

from __future__ import annotations

import gzip
import http.server
import threading


class Server:
    """Serves `files` under /kind/name, where the kind tells how; `requests` has the paths asked for, in order.

    `good` knows ranges, `plain` does not, `cut` and `slices` close the connection after 20 bytes of each answer (and
    `slices` knows ranges), `confused` answers every range with one that begins elsewhere, `foreign` has another file,
    `endless` one that is too long; anything else is a 404. `ranges` has the Range headers asked for.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.requests: list[str] = []
        self.ranges: list[str | None] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                outer.ranges.append(self.headers.get("Range"))
                _, kind, name = self.path.split("/")
                body = files.get(name)
                if kind == "foreign":
                    body = gzip.compress(b"something else")
                elif kind == "endless":
                    body = gzip.compress(b"x", 0) + bytes(100_000)
                elif kind not in ("good", "plain", "cut", "slices", "confused"):
                    body = None
                if body is None:
                    self.send_error(404)
                    return
                start, total = 0, len(body)
                wanted = self.headers.get("Range")
                if wanted and kind in ("good", "slices", "confused"):
                    start = 3 if kind == "confused" else int(wanted.removeprefix("bytes=").removesuffix("-"))
                    if start >= total:
                        self.send_response(416)
                        self.send_header("Content-Range", f"bytes */{total}")
                        self.send_header("Content-Length", "0")
                        self.end_headers()
                        return
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
                else:
                    self.send_response(200)
                self.send_header("Content-Length", str(total - start))
                self.end_headers()
                end = start + 20 if kind in ("cut", "slices") else total
                self.wfile.write(body[start:end])

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
