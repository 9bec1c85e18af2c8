#!/usr/bin/env python3
"""Another operator who knows nothing of PhotonWard: a KME of ETSI GS QKD 020 with `requests` and Python's
own server, from the text.

Hands keys to the KME of a site and takes keys from it, acknowledges, voids, repeats itself, lies and falls
silent; an application of the site fetches and makes keys by ETSI GS QKD 014. Claims are told as
`claims.py` says. No key and no part of one is ever printed.
"""

import argparse
import base64
import json
import queue
import secrets
import ssl
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from claims import claim, expect, tell
from foreign import NOT_FOUND, Sae, json_of, keys_of, refused

WAIT_S = 30


class Handler(BaseHTTPRequestHandler):
    """What the site asks of this operator's KME."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        octets = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def do_GET(self):
        expect(self.path == "/kmapi/versions", self.path)
        # Asynchronous only: that mode every KME has.
        self.answer(200, {"versions": ["v1"], "capabilities": []})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.operator.asked(self, self.path.removeprefix("/kmapi/v1/"), body)


class Operator:
    """This operator: his KME's listener, and what he sends to the site's."""

    def __init__(self, arguments):
        self.target, self.initiator = arguments.target, arguments.initiator
        self.url = f"{arguments.url}/kmapi"
        self.session = requests.Session()
        self.session.cert = (f"{arguments.folder}/own.crt", f"{arguments.folder}/own.key")
        self.session.verify = f"{arguments.folder}/site.crt"
        self.session.trust_env = False
        self.application = Sae(arguments.north_url, arguments.target, arguments.sae_folder)
        self.acks, self.transfers, self.voids = queue.Queue(), queue.Queue(), queue.Queue()
        self.behave = self.relay
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(f"{arguments.folder}/own.crt", f"{arguments.folder}/own.key")
        context.load_verify_locations(f"{arguments.folder}/site.crt")
        server = ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.operator = self
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.callback = f"https://localhost:{arguments.port}/kmapi/v1/ext_keys/ack"

    # What the site asks.

    def asked(self, handler, what, body):
        if what == "ext_keys/ack":
            for one in body:
                self.acks.put(one)
            handler.answer(200, {})
        elif what == "ext_keys/void":
            self.voids.put(body)
            handler.answer(202, {})
            self.acknowledge(body, body["key_ids"], "voided")
        else:
            self.transfers.put(body)
            self.behave(handler, body)

    def relay(self, handler, body):
        handler.answer(202, {})
        self.acknowledge(body, [key["key_id"] for key in body["keys"]], "relayed")

    def acknowledge(self, body, ids, status):
        ack = [self.ack_of(ids, status, body["initiator_sae_id"], body["target_sae_ids"])]
        url = body["ack_callback_url"]
        threading.Thread(
            target=lambda: self.session.post(url, json=ack, timeout=WAIT_S), daemon=True
        ).start()

    def ack_of(self, ids, status, initiator, targets):
        return {
            "key_id_container": [{"key_id": key_id} for key_id in ids],
            "ack_status": status,
            "initiator_sae_id": initiator,
            "target_sae_ids": targets,
        }

    # What this operator asks.

    def post(self, what, body):
        return self.session.post(f"{self.url}/v1/{what}", json=body, timeout=WAIT_S)

    def transfer(self, keys, callback=None, change=None, **more):
        body = {
            "keys": [{"key_id": key_id, "value": text(octets)} for key_id, octets in keys],
            "initiator_sae_id": self.initiator,
            "target_sae_ids": [self.target],
        }
        if callback is not None:
            body["ack_callback_url"] = callback
        return self.post("ext_keys", body | more | (change or {}))

    def void(self, ids, callback=None, **more):
        body = {
            "key_ids": ids,
            "initiator_sae_id": self.initiator,
            "target_sae_ids": [self.target],
        }
        if callback is not None:
            body["ack_callback_url"] = callback
        return self.post("ext_keys/void", body | more)

    def status_of(self, answer):
        """Of a synchronous answer: one status for all its keys."""
        statuses = {one["ack_status"] for one in json_of(answer, 200)}
        expect(len(statuses) == 1, f"statuses {statuses}")
        return statuses.pop()

    def heard(self, ids):
        """Of the acknowledgement that comes for these keys."""
        while True:
            one = self.acks.get(timeout=WAIT_S)
            if {entry["key_id"] for entry in one["key_id_container"]} == set(ids):
                expect(one["initiator_sae_id"] == self.initiator, "another initiator")
                expect(one["target_sae_ids"] == [self.target], "other targets")
                return one["ack_status"]

    def fetch(self, ids):
        return self.application.dec_keys(self.initiator, ids)

    def fetched(self, keys):
        expect(keys_of(self.fetch([key_id for key_id, _ in keys])) == keys, "other keys")

    def make(self, **body):
        return self.application.post(f"{self.initiator}/enc_keys", body)


def text(octets):
    return base64.b64encode(octets).decode()


def new_keys(number=1, size=32):
    return [(str(uuid.uuid4()), secrets.token_bytes(size)) for _ in range(number)]


def ids_of(keys):
    return [key_id for key_id, _ in keys]


def problem(answer, status):
    """Problem details of RFC 9457, with `details` as an object of texts."""
    body = json_of(answer, status)
    expect(body["status"] == status and body["type"] and body["title"], f"problem {body}")
    expect(all(isinstance(one, str) for one in body["details"].values()), "details are no texts")
    return body["details"]


@claim("the KME says which version it speaks, and that it answers at once where asked to")
def versions(operator):
    said = json_of(operator.session.get(f"{operator.url}/versions", timeout=WAIT_S), 200)
    expect(said["versions"] == ["v1"] and "synchronous_mode" in said["capabilities"], str(said))


@claim("keys that are handed over are acknowledged later, and fetched by their target once")
def asynchronous(operator):
    keys = new_keys(3, 64)
    answer = operator.transfer(keys, operator.callback)
    expect(answer.status_code == 202, f"status {answer.status_code}")
    expect(operator.heard(ids_of(keys)) == "relayed", "not relayed")
    operator.fetched(keys)
    refused(operator.fetch(ids_of(keys)), 400, NOT_FOUND)


@claim("without a callback the acknowledgement is the answer")
def synchronous(operator):
    keys = new_keys()
    expect(operator.status_of(operator.transfer(keys)) == "relayed", "not relayed")
    operator.fetched(keys)


@claim("the same keys again are acknowledged again; another key under a known key_ID is not taken")
def repeated(operator):
    keys = new_keys(2)
    for _ in range(2):
        expect(operator.status_of(operator.transfer(keys)) == "relayed", "not relayed again")
    [(key_id, _), _] = keys
    changed = [(key_id, secrets.token_bytes(32))]
    expect(operator.status_of(operator.transfer(changed)) == "failed", "another key was taken")
    operator.fetched(keys)


@claim("what is voided is not fetched, and comes to life by no later transfer")
def voided(operator):
    keys = new_keys(2)
    operator.transfer(keys)
    answer = operator.void(ids_of(keys), operator.callback)
    expect(answer.status_code == 202, f"status {answer.status_code}")
    expect(operator.heard(ids_of(keys)) == "voided", "not voided")
    refused(operator.fetch(ids_of(keys)), 400, NOT_FOUND)
    expect(operator.status_of(operator.transfer(keys)) == "failed", "revived")
    expect(operator.status_of(operator.void(ids_of(keys))) == "voided", "not voided again")


@claim("a void that overtakes its transfer holds; one that comes after the fetch fails")
def void_order(operator):
    early, late = new_keys(), new_keys()
    status = operator.status_of(operator.void(ids_of(early)))
    expect(status in ("voided", "key not present"), status)
    expect(operator.status_of(operator.transfer(early)) == "failed", "the transfer was taken")
    operator.transfer(late)
    operator.fetched(late)
    expect(operator.status_of(operator.void(ids_of(late))) == "failed to void", "voided after all")


@claim("all keys between the applications are voided only if that is confirmed")
def void_all(operator):
    keys = new_keys(2)
    operator.transfer(keys)
    details = problem(operator.void([]), 400)
    expect("no_all_confirmation" in details, str(details))
    expect(operator.void([], all_confirmation=True).status_code == 200, "not taken")
    refused(operator.fetch(ids_of(keys)), 400, NOT_FOUND)


@claim("unchanged extensions reach the application; mandatory ones are refused by name with 503")
def extensions(operator):
    keys = new_keys()
    extension = {"E32473_route": {"hops": [1, 2.5, None]}}
    operator.transfer(keys, extension_optional=extension)
    answer = operator.fetch(ids_of(keys))
    expect(json_of(answer, 200)["keys"][0]["key_extension"] == extension, "another extension")
    answer = operator.transfer(new_keys(), extension_mandatory={"E32473_route": "direct"})
    details = problem(answer, 503)
    expect("E32473_route" in details["unsupported_mandatory_extension"], str(details))


@claim("what is wrong in a request is a problem with 400 or 401, and nothing of it is kept")
def refusals(operator):
    (key_id, octets), *_ = keys = new_keys()
    entry = {"key_id": key_id, "value": text(octets)}
    cases = [
        (401, {"initiator_sae_id": "nobody"}),
        (401, {"ack_callback_url": "https://kme.elsewhere.example/ack"}),
        (400, {"target_sae_ids": ["nobody"]}),
        (400, {"target_sae_ids": []}),
        (400, {"keys": []}),
        (400, {"keys": [entry, entry]}),
        (400, {"keys": [{"key_id": "7", "value": text(octets)}]}),
        (400, {"keys": [{"key_id": key_id}]}),
        (400, {"keys": [{"key_id": key_id, "value": text(octets)[:-1]}]}),
        (400, {"keys": [dict(entry, key_id=str(uuid.uuid4())) for _ in range(129)]}),
        (400, {"extension_optional": {"route": 1}}),
    ]
    for status, change in cases:
        problem(operator.transfer(keys, change=change), status)
    for octets in (b"", b"{", b"[]", b'{"keys":[]', b'\xff{"keys":[]}'):
        url = f"{operator.url}/v1/ext_keys"
        head = {"Content-Type": "application/json"}
        problem(operator.session.post(url, data=octets, headers=head, timeout=WAIT_S), 400)
    refused(operator.fetch([key_id]), 400, NOT_FOUND)
    problem(operator.post("ext_key", {}), 404)
    problem(operator.session.get(f"{operator.url}/v1/ext_keys", timeout=WAIT_S), 405)


@claim("acknowledgements that nobody waits for are taken and change nothing")
def stray_acks(operator):
    keys = new_keys()
    operator.transfer(keys)
    ack = [operator.ack_of(ids_of(keys), "voided", operator.initiator, [operator.target])]
    expect(operator.post("ext_keys/ack", ack).status_code == 200, "not taken")
    expect(operator.post("ext_keys/ack", [{"ack_status": "gone"}]).status_code == 400, "nonsense")
    operator.fetched(keys)


@claim("a key that the site's application makes arrives here, the same, and is given out once relayed")
def outward(operator):
    [(key_id, octets), *_] = keys = keys_of(operator.make(number=2, size=512))
    sent = operator.transfers.get(timeout=WAIT_S)
    expect(sent["initiator_sae_id"] == operator.target, "another initiator")
    expect(sent["target_sae_ids"] == [operator.initiator], "other targets")
    arrived = [(key["key_id"], base64.b64decode(key["value"])) for key in sent["keys"]]
    expect(arrived == keys and len(octets) == 64, "other keys")
    # A late word about them changes nothing: they are out.
    ack = [operator.ack_of([key_id], "failed", operator.target, [operator.initiator])]
    expect(operator.post("ext_keys/ack", ack).status_code == 200, "not taken")


@claim("a refusal of this operator's costs the application its key, and no void: nothing was kept")
def refusing(operator):
    operator.behave = lambda handler, _: handler.answer(400, {"type": "x", "status": 400})
    refused(operator.make(), 503)
    sent = operator.transfers.get(timeout=WAIT_S)
    operator.behave = operator.relay
    keys_of(operator.make())
    expect(operator.transfers.get(timeout=WAIT_S)["keys"] != sent["keys"], "the same key again")
    expect(operator.voids.empty(), "a void for what was never kept")


@claim("a key that fails here, or of which no word comes, is voided before another one is made")
def uncertain(operator):
    def failing(handler, body):
        handler.answer(202, {})
        operator.acknowledge(body, [key["key_id"] for key in body["keys"]], "failed")

    def silent(handler, _):
        handler.answer(202, {})

    def broken(handler, _):
        handler.answer(500, {})

    for behave in (failing, silent, broken):
        operator.behave = behave
        refused(operator.make(), 503)
        [key] = operator.transfers.get(timeout=WAIT_S)["keys"]
        while not operator.transfers.empty():
            expect(operator.transfers.get()["keys"] == [key], "another key on a further try")
        operator.behave = operator.relay
        until = time.monotonic() + WAIT_S
        while not (answer := operator.make()).ok and time.monotonic() < until:
            time.sleep(0.2)
        keys_of(answer)
        voids = operator.voids.get(timeout=WAIT_S)
        expect(voids["key_ids"] == [key["key_id"]], "another void")
        operator.transfers.get(timeout=WAIT_S)


@claim("another certificate of his own gets nobody in")
def stranger(operator):
    operator.session.close()
    session = requests.Session()
    session.trust_env = False
    session.verify = operator.session.verify
    session.cert = tuple(path.replace("own", "stranger") for path in operator.session.cert)
    try:
        answer = session.get(f"{operator.url}/versions", timeout=WAIT_S)
        expect(answer.status_code == 401, f"status {answer.status_code}")
    except requests.ConnectionError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True, help="of the site's KME for partners")
    parser.add_argument("--port", required=True, type=int, help="of this operator's KME")
    parser.add_argument("--folder", required=True, help="own.crt, own.key, stranger.*, site.crt")
    parser.add_argument("--initiator", required=True, help="SAE ID of this operator's application")
    parser.add_argument("--target", required=True, help="SAE ID of the site's application")
    parser.add_argument("--north-url", required=True, help="where that one asks for keys")
    parser.add_argument("--sae-folder", required=True, help="its cert.pem, key.pem and ca.pem")
    return tell(Operator(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
