// A manifest by its schema.

private let schemaVersion = 1
private let maxSidePx = 4096
private let maxFrames = 4096
private let runtimes = ["litert", "tflite", "onnx", "executorch", "coreml"]

private func triple(_ value: Json, _ place: String, _ range: ClosedRange<Double>) throws -> [Double] {
    let found = try list(value, place) { try real($0, $1, range) }
    if found.count != 3 { throw wrong(place, value, "three numbers") }
    return found
}

private func geometry(_ value: Json, _ place: String) throws -> Geometry {
    try part(value, place) { of in
        let frames = { (one: Json, at: String) in try whole(one, at, 1...maxFrames) }
        let side = { (one: Json, at: String) in try whole(one, at, 1...maxSidePx) }
        return Geometry(
            variant: try of.of("variant") { try oneOf($0, $1, ["long", "tsm", "x3d"]) },
            glanceFrames: try of.of("glance_frames", frames),
            candidateFrames: try of.of("candidate_frames", frames),
            focusFrames: try of.of("focus_frames", frames),
            frameSize: try of.of("frame_size", side),
            shortSide: try of.of("short_side", side),
            glanceSize: try of.of("glance_size", side),
            patchSize: try of.of("patch_size", side),
            mean: try of.of("mean") { try triple($0, $1, 0...1) },
            std: try of.of("std") { try triple($0, $1, 1e-6...1e6) },
            boxesIn: try of.absent("boxes_in", choice) ?? .square,
            glanceFit: try of.absent("glance_fit", choice) ?? .square,
            policy: try of.absent("policy", choice) ?? .network,
            focusSpan: try of.absent("focus_span", choice) ?? .weights,
            changeFrom: try of.absent("change_from", choice) ?? .previous,
            boxMin: try of.optional("box_min") { try real($0, $1, .leastNonzeroMagnitude...1) }
        )
    }
}

private func tensor(_ value: Json, _ place: String) throws -> TensorSpec {
    let most = Int(Int32.max)
    return try part(value, place) { of in
        TensorSpec(
            name: try of.of("name", text),
            shape: try of.of("shape") { try list($0, $1) { try whole($0, $1, 1...most) } },
            numbers: try of.of("dtype") { try oneOf($0, $1, ["float32", "float16", "int8", "uint8", "int32"]) },
            scale: try of.optional("scale") { try real($0, $1) },
            zeroPoint: try of.optional("zero_point") { try whole($0, $1, (-most - 1)...most) }
        )
    }
}

private func record(_ of: Part) throws -> FileRecord {
    FileRecord(file: try of.of("file", text), sha256: try of.of("sha256", digest), bytes: try of.of("bytes", count))
}

private func record(_ value: Json, _ place: String) throws -> FileRecord { try part(value, place, record) }

private func graph(_ value: Json, _ place: String) throws -> GraphFile {
    try part(value, place) { of in
        let prover = try of.absent("proved_by") { try oneOf($0, $1, ["runtime", "evaluator"]) }
        try of.optional("delegates") { try whole($0, $1, 0...maxCount) }
        try of.optional("delegated_share") { try real($0, $1, 0...1) }
        return GraphFile(
            record: try record(of),
            precision: try of.of("precision") { try oneOf($0, $1, ["fp32", "fp16", "int8"]) },
            inputs: try of.of("inputs") { try list($0, $1, tensor) },
            outputs: try of.of("outputs") { try list($0, $1, tensor) },
            macs: try of.of("macs", count),
            byRuntime: prover != "evaluator"
        )
    }
}

private func runtime(_ value: Json, _ place: String) throws -> String { try oneOf(value, place, runtimes) }

private func graphs(_ value: Json, _ place: String) throws -> Graphs {
    try mapping(value, place, runtime, graph).map { (runtime: $0.0, graph: $0.1) }
}

private func calibration(_ of: Part) throws {
    for key in ["dataset", "split", "family"] { _ = try of.of(key, text) }
    for key in ["n", "groups"] { _ = try of.of(key, count) }
    _ = try of.of("runtime", runtime)
    try of.optional("clips", fingerprints)
}

private func budget(_ value: Json, _ place: String) throws -> ExitBudget {
    try part(value, place) { of in
        try of.optional("expected_accuracy") { try real($0, $1, 0...1) }
        try of.optional("expected_error") { try real($0, $1) }
        try of.optional("expected_error_spread") { try real($0, $1, 0...Double.greatestFiniteMagnitude) }
        let unit = try of.of("unit") { try oneOf($0, $1, ["GMAC", "ms", "J"]) }
        let budget = try of.of("budget") { try real($0, $1) }
        let thresholds = try of.of("thresholds") { try list($0, $1) { try real($0, $1) } }
        return ExitBudget(unit: unit, row: BudgetRow(budget: budget, thresholds: thresholds))
    }
}

private func exits(_ value: Json, _ place: String) throws -> Exits {
    try part(value, place) { of in
        try of.optional("calibration") { try part($0, $1, calibration) }
        return Exits(
            criterion: try of.absent("criterion", choice) ?? .softmax,
            temperature: try of.absent("temperature") {
                try real($0, $1, .leastNonzeroMagnitude...Double.greatestFiniteMagnitude)
            } ?? 1,
            budgets: try of.absent("budgets") { try list($0, $1, budget) } ?? []
        )
    }
}

private func measured(_ value: Json, _ place: String) throws {
    try part(value, place) { of in
        for key in ["dataset", "split", "metric"] { _ = try of.of(key, text) }
        _ = try of.of("n", count)
        _ = try of.of("value") { try real($0, $1) }
    }
}

private func provenance(_ value: Json, _ place: String) throws {
    try part(value, place) { of in
        _ = try of.of("model", text)
        _ = try of.of("model_sha256", digest)
        _ = try of.of("packages") { try mapping($0, $1, text, text) }
        try of.optional("created", text)
        try of.optional("seen", fingerprints)
    }
}

private func golden(_ value: Json, _ place: String) throws -> Golden {
    try part(value, place) { of in
        _ = try of.of("source", text)
        return Golden(
            runtime: try of.of("runtime", runtime),
            frames: try of.of("frames", record),
            answers: try of.of("answers", record),
            label: try of.optional("label", text)
        )
    }
}

/// Read a manifest by its schema.
///
/// Throws an `AdafocusError` with half a sentence on the first key that is not as the schema has it.
public func manifestOf(_ content: Json) throws -> Manifest {
    guard case .object(let top) = content, case .whole(schemaVersion)? = top["schema_version"] else {
        throw AdafocusError(
            "it has another schema version, this app reads version 1. Convert the model again, or update the app.",
            .version)
    }
    return try part(content, "") { of in
        _ = try of.of("schema_version") { _, _ in 0 }
        _ = try of.of("preset", text)
        try of.absent("measured") { try list($0, $1, measured) }
        try of.of("provenance", provenance)
        let stages = try of.of("stages") {
            try mapping($0, $1, { try oneOf($0, $1, Stage.allCases.map(\.rawValue)) }, graphs)
        }
        let parts = try of.absent("incremental") {
            try mapping($0, $1, { try oneOf($0, $1, ["encode", "join"]) }, graphs)
        }
        return Manifest(
            name: try of.of("name", text),
            geometry: try of.of("geometry", geometry),
            labels: try of.of("labels") { try list($0, $1, label) },
            stages: Dictionary(uniqueKeysWithValues: stages.map { (Stage(rawValue: $0.0)!, $0.1) }),
            parts: Dictionary(uniqueKeysWithValues: parts ?? []),
            exits: try of.absent("exits", exits) ?? Exits(criterion: .softmax, temperature: 1, budgets: []),
            golden: try of.of("golden", golden)
        )
    }
}
