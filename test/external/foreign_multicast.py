#!/usr/bin/env python3
"""Applications that know nothing of PhotonWard: one key for slaves at several KMEs, by ETSI GS QKD 014
with `requests`, from the text.

A master SAE at one KME; two slave SAEs at a second, one at a third, and one there that is no slave.
Claims are told as `claims.py` says.
"""

import argparse
import sys
import uuid

from claims import claim, expect, tell
from foreign import NOT_FOUND, Sae, ids_of, json_of, keys_of, refused


class Stage:
    def __init__(self, arguments):
        at = {}
        for name, url, folder in arguments.sae:
            at[name] = Sae(url, name, folder)
        self.master, self.one, self.two, self.three, self.stranger = at.values()
        self.limits = self.master.get(f"{self.one.name}/status").json()

    def others(self, *saes):
        return {"additional_slave_SAE_IDs": [sae.name for sae in saes]}

    def make(self, first, *others, **more):
        return self.master.enc_keys(first.name, self.others(*others) | more)

    def fetched_by(self, slave, keys):
        """By POST, once."""
        got = keys_of(slave.dec_keys(self.master.name, ids_of(keys)))
        expect(got == keys, f"other keys at {slave.name}")
        self.gone(slave, keys)

    def fetched_one_by_one(self, slave, keys):
        """By GET, once."""
        path = f"{self.master.name}/dec_keys"
        for key_id, octets in keys:
            expect(keys_of(slave.get(path, key_ID=key_id)) == [(key_id, octets)], "another key")
        self.gone(slave, keys)

    def gone(self, slave, keys):
        path = f"{self.master.name}/dec_keys"
        refused(slave.dec_keys(self.master.name, ids_of(keys)), 400, NOT_FOUND)
        refused(slave.get(path, key_ID=keys[0][0]), 400, NOT_FOUND)


@claim("the status of each slave names its own KME, and room for additional slaves")
def statuses(stage):
    targets = set()
    for slave in (stage.one, stage.two, stage.three):
        status = json_of(stage.master.get(f"{slave.name}/status"), 200)
        targets.add(status["target_KME_ID"])
        expect(status["max_SAE_ID_count"] >= 2, "no room for two additional slaves")
        expect(status["source_KME_ID"] == stage.limits["source_KME_ID"], "another source")
    expect(len(targets) == 2 and stage.limits["source_KME_ID"] not in targets, f"KMEs {targets}")


@claim("a key for slaves at two KMEs is the same at each, and is given to each once")
def two_kmes(stage):
    keys = stage.make(stage.one, stage.three)
    expect(len(keys) == 1 and len(keys[0][1]) * 8 == stage.limits["key_size"], "not one default key")
    stage.fetched_by(stage.one, keys)
    stage.fetched_one_by_one(stage.three, keys)


@claim("many keys of another size go to three slaves at two KMEs, whoever is named first")
def three_slaves(stage):
    slaves = [stage.one, stage.two, stage.three]
    for first in slaves:
        others = [slave for slave in slaves if slave is not first]
        keys = stage.make(first, *others, number=5, size=1024)
        expect({len(octets) for _, octets in keys} == {128} and len(keys) == 5, "number or size")
        for slave in others:
            stage.fetched_by(slave, keys)
        stage.fetched_one_by_one(first, keys)


@claim("one unknown key_ID refuses all at either KME, and takes none of the others away")
def all_or_nothing(stage):
    keys = stage.make(stage.one, stage.three, number=2)
    for slave in (stage.one, stage.three):
        asked = [*ids_of(keys), str(uuid.uuid4())]
        refused(slave.dec_keys(stage.master.name, asked), 400, NOT_FOUND)
        stage.fetched_by(slave, keys)


@claim("keys for different slaves may be fetched together by whoever is a slave of all of them")
def mixed(stage):
    wide, narrow = stage.make(stage.one, stage.three), stage.make(stage.three)
    both = wide + narrow
    # The KME of the one has never heard of the narrow key.
    refused(stage.one.dec_keys(stage.master.name, ids_of(both)), 400, NOT_FOUND)
    stage.fetched_by(stage.three, both)
    stage.fetched_by(stage.one, wide)


@claim("who is at the same KME and was not named gets 401, and the slaves still get the key")
def strangers(stage):
    keys = stage.make(stage.one, stage.three)
    for other in (stage.stranger, stage.two):
        refused(other.dec_keys(stage.master.name, ids_of(keys)), 401)
    stage.fetched_by(stage.one, keys)
    stage.fetched_by(stage.three, keys)


@claim("a mandatory extension that is met tells where the key comes from, over both links")
def provenance(stage):
    body = stage.others(stage.three) | {"extension_mandatory": [{"photonward_provenance": True}]}
    answer = stage.master.post(f"{stage.one.name}/enc_keys", body)
    [key] = json_of(answer, 200)["keys"]
    told = key["key_extension"]["photonward_provenance"]
    expect(told["source"] == "simulated", f"source {told['source']!r}")
    expect(len(told["links"]) == 2, f"links {told['links']}")
    stage.fetched_by(stage.three, keys_of(answer))


@claim("an unknown extension is passed over if optional, and refuses all if mandatory")
def extensions(stage):
    unknown = [{"elsewhere_max_age": 30_000}]
    keys = stage.make(stage.one, stage.three, extension_optional=unknown)
    stage.fetched_by(stage.three, keys)
    body = stage.others(stage.three) | {"extension_mandatory": unknown}
    answer = stage.master.post(f"{stage.one.name}/enc_keys", body)
    refused(answer, 400, "not all extension_mandatory parameters are supported")


@claim("a slave who is unknown, named twice, too many, or the master refuses all with 400")
def bad_slaves(stage):
    most = stage.limits["max_SAE_ID_count"]
    lists = [
        [stage.three.name, "nobody"],
        [stage.three.name, stage.three.name],
        [stage.one.name],
        [stage.master.name],
        [stage.three.name, ""],
        [stage.three.name, 7],
        [f"sae-{at}" for at in range(most + 1)],
        stage.three.name,
        {"0": stage.three.name},
    ]
    for names in lists:
        answer = stage.master.post(f"{stage.one.name}/enc_keys", {"additional_slave_SAE_IDs": names})
        refused(answer, 400)
    # GET is for simple requests only.
    path = f"{stage.one.name}/enc_keys"
    refused(stage.master.get(path, additional_slave_SAE_IDs=stage.three.name), 400)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    told = "SAE ID, URL of its KME, folder of cert.pem, key.pem and ca.pem"
    order = "; five times: master, two at a second KME, one at a third, one there that is no slave"
    parser.add_argument("--sae", nargs=3, action="append", required=True, help=told + order)
    return tell(Stage(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
