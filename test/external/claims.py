"""Claims that a foreign program tries, one line of JSON for each:
{"claim": ..., "holds": true or false, "detail": ...}, and exit status 1 if one does not hold.
"""

import json


class Broken(Exception):
    """A claim that does not hold."""


def expect(condition, detail):
    if not condition:
        raise Broken(detail)


CLAIMS = []


def claim(text):
    def mark(function):
        CLAIMS.append((text, function))
        return function

    return mark


def tell(stage):
    """Tries every claim in order, tells of each, and gives the exit status."""
    broken = 0
    for text, function in CLAIMS:
        try:
            function(stage)
            result = {"claim": text, "holds": True, "detail": ""}
        except Exception as error:  # Whatever it is, the claim does not hold.
            broken += 1
            result = {"claim": text, "holds": False, "detail": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)
    return 1 if broken else 0
