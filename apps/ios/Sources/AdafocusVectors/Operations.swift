// What each operation of the vectors calls.
import Adafocus
import Foundation

private func picture(_ g: Given, _ key: String) -> Picture { picturesOf(g.of(key))[0] }

private func size(_ g: Given) -> Size { Size(height: g.ints("size")[0], width: g.ints("size")[1]) }

private func fractions(_ boxes: [[Int]], _ size: Size) -> [String: Any?] {
    ["boxes": boxes.map { asFractions($0, size) }, "pixels": boxes]
}

private func form(_ g: Given) -> Form {
    Form(
        Dtype(rawValue: g.text("dtype"))!, scale: g["scale"].map(number),
        zeroPoint: g["zero_point"].map { Int(number($0)) })
}

private func values(_ g: Given, _ form: Form) -> Values {
    let given = g.reals("values")
    var found = Values(form.dtype, count: given.count)
    for place in given.indices { found[place] = Float(given[place]) }
    return found
}

private func table(_ g: Given) -> Values { pixelTable(mean: g.reals("mean"), std: g.reals("std"), form(g)) }

private func changeFrom(_ g: Given) -> ChangeFrom { ChangeFrom(rawValue: g.text("change_from"))! }

private func criterion(_ g: Given) -> Criterion { Criterion(rawValue: g.text("criterion"))! }

typealias Operation = (Given) throws -> [String: Any?]

/// All but `bundle` and `golden`.
let operations: [String: Operation] = sampling.merging(pixels) { one, _ in one }.merging(others) { one, _ in one }

private let sampling: [String: Operation] = [
    "uniform_indices": { g in ["indices": uniformIndices(g.int("total"), g.int("count"))] },
    "frames_at": { g in
        let edges = g["edges_s"].map { doubles($0) }
        return ["indices": framesAt(g.int("first"), g.int("last"), g.int("count"), edges: edges)]
    },
    "timeline": { g in
        let base = g.reals("time_base")
        let found = timelineOf(
            Packets(
                container: g.text("container"), timeBase: base[0] / base[1], pts: g.ints("pts"), dts: g.ints("dts"),
                durations: g.ints("durations")))
        return [
            "frame_count": found.frameCount, "edges_s": found.edges, "varies": found.varies,
            "fps": rateOf(found, stated: g.real("stated_fps")),
            "indices": framesAt(0, found.frameCount, g.int("count"), edges: found.varyingEdges),
        ]
    },
    "select_frames": { g in
        let weights = g.reals("weights")
        return [
            "positions": quantilePositions(weights, g.int("count")),
            "indices": selectFrames(weights, candidates: g.int("candidates"), count: g.int("count")),
        ]
    },
    "decode_boxes": { g in
        ["boxes": decodeBoxes(g.rows("raw"), minSide: g.real("min_side"), maxSide: g.real("max_side"))]
    },
    "boxes_in_room": { g in fractions(boxesInRoom(g.rows("boxes"), size(g)), size(g)) },
    "whole_pixels": { g in fractions(wholePixels(g.rows("boxes"), size(g), least: g.int("least")), size(g)) },
    "place_boxes": { g in
        ["boxes": placeBoxes(g.rows("boxes"), name: g.text("name"), shape: g.text("shape"), side: g.real("side"))]
    },
    "change_maps": { g in
        let frames = picturesOf(g.of("frames"))
        let found = changeMaps(frames, from: changeFrom(g))
        return [
            "cell": cellSize(frames[0].height, frames[0].width),
            "maps": told(found.values, [found.count, found.rows, found.columns]), "sum": found.values.reduce(0, +),
        ]
    },
    "motion": { g in
        let frames = picturesOf(g.of("frames"))
        let size = Size(height: frames[0].height, width: frames[0].width)
        let changes = changeMaps(frames, from: changeFrom(g))
        let side = g.real("side")
        let box = motionBox(changes, size, side: side, first: g.int("first"), last: g.int("last"))
        var found = fractions([box], size)
        found["densest"] = densestRun(changes, count: g.int("count"), side: cellsOf(side, size))
        return found
    },
    "squares": { g in
        let maps = g.list("maps").map { elements($0).map(doubles) }
        let values = maps.joined().joined().map { Int($0) }
        let changes = Changes(count: maps.count, rows: maps[0].count, columns: maps[0][0].count, values: values)
        return [
            "found": g.rows("side_cells_and_count").map { pair -> [String: Any?] in
                let sums = summed(changes, 0, changes.count)
                let found = bestSquare(sums, rows: changes.rows, columns: changes.columns, side: Int(pair[0]))
                return [
                    "corner": [found.top, found.left],
                    "run": densestRun(changes, count: Int(pair[1]), side: Int(pair[0])),
                ]
            }
        ]
    },
]

private let pixels: [String: Operation] = [
    "taps": { g in
        let found = axisTaps(start: g.real("start"), length: g.real("length"), size: g.int("patch_size"))
        return ["first": found.first, "weights": found.weights]
    },
    "crop_patch": { g in
        let patch = cropPatch(picture(g, "frame"), g.reals("box"), g.int("patch_size"), fill: g.ints("fill"))
        return ["patch": told(patch)]
    },
    "cut_patch": { g in
        let patch = cutPatch(picture(g, "frame"), g.reals("box"), g.int("patch_size"), fill: g.ints("fill"))
        return ["patch": told(patch)]
    },
    "average": { g in ["picture": told(average(picture(g, "region"), g.int("height"), g.int("width")))] },
    "resize_bilinear": { g in
        ["picture": told(resizeBilinear(picture(g, "picture"), g.int("height"), g.int("width")))]
    },
    "fit_frame": { g in
        let found = fitFrame(picture(g, "frame"), frameSize: g.int("frame_size"), shortSide: g.int("short_side"))
        return ["picture": told(found)]
    },
    "fit_glance": { g in
        let fit = Fit(rawValue: g.text("fit"))!
        let found = fitGlance(
            picture(g, "frame"), fit, size: g.int("size"), share: g.real("share"), fill: g.ints("fill"))
        return ["picture": told(found)]
    },
    "shrink_factor": { g in ["factor": shrinkFactor(g.int("height"), g.int("width"), frames: g.int("frames"))] },
    "shrink": { g in ["picture": told(shrink(picture(g, "frame"), g.int("factor")))] },
    "pixel_table": { g in ["table": told(table(g), [3, 256])] },
    "apply_table": { g in
        let frames = picturesOf(g.of("frames"))
        let shape = [frames.count, 3, frames[0].height, frames[0].width]
        return ["tensor": told(applyTable(table(g), frames), shape)]
    },
    "quantize": { g in ["values": quantize(g.reals("values").map { Float($0) }, form(g.of("to"))).doubles] },
    "dequantize": { g in ["values": dequantize(values(g, form(g.of("from"))), form(g.of("from")))] },
    "convert": { g in
        let from = form(g.of("from"))
        return ["values": convert(values(g, from), from: from, to: form(g.of("to"))).doubles]
    },
]

private let others: [String: Operation] = [
    "softmax": { g in ["probabilities": softmax(g.reals("logits"), temperature: g.real("temperature"))] },
    "confidence": { g in
        ["confidence": confidence(g.reals("logits"), criterion(g), temperature: g.real("temperature"))]
    },
    "threshold_curve": { g in
        // a curve that is learned knows no costs
        let calibrated = !g.list("rows").isEmpty
        let curve = curveOf(
            g, calibrated ? g.real("low") : 0, calibrated ? g.real("high") : 0, g.has("exits") ? g.int("exits") : 0)
        for glance in g.reals("observed") { curve.observe(glance) }
        return ["thresholds": g.reals("positions").map { curve.thresholds($0) }]
    },
    "controller": controlled,
    "window": windowed,
    "steady_clock": { g in
        var clock = SteadyClock(fps: g.real("fps"))
        return ["moments_s": g.reals("stated_s").map { clock.moment($0) }]
    },
    "schedule": { g in
        var schedule = Schedule(hop: g.real("hop_s"), duty: g.real("duty"))
        return [
            "turns": g.rows("turns").map { turn -> [String: Any?] in
                let late = schedule.finish(turn[0], turn[1])
                return ["late_s": late, "due_s": schedule.due, "rest_s": schedule.rest(turn[1] - turn[0])]
            }
        ]
    },
    "smoothing": { g in
        var smoother = Smoother(
            SmoothingOptions(
                timeConstant: g.real("time_constant_s"), enter: g.real("enter"), leave: g.real("leave"),
                windows: g.int("windows"), seconds: g.real("seconds")))
        let turns = zip(g.rows("probabilities"), g.reals("moments_s")).map { one, moment -> [String: Any?] in
            let found = smoother.update(one, moment)
            return ["label": found.label, "best": found.best, "score": found.score, "switched": found.switched]
        }
        return ["turns": turns, "before_reset": smoother.reset()]
    },
    "sha256_of_file": { g in
        let content = g.has("base64")
            ? decoded(g["base64"]) : [UInt8](repeating: decoded(g["repeated"])[0], count: g.int("times"))
        return ["sha256": sha256(content), "bytes": content.count]
    },
    "sha256_of_folder": { g in
        let files = g.of("files")
        let names = files.content.keys
        return [
            "sha256": sha256OfFolder(names) { Bytes(decoded(files[$0])) },
            "bytes": names.reduce(0) { $0 + decoded(files[$1]).count },
        ]
    },
    "sha256_of_labels": { g in ["sha256": sha256OfLabels(g.list("labels").map { word($0) })] },
    "sha256_of_patches": { g in ["sha256": sha256(bytesOf(g.of("patches")))] },
    "clip": clipOperation,
]

private func curveOf(_ g: Given, _ low: Double, _ high: Double, _ exits: Int) -> Curve {
    let rows = g.list("rows").map { row -> BudgetRow in
        let pair = elements(row)
        return BudgetRow(budget: number(pair[0]), thresholds: doubles(pair[1]))
    }
    if rows.isEmpty { return LearnedCurve(exits: exits, criterion(g), classes: g.int("classes")) }
    return CalibratedCurve(rows, low: low, high: high, criterion(g), classes: g.int("classes"))
}

private func controlled(_ g: Given) -> [String: Any?] {
    let macs = g.reals("exit_macs")
    let (low, high) = (macs[0] / 1e9, macs[macs.count - 1] / 1e9)
    let controller = Controller(g.real("budget_gmac"), low: low, high: high, curveOf(g, low, high, macs.count - 1))
    var (thresholds, positions, costs) = ([Double](), [Double](), [Double]())
    for glance in g.reals("glance_confidences") {
        let limits = controller.thresholds
        thresholds.append(limits[0])
        positions.append(controller.position)
        costs.append(stops(glance, exit: 0, limits) ? low : high)
        controller.observe(glance, cost: costs[costs.count - 1])
    }
    return ["thresholds": thresholds, "positions": positions, "costs": costs]
}

private func windowed(_ g: Given) -> [String: Any?] {
    var options = WindowOptions(
        candidateFrames: g.int("candidate_frames"), glanceFrames: g.int("glance_frames"), seconds: g.real("seconds"),
        maxFps: g["max_fps"].map(number))
    options.framesPerCandidate = g.int("frames_per_candidate")
    if case .bool(let recurring)? = g["recurring"] { options.recurring = recurring }
    var window = SlidingWindow<Void>(options)
    var kept = [Int]()
    var clips = [Int: [String: Any?]]()
    var fullFrom: Int?
    for (turn, moment) in g.reals("moments_s").enumerated() where window.push(turn, moment, {}) {
        kept.append(turn)
        let full = window.clip(eager: false)
        if full != nil && fullFrom == nil { fullFrom = turn }
        clips[turn] = ["after": turn, "full": told(full), "eager": told(window.clip(eager: true))]
    }
    let chosen = Set(kept.dropFirst(kept.count / 2).prefix(1) + kept.suffix(2)).sorted()
    return ["full_from": fullFrom, "kept": kept, "missed": window.missed, "clips": chosen.map { clips[$0]! }]
}

private func told(_ clip: WindowClip<Void>?) -> [String: Any?]? {
    clip.map {
        [
            "candidates": $0.candidates.map(\.number), "glance": $0.glance.map(\.number),
            "glance_names": $0.glance.map(\.name), "start_s": $0.start, "end_s": $0.end, "filled": $0.filled,
            "frames": $0.frames, "oldest": $0.oldest,
        ]
    }
}
