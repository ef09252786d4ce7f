#!/usr/bin/env python3
"""Writes the genesis of a new network into a specification that the node exported.

    chain_spec.py NETWORK PRESET > SPECIFICATION

NETWORK is the description (.toml or .json, see deploy/chain/example.toml), PRESET the exported specification `local`: its code and
parameters are kept, and its accounts and keys, which everybody has, may not take part. A fault in the description is one line on standard
error and exit code 1.
"""

import hashlib
import json
import sys
import tomllib
from decimal import Decimal, InvalidOperation

LUX = 10**12
# Of every address in a specification.
SS58_PREFIX = 42
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
SESSION_KEYS = ("babe", "grandpa", "im_online", "authority_discovery")
# An account needs more than it bonds: the first transactions have to be paid.
LEAST_FREE = LUX
MOST_ISSUED = 2**127


class Fault(Exception):
    """The description does not describe a network."""


def ss58_checksum(payload):
    return hashlib.blake2b(b"SS58PRE" + payload).digest()[:2]


def encode_address(public):
    payload = bytes([SS58_PREFIX]) + public
    number = int.from_bytes(payload + ss58_checksum(payload), "big")
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return text


def decode_address(text, where):
    """The 32 bytes of an address with our prefix, or of 0x and 64 hexadecimal digits."""
    if not isinstance(text, str):
        raise Fault(f"{where} is missing or no text: give an SS58 address or 0x and 64 hexadecimal digits")
    try:
        if text.startswith("0x"):
            public = bytes.fromhex(text[2:])
            if len(public) != 32:
                raise ValueError
            return public
        number = 0
        for letter in text:
            number = number * 58 + ALPHABET.index(letter)
        raw = number.to_bytes(35, "big")
    except (ValueError, OverflowError):
        raise Fault(f"{where}: '{text}' is neither an SS58 address of 32 bytes nor 0x and 64 hexadecimal digits") from None
    if ss58_checksum(raw[:33]) != raw[33:]:
        raise Fault(f"{where}: the checksum of '{text}' is wrong: a letter was mistyped")
    if raw[0] != SS58_PREFIX:
        raise Fault(f"{where}: '{text}' belongs to another kind of network (prefix {raw[0]} instead of {SS58_PREFIX})")
    return raw[1:33]


def units(amount, where):
    """Smallest units of an amount in LUX."""
    try:
        if isinstance(amount, bool):
            raise InvalidOperation
        value = Decimal(amount) * LUX
        whole = int(value)
    except (InvalidOperation, TypeError, ValueError, OverflowError):
        raise Fault(f"{where}: '{amount}' is no amount of LUX") from None
    if whole != value:
        raise Fault(f"{where}: {amount} LUX has more than twelve decimals")
    if not 0 < whole < MOST_ISSUED:
        raise Fault(f"{where}: {amount} LUX is not more than nothing, or more than a balance holds")
    return whole


def known_fields(table, fields, where):
    if not isinstance(table, dict):
        raise Fault(f"{where} is no table")
    for field in table:
        if field not in fields:
            raise Fault(f"{where}: unknown field '{field}'; there are {', '.join(fields)}")


def text(table, field, where):
    value = table.get(field)
    if not isinstance(value, str) or not value:
        raise Fault(f"{where}: '{field}' is missing or no text")
    return value


def entries(network, field, least):
    found = network.get(field, [])
    if not isinstance(found, list) or len(found) < least:
        raise Fault(f"'{field}' needs at least {least} entries")
    return found


def patch_of(specification):
    return specification["genesis"]["runtimeGenesis"]["patch"]


def is_pot(public):
    """Whether an account is a pallet's, without a key."""
    return public.startswith(b"modl")


def development_keys(specification):
    """Accounts and session keys of a preset, as bytes."""
    patch = patch_of(specification)
    addresses = [account for account, _ in patch["balances"]["balances"]]
    addresses += [key for _, _, keys in patch["session"]["keys"] for key in keys.values()]
    return {key for key in (decode_address(address, "preset") for address in addresses) if not is_pot(key)}


class Genesis:
    """The parts of a genesis that a description determines."""

    def __init__(self, network, least_bond, forbidden):
        self.least_bond = least_bond
        self.forbidden = forbidden
        self.keys_in_use = {}
        self.balances = self.read_balances(entries(network, "balances", 1))
        self.validators = [
            self.read_validator(table, f"validators[{index}]")
            for index, table in enumerate(entries(network, "validators", 1))
        ]
        self.committee = [
            self.public(member, f"committee[{index}]") for index, member in enumerate(entries(network, "committee", 1))
        ]
        if len(set(self.committee)) != len(self.committee):
            raise Fault("'committee' names a member twice")

    def public(self, address, where):
        public = decode_address(address, where)
        if public in self.forbidden:
            raise Fault(f"{where}: everybody has the secret of '{address}': it is a key of the development chains")
        return public

    def read_balances(self, tables):
        balances = {}
        for index, table in enumerate(tables):
            where = f"balances[{index}]"
            known_fields(table, ("account", "amount"), where)
            account = self.public(table.get("account"), f"{where}.account")
            if account in balances:
                raise Fault(f"{where}: the account has a balance already")
            balances[account] = units(table.get("amount"), f"{where}.amount")
        return balances

    def read_validator(self, table, where):
        known_fields(table, ("account", "stake", *SESSION_KEYS), where)
        account = self.public(table.get("account"), f"{where}.account")
        stake = units(table.get("stake"), f"{where}.stake")
        keys = {}
        # An account counts as in use too: whoever holds a node's keystore would hold its stake.
        for name, public in [("account", account)] + [
            (name, self.public(table.get(name), f"{where}.{name}")) for name in SESSION_KEYS
        ]:
            place = f"{where}.{name}"
            if public in self.keys_in_use:
                raise Fault(f"{place} is the same key as {self.keys_in_use[public]}")
            self.keys_in_use[public] = place
            keys[name] = public
        del keys["account"]
        if stake < self.least_bond:
            raise Fault(f"{where}.stake is below the least bond of a validator, {Decimal(self.least_bond) / LUX:f} LUX")
        if self.balances.get(account, 0) < stake + LEAST_FREE:
            raise Fault(f"{where}: 'balances' must give its account the stake and {Decimal(LEAST_FREE) / LUX:f} LUX more")
        return account, stake, keys

    def write(self, patch):
        pots = [entry for entry in patch["balances"]["balances"] if is_pot(decode_address(entry[0], "preset"))]
        patch["balances"]["balances"] = [[encode_address(account), amount] for account, amount in self.balances.items()] + pots
        if sum(amount for _, amount in patch["balances"]["balances"]) >= MOST_ISSUED:
            raise Fault("'balances' are together more than the chain can issue")
        named = [(encode_address(account), stake, keys) for account, stake, keys in self.validators]
        patch["session"]["keys"] = [
            [account, account, {name: encode_address(key) for name, key in keys.items()}] for account, _, keys in named
        ]
        patch["staking"]["stakers"] = [[account, account, stake, "Validator"] for account, stake, _ in named]
        patch["staking"]["validatorCount"] = len(named)
        patch["staking"]["minimumValidatorCount"] = min(len(named), 2)
        patch["committee"]["members"] = [encode_address(member) for member in self.committee]
        patch["sudo"]["key"] = None


def build(network, specification):
    """The specification of `network`: the preset's with another identity and genesis."""
    known_fields(
        network, ("name", "id", "protocol_id", "boot_nodes", "committee", "validators", "balances"), "the description"
    )
    patch = patch_of(specification)
    genesis = Genesis(network, patch["staking"]["minValidatorBond"], development_keys(specification))
    genesis.write(patch)
    identity = text(network, "id", "the description")
    if not all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in identity):
        raise Fault(f"id '{identity}' names a folder: letters, digits, - and _ only")
    boot_nodes = entries(network, "boot_nodes", 0)
    if not all(isinstance(node, str) and node.startswith("/") and "/p2p/" in node for node in boot_nodes):
        raise Fault("'boot_nodes' are addresses as /dns/NAME/tcp/30333/p2p/PEER")
    specification.update(
        name=text(network, "name", "the description"),
        id=identity,
        chainType="Live",
        protocolId=network.get("protocol_id", identity),
        bootNodes=boot_nodes,
        telemetryEndpoints=None,
    )
    return specification


def read_network(path):
    try:
        with open(path, "rb") as file:
            if path.endswith(".json"):
                return json.load(file, parse_float=Decimal)
            return tomllib.load(file, parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise Fault(f"{path}: {error}") from error


def main():
    _, network, preset = sys.argv
    try:
        with open(preset, encoding="utf-8") as file:
            specification = json.load(file)
        json.dump(build(read_network(network), specification), sys.stdout, indent=2)
    except Fault as fault:
        print(f"error: {fault}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
