/// The three networks, in the order in which they run.
public enum Stage: String, CaseIterable, Sendable {
    case glance, policy, focus

    var inputs: [String] {
        switch self {
        case .glance: return ["frames"]
        case .policy: return ["features"]
        case .focus: return ["patches", "context"]
        }
    }

    var outputs: [String] {
        switch self {
        case .glance: return ["features", "glance_logits", "context"]
        case .policy: return ["boxes", "frame_weights"]
        case .focus: return ["logits"]
        }
    }
}

public enum BoxesIn: String, CaseIterable, Sendable { case square, frame }

public enum Policy: String, CaseIterable, Sendable { case network, motion }

public enum Span: String, CaseIterable, Sendable { case weights, spread, densest }

/// Frame counts, sizes in pixels, normalization, and what decides where the focus looks.
public struct Geometry: Sendable {
    public let variant: String
    public let glanceFrames: Int
    public let candidateFrames: Int
    public let focusFrames: Int
    public let frameSize: Int
    public let shortSide: Int
    public let glanceSize: Int
    public let patchSize: Int
    public let mean: [Double]
    public let std: [Double]
    public let boxesIn: BoxesIn
    public let glanceFit: Fit
    public let policy: Policy
    public let focusSpan: Span
    public let changeFrom: ChangeFrom
    public let boxMin: Double?

    /// Stages that a bundle has graphs for.
    public var stages: [Stage] { policy == .network ? Stage.allCases : [.glance, .focus] }

    /// Side of the centre square as a fraction of a frame's short side.
    public var share: Double { Double(frameSize) / Double(shortSide) }

    /// Stands for what lies outside of a frame: red, green, blue.
    public var meanColor: [Int] { (0..<3).map { nearestInt(255 * mean[$0]) } }
}

/// Name, shape and number type of one input or output.
public struct TensorSpec: Sendable {
    public let name: String
    public let shape: [Int]
    public let numbers: String
    public let scale: Double?
    public let zeroPoint: Int?

    /// How many numbers it has; what is too many for any graph is not counted on.
    public var count: Int { shape.reduce(1) { product, side in product > Int(Int32.max) ? product : product * side } }

    /// What the rules need; nil for number types that they cannot make.
    public var form: Form? { Dtype(rawValue: numbers).map { Form($0, scale: scale, zeroPoint: zeroPoint) } }

    /// Bytes of one number.
    public var itemBytes: Int { numbers.hasSuffix("32") ? 4 : numbers.hasSuffix("16") ? 2 : 1 }
}

/// A file, or a folder that is one model, with digest and size.
public struct FileRecord: Sendable {
    public let file: String
    public let sha256: String
    public let bytes: Int
}

/// One converted stage; inputs and outputs stand in the graph's own order.
public struct GraphFile: Sendable {
    public let record: FileRecord
    public let precision: String
    public let inputs: [TensorSpec]
    public let outputs: [TensorSpec]
    public let macs: Int
    /// Whether the runtime itself was compared with the trained network, and no evaluator in its place.
    public let byRuntime: Bool
}

/// A budget that exits were calibrated for.
public struct ExitBudget: Sendable {
    public let unit: String
    public let row: BudgetRow
}

/// When a clip leaves early.
public struct Exits: Sendable {
    public let criterion: Criterion
    public let temperature: Double
    public let budgets: [ExitBudget]
}

/// One real clip as decoded frames, and what every stage must give for it in `runtime`.
public struct Golden: Sendable {
    public let runtime: String
    public let frames: FileRecord
    public let answers: FileRecord
    public let label: String?
}

/// Graphs by runtime, in the order of the manifest.
public typealias Graphs = [(runtime: String, graph: GraphFile)]

/// Everything a device needs to know about a bundle.
public struct Manifest: @unchecked Sendable {
    public let name: String
    public let geometry: Geometry
    public let labels: [String]
    public let stages: [Stage: Graphs]
    public let parts: [String: Graphs]
    public let exits: Exits
    public let golden: Golden

    /// Every file that the manifest names.
    public var files: [FileRecord] {
        let graphs = Stage.allCases.flatMap { stages[$0] ?? [] } + ["encode", "join"].flatMap { parts[$0] ?? [] }
        return graphs.map(\.graph.record) + [golden.frames, golden.answers]
    }

    /// The runtimes for which all stages are present.
    public var runtimes: [String] {
        (stages[.glance] ?? []).map(\.runtime).filter { name in geometry.stages.allSatisfy { graph($0, name) != nil } }
    }

    /// One stage's graph for a runtime.
    public func graph(_ stage: Stage, _ runtime: String) -> GraphFile? {
        stages[stage]?.first { $0.runtime == runtime }?.graph
    }

    private func macs(_ stage: Stage) -> Int { stages[stage]?.first?.graph.macs ?? 0 }

    /// Multiply-accumulates of a clip that stops at each exit; one inside a call of the focus costs the whole call.
    public func exitMacs(_ focus: GraphFile) -> [Int] {
        let atOnce = focus.inputs.first { $0.name == "patches" }!.shape[0]
        let exits = focus.outputs.first { $0.name == "logits" }!.count / labels.count
        let before = macs(.glance) + macs(.policy)
        var found = [macs(.glance)]
        for call in 1...(geometry.focusFrames + atOnce - 1) / atOnce {
            // what no network costs must not end the app
            let (cost, tooMuch) = call.multipliedReportingOverflow(by: macs(.focus))
            let sum = before + min(tooMuch ? maxCount : cost, maxCount * 64)
            for _ in 0..<exits { found.append(sum) }
        }
        return found
    }
}
