/// One call of a stage: its inputs and outputs by tensor name, in the graph's own types.
public struct StageCall: Sendable {
    public let stage: Stage
    public let inputs: [String: Values]
    public let outputs: [String: Values]
}

/// What a clip shows.
public struct Prediction: Sendable {
    /// The best one.
    public let label: String
    /// Its probability.
    public let score: Double
    /// All labels, in the bundle's order.
    public let labels: [String]
    /// Of all labels.
    public let probabilities: [Double]
    /// Where the clip stopped.
    public let exitStage: Stage
    /// Which exit that was, counted from the glance, which is 0.
    public let exitIndex: Int
    /// Of the exits that were passed.
    public let confidences: [Double]
    /// Of the last one.
    public let logits: [Float]
    /// Which candidates the focus looked at.
    public let chosen: [Int]
    /// The same as numbers of the source's frames.
    public let frameIndices: [Int]
    /// y, x, height, width as fractions of the square or of the frame.
    public let boxes: [[Double]]
    /// The same in pixels.
    public let boxesPx: [[Int]]
    /// What the focus saw.
    public let patches: [Picture]
    /// Every call of a stage, in order.
    public let calls: [StageCall]
    /// Milliseconds by what they were spent on, and `total` without reading the clip.
    public let timingMs: [String: Double]
    /// Multiply-accumulates.
    public let macs: Int
    /// Sentences on what is not as it should be.
    public let warnings: [String]

    /// The best labels, best first.
    public func top(_ count: Int) -> [(label: String, score: Double)] {
        let order = probabilities.indices.sorted {
            probabilities[$0] == probabilities[$1] ? $0 < $1 : probabilities[$0] > probabilities[$1]
        }
        return order.prefix(count).map { (labels[$0], probabilities[$0]) }
    }

    /// Outputs by `stage.tensor`, or `stage.n.tensor` from the second call of a stage on.
    public func outputs() -> [String: Values] {
        var found = [String: Values]()
        var counts = [Stage: Int]()
        for call in calls {
            let number = (counts[call.stage] ?? 0) + 1
            counts[call.stage] = number
            let place = number == 1 ? "\(call.stage)" : "\(call.stage).\(number)"
            for (name, values) in call.outputs { found["\(place).\(name)"] = values }
        }
        return found
    }
}
