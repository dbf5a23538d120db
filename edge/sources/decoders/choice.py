"""Which decoder is asked for: one table of those in hardware, and software as the second way that is announced.

No row is believed: a decoder decodes a video when its first frame is there, within a limit of time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from adafocus.edge.sources.decoders.process import DecoderFailed, ProcessSource
from adafocus.edge.sources.pyav_file import codec_of
from adafocus.edge.sources.source import FiniteSource, Frame, Source, safe_name
from adafocus.errors import AdafocusError

SOFTWARE, AUTO = "software", "auto"
LIMIT_S = 10.0
# files that only these systems have: the decoder of a Pi 4 or older, and NVIDIA's release
V4L2_DECODER, JETSON = Path("/dev/video10"), Path("/etc/nv_tegra_release")
PROGRAM = "adafocus.edge.sources.decoders.pyav_program"


@dataclass(frozen=True)
class HardwareDecoder:
    """One row of the table.

    Attributes:
        name: as FFmpeg or GStreamer has it.
        machine: that has it.
        codecs: as FFmpeg names them.
        way: FFmpeg knows it by ``name`` or as a kind of ``device``; or it is an element of ``gstreamer``.
        here: whether this machine looks like one that has it.
    """

    name: str
    machine: str
    codecs: tuple[str, ...]
    way: Literal["name", "device", "gstreamer"]
    here: Callable[[], bool]

    def open(self, address: str, codec: str, live: bool, limit_s: float) -> ProcessSource:
        """Start decoding.

        Args:
            address: of a file or a network stream.
            codec: of it.
            live: whether frames come when they come.
            limit_s: for the first frame, and for each after it.

        Raises:
            SourceError: it does not decode this.
        """
        if self.way == "gstreamer":
            from adafocus.edge.sources.gstreamer import open_pipeline
            from adafocus.edge.sources.jetson import decoder_pipeline

            pipeline = decoder_pipeline(address, "h265" if codec == "hevc" else codec, 100)
            return open_pipeline(pipeline, shown_name(address), live, limit_s)
        return ProcessSource(
            (sys.executable, "-m", PROGRAM, address, self.way, self.name), shown_name(address), live, limit_s
        )


HARDWARE_DECODERS = {
    row.name: row
    for row in (
        HardwareDecoder("h264_v4l2m2m", "a Raspberry Pi 4 or older", ("h264",), "name", lambda: V4L2_DECODER.exists()),
        HardwareDecoder("nvv4l2decoder", "a Jetson", ("h264", "hevc"), "gstreamer", lambda: JETSON.exists()),
        HardwareDecoder("videotoolbox", "a Mac", ("h264", "hevc"), "device", lambda: sys.platform == "darwin"),
    )
}
NAMES = (SOFTWARE, AUTO, *HARDWARE_DECODERS)


@dataclass
class Decoder:
    """What is asked for, and what became of it.

    Attributes:
        asked: one of :data:`NAMES`.
        say: is told, once for each codec, that software decodes instead, and why.
        limit_s: for the first frame, and for each after it.
        used: what the latest video was decoded with.
        notes: what was said.
    """

    asked: str = SOFTWARE
    say: Callable[[str], None] | None = None
    limit_s: float = LIMIT_S
    used: str = SOFTWARE
    notes: list[str] = field(default_factory=list)
    _refused: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        names = SOFTWARE, AUTO, *HARDWARE_DECODERS
        if self.asked not in names:
            raise AdafocusError(f"--decoder is {self.asked!r}, expected one of {', '.join(names)}.")

    def open_file(self, path: str | Path, software: Callable[[], FiniteSource]) -> FiniteSource | None:
        """Start decoding a file in hardware.

        Args:
            path: of a video file.
            software: opens it the ordinary way.

        Returns:
            A source that goes on in software where the hardware fails; None where software is asked for, or is all
            that there is, which has been said then.
        """
        self.used = SOFTWARE
        if self.asked == SOFTWARE:
            return None
        codec = codec_of(path)
        row = self._row(codec)
        if row is None:
            return None
        try:
            source = row.open(str(path), codec, False, self.limit_s)
        except AdafocusError as error:
            self.refuse(codec, row.name, error)
            return None
        self.used = row.name
        return WithSecondWay(source, software, lambda error: self.refuse(codec, row.name, error))

    def open_stream(self, address: str, software: Callable[[], Source]) -> ProcessSource | None:
        """Start decoding a network stream in hardware; None: as for files. Its codec is known when it is decoded."""
        row = self._row("h264") if self.asked != SOFTWARE else None
        self.used = SOFTWARE
        if row is None:
            return None
        try:
            source = row.open(address, "h264", True, self.limit_s)
        except AdafocusError as error:
            # a camera that is away is no fault of the decoder
            software().close()
            self.refuse("h264", row.name, error)
            return None
        self.used = row.name
        return source

    def not_for(self, name: str) -> None:
        """Say that a source is not decoded here, where something else than software is asked for."""
        if self.asked != SOFTWARE:
            self._tell("", f"{name} is no video file and no network stream, so --decoder {self.asked} has no effect.")

    def refuse(self, codec: str, name: str, error: AdafocusError) -> None:
        """Take note that a decoder does not decode a codec here, and say so."""
        # the short sentence, without the pipeline and what to do about it
        reason = str(error.__cause__ if isinstance(error.__cause__, DecoderFailed) else error).rstrip(".")
        self._tell(codec, f"{name} cannot be used ({reason}); {codec} is decoded in software.")

    def _row(self, codec: str) -> HardwareDecoder | None:
        """Choose a row for a codec; None where there is none, which is said."""
        if codec in self._refused:
            return None
        if self.asked != AUTO:
            row = HARDWARE_DECODERS[self.asked]
            if codec in row.codecs:
                return row
            self._tell(codec, f"{row.name} does not decode {codec}, which is decoded in software.")
            return None
        for row in HARDWARE_DECODERS.values():
            if row.here() and codec in row.codecs:
                return row
        self._tell(codec, f"There is no hardware decoder for {codec} that is known here; it is decoded in software.")
        return None

    def _tell(self, codec: str, sentence: str) -> None:
        self._refused.add(codec)
        self.used = SOFTWARE
        self.notes.append(sentence)
        if self.say is not None:
            self.say(sentence)


class WithSecondWay:
    """Frames of a file from one source and, once that has failed, from another one, from the same frame on."""

    live = False

    def __init__(
        self, first: FiniteSource, second: Callable[[], FiniteSource], failed: Callable[[AdafocusError], None]
    ) -> None:
        """Read the first source until it fails.

        Args:
            first: opened.
            second: opens the other one.
            failed: is told why.
        """
        self.name, self._source, self._second, self._failed = first.name, first, second, failed
        self._grabbed = 0
        self._on_second = False

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self._source.fps

    @property
    def stated_frames(self) -> int:
        """Frame count that the file states, 0 where it states none."""
        return self._source.stated_frames

    @property
    def timestamp_s(self) -> float:
        """Presentation time of the grabbed frame."""
        return self._source.timestamp_s

    def grab(self) -> bool:
        """Advance to the next frame; False at the end."""
        try:
            there = self._source.grab()
        except DecoderFailed as error:
            self._change(error)
            there = self._source.grab()
        self._grabbed += there
        return there

    def retrieve(self) -> Frame | None:
        """Make the grabbed frame; None where it cannot be decoded."""
        try:
            return self._source.retrieve()
        except DecoderFailed as error:
            self._change(error)
            return self._source.retrieve()

    def close(self) -> None:
        """Release the file."""
        self._source.close()

    def _change(self, error: DecoderFailed) -> None:
        """Go on with the second source, up to the frame that was grabbed last."""
        if self._on_second:
            raise error
        self._failed(error)
        self._source.close()
        self._source, self._on_second = self._second(), True
        for _ in range(self._grabbed):
            self._source.grab()


def shown_name(address: str) -> str:
    """Return what to call a source on the screen."""
    return safe_name(address) if "://" in address else Path(address).name
