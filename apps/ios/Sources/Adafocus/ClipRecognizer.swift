/// Runs one stage; the values are in the graph's own types.
public typealias RunStage = (Stage, [String: Values]) throws -> [String: Values]

/// One clip from its frames to a prediction: glance, maybe stop, decide, cut, focus.
public struct ClipRecognizer {
    fileprivate let manifest: Manifest
    fileprivate let files: GraphFiles
    fileprivate let run: RunStage
    fileprivate let glancePixels: Values
    fileprivate let focusPixels: Values
    fileprivate let atOnce: Int

    /// Multiply-accumulates of a clip that stops at each exit.
    public let exitMacs: [Int]

    public init(_ manifest: Manifest, _ files: GraphFiles, run: @escaping RunStage) throws {
        self.manifest = manifest
        self.files = files
        self.run = run
        let geometry = manifest.geometry
        let table = { (stage: Stage, name: String) in
            pixelTable(mean: geometry.mean, std: geometry.std, try formOf(files.input(stage, name)))
        }
        glancePixels = try table(.glance, "frames")
        focusPixels = try table(.focus, "patches")
        atOnce = files.input(.focus, "patches").shape[0]
        exitMacs = manifest.exitMacs(files[.focus])
    }

    /// Recognize a clip; it stops at the first exit whose confidence reaches its threshold. Nil: never early.
    public func recognize(_ clip: Clip, thresholds: [Double]?) throws -> Prediction {
        try check(clip)
        var trace = Trace(self, clip, thresholds)
        return try trace.go()
    }

    private func check(_ clip: Clip) throws {
        let geometry = manifest.geometry
        let small = clip.glance.allSatisfy { $0.height == geometry.glanceSize && $0.width == geometry.glanceSize }
        if clip.glance.count != geometry.glanceFrames || !small {
            throw AdafocusError(
                "The clip has \(clip.glance.count) glance frames, expected \(geometry.glanceFrames) of "
                    + "\(geometry.glanceSize) x \(geometry.glanceSize) px. Make it with Clip(geometry, frames:).")
        }
        let first = clip.candidates.first
        let alike = clip.candidates.allSatisfy { $0.height == first?.height && $0.width == first?.width }
        let side = geometry.frameSize
        let fits = geometry.boxesIn == .frame || (first?.height == side && first?.width == side)
        if clip.candidates.count != geometry.candidateFrames || !alike || !fits {
            throw AdafocusError(
                "The clip has \(clip.candidates.count) candidates, expected \(geometry.candidateFrames) of one size. "
                    + "Make it with Clip(geometry, frames:).")
        }
    }
}

/// Which candidates the focus looks at, and the box of each, in pixels.
private struct Look {
    let chosen: [Int]
    let boxes: [[Int]]
}

/// What is known of a clip so far.
private struct Trace {
    let own: ClipRecognizer
    let clip: Clip
    let thresholds: [Double]?
    let size: Size
    let watch = Stopwatch()
    var calls = [StageCall]()
    var confidences = [Double]()
    var chosen = [Int]()
    var boxes = [[Int]]()
    var patches = [Picture]()
    var timing: [String: Double]
    var logits = [Float]()

    init(_ own: ClipRecognizer, _ clip: Clip, _ thresholds: [Double]?) {
        self.own = own
        self.clip = clip
        self.thresholds = thresholds
        timing = clip.timingMs
        size = Size(height: clip.candidates[0].height, width: clip.candidates[0].width)
    }

    var geometry: Geometry { own.manifest.geometry }

    var files: GraphFiles { own.files }

    mutating func timed<T>(_ name: String, _ work: () throws -> T) rethrows -> T {
        let watch = Stopwatch()
        let found = try work()
        timing[name, default: 0] += watch.ms
        return found
    }

    mutating func call(_ stage: Stage, _ inputs: [String: Values]) throws -> StageCall {
        let run = own.run
        let outputs = try timed(stage.rawValue) { try run(stage, inputs) }
        let call = StageCall(stage: stage, inputs: inputs, outputs: outputs)
        calls.append(call)
        return call
    }

    /// Note an exit; says whether the clip stops there.
    mutating func passes(_ stage: Stage, _ name: String, _ values: Values) throws -> Bool {
        logits = dequantize(values, try formOf(files.output(stage, name)))
        let exits = own.manifest.exits
        let found = confidence(logits.map(Double.init), exits.criterion, temperature: exits.temperature)
        confidences.append(found)
        return stops(found, exit: confidences.count - 1, thresholds)
    }

    mutating func go() throws -> Prediction {
        let (own, clip) = (own, clip)
        let frames = timed("pixels") { applyTable(own.glancePixels, clip.glance) }
        let glance = try call(.glance, ["frames": frames])
        let stopped = try passes(.glance, "glance_logits", glance.outputs["glance_logits"]!)
        if stopped { return try prediction() }
        let advice = files.contains(.policy) ? try advise(glance) : nil
        let watch = Stopwatch()
        let look = try look(advice)
        timing["select", default: 0] += watch.ms
        let classes = own.manifest.labels.count
        var source = glance
        for start in stride(from: 0, to: look.chosen.count, by: own.atOnce) {
            source = try focus(source, look, start)
            let rows = source.outputs["logits"]!
            for row in stride(from: 0, to: rows.count, by: classes) {
                if try passes(.focus, "logits", rows.part(row, classes)) { return try prediction() }
            }
        }
        return try prediction()
    }

    mutating func advise(_ glance: StageCall) throws -> StageCall {
        try call(.policy, ["features": try files.handed(glance, "features", .policy)])
    }

    mutating func focus(_ source: StageCall, _ look: Look, _ start: Int) throws -> StageCall {
        let turns = start..<start + own.atOnce
        let (clip, geometry, size) = (clip, geometry, size)
        let cut = timed("crop") {
            turns.map { turn -> Picture in
                let frame = clip.candidates[look.chosen[turn]]
                let share = asFractions(look.boxes[turn], size)
                let rule = geometry.boxesIn == .frame ? cutPatch : cropPatch
                return rule(frame, share, geometry.patchSize, geometry.meanColor)
            }
        }
        chosen += look.chosen[turns]
        boxes += look.boxes[turns]
        patches += cut
        let table = own.focusPixels
        let pixels = timed("pixels") { applyTable(table, cut) }
        let context = try files.handed(source, "context", .focus)
        return try call(.focus, ["patches": pixels, "context": context])
    }

    /// Choose candidates, and place a box on each.
    func look(_ advice: StageCall?) throws -> Look {
        let total = geometry.candidateFrames
        let count = geometry.focusFrames
        guard let advice else {
            let changes = changeMaps(clip.candidates, from: geometry.changeFrom)
            let side = geometry.boxMin!
            let chosen = geometry.focusSpan == .densest
                ? densestRun(changes, count: count, side: cellsOf(side, size)) : uniformIndices(total, count)
            let box = motionBox(changes, size, side: side, first: chosen[0], last: chosen[count - 1])
            return Look(chosen: chosen, boxes: chosen.map { _ in box })
        }
        let chosen: [Int]
        switch geometry.focusSpan {
        case .weights: chosen = selectFrames(try finite(advice, "frame_weights"), candidates: total, count: count)
        case .spread: chosen = uniformIndices(total, count)
        case .densest:
            let side = geometry.boxMin ?? min(1, Double(geometry.patchSize) / Double(geometry.frameSize))
            let changes = changeMaps(clip.candidates, from: geometry.changeFrom)
            chosen = densestRun(changes, count: count, side: cellsOf(side, size))
        }
        let raw = try finite(advice, "boxes")
        let given = stride(from: 0, to: raw.count, by: 4).map { Array(raw[$0..<$0 + 4]) }
        let placed = geometry.boxesIn == .frame ? boxesInRoom(given, size) : wholePixels(given, size, least: 0)
        return Look(chosen: chosen, boxes: chosen.map { place in placed[placed.count == 1 ? 0 : place] })
    }

    /// Real values of the policy's output.
    func finite(_ call: StageCall, _ name: String) throws -> [Double] {
        let found = dequantize(call.outputs[name]!, try formOf(files.output(.policy, name))).map(Double.init)
        if found.contains(where: { !$0.isFinite }) {
            throw AdafocusError("\(name) of the policy graph is not a number. Convert the model again.", .runtime)
        }
        return found
    }

    mutating func prediction() throws -> Prediction {
        let probabilities = softmax(logits.map(Double.init), temperature: 1)
        let winner = best(probabilities)
        if probabilities.contains(where: \.isNaN) {
            throw AdafocusError("The prediction has the score NaN. Convert the model again.", .runtime)
        }
        timing["total"] = watch.ms
        return Prediction(
            label: own.manifest.labels[winner], score: probabilities[winner], labels: own.manifest.labels,
            probabilities: probabilities, exitStage: calls[calls.count - 1].stage, exitIndex: confidences.count - 1,
            confidences: confidences, logits: logits, chosen: chosen,
            frameIndices: chosen.map { clip.candidateIndices[$0] }, boxes: boxes.map { asFractions($0, size) },
            boxesPx: boxes, patches: patches, calls: calls, timingMs: timing,
            macs: own.exitMacs[confidences.count - 1], warnings: clip.warnings)
    }
}
