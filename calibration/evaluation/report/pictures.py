"""Draw pictures of single clips: what the glance saw, which frames were selected, and where the focus looked."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.predictions.ablations import WITHOUT_POLICY
from adafocus.edge.picture import ACCENT, FAINT, INK, TRACK, boxed, text_font
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import Clip, read_clip

WIDTH_PX, GAP_PX, LINE_PX, SMALL_PT = 760, 5, 34, 12
MAX_TILE_PX = 128
MAX_TILES = 8
PALETTE = 192
MAX_CLIPS = 4


@dataclass(frozen=True)
class Pick:
    """A clip worth looking at: its row of the figures, and its picture as PNG."""

    row: Mapping[str, Any]
    picture: bytes


def choose_rows(rows: Sequence[Mapping[str, Any]], policy: str) -> dict[str, list[Mapping[str, Any]]]:
    """Choose confident clips, right or wrong, and those where the policy decides; at most one of each label.

    Args:
        rows: ``each_clip`` of the figures.
        policy: what the bundle's own is called.

    Returns:
        rows by heading; headings without a clip are left out.
    """
    policy_words = policy if policy.endswith("policy") else f"policy of {policy}"

    def without_policy(row: Mapping[str, Any]) -> float | None:
        """Return whether the clip is right without the policy, where that was run."""
        return row["right_by_way"].get(WITHOUT_POLICY)

    kinds = {
        "Confident and right": [row for row in rows if row["right"]],
        "Confident and wrong": [row for row in rows if not row["right"]],
        f"Right only with the {policy_words}, against {WITHOUT_POLICY}": [
            row for row in rows if row["right"] and without_policy(row) == 0
        ],
        f"Wrong only with the {policy_words}, against {WITHOUT_POLICY}": [
            row for row in rows if not row["right"] and without_policy(row) == 1
        ],
    }
    return {heading: _one_of_each_label(found) for heading, found in kinds.items() if found}


def _one_of_each_label(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Keep the most confident clip of each label, a few in all."""
    first: dict[str, Mapping[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (-row["score"], row["path"])):
        first.setdefault(row["labels"][0], row)
    return list(first.values())[:MAX_CLIPS]


def draw_picks(
    recognizer: Recognizer, clips: Mapping[str, LabeledClip], rows: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, list[Pick]]:
    """Run the chosen clips once more and draw them.

    Args:
        recognizer: of the bundle.
        clips: by the path that stands in the rows.
        rows: by heading.
    """
    kept, recognizer.thresholds = recognizer.thresholds, None
    drawn: dict[str, bytes] = {}
    for path in dict.fromkeys(row["path"] for found in rows.values() for row in found):
        drawn[path] = _draw(recognizer, clips[path].path)
    recognizer.thresholds = kept
    return {heading: [Pick(row, drawn[row["path"]]) for row in found] for heading, found in rows.items()}


def _draw(recognizer: Recognizer, video: Path) -> bytes:
    """Read, recognize and draw one video."""
    clip = read_clip(video, recognizer.bundle.manifest.geometry)
    return draw_clip(clip, recognizer.recognize_clip(clip))


def draw_clip(clip: Clip, prediction: Prediction) -> bytes:
    """Draw glance frames, a line of all candidates with the selected ones marked, and those with their boxes.

    Args:
        clip: the decoded frames.
        prediction: of a clip that did not stop at the glance.

    Returns:
        a PNG.
    """
    glance = [Image.fromarray(frame) for frame in clip.glance[_spread(len(clip.glance))]]
    shown = _spread(len(prediction.candidate_indices))
    focus = [boxed(clip.candidates[prediction.candidate_indices[i]], prediction.boxes[i]) for i in shown]
    upper, lower = (_tile_px(len(tiles)) for tiles in (glance, focus))
    page = Image.new("RGB", (WIDTH_PX, upper + LINE_PX + lower), "white")
    for top, side, tiles in ((0, upper, glance), (upper + LINE_PX, lower, focus)):
        for number, tile in enumerate(tiles):
            shown_tile = ImageOps.contain(tile, (side, side), Image.Resampling.LANCZOS)
            page.paste(shown_tile, (number * (side + GAP_PX), top))
    _draw_line(ImageDraw.Draw(page), upper + LINE_PX // 2, clip, prediction)
    content = io.BytesIO()
    # a tenth of the size, and hardly to be told apart at this width
    page.quantize(PALETTE).save(content, format="PNG", optimize=True)
    return content.getvalue()


def _draw_line(draw: ImageDraw.ImageDraw, middle: int, clip: Clip, prediction: Prediction) -> None:
    """Draw time from left to right: a faint tick for each candidate, a large one for each that was selected."""
    last_s = f"{clip.frame_count / clip.fps:.1f} s"
    end = WIDTH_PX - draw.textlength(last_s, font=text_font(SMALL_PT)) - 2 * GAP_PX
    draw.text((end + GAP_PX, middle - 8), last_s, font=text_font(SMALL_PT), fill=FAINT)
    draw.line([(0, middle), (end, middle)], fill=TRACK, width=2)
    chosen = set(prediction.frame_indices)
    for moment in clip.candidate_indices.tolist():
        x = (moment + 0.5) / clip.frame_count * end
        half, colour, width = (9, ACCENT, 4) if moment in chosen else (4, FAINT, 1)
        draw.line([(x, middle - half), (x, middle + half)], fill=colour, width=width)
    for moment in clip.glance_indices.tolist():
        x = (moment + 0.5) / clip.frame_count * end
        draw.polygon([(x - 4, middle - 14), (x + 4, middle - 14), (x, middle - 8)], fill=INK)


def _tile_px(count: int) -> int:
    """Return the side of a tile so that all fit beside each other."""
    return min(MAX_TILE_PX, (WIDTH_PX - GAP_PX * (count - 1)) // count)


def _spread(count: int) -> list[int]:
    """Return at most :data:`MAX_TILES` numbers below ``count``, evenly spread."""
    return np.linspace(0, count - 1, min(count, MAX_TILES)).round().astype(int).tolist()
