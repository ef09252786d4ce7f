"""Shows a runtime as governance sees it: its versions, its hash and the calls that bring it in.

upgrade.py FILE [--node URL]
"""

import argparse
import hashlib
import json
import subprocess
import sys
import urllib.request

# How sp-maybe-compressed-blob marks a compressed runtime.
COMPRESSED = bytes([82, 188, 83, 118, 70, 219, 142, 5])
# `system.authorizeUpgrade`: the pallet's index in the runtime and the call's in frame-system.
AUTHORIZE_UPGRADE = bytes([0, 9])


def fail(message):
    sys.exit(f"error: {message}")


def blake2(data):
    return hashlib.blake2b(data, digest_size=32).digest()


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            fail("the file ends too early: is it a runtime?")
        self.at += count
        return self.data[self.at - count : self.at]

    def leb128(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def u32(self):
        return int.from_bytes(self.take(4), "little")

    def compact(self):
        """A SCALE compact number; lengths are below 2^30."""
        first = self.take(1)[0]
        size = {0: 0, 1: 1, 2: 3}.get(first & 3)
        if size is None:
            fail("the runtime's version does not decode")
        return (first | int.from_bytes(self.take(size), "little") << 8) >> 2

    def text(self):
        return self.take(self.compact()).decode()


def version(code):
    """Name, spec version and transaction version, from the section that every Substrate runtime carries."""
    if code.startswith(COMPRESSED):
        unpacked = subprocess.run(["zstd", "-dc"], input=code[len(COMPRESSED) :], capture_output=True)
        if unpacked.returncode != 0:
            fail(f"the file does not decompress: {unpacked.stderr.decode().strip()}")
        code = unpacked.stdout
    if not code.startswith(b"\0asm"):
        fail("the file is no WebAssembly")
    reader = Reader(code[8:])
    while reader.at < len(reader.data):
        kind, body = reader.take(1)[0], Reader(reader.take(reader.leb128()))
        if kind == 0 and body.take(body.leb128()) == b"runtime_version":
            name = body.text()
            body.text(), body.u32()
            spec = body.u32()
            body.u32()
            body.take(12 * body.compact())
            return name, spec, body.u32()
    fail("the file has no version: it is no Substrate runtime")


def ask(node, method):
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": []}).encode()
    headers = {"Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(node, request, headers), timeout=20) as answer:
            return json.load(answer)["result"]
    except (OSError, KeyError, ValueError) as error:
        fail(f"{node} does not answer {method}: {error}")


def main():
    arguments = argparse.ArgumentParser(description="Shows a runtime as governance sees it.")
    arguments.add_argument("file")
    arguments.add_argument("--node", help="HTTP address of a node of the chain that is to be upgraded")
    arguments = arguments.parse_args()
    try:
        with open(arguments.file, "rb") as file:
            code = file.read()
    except OSError as error:
        fail(f"cannot read the runtime: {error}")
    name, spec, transaction = version(code)
    call = AUTHORIZE_UPGRADE + blake2(code)
    print(f"runtime        {arguments.file}, {len(code)} bytes")
    print(f"version        {name} {spec}, transactions of version {transaction}")
    print(f"code hash      0x{blake2(code).hex()}")
    print(f"call           0x{call.hex()}   system.authorizeUpgrade(code hash)")
    print(f"call hash      0x{blake2(call).hex()}   for whitelist.whitelistCall; {len(call)} bytes")
    if arguments.node:
        running = ask(arguments.node, "state_getRuntimeVersion")
        print(f"chain          {running['specName']} {running['specVersion']}, transactions of version {running['transactionVersion']}")
        if running["specName"] != name:
            fail(f"the chain's runtime is {running['specName']}, this is {name}: it would be refused")
        if running["specVersion"] >= spec:
            fail(f"the chain has version {running['specVersion']} already: raise `spec_version` in runtime/src/lib.rs")


if __name__ == "__main__":
    main()
