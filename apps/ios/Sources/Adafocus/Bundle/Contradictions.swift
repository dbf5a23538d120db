// Parts of a manifest that cannot both be true.

private let maxBundleBytes = (4 << 30) - 1
private let maxTensorNumbers = 1 << 27
private let maxClipBytes = 512 << 20
private let maxExits = 4096
private let maxWaitingBytes = 64 << 20
private let ranges = ["int8": -128...127, "uint8": 0...255, "int32": -(1 << 31)...((1 << 31) - 1)]
private let partNames = [
    ("encode", ["frames"], ["features"]),
    ("join", ["features"], ["glance_logits", "context"]),
]

/// A sentence on parts that contradict each other. What follows relies on what it denies, so the first is thrown.
private struct Contradiction: Error {
    let sentence: String
}

private func refuse(_ wrong: Bool, _ sentence: @autoclosure () -> String) throws {
    if wrong { throw Contradiction(sentence: sentence()) }
}

/// The first sentence on parts of a manifest that contradict each other, or nil.
func firstContradiction(_ manifest: Manifest) -> String? {
    do {
        try check(manifest)
        return nil
    } catch let found as Contradiction {
        return found.sentence
    } catch {
        return "\(error)"
    }
}

private func check(_ manifest: Manifest) throws {
    try check(manifest.geometry)
    var labels = Set<[UInt8]>()
    for label in manifest.labels {
        try refuse(!labels.insert(Array(label.utf8)).inserted, "the label '\(label)' stands there twice.")
    }
    let wanted = manifest.geometry.stages
    let missing = wanted.filter { (manifest.stages[$0] ?? []).isEmpty }.map(\.rawValue)
    let names = wanted.map(\.rawValue).joined(separator: ", ")
    try refuse(!missing.isEmpty, "it has no graph for \(missing.joined(separator: ", ")), expected \(names).")
    for stage in manifest.stages.keys {
        try refuse(!wanted.contains(stage), "it has a \(stage) graph, but its policy is motion, which has none.")
    }
    try refuse(manifest.runtimes.isEmpty, "no runtime has a graph for every stage.")
    let total = manifest.files.reduce(0) { sum, record in min(sum + record.bytes, 1 << 60) }
    try refuse(total > maxBundleBytes, "its files have \(total) bytes, expected at most \(maxBundleBytes).")
    for stage in Stage.allCases {
        for (runtime, graph) in manifest.stages[stage] ?? [] {
            let outputs = stage.outputs.filter { $0 != "features" || wanted.contains(.policy) }
            try check(graph, "the \(stage) graph for \(runtime)", stage.inputs, outputs)
            try shapes(manifest, stage, graph)
        }
    }
    for runtime in manifest.runtimes { try handing(manifest, runtime) }
    try parts(manifest)
    try budgets(manifest)
}

private func check(_ geometry: Geometry) throws {
    let square = geometry.boxesIn == .square
    let motion = geometry.policy == .motion
    try refuse(
        geometry.focusFrames > geometry.candidateFrames,
        "focus_frames is \(geometry.focusFrames), expected at most \(geometry.candidateFrames) candidate frames.")
    try refuse(
        geometry.frameSize > geometry.shortSide,
        "frame_size is \(geometry.frameSize), expected at most short_side, which is \(geometry.shortSide).")
    try refuse(
        square && geometry.glanceFit != .square, "glance_fit is another than 'square' with boxes_in 'square'.")
    try refuse(square && motion, "policy is 'motion' with boxes_in 'square'.")
    try refuse(square && geometry.focusSpan == .densest, "focus_span is 'densest' with boxes_in 'square'.")
    try refuse(square && geometry.changeFrom == .median, "change_from is 'median' with boxes_in 'square'.")
    try refuse(
        motion && geometry.focusSpan == .weights,
        "focus_span is 'weights' with policy 'motion', which gives no weights.")
    try refuse(motion && geometry.boxMin == nil, "box_min is missing with policy 'motion'.")
    let side = geometry.frameSize
    let kept = square ? 3 * geometry.candidateFrames * side * side : maxWaitingBytes
    let needed = 3 * geometry.glanceFrames * geometry.glanceSize * geometry.glanceSize + kept
    try refuse(needed > maxClipBytes, "one clip would take \(needed) bytes, expected at most \(maxClipBytes).")
}

private func check(_ graph: GraphFile, _ name: String, _ inputs: [String], _ outputs: [String]) throws {
    let found = graph.inputs.map(\.name)
    let expected = inputs.joined(separator: ", ")
    try refuse(
        found.sorted() != inputs.sorted(),
        "\(name) has the inputs \(found.joined(separator: ", ").prefix(100)), expected \(expected).")
    let names = graph.outputs.map(\.name)
    try refuse(Set(names).count != names.count, "\(name) names an output twice.")
    for unnamed in outputs { try refuse(!names.contains(unnamed), "\(name) has no tensor '\(unnamed)'.") }
    for spec in graph.inputs + graph.outputs {
        try refuse(spec.count > maxTensorNumbers, "\(spec.name) of \(name) has more than \(maxTensorNumbers) numbers.")
        try refuse(
            !hasItsScale(spec),
            "\(spec.name) of \(name) is \(spec.numbers); integers have a scale and a zero point within their range, "
                + "and floats have none.")
    }
}

/// Whether a tensor has scale and zero point where it is of integers; int32 may have none.
private func hasItsScale(_ spec: TensorSpec) -> Bool {
    let range = ranges[spec.numbers]
    if spec.scale == nil && spec.zeroPoint == nil { return range == nil || spec.numbers == "int32" }
    guard let scale = spec.scale, let zero = spec.zeroPoint, let range else { return false }
    return scale > 0 && range.contains(zero)
}

private func shape(_ specs: [TensorSpec], _ name: String) -> [Int]? { specs.first { $0.name == name }?.shape }

private func shown(_ shape: [Int]?) -> String { shape.map { "\($0)" } ?? "of none" }

private func shapes(_ manifest: Manifest, _ stage: Stage, _ graph: GraphFile) throws {
    let geometry = manifest.geometry
    let classes = manifest.labels.count
    switch stage {
    case .glance:
        let frames = shape(graph.inputs, "frames")
        let logits = shape(graph.outputs, "glance_logits")
        let wanted = [geometry.glanceFrames, 3, geometry.glanceSize, geometry.glanceSize]
        try refuse(
            frames != wanted,
            "frames of the glance graph have the shape \(shown(frames)), but the geometry says \(wanted).")
        try refuse(
            logits != [1, classes], "there are \(classes) labels, but glance_logits has the shape \(shown(logits)).")
    case .policy:
        let boxes = shape(graph.outputs, "boxes")
        let weights = shape(graph.outputs, "frame_weights")
        try refuse(boxes != [1, 4] && boxes != [geometry.candidateFrames, 4], "boxes have the shape \(shown(boxes)).")
        try refuse(weights != [geometry.glanceFrames], "frame_weights have the shape \(shown(weights)).")
    case .focus:
        let patches = shape(graph.inputs, "patches")
        let logits = shape(graph.outputs, "logits")
        let size = geometry.patchSize
        let count = geometry.focusFrames
        guard let patches, patches.dropFirst() == [3, size, size] else {
            throw Contradiction(
                sentence: "patches of the focus graph have the shape \(shown(patches)), but patch_size says \(size) "
                    + "each.")
        }
        try refuse(
            count % patches[0] != 0, "the focus takes \(patches[0]) patches at once, expected a divisor of \(count).")
        try refuse(
            count > patches[0] && shape(graph.outputs, "context") == nil,
            "the focus is called \(count / patches[0]) times but hands on no context.")
        let numbers = graph.outputs.first { $0.name == "logits" }?.count ?? 0
        try refuse(numbers / max(1, classes) > maxExits, "the focus has more than \(maxExits) exits.")
        try refuse(logits?.last != classes, "there are \(classes) labels, but logits has the shape \(shown(logits)).")
    }
}

/// What one stage hands to the next has the shape that the next one takes.
private func handing(_ manifest: Manifest, _ runtime: String) throws {
    let handed: [(String, Stage, Stage)] = [
        ("features", .glance, .policy), ("context", .glance, .focus), ("context", .focus, .focus),
    ]
    for (name, source, taker) in handed {
        guard let from = manifest.graph(source, runtime), let to = manifest.graph(taker, runtime) else { continue }
        let wanted = shape(to.inputs, name)
        guard let found = shape(from.outputs, name) else { continue }
        try refuse(
            found != wanted,
            "\(name) for \(runtime) is handed on with the shape \(found), but taken with \(shown(wanted)).")
    }
}

/// The parts of the glance: for one runtime both, and together what the glance graph is.
private func parts(_ manifest: Manifest) throws {
    if manifest.parts.isEmpty { return }
    try refuse(
        manifest.geometry.variant != "long", "it has an incremental glance, but only the long variant may.")
    let joined = Set((manifest.parts["join"] ?? []).map(\.runtime))
    for (part, inputs, outputs) in partNames {
        let graphs = manifest.parts[part] ?? []
        try refuse(graphs.isEmpty, "its incremental glance has no graph for \(part).")
        try refuse(Set(graphs.map(\.runtime)) != joined, "its incremental glance has only one of its parts.")
        for (runtime, graph) in graphs {
            let name = "the \(part) graph for \(runtime)"
            try refuse(!manifest.runtimes.contains(runtime), "it has \(name), but not a graph for every stage.")
            try check(graph, name, inputs, outputs)
            guard let glance = manifest.graph(.glance, runtime) else { continue }
            for spec in graph.inputs + graph.outputs {
                let wanted = (glance.inputs + glance.outputs).first { $0.name == spec.name }
                let shape = wanted.map { part == "encode" ? [1] + $0.shape.dropFirst() : $0.shape }
                let alike = spec.shape == shape && spec.numbers == wanted?.numbers && spec.scale == wanted?.scale
                    && spec.zeroPoint == wanted?.zeroPoint
                try refuse(!alike, "\(spec.name) of \(name) is not as the glance graph needs it.")
            }
        }
    }
}

/// Each budget stands there once, can be met, and has a threshold per exit but the last.
private func budgets(_ manifest: Manifest) throws {
    var seen = Set<String>()
    for budget in manifest.exits.budgets {
        let name = "the budget of \(budget.row.budget) \(budget.unit)"
        try refuse(budget.row.budget <= 0, "\(name) is not above 0.")
        try refuse(!seen.insert(name).inserted, "\(name) stands there twice.")
        for (runtime, focus) in manifest.stages[.focus] ?? [] {
            let macs = manifest.exitMacs(focus)
            let count = budget.row.thresholds.count
            try refuse(
                count != macs.count - 1, "\(name) has \(count) thresholds, expected \(macs.count - 1) for \(runtime).")
            let (low, high) = (Double(macs[0]) / 1e9, Double(macs[macs.count - 1]) / 1e9)
            let outside = budget.row.budget < low || budget.row.budget > high
            try refuse(budget.unit == "GMAC" && outside, "\(name) cannot be met by any clip.")
        }
    }
}
