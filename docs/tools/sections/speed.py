"""Write the sections on time, exits, streams and robustness: from the other files of ``results/``."""

from __future__ import annotations

from collections.abc import Iterator

from docs.tools.sections.conversions import peers_section
from docs.tools.sections.shares import full_frame_section, host_section
from docs.tools.table import Figures, decimals, section, source, table

PARTS = ("decode", "resize", "pixels", "glance", "policy", "select", "crop", "focus", "other", "total")


def speed_sections(times: Figures, speed: Figures, device: Figures, networks: Figures, peers: Figures) -> Iterator[str]:
    """Yield the sections that are not about accuracy or conversion."""
    yield _clip(times)
    yield _exits(device["exits"])
    yield host_section(device["host_of_shipped"])
    yield full_frame_section([device["full_frame"], device["full_frame_small_glance"]], device["glance_sizes"])
    yield _policies(device["int8_policy"])
    yield _budgets(device["budget"])
    yield _decoding(device["decode"], device["decode_published"], device["cheap_frames"])
    yield _stream(device["stream"])
    yield from _hops(device.get("stream_hop"), device.get("stream_shift"))
    yield _day(device["stream_day"])
    yield _served(device["served_day"])
    yield _graphs(speed)
    yield peers_section(peers)
    yield _presets(networks)
    yield _arm64(device["arm64"])
    yield _malformed(device["malformed"])
    yield _kills(device["kills"])


def _clip(times: Figures) -> str:
    entries = times["entries"]
    names = ["int8" if "int8" in entry["name"] else "fp32" for entry in entries]
    rows = [(part, *(decimals(entry["ms"][part]["median"]) for entry in entries)) for part in PARTS]
    machine = times["machine"]
    return section(
        "Time of a clip, part by part",
        f"Median milliseconds of {entries[0]['n']} clips of two videos, {entries[0]['threads']} threads of an "
        f"{machine['processor']} ({machine['architecture']}), LiteRT {entries[0]['runtime_version']}. Both bundles "
        "took turns in one run.",
        table(("part", *(f"{name} bundle" for name in names)), rows),
        source(
            "shipped_model_times.json",
            "adafocus bench INT8_BUNDLE FP32_BUNDLE carphone_pristine.mp4 bikes.mp4 --json",
        ),
    )


def _exits(found: Figures) -> str:
    curves = [
        table(
            (f"{bundle['bundle']}: clips that stop at the glance", "GMAC", "ms"),
            [
                (f"{100 * row['stopped_at_glance']:.0f} %", decimals(row["gmac"], 3), decimals(row["ms"]))
                for row in bundle["curve"]
            ],
        )
        for bundle in found["bundles"]
    ]
    rows = [
        (
            name,
            ", ".join(decimals(value) for value in runs["exit_over_glance_percent"]),
            ", ".join(decimals(100 * value) for value in runs["host_share"]),
            ", ".join(decimals(100 * value) for value in runs["host_share_with_resizing"]),
        )
        for name, runs in found["three_runs"].items()
    ]
    return section(
        "Exits really stop",
        f"Time without decoding, {found['bundles'][0]['clips']} clips, {found['threads']} threads of an x86-64 "
        "machine. Time follows GMAC.",
        *curves,
        "![Time against GMAC](plots/exits.png)",
        "What an early exit costs over the bare glance, and the share of the host's own work (pixel tables, selection, "
        "crop, Python) in the time of a clip. Three runs each, in percent:",
        table(("bundle", "exit over glance", "host", "host with resizing"), rows),
        source("device.yaml", found["command"]),
    )


def _policies(found: Figures) -> str:
    clips = found["clips"]
    rows = [(name, decimals(ms, 2), decimals(found["policy_mb"][name], 2)) for name, ms in found["policy_ms"].items()]
    same = [
        ("boxes placed in int8", found["same_label"]),
        ("boxes of the float policy, moved by one pixel", found["same_label_after_a_pixel"]),
    ]
    return section(
        "Boxes placed in int8",
        f"`x3d-xs-xs-k400` with its policy as it ships, in float32, and with the part that places boxes in int8; "
        f"glance and focus are the same. {clips} validation clips of UCF-101 and J-HMDB, LiteRT, "
        f"{found['threads']} threads.",
        table(("policy", "ms", "MB"), rows),
        f"The same frames on {found['same_frames']} of {clips} clips. Boxes move by {found['box_px']['median']:g} px "
        f"(median; at most {found['box_px']['largest']:g}). Labels of this model hang on single pixels: its logits are "
        "int8, and many of these clips show none of its actions.",
        table(
            ("against the float policy", "clips with the same label"), [(name, f"{n} of {clips}") for name, n in same]
        ),
        source("device.yaml", found["command"]),
    )


def _budgets(found: Figures) -> str:
    rows = [
        (one["name"], f"{one['asked']:g} {one['unit']}", one["out_for_clips"], f"{one['late_worst_percent']} %")
        for one in found["experiments"]
    ]
    return section(
        "Budgets are held",
        f"`{found['bundle']}`. Half-way the clips get harder, or the machine loses a core. The running mean is that of "
        f"the last {found['window_clips']} clips; {100 * found['tolerance']:.0f} % are allowed.",
        table(("experiment", "budget", "clips out of tolerance", "largest deviation"), rows),
        "![Running means under a budget](plots/budget.png)",
        source("device.yaml", found["command"]),
    )


DECODING = ("clip, in order", "clip, by packets", "clip, by packets, one thread", "clip, cheap frames")


def _decoding(default: Figures, published: Figures, cheap: Figures) -> str:
    rows = [
        (
            f"{video['video']}, {video['width_px']} x {video['height_px']}",
            found["bundle"],
            f"{video['frames_kept']} of {video['frames']}",
            *(decimals(video["ways"][way]["processor_share"], 2) for way in DECODING),
        )
        for found in (default, published)
        for video in found["videos"]
    ]
    right = cheap["right"]
    return section(
        "Decoding only what is needed",
        "Processor time of reading one clip of a 10 s file, over the time of reading and resizing every frame. g250 "
        "has a key frame every 250 frames, g30 every 30. By packets, every frame is the very one that reading in order "
        "gives. What is left is decoding: frames that no other one refers to are skipped, the others cannot be.",
        table(("video", "bundle", "frames kept", "in order", "by packets", "one thread", "cheap frames"), rows),
        f"With cheap frames, `{cheap['bundle']}` gave the same label on {cheap['same_label']} of {cheap['videos']} "
        f"videos, and was right on {right['cheap frames']}, otherwise on {right['equal steps']}. Where the clip began "
        "two frames later, and nothing else changed, the label was the same on "
        f"{cheap['same_label_two_frames_later']}. Reading took {decimals(cheap['processor_ratio'], 2)} of the "
        f"processor time: {cheap['videos_with_one_key_frame']} of the videos have one key frame, which saves least.",
        source("device.yaml", default["command"]),
        f"The bundle in the second place: `{published['command']}`. Cheap frames: `{cheap['command']}`.",
    )


def _stream(found: Figures) -> str:
    frames, latency = found["frames"], found["latency_ms"]
    rows = [
        ("length", f"{found['seconds']:.0f} s"),
        ("source", f"{found['source']['served']}, {found['source']['fps']:g} frames/s"),
        ("predictions", found["answers"]),
        ("frames grabbed, kept, dropped", f"{frames['grabbed']}, {frames['kept']}, {frames['dropped']}"),
        ("wanted frames missed", frames["missed"]),
        ("latency, p50 / p99", f"{latency['p50']:.0f} / {latency['p99']:.0f} ms"),
        ("memory growth after the first minute", f"{found['memory']['growth_bytes'] / 1e6:.1f} MB"),
        ("back after the server was killed and restarted", f"{found['interruption']['picked_up_after_s']} s"),
    ]
    return section(
        "A network stream for ten minutes", table(("", "measured"), rows), source("device.yaml", found["command"])
    )


def _hops(found: Figures | None, shift: Figures | None) -> Iterator[str]:
    """Yield nothing where it was not measured yet."""
    if found is None:
        return
    rows = [
        (
            f"`{name}`, `shift: past`" if "shift" in one["settings"] else f"`{name}`",
            f"{one['encoded_each_hop']:g} of {one['glance_frames']}",
            f"{decimals(one['gmac']['hop'], 2)} of {decimals(one['gmac']['whole'], 2)}",
            f"{decimals(one['ms']['hop'])} of {decimals(one['ms']['whole'])}",
            f"{one['percent']['ms']:.0f} %",
            f"{one['all_windows']['different']} of {one['all_windows']['compared']} ({one['beside']})",
        )
        for name, one in found["networks"].items()
    ]
    first = next(iter(found["networks"].values()))
    shares = [(f"`{name}`", f"{percent:.1f} %") for name, percent in found["single_frame_percent"].items()]
    yield section(
        "The glance of a hop",
        f"A hop of {first['hop_s']:g} s, windows of {first['window_s']:g} s of a real clip, int8 in LiteRT, "
        f"{first['threads']} threads, random weights. The glance of each window was computed as one graph and frame by "
        "frame with what is kept of earlier windows, by turns. Medians; the share is that of each pair. Numbers that "
        "differ were looked for in all windows: beside the glance of each, or, where it looks at the past, beside one "
        "pass of the trained program over the whole stream.",
        table(("glance", "frames encoded", "GMAC", "ms", "time", "numbers that differ"), rows),
        "Of a glance that sees frames on both sides, this share of its multiply-accumulates comes before it does:",
        table(("glance", "share"), shares),
        *_past(shift),
        source("device.yaml", found["command"]),
    )


def _past(shift: Figures | None) -> Iterator[str]:
    """Yield what it costs a trained encoder to do without later frames."""
    if shift is None:
        return
    yield f"What it costs to see the past alone. {shift['note']} Percent of the clips right whose group was left out:"
    row = (shift["clips"], shift["set"], decimals(shift["both"]), decimals(shift["past"]))
    yield table(("clips", "of", "both sides", "`shift: past`"), [row])
    yield f"By `{shift['command']}`."


def _shown_faults(found: Figures) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in sorted(found["faults"].items()))


def _day(found: Figures) -> str:
    counted, memory, answers = found["interruptions"], found["memory"], found["answers"]
    least, most = (decimals(value) for value in memory["resident_mb_least_most_after_it"])
    rows = [
        ("simulated time; processor time", f"{found['simulated_hours']:.1f} h; {found['processor_seconds']:.0f} s"),
        ("what went wrong", _shown_faults(found)),
        ("predictions; due and lost", f"{answers['given']}; {answers['due_and_lost']}"),
        ("connections that ended; counted", f"{counted['connections_that_ended']}; {counted['counted']}"),
        (
            "pauses longer than a window; counted as outages",
            f"{counted['pauses_longer_than_a_window']}; {counted['counted_as_outages']}",
        ),
        ("memory after the first hour, least and most", f"{least} to {most} MB"),
        ("slope of the memory", f"{memory['slope_kb_an_hour']:.0f} kB an hour"),
        ("open files, first and last", "{}, {}".format(*memory["open_files_first_last_most"])),
        ("events written; lost", f"{sum(found['events']['by_kind'].values())}; {found['events']['lost']}"),
    ]
    return section(
        "A day of a stream in simulated time",
        f"`{found['bundle']}`, a window and a hop of {found['source']['window_s']:g} s. The clock and the camera are "
        "simulated; the frames are those of a real clip, and session, windows, networks and events are those of "
        "`adafocus stream`. A pause that breaks off a window for the second time before it was full is taken for that "
        "of a slow source.",
        table(("", "measured"), rows),
        source("device.yaml", found["command"]),
    )


def _served(found: Figures) -> str:
    counted, memory, answers = found["interruptions"], found["memory"], found["answers"]
    first, last, _ = (decimals(value) for value in memory["resident_mb_first_last_most"])
    rows = [
        ("length", f"{found['minutes']:.0f} min, {found['hours_of_the_stream']:.1f} h of the stream"),
        ("served", f"{found['source']['served']} over HTTP, {found['source']['frames_a_second']:g} frames/s"),
        ("what was done to it", _shown_faults(found)),
        ("predictions; due and lost", f"{answers['given']}; {answers['lost']}"),
        ("late; left out since one was late", f"{answers['late']}; {answers['left_out_since_late']}"),
        ("connections that the server took", counted["connections_that_the_server_took"]),
        ("interruptions that the stream counted", counted["counted"]),
        (
            "from the server's return to the next prediction, at most",
            f"{counted['longest_until_the_next_answer_s']:.1f} s",
        ),
        ("memory, first and last", f"{first}, {last} MB"),
        ("open files, first and last", "{}, {}".format(*memory["open_files_first_last_most"])),
        ("lines of events; whole", f"{found['events']['lines']}; {found['events']['whole_lines']}"),
    ]
    return section(
        "A real network at 20 times the pace",
        found["note"],
        table(("", "measured"), rows),
        source("device.yaml", found["command"]),
    )


def _graphs(found: Figures) -> str:
    rows = [(name, decimals(ms), found["delegates"].get(name, "")) for name, ms in found["median_ms"].items()]
    ratios = [(name, decimals(value, 2)) for name, value in found["ratios"].items()]
    return section(
        "Forms of a graph",
        f"{found['threads']} threads of an x86-64 machine that was shared: read ratios, not milliseconds.",
        "What int8 can win is set by the processor. This one multiplies four int8 numbers in the time of one float, so "
        "no network can win more than 4. In X3D the depth-wise kernels take as long in int8 as in fp32; the 1x1 "
        "convolutions win 3.",
        table(("graph", "ms", "delegates"), rows),
        table(("ratio", ""), ratios),
        source("speed.yaml", found["command"]),
    )


def _presets(found: Figures) -> str:
    rows = [
        (
            row["preset"],
            f"{row['parameters'] / 1e6:.1f}",
            decimals(row["gmac"], 2),
            decimals(row["gmac_as_published"], 2),
            decimals(row["float_ms"], 0),
            decimals(row["lowered_ms"], 0),
        )
        for row in found["presets"]
    ]
    return section(
        "Presets",
        f"Cost of a clip, and time of the float network beside its lowered stages in PyTorch, {found['threads']} "
        "threads.",
        table(("preset", "million parameters", "GMAC", "GMAC as published", "float, ms", "lowered, ms"), rows),
        source("networks.yaml", found["command"]),
    )


def _arm64(found: Figures) -> str:
    rows = []
    for machine, steps in found["golden_clip_steps_away_from_ai_edge_litert_2_3_0_on_x86"].items():
        rows.append(
            (
                machine,
                *(steps[name] for name in ("features", "glance_logits", "context", "focus_logits")),
                steps["frame_weights"],
            )
        )
    return section(
        "An emulated ARM64 Raspberry Pi",
        f"{found['emulation']}. Steps between its golden clip and that of ai-edge-litert 2.3.0 on x86-64; the "
        "frame weights are float.",
        table(("runtime", "features", "glance logits", "context", "focus logits", "frame weights"), rows),
        "LiteRT is exact. tflite-runtime 2.14.0 is not: it gives these graphs to no delegate, and its own kernels "
        "round twice.",
        source("device.yaml", found["command"]),
    )


def _malformed(found: Figures) -> str:
    rows = [
        (
            kind,
            *(one[key] for key in ("inputs", "sentences", "answers", "tracebacks", "crashes", "hangs")),
            one["slowest_s"],
        )
        for kind, one in found["kinds"].items()
    ]
    return section(
        "Malformed inputs",
        "Each damaged video, zip, manifest, array, clip list, checkpoint, recipe or graph ends in a prediction or in a "
        "sentence.",
        table(("kind", "inputs", "sentences", "predictions", "tracebacks", "crashes", "hangs", "slowest, s"), rows),
        source("device.yaml", found["command"]),
    )


def _kills(found: Figures) -> str:
    rows = [
        (
            verb,
            one["kills"],
            one["kills_that_left_outputs"],
            one["kills_that_left_something_beside"],
            one["runs_to_the_end"],
            len(one["wrong"]),
        )
        for verb, one in found["verbs"].items()
    ]
    return section(
        "Killed at random moments",
        "Each verb is killed with SIGKILL, up to five times in a row, and then runs to its end. After each kill every "
        "output is absent, the old one or whole; after the end it is what an undisturbed run gives, and nothing is "
        "left beside it. What breaks this is counted as wrong.",
        table(
            ("verb", "kills", "with an output there", "with a part beside it", "runs to the end", "wrong"),
            rows,
        ),
        source("device.yaml", found["command"]),
    )
