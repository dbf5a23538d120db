"""Several evaluations in one picture."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from PIL import Image

from calibration.evaluation.files import write_report
from calibration.evaluation.measuring import Request, evaluate_bundle
from calibration.evaluation.overview import main
from edge.errors import AdafocusError
from edge.recognizer import Recognizer


def test_evaluations_of_one_set_share_a_picture_and_others_are_refused(
    recognizer: Recognizer, clip_list: Path, tmp_path: Path
) -> None:
    figures = evaluate_bundle(recognizer, Request(clip_list, "val", seeds=1)).figures
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    write_report(first, figures)
    write_report(second, figures | {"measured_on": figures["measured_on"] | {"model": "another"}})
    picture = tmp_path / "overview.png"
    told = CliRunner().invoke(main, [str(picture), str(first), str(second)])
    assert told.exit_code == 0, told.output
    colours = Image.open(picture).convert("RGB").getcolors(1 << 20) or ()
    assert len(colours) > 50
    write_report(second, figures | {"measured_on": figures["measured_on"] | {"split": "train"}})
    refused = CliRunner().invoke(main, [str(tmp_path / "none.png"), str(first), str(second)])
    assert isinstance(refused.exception, AdafocusError)
    assert not (tmp_path / "none.png").exists()
