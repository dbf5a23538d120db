"""A bundle gets another manifest where it stands, or beside; either whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from adafocus.edge.bundle.archive import MANIFEST
from adafocus.edge.bundle.bundle import Bundle, rewrite_bundle
from adafocus.edge.bundle.manifest import ExitBudget, Exits, Manifest
from adafocus.errors import AdafocusError, BundleError

BUDGET = ExitBudget(unit="GMAC", budget=0.8, thresholds=(0.5,), expected_error=0.01)


def with_budgets(manifest: Manifest, *budgets: ExitBudget) -> Manifest:
    return manifest.model_copy(update={"exits": Exits(budgets=budgets)})


def test_a_folder_keeps_its_files_and_what_else_stands_there(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    bundle = Bundle.open(folder)
    before = {path: path.stat().st_ino for path in folder.rglob("*") if path.name != MANIFEST}
    rewritten = rewrite_bundle(bundle, with_budgets(bundle.manifest, BUDGET), folder)
    assert rewritten.manifest.exits.budgets == (BUDGET,)
    assert {path: path.stat().st_ino for path in folder.rglob("*") if path.name != MANIFEST} == before


def test_a_copy_holds_all_files_and_the_source_stays_what_it_was(folder: Path, tmp_path: Path) -> None:
    bundle = Bundle.open(folder)
    copy = rewrite_bundle(bundle, with_budgets(bundle.manifest, BUDGET), tmp_path / "copy")
    assert copy.manifest.files() == bundle.manifest.files()
    assert copy.manifest.exits.budgets == (BUDGET,)
    assert Bundle.open(folder).manifest == bundle.manifest


def test_a_zip_is_rewritten_to_the_same_bytes_as_one_that_was_packed_so(folder: Path, tmp_path: Path) -> None:
    bundle = Bundle.open(folder)
    wanted = with_budgets(bundle.manifest, BUDGET)
    packed, rewritten = tmp_path / "packed.zip", tmp_path / "rewritten.zip"
    rewrite_bundle(bundle, wanted, packed)
    rewrite_bundle(bundle, bundle.manifest, rewritten)
    with Bundle.open(rewritten) as opened:
        rewrite_bundle(opened, wanted, rewritten).close()
    assert rewritten.read_bytes() == packed.read_bytes()


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_an_impossible_manifest_leaves_the_old_one(folder: Path, name: str) -> None:
    source = Bundle.open(folder)
    place = folder.parent / name
    if place != folder:
        rewrite_bundle(source, source.manifest, place).close()
    before = sorted(path.name for path in folder.parent.rglob("*"))
    with Bundle.open(place) as opened, pytest.raises(BundleError, match="80 GMAC cannot be met"):
        rewrite_bundle(
            opened, with_budgets(opened.manifest, ExitBudget(unit="GMAC", budget=80.0, thresholds=(0.5,))), place
        )
    with Bundle.open(place) as opened:
        assert opened.manifest == source.manifest
    assert sorted(path.name for path in folder.parent.rglob("*")) == before


def test_another_file_is_not_taken_for_a_bundle(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    bundle = Bundle.open(folder)
    with pytest.raises(AdafocusError, match="is no bundle, so it is not replaced"):
        rewrite_bundle(bundle, bundle.manifest, tmp_path / "other")
