#!/usr/bin/env python3
"""Checks the limits of a node's RPC: check_rpc_limits.py PORT CALLS_PER_MINUTE MAX_REQUEST_MEGABYTES

The node must serve safe methods only, refuse a body over the limit and take one below it, and keep the calls of one WebSocket connection
waiting that come after so many within a minute.
"""

import base64
import http.client
import json
import os
import socket
import struct
import sys
import time

# Calls over the limit, to see how long they wait.
BEYOND = 3


def call(connection, method, params=()):
    """Status and decoded answer (None where it is no JSON) of one request."""
    body = json.dumps({"id": 1, "jsonrpc": "2.0", "method": method, "params": list(params)})
    connection.request("POST", "/", body, {"content-type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    try:
        return response.status, json.loads(answer)
    except ValueError:
        return response.status, None


class WebSocket:
    """As much of RFC 6455 as short calls and answers need."""

    def __init__(self, port):
        self.stream = socket.create_connection(("127.0.0.1", port), timeout=60).makefile("rwb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.stream.write(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.stream.flush()
        status = self.stream.readline()
        check_quietly(b" 101 " in status, f"the node speaks WebSocket: {status!r}")
        while self.stream.readline().strip():
            pass

    def call(self, method):
        body = json.dumps({"id": 1, "jsonrpc": "2.0", "method": method, "params": []}).encode()
        check_quietly(len(body) < 126, "the call is short")
        # A final text frame, masked with nothing.
        self.stream.write(struct.pack("!BBI", 0x81, 0x80 | len(body), 0) + body)
        self.stream.flush()
        while True:
            kind, length = self.stream.read(2)
            if length == 126:
                (length,) = struct.unpack("!H", self.stream.read(2))
            content = self.stream.read(length)
            # Pings are left unanswered: the connection ends before anybody minds.
            if kind & 0x0F == 1:
                return json.loads(content)


def check_quietly(holds, what):
    if not holds:
        sys.exit(f"error: this does not hold: {what}")


def check(holds, what):
    check_quietly(holds, what)
    print(what)


def main():
    port, calls, megabytes = (int(argument) for argument in sys.argv[1:])

    def connect():
        return http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    _, answer = call(connect(), "author_rotateKeys")
    refusal = (answer or {}).get("error", {}).get("message", "")
    check("unsafe" in refusal, f"unsafe methods are refused: {refusal or answer}")

    # A call with one parameter too long for it to make sense: within the limit it is read all the same.
    status, answer = call(connect(), "system_health", ["x" * (megabytes << 19)])
    check(status == 200 and answer is not None, f"half of the largest body is taken: HTTP {status}")
    # The answer comes at its announced length, before any of it was sent.
    connection = connect()
    connection.putrequest("POST", "/")
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", str((megabytes << 20) + 1))
    connection.endheaders()
    status = connection.getresponse().status
    check(status == 413, f"a body over {megabytes} MB is refused: HTTP {status}")

    # Over HTTP every request counts as a connection of its own, so that only WebSocket shows the limit.
    client = WebSocket(port)
    started = time.monotonic()
    for _ in range(calls + BEYOND):
        answer = client.call("system_chain")
        check_quietly("result" in answer, f"a call within patience is served: {answer}")
    seconds = time.monotonic() - started
    # So many may come at once; then one for each so many parts of a minute.
    least = (BEYOND - 0.5) * 60 / calls
    check(seconds >= least, f"{calls + BEYOND} calls of one connection take {seconds:.1f} s, at least {least:.1f}")
    check_quietly("result" in WebSocket(port).call("system_chain"), "another connection is served at once")


if __name__ == "__main__":
    main()
