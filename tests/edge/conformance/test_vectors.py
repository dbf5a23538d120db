"""The committed vectors are those of the device's code; rules that are written again pass them, and mistakes do not."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from adafocus.edge.bundle import archive, bundle, validation
from adafocus.edge.conformance import bundles
from adafocus.edge.conformance.clips import golden_vectors
from adafocus.edge.conformance.material import noise
from adafocus.edge.conformance.writing import FORMAT, GOLDEN, INDEX, RULES, TOLERANCES, VERSION, write_vectors
from adafocus.errors import AdafocusError
from tests.edge.conformance.comparing import NUMBERS, OUTPUTS, differences
from tests.edge.conformance.mutants import MUTANTS, rules_of
from tests.edge.conformance.streaming import Streaming
from tests.helpers.program import CallHere

ROOT = Path(__file__).resolve().parents[3]
COMMITTED = ROOT / "apps" / "conformance"
BUNDLES = sorted((ROOT / "bundles").glob("*.zip"))
MOST_BYTES = 400_000
# those that a second writing would be a second program for; mistakes in the device's own code stand in for it
BY_THE_DEVICE = {"bundle", "golden"}


@cache
def committed(name: str) -> list[dict[str, Any]]:
    content = json.loads((COMMITTED / f"{name}.json").read_text(encoding="utf-8"))
    assert (content["format"], content["version"]) == (FORMAT, VERSION)
    return content["vectors"]


def of_operations(operations: set[str]) -> list[dict[str, Any]]:
    return [vector for name in RULES for vector in committed(name) if vector["op"] in operations]


def wrong(rules: Streaming, vector: dict[str, Any]) -> list[str]:
    """List what rules give otherwise than a vector expects; a mistake may also end in an error."""
    try:
        return differences(vector["expected"], getattr(rules, vector["op"])(vector["given"]))
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        return [repr(error)]


@pytest.mark.parametrize("name", RULES)
def test_the_committed_vectors_are_those_of_the_devices_code(name: str) -> None:
    fresh = json.loads(json.dumps(RULES[name]()))
    assert len(fresh) == len(committed(name)), "make vectors"
    for one, other in zip(committed(name), fresh, strict=True):
        assert (one["name"], one["op"], one["given"]) == (other["name"], other["op"], other["given"]), "make vectors"
        assert differences(one["expected"], other["expected"]) == [], f"{one['name']}: make vectors"


def test_the_committed_golden_clips_are_those_of_the_shipped_bundles() -> None:
    fresh = [vector for path in BUNDLES for vector in json.loads(json.dumps(golden_vectors(path)))]
    assert [one["given"] for one in committed(GOLDEN)] == [other["given"] for other in fresh], "make vectors"
    for one, other in zip(committed(GOLDEN), fresh, strict=True):
        assert differences(one["expected"], other["expected"], within=OUTPUTS) == [], f"{one['name']}: make vectors"


def test_the_index_names_every_file_with_its_digest() -> None:
    index = json.loads((COMMITTED / INDEX).read_text(encoding="utf-8"))
    assert index["tolerances"] == TOLERANCES == {"numbers": NUMBERS, "outputs": OUTPUTS}
    assert {entry["file"] for entry in index["files"]} == {path.name for path in COMMITTED.iterdir()} - {INDEX}
    for entry in index["files"]:
        content = (COMMITTED / entry["file"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["vectors"] == len(committed(entry["file"].removesuffix(".json")))
    assert sum(path.stat().st_size for path in COMMITTED.iterdir()) <= MOST_BYTES


def test_vectors_of_an_operation_have_names_of_their_own() -> None:
    for name in (*RULES, GOLDEN):
        names = [(vector["op"], vector["name"]) for vector in committed(name)]
        assert len(set(names)) == len(names)


def test_the_stream_of_a_seed_is_the_one_that_the_page_describes() -> None:
    def number(place: int, seed: int) -> int:
        mixed = (place + seed * 0x9E3779B9) % 2**32
        mixed = (mixed ^ mixed >> 16) * 0x7FEB352D % 2**32
        mixed = (mixed ^ mixed >> 15) * 0x846CA68B % 2**32
        return mixed ^ mixed >> 16

    assert noise(7, 2, 3, 3).reshape(-1).tolist() == [number(place, 7) >> 24 for place in range(18)]


def test_rules_that_are_written_again_pass_every_vector() -> None:
    rules = Streaming()
    operations = {vector["op"] for name in RULES for vector in committed(name)} - BY_THE_DEVICE
    for vector in of_operations(operations):
        found = getattr(rules, vector["op"])(vector["given"])
        assert differences(vector["expected"], found) == [], (vector["op"], vector["name"])


def test_every_operation_has_a_mistake_that_is_known_by_it() -> None:
    tried = {operation for mutant in MUTANTS.values() for operation in mutant.operations.split()}
    there = {vector["op"] for name in RULES for vector in committed(name)}
    # a digest and a box that is only decoded leave nothing to round
    assert there - tried <= {"sha256_of_file", "sha256_of_patches", "decode_boxes", "place_boxes", "bundle"}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_fails_a_vector(name: str) -> None:
    rules = rules_of(MUTANTS[name])
    vectors = of_operations(set(MUTANTS[name].operations.split()))
    assert any(wrong(rules, vector) for vector in vectors), f"{len(vectors)} vectors pass with the mistake: {name}"


def test_mistakes_are_counted() -> None:
    print(f"{len(MUTANTS)} mistakes, each known by a vector; {len(CARELESS)} more in opening bundles")
    assert len(MUTANTS) >= 80


# checks that are left out where bundles are opened, and words of vectors that are opened or refused otherwise then
CARELESS: dict[str, tuple[tuple[Any, str, Callable[..., Any]], tuple[str, ...]]] = {
    "names that lead out": ((bundle, "unsafe", lambda name: None), ("a name that leads out", "a name with a drive")),
    "members that lead out": ((archive, "unsafe", lambda name: None), ("a member with a backslash",)),
    "names that meet": ((archive, "collision", lambda names: None), ("a member twice but for capitals",)),
    "digests": ((bundle, "sha256_of", lambda path: "0" * 64), ("a file that nobody named",)),
    "sizes": ((bundle, "size_of", lambda path: 1), ("a file that was changed",)),
    "contradictions": ((validation, "first_contradiction", lambda manifest: None), ("a scale of 0", "a budget below")),
    "keys that stand twice": ((validation, "_object", dict), ("a key twice",)),
    "NaN": ((validation, "_constant", float), ("NaN",)),
    "numbers that are too large": ((validation, "_float", float), ("a number that is too large",)),
    "scales": ((validation, "_has_its_scale", lambda spec: True), ("a scale of 0", "a zero point out of range")),
}


def opened(vector: dict[str, Any], place: Path) -> dict[str, Any]:
    """Make the bundle that a vector describes, from the vectors alone, and open it."""
    given, others = (
        vector["given"],
        {one["name"]: one["given"] for one in committed("bundles") if one["op"] == "bundle"},
    )
    if "zip" in given or "splices" in given:
        content = base64.b64decode(given.get("zip") or others[given["of"]]["zip"])
        for at, removed, added in sorted(given.get("splices", []), reverse=True):
            content = content[:at] + base64.b64decode(added) + content[at + removed :]
        path = place / "bundle.zip"
        path.write_bytes(content)
        return bundles.opened(path)
    files = {
        name: base64.b64decode(text) for name, text in (given.get("files") or others[given["of"]]["files"]).items()
    }
    manifest = files["manifest.json"].decode()
    for old, new in given.get("replace", []):
        manifest = manifest.replace(old, new, 1)
    files["manifest.json"] = (manifest + given.get("append", "")).encode()
    files |= {name: base64.b64decode(text) for name, text in given.get("put", {}).items()}
    for name in files.keys() - set(given.get("drop", [])):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(files[name])
    return bundles.opened(place)


def bundles_of(*words: str) -> list[dict[str, Any]]:
    """Return vectors of bundles by words of their names."""
    found = [vector for vector in committed("bundles") if vector["op"] == "bundle"]
    return [vector for vector in found if any(word in vector["name"] for word in words)]


def test_bundles_are_made_of_what_the_vectors_say(tmp_path: Path) -> None:
    for number, vector in enumerate(
        bundles_of("good", "motion", "zip", "escapes", "version", "a member", "a name", "middle")
    ):
        place = tmp_path / str(number)
        place.mkdir()
        assert opened(vector, place) == vector["expected"], vector["name"]


@pytest.mark.parametrize("name", CARELESS)
def test_a_check_that_is_left_out_fails_a_vector(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (module, function, instead), words = CARELESS[name]
    monkeypatch.setattr(module, function, instead)
    for number, vector in enumerate(bundles_of(*words)):
        place = tmp_path / str(number)
        place.mkdir()
        assert opened(vector, place) != vector["expected"], vector["name"]


def test_the_same_rules_give_the_same_bytes_and_other_folders_stay(
    tmp_path: Path, adafocus_here: CallHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in set(RULES) - {"sampling", "tensors"}:
        monkeypatch.delitem(RULES, name)
    for folder in ("one", "two", "one"):
        done = adafocus_here("vectors", tmp_path / folder)
        assert (done.returncode, done.stderr) == (0, "")
    one, two = (sorted((tmp_path / folder).iterdir()) for folder in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(AdafocusError, match="holds no vectors, so it is not replaced"):
        write_vectors(tmp_path / "mine", [])
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_a_zip_of_a_vector_is_a_zip_that_a_device_opens(tmp_path: Path) -> None:
    (whole,) = [vector for vector in committed("bundles") if "zip" in vector["given"]]
    path = tmp_path / "bundle.zip"
    path.write_bytes(base64.b64decode(whole["given"]["zip"]))
    with bundle.Bundle.open(path) as opened:
        assert list(opened.manifest.labels) == whole["expected"]["labels"]
