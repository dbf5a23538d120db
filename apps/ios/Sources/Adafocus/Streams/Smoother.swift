import Foundation

private let hairS = 1e-9

/// How predictions are smoothed.
public struct SmoothingOptions: Sendable {
    /// Of the mean of predictions in seconds; 0: every one counts alone.
    public var timeConstant: Double
    /// Mean score from which a label is shown.
    public var enter: Double
    /// Mean score below which it is dropped.
    public var leave: Double
    /// Predictions in a row that it must lead before it is shown.
    public var windows: Int
    /// Seconds that it must lead before it is shown.
    public var seconds: Double

    public init(
        timeConstant: Double = 2, enter: Double = 0.3, leave: Double = 0.15, windows: Int = 2, seconds: Double = 0
    ) {
        self.timeConstant = timeConstant
        self.enter = enter
        self.leave = leave
        self.windows = windows
        self.seconds = seconds
    }
}

/// The label that is shown, nil while none is; the best one, and the score of the one or the other.
public struct Smoothed: Sendable {
    public let label: Int?
    public let best: Int
    public let score: Double
    public let switched: Bool
}

/// A mean of predictions over time, and a label that must persist before it is shown.
public struct Smoother {
    private let options: SmoothingOptions
    private var mean: [Double]?
    private var at = -Double.infinity
    private var label: Int?
    private var candidate: Int?
    private var since = 0.0
    private var times = 0

    public init(_ options: SmoothingOptions) { self.options = options }

    /// Take in the probabilities of a moment in seconds.
    public mutating func update(_ probabilities: [Double], _ moment: Double) -> Smoothed {
        var found = probabilities
        if let old = mean, options.timeConstant > 0 {
            let passed = max(0, moment - at)
            let share = -expm1(-passed / options.timeConstant)
            for place in old.indices { found[place] = old[place] + share * (probabilities[place] - old[place]) }
        }
        mean = found
        at = max(at, moment)
        let before = label
        let leader = best(found)
        follow(leader, found[leader])
        if candidate != nil && times >= options.windows && at - since >= options.seconds - hairS {
            label = candidate
            candidate = nil
        } else if let shown = label, found[shown] < options.leave {
            label = nil
        }
        return Smoothed(label: label, best: leader, score: found[label ?? leader], switched: label != before)
    }

    private mutating func follow(_ best: Int, _ score: Double) {
        if best == label || score < options.enter {
            candidate = nil
        } else if best != candidate {
            candidate = best
            since = at
            times = 1
        } else {
            times += 1
        }
    }

    /// Forget all, as after an outage; returns the label that was shown.
    @discardableResult
    public mutating func reset() -> Int? {
        let before = label
        label = nil
        mean = nil
        candidate = nil
        return before
    }
}
