"""A TCP port that is free now. Prints one."""

import random
import socket


def free_port():
    # Below those that the kernel gives to whoever connects or asks for any, which could take it before it is used.
    for port in random.sample(range(20_000, 32_768), 1_000):
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise OSError("no free TCP port from 20000 to 32767: end what listens there")


if __name__ == "__main__":
    print(free_port())
