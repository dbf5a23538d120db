"""Run one GStreamer pipeline with PyGObject, and hand frames to the process that started this one.

It is started as a file, by whatever Python of the system has PyGObject: nothing but the standard library and ``gi`` is
imported. What it is asked and what it answers stands in :mod:`adafocus.edge.sources.decoders.process`.
"""

import json
import sys

try:
    import gi

    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
except (ImportError, ValueError) as error:
    print(json.dumps({"missing": str(error)}), flush=True)
    raise SystemExit(0) from None

# how often errors are looked for while a frame is waited for
LOOK_S = 0.1
BGR = "video/x-raw,format=BGR"


def answer(content: dict, data: bytes = b"") -> None:
    """Write one line, and bytes after it."""
    sys.stdout.buffer.write(json.dumps(content).encode() + b"\n" + data)
    sys.stdout.buffer.flush()


def pull(pipeline: "Gst.Pipeline", sink: "Gst.Element", limit_s: float) -> "tuple[Gst.Sample | None, str]":
    """Wait for a frame; None at the end, or with a sentence where something went wrong."""
    for _ in range(max(1, round(limit_s / LOOK_S))):
        sample = sink.emit("try-pull-sample", int(LOOK_S * Gst.SECOND))
        if sample is not None:
            return sample, ""
        reason = problem(pipeline)
        if reason or sink.get_property("eos"):
            return None, reason
    return None, f"no frame came for {limit_s:g} s"


def problem(pipeline: "Gst.Pipeline") -> str:
    """Return what the pipeline complains of; empty where it does not."""
    message = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
    if message is None:
        return ""
    error, _ = message.parse_error()
    return f"{message.src.get_name()}: {error.message}"


def sink_of(pipeline: "Gst.Pipeline") -> "Gst.Element | None":
    """Return the appsink of a pipeline; None where it has none."""
    if not isinstance(pipeline, Gst.Bin):
        return None
    sinks = pipeline.iterate_sinks()
    while True:
        result, element = sinks.next()
        if result != Gst.IteratorResult.OK:
            return None
        if element.get_factory().get_name() == "appsink":
            return element


def rate(structure: "Gst.Structure") -> float:
    """Return frames per second, 0 where the caps state none."""
    found, top, bottom = structure.get_fraction("framerate")
    return top / bottom if found and bottom else 0.0


def serve(text: str, limit_s: float) -> None:
    """Start the pipeline and answer until nobody asks any more."""
    Gst.init(None)
    try:
        pipeline = Gst.parse_launch(text)
    except gi.repository.GLib.Error as error:
        answer({"error": error.message})
        return
    sink = sink_of(pipeline)
    if sink is None:
        answer({"error": "the pipeline does not end in an appsink"})
        return
    sink.set_property("caps", Gst.Caps.from_string(BGR))
    pipeline.set_state(Gst.State.PLAYING)
    # the first frame is waited for, so that what cannot start says so now
    waiting, reason = pull(pipeline, sink, limit_s)
    if waiting is None:
        answer({"error": reason or "it has no frame"})
        pipeline.set_state(Gst.State.NULL)
        return
    shown = waiting.get_caps().get_structure(0)
    found, length = pipeline.query_duration(Gst.Format.TIME)
    fps = rate(shown)
    answer({"fps": fps, "frames": round(length / Gst.SECOND * fps) if found and length > 0 else 0})
    sample = None
    while (asked := sys.stdin.buffer.read(1)) in (b"g", b"r"):
        if asked == b"g":
            sample, reason = (waiting, "") if waiting is not None else pull(pipeline, sink, limit_s)
            waiting = None
            if sample is None:
                answer({"error": reason} if reason else {"end": True})
                continue
            pts = sample.get_buffer().pts
            answer({"time_s": None if pts == Gst.CLOCK_TIME_NONE else pts / Gst.SECOND})
            continue
        structure, buffer = sample.get_caps().get_structure(0), sample.get_buffer()
        height, width = structure.get_value("height"), structure.get_value("width")
        _, mapped = buffer.map(Gst.MapFlags.READ)
        data = bytes(mapped.data)
        buffer.unmap(mapped)
        answer({"height": height, "width": width, "stride": len(data) // height, "bytes": len(data)}, data)
    pipeline.set_state(Gst.State.NULL)


if __name__ == "__main__":
    serve(sys.argv[1], float(sys.argv[2]))
