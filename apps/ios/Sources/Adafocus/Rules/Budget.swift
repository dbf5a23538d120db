import Foundation

private let windowClips = 50
private let tolerance = 0.05
private let gainOfWidth = 0.25
private let leastGain = 0.1
private let maxGain = 0.4

/// Keeps the mean cost of clips at a budget; costs are in its unit.
public final class Controller {
    private let asked: Double
    private let low: Double
    private let high: Double
    private let curve: Curve
    private var sum: Double
    private var recent = [Double]()
    private var owed = 0.0

    public init(_ asked: Double, low: Double, high: Double, _ curve: Curve) {
        self.asked = asked
        self.low = low
        self.high = high
        self.curve = curve
        sum = high > low ? within((asked - low) / (high - low), 0, 1) : 1
    }

    /// From 0, stop at the glance, to 1, never stop early.
    public var position: Double { guarded() ?? within(sum, 0, 1) }

    /// For the next clip.
    public var thresholds: [Double] { curve.thresholds(position) }

    /// Take in the confidence of a clip's glance, and what the clip cost.
    public func observe(_ glance: Double, cost: Double) {
        curve.observe(glance)
        recent.append(cost)
        if recent.count > windowClips { recent.removeFirst() }
        let debt = Double(windowClips) * asked
        owed = within(owed + cost - asked, -debt, debt)
        let most = tolerance / 2 * asked
        let target = asked - within(owed / Double(windowClips), -most, most)
        let width = high - low
        let gain = within(gainOfWidth * width / asked, leastGain, maxGain)
        let moved = width > 0 ? gain * (target - cost) / width : 0
        sum = within(sum + moved, -gain, 1 + gain)
    }

    /// The end of the curve that keeps the running mean within the tolerance, where the other does not.
    private func guarded() -> Double? {
        let whole = recent.count == windowClips
        let clips = Double(whole ? windowClips : recent.count + 1)
        let without = recent.reduce(0, +) - (whole ? recent[0] : 0)
        let cheap = without + low
        let dear = without + high
        let least = (clips - tolerance * Double(windowClips)) * asked
        let most = (clips + tolerance * Double(windowClips)) * asked
        if cheap <= most && most < dear { return 0 }
        return cheap < least && least <= dear ? 1 : nil
    }
}
