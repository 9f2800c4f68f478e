#!/usr/bin/env python3
"""A second implementation of docs/chain.md, written from that document: prints the test vectors as JSON.

    reference.py > vectors.json

Needs Python 3.9 and python3-cryptography. Keys, ids and times are fixed and Ed25519 is deterministic (RFC 8032), so the
output is the same every time; a test compares it with vectors.json, and another one holds Goud's own code against it.
"""

import hashlib
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ZERO = bytes(32)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# Protobuf, canonical: fields in the order of their numbers, none that is zero or empty.


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value) if value else b""


def data(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value if value else b""


def genesis_entry(network, schema, validators, nonce):
    content = data(1, network.encode()) + number(2, schema)
    for name, key in validators:
        content += data(3, data(1, name.encode()) + data(2, key))
    return data(1, content + data(4, nonce))


def account_entry(identity, key_hash, created):
    return data(2, data(1, identity) + data(2, key_hash) + number(3, created))


def data_entry(identity, account, label, payload, created):
    return data(3, data(1, identity) + data(2, account) + data(3, label) + data(4, payload) + number(5, created))


# Merkle tree of RFC 6962, section 2.1.


def root(leaves):
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return sha256(b"\x00", leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01", root(leaves[:split]), root(leaves[split:]))


class Key:
    def __init__(self, byte):
        self.seed = bytes([byte]) * 32
        self.key = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, message):
        return self.key.sign(message)


class Block:
    """One block; every field may be set to something wrong."""

    def __init__(self, chain, height, epoch, time, previous, entries, key, **wrong):
        self.height, self.epoch, self.time, self.previous, self.entries = height, epoch, time, previous, entries
        self.merkle_root = wrong.get("merkle_root", root(entries))
        self.producer = key.public
        self.preimage = b"".join([
            b"goud block v1\x00", wrong.get("signed_as_of", chain), height.to_bytes(8, "big"), epoch.to_bytes(8, "big"),
            time.to_bytes(8, "big"), previous, self.merkle_root, len(entries).to_bytes(4, "big"), self.producer,
        ])
        self.hash = sha256(self.preimage)
        self.signature = wrong.get("signature", key.sign(self.hash))

    @property
    def encoded(self):
        head = number(1, self.height) + number(2, self.epoch) + number(3, self.time)
        head += data(4, self.previous) + data(5, self.merkle_root) + data(6, self.producer) + data(7, self.signature)
        # A repeated field is written even where one of its values is empty.
        return head + b"".join(varint(8 << 3 | 2) + varint(len(entry)) + entry for entry in self.entries)

    def vector(self, about):
        return {
            "about": about, "height": self.height, "epoch": self.epoch, "time": self.time,
            "previous": self.previous.hex(), "merkle_root": self.merkle_root.hex(), "producer": self.producer.hex(),
            "entries": [entry.hex() for entry in self.entries], "preimage": self.preimage.hex(),
            "hash": self.hash.hex(), "signature": self.signature.hex(), "encoded": self.encoded.hex(),
        }


KEYS = {"node1": Key(1), "node2": Key(2), "node3": Key(3)}
NETWORK, SCHEMA, NONCE, TIME = "local", 1, bytes(range(16)), 1_700_000_000_000
ACCOUNT, OTHER = bytes([0xA1]) * 16, bytes([0xA2]) * 16


def sealed(n, account=ACCOUNT):
    return data_entry(bytes([n]) * 16, account, bytes([0x1A, n]), bytes([0xDA, n]) * 8, TIME + n)


def chain():
    """Genesis and five blocks: an empty one that opens an epoch, accounts, data, several entries, a later epoch."""
    key = KEYS["node1"]
    founding = genesis_entry(NETWORK, SCHEMA, [(name, key.public) for name, key in KEYS.items()], NONCE)
    blocks = [Block(ZERO, 0, 0, TIME, ZERO, [founding], key)]
    identity = blocks[0].hash
    content = [
        (1, []),
        (1, [account_entry(ACCOUNT, sha256(b"api key 1"), TIME + 1)]),
        (1, [sealed(n) for n in range(1, 6)]),
        (3, []),
        (3, [account_entry(OTHER, sha256(b"api key 2"), 0), sealed(6, OTHER), sealed(7)]),
    ]
    for epoch, entries in content:
        last = blocks[-1]
        blocks.append(Block(identity, last.height + 1, epoch, last.time + 250, last.hash, entries, key))
    return blocks


def refused(blocks):
    """Blocks that a node offers behind block 2, and the rule that each breaks."""
    identity, last = blocks[0].hash, blocks[2]
    key, other = KEYS["node1"], KEYS["node2"]

    def make(height=3, epoch=1, time=last.time + 1, previous=last.hash, entries=None, key=key, **wrong):
        return Block(identity, height, epoch, time, previous, [sealed(9)] if entries is None else entries, key, **wrong)

    def flip(value, at):
        return value[:at] + bytes([value[at] ^ 1]) + value[at + 1:]

    good = make()
    cut = good.encoded[:-1]
    twice = number(1, 3) + good.encoded
    yield "good", None, good.encoded
    yield "a height too many", "height", make(height=4).encoded
    yield "the same height again", "height", make(height=2).encoded
    yield "another block before it", "previous", make(previous=flip(last.hash, 0)).encoded
    yield "a lower epoch", "epoch", make(epoch=0).encoded
    yield "an earlier time", "time", make(time=last.time - 1).encoded
    yield "another root", "merkle-root", make(merkle_root=root([])).encoded
    yield "made by a follower", "producer", make(key=other).encoded
    yield "one bit of the signature", "signature", make(signature=flip(good.signature, 5)).encoded
    yield "signed as of another chain", "signature", make(signed_as_of=flip(identity, 31)).encoded
    yield "signed by a follower", "signature", make(signature=other.sign(good.hash)).encoded
    yield "an entry of no kind", "entry", make(entries=[b""]).encoded
    yield "an entry with a field of a later version", "entry", make(entries=[sealed(9) + number(9, 1)]).encoded
    yield "an account with a short id", "entry", make(entries=[account_entry(b"short", ZERO, 1)]).encoded
    yield "a genesis entry above block 0", "entry", make(entries=blocks[0].entries).encoded
    yield "cut short", "malformed", cut
    yield "a field of a later version", "malformed", good.encoded + number(9, 1)
    yield "a field twice", "malformed", twice
    yield "a zero spelt out", "malformed", varint(1 << 3) + b"\x00" + good.encoded
    yield "a number in more bytes than it takes", "malformed", b"\x08\x83\x00" + good.encoded[2:]
    yield "the last time that there is", None, make(time=253_402_300_799_999).encoded
    yield "a time after the year 9999", "time", make(time=253_402_300_800_000).encoded
    yield "the greatest time", "time", make(time=2**64 - 1).encoded
    yield "the last epoch that there is", None, make(epoch=2**63 - 1).encoded
    yield "an epoch above it", "epoch", make(epoch=2**63).encoded
    yield "the greatest epoch", "epoch", make(epoch=2**64 - 1).encoded
    yield "the greatest height", "height", make(height=2**64 - 1).encoded
    yield "a signature of 63 bytes", "malformed", make(signature=good.signature[:63]).encoded


def main():
    blocks = chain()
    leaves = [bytes([n]) * n for n in range(10)]
    abouts = [
        "genesis", "empty: the first of its epoch", "an account", "five entries: a lopsided tree", "a later epoch",
        "an account and data of two accounts",
    ]
    json.dump(
        {
            "keys": [{"name": name, "seed": key.seed.hex(), "public": key.public.hex()} for name, key in KEYS.items()],
            "merkle": [
                {"leaves": [leaf.hex() for leaf in leaves[:n]], "root": root(leaves[:n]).hex()} for n in range(11)
            ],
            "network": NETWORK, "nonce": NONCE.hex(), "chain": blocks[0].hash.hex(),
            "blocks": [block.vector(about) for block, about in zip(blocks, abouts)],
            "after": 2,
            "offered": [
                {"about": about, "fault": fault, "encoded": encoded.hex()} for about, fault, encoded in refused(blocks)
            ],
        }, sys.stdout, indent=1)
    print()


main()
