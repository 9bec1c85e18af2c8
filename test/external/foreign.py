"""An SAE of ETSI GS QKD 014 V1.1.1 on `requests`, and how its answers are read.

Written from the text; knows nothing of PhotonWard. No key and no part of one is ever printed.
"""

import base64
import uuid

import requests

from claims import expect

NOT_FOUND = "one or more keys specified are not found on KME"
JSON = {"Content-Type": "application/json"}


class Sae:
    """One application: its name, its certificate, and the KME of its site."""

    def __init__(self, url, name, folder):
        self.name = name
        self.base = f"{url}/api/v1/keys"
        self.session = requests.Session()
        self.session.cert = (f"{folder}/cert.pem", f"{folder}/key.pem")
        self.session.verify = f"{folder}/ca.pem"
        self.session.trust_env = False

    def ask(self, method, path, **options):
        return self.session.request(method, f"{self.base}/{path}", timeout=30, **options)

    def get(self, path, **params):
        return self.ask("GET", path, params=params)

    def post(self, path, body):
        return self.ask("POST", path, json=body)

    def enc_keys(self, slave, body):
        return keys_of(self.post(f"{slave}/enc_keys", body))

    def dec_keys(self, master, ids):
        wanted = {"key_IDs": [{"key_ID": key_id} for key_id in ids]}
        return self.post(f"{master}/dec_keys", wanted)


def json_of(answer, status):
    """The body of an answer with this status, which is JSON whatever the status is."""
    got = f"{answer.request.method} gave {answer.status_code}"
    expect(answer.status_code == status, f"{got}, expected {status}: {told(answer)}")
    kind = answer.headers.get("Content-Type", "")
    expect(kind.split(";")[0].strip() == "application/json", f"{got} as {kind!r}")
    return answer.json()


def told(answer):
    """What an answer says, unless it may hold keys."""
    return "(a body)" if answer.ok else answer.text[:200]


def keys_of(answer):
    """Key container, clause 6.3: UUIDs and base64, each key of a whole number of octets."""
    container = json_of(answer, 200)
    expect(isinstance(container.get("keys"), list), "no array keys")
    keys = []
    for key in container["keys"]:
        expect(str(uuid.UUID(key["key_ID"])) == key["key_ID"].lower(), "key_ID is not a UUID")
        octets = base64.b64decode(key["key"], validate=True)
        expect(len(octets) > 0, "an empty key")
        keys.append((key["key_ID"], octets))
    return keys


def refused(answer, status, message=None):
    """Error, clause 6.5: a text `message`, and `details` only as an array of objects."""
    body = json_of(answer, status)
    expect(isinstance(body.get("message"), str) and body["message"], "no message")
    details = body.get("details", [])
    expect(all(isinstance(one, dict) for one in details), "details are not objects")
    if message is not None:
        expect(body["message"] == message, f"said {body['message']!r}, expected {message!r}")
    return body["message"]


def ids_of(keys):
    return [key_id for key_id, _ in keys]
