#!/usr/bin/env python3
"""An application that knows nothing of PhotonWard: ETSI GS QKD 014 with `requests`, from the text.

Plays a master SAE at one KME and two slave SAEs at another, and holds both KMEs to what
ETSI GS QKD 014 V1.1.1 says; limits are read from the status. Claims are told as `claims.py` says.

No key and no part of one is ever printed.
"""

import argparse
import json
import sys
import uuid

from claims import claim, expect, tell
from foreign import JSON, NOT_FOUND, Sae, ids_of, json_of, keys_of, refused

# GS QKD 014 V1.1.1 clause 6.1; all mandatory, and nothing said of others but the extension.
STATUS_MEMBERS = {
    "source_KME_ID": str,
    "target_KME_ID": str,
    "master_SAE_ID": str,
    "slave_SAE_ID": str,
    "key_size": int,
    "stored_key_count": int,
    "max_key_count": int,
    "max_key_per_request": int,
    "max_key_size": int,
    "min_key_size": int,
    "max_SAE_ID_count": int,
}


class Stage:
    def __init__(self, arguments):
        self.master = Sae(arguments.master_url, arguments.master, arguments.master_folder)
        self.slave = Sae(arguments.slave_url, arguments.slave, arguments.slave_folder)
        self.second = Sae(arguments.slave_url, arguments.second, arguments.second_folder)
        self.limits = self.master.get(f"{arguments.slave}/status").json()


@claim("status has every member of clause 6.1 in its type")
def status_members(stage):
    status = json_of(stage.master.get(f"{stage.slave.name}/status"), 200)
    for name, kind in STATUS_MEMBERS.items():
        expect(type(status.get(name)) is kind, f"{name} is {status.get(name)!r}")
    expect(status["master_SAE_ID"] == stage.master.name, "another master")
    expect(status["slave_SAE_ID"] == stage.slave.name, "another slave")
    expect(status["source_KME_ID"] != status["target_KME_ID"], "one KME at both ends")
    least, most = status["min_key_size"], status["max_key_size"]
    expect(0 < least <= status["key_size"] <= most, "key_size outside its limits")
    expect(0 < status["stored_key_count"] <= status["max_key_count"], "no stored keys")


@claim("the status of the slave's KME names the same two KMEs the other way round")
def status_turned(stage):
    turned = json_of(stage.slave.get(f"{stage.master.name}/status"), 200)
    expect(turned["source_KME_ID"] == stage.limits["target_KME_ID"], "another source")
    expect(turned["target_KME_ID"] == stage.limits["source_KME_ID"], "another target")


@claim("GET enc_keys without parameters gives one key of the default size")
def get_default(stage):
    keys = keys_of(stage.master.get(f"{stage.slave.name}/enc_keys"))
    expect(len(keys) == 1, f"{len(keys)} keys")
    expect(len(keys[0][1]) * 8 == stage.limits["key_size"], "not of key_size")


@claim("POST enc_keys without a body and without a content type gives the same")
def post_empty(stage):
    answer = stage.master.ask("POST", f"{stage.slave.name}/enc_keys")
    expect("Content-Type" not in answer.request.headers, "this client sent a content type")
    keys = keys_of(answer)
    expect(len(keys) == 1 and len(keys[0][1]) * 8 == stage.limits["key_size"], "not one default key")


@claim("POST enc_keys with an empty object gives the same")
def post_object(stage):
    keys = stage.master.enc_keys(stage.slave.name, {})
    expect(len(keys) == 1 and len(keys[0][1]) * 8 == stage.limits["key_size"], "not one default key")


@claim("number and size are kept to the bit, by GET and by POST")
def number_and_size(stage):
    for size in (stage.limits["min_key_size"], 128, 1024, stage.limits["max_key_size"]):
        wanted = {"number": 3, "size": size}
        by_get = keys_of(stage.master.get(f"{stage.slave.name}/enc_keys", **wanted))
        by_post = stage.master.enc_keys(stage.slave.name, wanted)
        lengths = {len(octets) * 8 for _, octets in by_get + by_post}
        expect(lengths == {size}, f"asked {size}, got {lengths}")
        expect(len(by_get) == 3 and len(by_post) == 3, "not three keys each")


@claim("no two keys and no two key_IDs are equal")
def keys_differ(stage):
    keys = [*stage.master.enc_keys(stage.slave.name, {"number": 40, "size": 128})]
    keys += stage.slave.enc_keys(stage.master.name, {"number": 40, "size": 128})
    expect(len({key_id for key_id, _ in keys}) == 80, "a key_ID twice")
    expect(len({octets for _, octets in keys}) == 80, "a key twice")


@claim("the slave fetches the same key by GET, once; the second fetch is refused")
def fetch_by_get(stage):
    [(key_id, octets)] = keys_of(stage.master.get(f"{stage.slave.name}/enc_keys"))
    path = f"{stage.master.name}/dec_keys"
    fetched = keys_of(stage.slave.get(path, key_ID=key_id))
    expect(fetched == [(key_id, octets)], "another key at the other end")
    refused(stage.slave.get(path, key_ID=key_id), 400, NOT_FOUND)


@claim("the slave fetches many keys by POST, in the order asked for, once")
def fetch_by_post(stage):
    keys = stage.master.enc_keys(stage.slave.name, {"number": 10, "size": 512})
    wanted = list(reversed(keys))
    fetched = keys_of(stage.slave.dec_keys(stage.master.name, ids_of(wanted)))
    expect(fetched == wanted, "other keys, or another order")
    refused(stage.slave.dec_keys(stage.master.name, ids_of(wanted)), 400, NOT_FOUND)


@claim("keys made at the other end are fetched here just so")
def other_direction(stage):
    keys = stage.slave.enc_keys(stage.master.name, {"number": 2, "size": 256})
    fetched = keys_of(stage.master.dec_keys(stage.slave.name, ids_of(keys)))
    expect(fetched == keys, "another key at the other end")


@claim("key_ID_extension and key_IDs_extension are taken, and change nothing")
def key_id_extensions(stage):
    [(key_id, octets)] = stage.master.enc_keys(stage.slave.name, {})
    wanted = {
        "key_IDs": [{"key_ID": key_id, "key_ID_extension": {"elsewhere_place": [1, {"a": None}]}}],
        "key_IDs_extension": {"elsewhere_why": "shift"},
    }
    path = f"{stage.master.name}/dec_keys"
    expect(keys_of(stage.slave.post(path, wanted)) == [(key_id, octets)], "another key")
    refused(stage.slave.post(path, wanted), 400, NOT_FOUND)


@claim("one unknown key_ID refuses all, and takes none of the others away")
def all_or_nothing(stage):
    keys = stage.master.enc_keys(stage.slave.name, {"number": 2})
    asked = [*ids_of(keys), str(uuid.uuid4())]
    refused(stage.slave.dec_keys(stage.master.name, asked), 400, NOT_FOUND)
    fetched = keys_of(stage.slave.dec_keys(stage.master.name, ids_of(keys)))
    expect(fetched == keys, "the others were lost")


@claim("a key for two slaves is given to each once, and is the same")
def multicast(stage):
    body = {"number": 2, "additional_slave_SAE_IDs": [stage.second.name]}
    keys = stage.master.enc_keys(stage.slave.name, body)
    for slave in (stage.slave, stage.second):
        fetched = keys_of(slave.dec_keys(stage.master.name, ids_of(keys)))
        expect(fetched == keys, f"another key at {slave.name}")
        refused(slave.dec_keys(stage.master.name, ids_of(keys)), 400, NOT_FOUND)


@claim("who was no slave of a key gets 401, and the slave still gets the key")
def not_a_slave(stage):
    keys = stage.master.enc_keys(stage.slave.name, {})
    refused(stage.second.dec_keys(stage.master.name, ids_of(keys)), 401)
    fetched = keys_of(stage.slave.dec_keys(stage.master.name, ids_of(keys)))
    expect(fetched == keys, "the key was lost")


@claim("an SAE of the other KME gets 401 here")
def foreign_sae(stage):
    here = stage.master.base
    answer = stage.slave.session.get(f"{here}/{stage.slave.name}/status", timeout=30)
    refused(answer, 401)


@claim("an unknown mandatory extension is refused in the words of the standard")
def mandatory_unknown(stage):
    body = {"extension_mandatory": [{"elsewhere_route_type": "direct"}]}
    answer = stage.master.post(f"{stage.slave.name}/enc_keys", body)
    refused(answer, 400, "not all extension_mandatory parameters are supported")


@claim("a known mandatory extension that cannot be met is refused in the words of the standard")
def mandatory_unmet(stage):
    body = {"extension_mandatory": [{"photonward_route_type": "indirect"}]}
    answer = stage.master.post(f"{stage.slave.name}/enc_keys", body)
    refused(answer, 400, "not all extension_mandatory request options could be met")


@claim("a mandatory extension that is met says where the key comes from: simulated optics")
def mandatory_met(stage):
    met = [{"photonward_route_type": "direct"}, {"photonward_provenance": True}]
    answer = stage.master.post(f"{stage.slave.name}/enc_keys", {"extension_mandatory": met})
    [key] = json_of(answer, 200)["keys"]
    source = key["key_extension"]["photonward_provenance"]["source"]
    expect(source == "simulated", f"source {source!r}")


@claim("an unknown optional extension is passed over")
def optional_unknown(stage):
    body = {"extension_optional": [{"elsewhere_max_age": 30_000}]}
    expect(len(stage.master.enc_keys(stage.slave.name, body)) == 1, "not one key")


@claim("a size that is no multiple of 8 is refused in the words of the standard")
def odd_size(stage):
    message = "size shall be a multiple of 8"
    path = f"{stage.slave.name}/enc_keys"
    refused(stage.master.post(path, {"size": 257}), 400, message)
    refused(stage.master.get(path, size=257), 400, message)


@claim("a Key request outside its limits or of another form is refused with 400")
def bad_key_requests(stage):
    limits = stage.limits
    path = f"{stage.slave.name}/enc_keys"
    slaves = [f"sae-{at}" for at in range(limits["max_SAE_ID_count"] + 1)]
    bodies = [
        {"number": 0},
        {"number": -1},
        {"number": 1.5},
        {"number": "1"},
        {"number": None},
        {"number": limits["max_key_per_request"] + 1},
        {"size": 0},
        {"size": limits["min_key_size"] - 8},
        {"size": limits["max_key_size"] + 8},
        {"size": "256"},
        {"additional_slave_SAE_IDs": slaves},
        {"additional_slave_SAE_IDs": stage.second.name},
        {"additional_slave_SAE_IDs": ["nobody"]},
        {"additional_slave_SAE_IDs": [stage.slave.name]},
        {"additional_slave_SAE_IDs": [stage.second.name, stage.second.name]},
        {"extension_mandatory": {"photonward_route_type": "direct"}},
        {"extension_optional": ["photonward_route_type"]},
        {"numbr": 1},
        [],
        "number",
        None,
    ]
    for body in bodies:
        answer = stage.master.ask("POST", path, data=json.dumps(body), headers=JSON)
        expect(answer.status_code == 400, f"{json.dumps(body)[:60]} gave {answer.status_code}")
        refused(answer, 400)
    for params in ({"number": 0}, {"size": "x"}, {"size": 8}, {"number": [1, 2]}, {"colour": 1}):
        refused(stage.master.get(path, **params), 400)


@claim("a body that is not JSON in UTF-8 is refused with 400")
def not_json(stage):
    path = f"{stage.slave.name}/enc_keys"
    texts = (b"{", b"number=1", b'{"number":1}x', b'{"number":1,"number":1}', b'{"number":\xff}')
    for text in texts:
        refused(stage.master.ask("POST", path, data=text, headers=JSON), 400)


@claim("a fetch of another form is refused with 400")
def bad_fetches(stage):
    path = f"{stage.master.name}/dec_keys"
    one = str(uuid.uuid4())
    many = [{"key_ID": str(uuid.uuid4())} for _ in range(stage.limits["max_key_per_request"] + 1)]
    bodies = [
        {},
        [],
        {"key_IDs": []},
        {"key_IDs": one},
        {"key_IDs": [one]},
        {"key_IDs": [{"key_ID": "1"}]},
        {"key_IDs": [{"key_ID": one}, {"key_ID": one}]},
        {"key_IDs": [{"id": one}]},
        {"key_IDs": many},
    ]
    for body in bodies:
        refused(stage.slave.post(path, body), 400)
    refused(stage.slave.ask("POST", path), 400)
    refused(stage.slave.get(path), 400)
    refused(stage.slave.get(path, key_ID="none"), 400)
    refused(stage.slave.get(path, key_ID=[one, str(uuid.uuid4())]), 400)
    refused(stage.slave.get(path, key_ID=one), 400, NOT_FOUND)


@claim("a path that names no peer's SAE is refused with 400")
def bad_saes(stage):
    for name in ("nobody", "white space", "x" * 65, stage.master.name):
        refused(stage.master.get(f"{name}/enc_keys"), 400)
        refused(stage.master.get(f"{name}/status"), 400)
    refused(stage.master.get(f"{stage.master.name}/dec_keys", key_ID=str(uuid.uuid4())), 400)


@claim("a path or verb outside the standard has the status of HTTP, and JSON")
def outside(stage):
    name = stage.slave.name
    refused(stage.master.get(f"{name}/keys"), 404)
    refused(stage.master.get(f"{name}/enc_keys/more"), 404)
    for method in ("PUT", "DELETE", "PATCH"):
        answer = stage.master.ask(method, f"{name}/enc_keys")
        refused(answer, 405)
        expect(answer.headers.get("Allow") == "GET, POST", "no Allow")
    refused(stage.master.ask("POST", f"{name}/status"), 405)


@claim("a body that is too large or of another type is refused with 413 and 415")
def bad_bodies(stage):
    path = f"{stage.slave.name}/enc_keys"
    large = json.dumps({"number": 1, "extension_optional": [{"elsewhere_fill": "x" * 65_536}]})
    refused(stage.master.ask("POST", path, data=large, headers=JSON), 413)
    refused(stage.master.ask("POST", path, data="<number/>", headers={"Content-Type": "text/xml"}), 415)


@claim("no answer may be stored by a cache")
def not_cached(stage):
    for path in ("status", "enc_keys"):
        answer = stage.master.get(f"{stage.slave.name}/{path}")
        expect(answer.headers.get("Cache-Control") == "no-store", "no Cache-Control")


@claim("refused requests took nothing from the pool")
def nothing_taken(stage):
    # The pool grows meanwhile, so that it can only have shrunk by what was given.
    before = stage.master.get(f"{stage.slave.name}/status").json()["stored_key_count"]
    for _ in range(50):
        stage.master.post(f"{stage.slave.name}/enc_keys", {"number": 2, "size": 257})
    after = stage.master.get(f"{stage.slave.name}/status").json()["stored_key_count"]
    expect(after >= before, f"{before} before, {after} after")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for end in ("master", "slave"):
        parser.add_argument(f"--{end}-url", required=True, help=f"https://host:port of the {end}'s KME")
    for sae in ("master", "slave", "second"):
        parser.add_argument(f"--{sae}", required=True, help="SAE ID")
        parser.add_argument(f"--{sae}-folder", required=True, help="cert.pem, key.pem and ca.pem")
    return tell(Stage(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
