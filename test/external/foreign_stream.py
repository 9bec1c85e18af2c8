#!/usr/bin/env python3
"""Applications that know nothing of PhotonWard: ETSI GS QKD 004 over TLS, from Python's own library.

Two applications at two KMEs open a key stream, read chunks in any order, and hold both KMEs to what
ETSI GS QKD 004 V2.1.1 says, in the framing of ETSI's sample. Claims are told as `claims.py` says.

No key and no part of one is ever printed.
"""

import argparse
import json
import socket
import ssl
import struct
import sys
import uuid

from claims import Broken, claim, expect, tell

VERSION = bytes([1, 0, 1])
OPEN, GET, CLOSE = 2, 4, 8
SUCCESS, PEER_MISSING, NO_KEY, GET_PEER_MISSING, NO_LINK, IN_USE, TIMEOUT, QOS, METADATA = range(9)
NONE = uuid.UUID(int=0)


class Application:
    """One connection of one application to the KME of its site."""

    def __init__(self, name, folder, port, tls=ssl.TLSVersion.TLSv1_3):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.maximum_version = tls
        context.load_verify_locations(f"{folder}/ca.pem")
        context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
        self.name = name
        raw = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket = context.wrap_socket(raw, server_hostname="localhost")

    def receive(self, size):
        octets = b""
        while len(octets) < size:
            more = self.socket.recv(size - len(octets))
            expect(more, "the KME ended the connection")
            octets += more
        return octets

    def call(self, service, body):
        head = VERSION + bytes([service]) + struct.pack("!I", len(body))
        self.socket.sendall(head + body)
        answer = self.receive(8)
        expect(answer[:3] == VERSION, "another version")
        expect(answer[3] == service + 1, f"service {answer[3]} for {service}")
        return self.receive(struct.unpack("!I", answer[4:])[0])

    def open(self, peer, stream=NONE, chunk=32, low=0, high=0, timeout=2000, life=60):
        uris = f"app://{self.name}".encode() + b"\0" + f"app://{peer}".encode() + b"\0"
        qos = struct.pack("!7I", chunk, high, low, 0, 0, timeout, life)
        mimetype = b"application/json".ljust(256, b"\0")
        answer = self.call(OPEN, uris + qos + mimetype + stream.bytes)
        expect(len(answer) == 4 + 28 + 256 + 16, f"{len(answer)} octets")
        status = struct.unpack("!I", answer[:4])[0]
        return status, struct.unpack("!7I", answer[4:32]), uuid.UUID(bytes=answer[288:])

    def get(self, stream, index, room=1024):
        answer = self.call(GET, stream.bytes + struct.pack("!II", index, room))
        status, at, size = struct.unpack("!III", answer[:12])
        expect(at == index, f"index {at}")
        key, rest = answer[12 : 12 + size], answer[12 + size :]
        needed = struct.unpack("!I", rest[:4])[0]
        metadata = rest[4:]
        expect(status == SUCCESS or (key == b"" and metadata == b""), "octets beside a refusal")
        return status, key, metadata, needed

    def close(self, stream):
        return struct.unpack("!I", self.call(CLOSE, stream.bytes))[0]


class Stage:
    def __init__(self, arguments):
        self.a, self.b = arguments.master, arguments.slave
        self.ports = {self.a: arguments.master_port, self.b: arguments.slave_port}
        self.folders = {self.a: arguments.master_folder, self.b: arguments.slave_folder}
        self.one = self.connect(self.a)
        self.two = self.connect(self.b)

    def connect(self, name, **options):
        return Application(name, self.folders[name], self.ports[name], **options)

    def stream(self, **wish):
        status, _, stream = self.one.open(self.b, **wish)
        expect(status == PEER_MISSING, f"first OPEN_CONNECT: {status}")
        status, _, joined = self.two.open(self.a, stream=stream, **wish)
        expect(status == SUCCESS and joined == stream, f"second OPEN_CONNECT: {status}")
        return stream


@claim("both ends get the same chunks at the same indices, in any order, each once")
def same_chunks(stage):
    stream = stage.stream()
    seen = set()
    for index, first, second in [(0, stage.one, stage.two), (2, stage.two, stage.one)]:
        left, right = first.get(stream, index), second.get(stream, index)
        expect(left[0] == right[0] == SUCCESS, f"GET_KEY {index}: {left[0]}, {right[0]}")
        expect(len(left[1]) == 32 and left[1] == right[1], "the ends have different chunks")
        expect(left[2] == right[2], "the ends are told different things")
        expect("simulated" in json.dumps(json.loads(left[2])), "the metadata hides the source")
        seen.add(left[1])
    expect(len(seen) == 2, "one chunk at two indices")
    quick = stage.stream(timeout=0)
    expect(stage.one.get(quick, 0)[0] == SUCCESS, "the first time")
    expect(stage.one.get(quick, 0)[0] == NO_KEY, "a chunk came twice")
    expect(stage.one.close(stream) == SUCCESS and stage.two.close(stream) == SUCCESS, "CLOSE")


@claim("a name of the application's own choice is used, and is in use then")
def own_name(stage):
    stream = uuid.uuid4()
    status, _, told = stage.two.open(stage.a, stream=stream)
    expect(status == PEER_MISSING and told == stream, f"OPEN_CONNECT: {status}")
    expect(stage.two.open(stage.a, stream=stream)[0] == IN_USE, "opened twice")
    expect(stage.one.open(stage.b, stream=stream)[0] == SUCCESS, "the other end")
    expect(stage.one.get(stream, 0)[1] == stage.two.get(stream, 0)[1], "different chunks")


@claim("before the other end is there, GET_KEY waits for its Timeout and says so")
def peer_missing(stage):
    _, _, stream = stage.one.open(stage.b, timeout=300)
    expect(stage.one.get(stream, 0)[0] == GET_PEER_MISSING, "GET_KEY without a peer")


@claim("QoS that cannot be kept is answered with what could be")
def quality(stage):
    status, offer, stream = stage.one.open(stage.b, chunk=100_000, low=2**31)
    expect(status == QOS and stream == NONE, f"OPEN_CONNECT: {status}")
    expect(offer[0] < 100_000 and offer[2] < 2**31, "nothing was adjusted")
    status, _, stream = stage.one.open(stage.b, chunk=offer[0], low=0)
    expect(status == PEER_MISSING, f"the offer: {status}")


@claim("too little room for metadata costs no key")
def metadata_room(stage):
    stream = stage.stream()
    status, _, _, needed = stage.two.get(stream, 0, room=1)
    expect(status == METADATA and needed > 1, f"GET_KEY: {status}")
    expect(stage.two.get(stream, 0, room=needed)[0] == SUCCESS, "with the room it asked for")


@claim("a stream nobody opened, and an application nobody knows, are no QKD connection")
def no_connection(stage):
    stream = uuid.uuid4()
    expect(stage.one.get(stream, 0)[0] == NO_LINK, "GET_KEY")
    expect(stage.one.close(stream) == NO_LINK, "CLOSE")
    expect(stage.one.open("nobody")[0] == NO_LINK, "OPEN_CONNECT")


@claim("a stream outlives the TLS connection it was opened on")
def reconnect(stage):
    stream = stage.stream()
    first = stage.one.get(stream, 0)[1]
    stage.one.socket.close()
    stage.one = stage.connect(stage.a)
    expect(stage.two.get(stream, 0)[1] == first, "the other end")
    expect(stage.one.get(stream, 1)[0] == SUCCESS, "on the new connection")


@claim("TLS 1.2 is refused")
def old_tls(stage):
    try:
        stage.connect(stage.a, tls=ssl.TLSVersion.TLSv1_2)
    except (ssl.SSLError, ConnectionError):
        return
    raise Broken("a connection stands")


def main():
    parser = argparse.ArgumentParser()
    for end in ["master", "slave"]:
        parser.add_argument(f"--{end}", required=True)
        parser.add_argument(f"--{end}-folder", required=True)
        parser.add_argument(f"--{end}-port", required=True, type=int)
    sys.exit(tell(Stage(parser.parse_args())))


main()
