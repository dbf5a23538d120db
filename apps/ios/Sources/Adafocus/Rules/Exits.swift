// Confidence of exits, and thresholds by a budget.
import Foundation

/// How confidence is measured.
public enum Criterion: String, CaseIterable, Sendable {
    case softmax, logit, entropy
}

/// A threshold that every clip reaches, and one that none does.
public let always = -1e8
public let never = 1e8
private let smallest = 2.2250738585072014e-308

/// Probabilities; safe for logits of any size.
public func softmax(_ logits: [Double], temperature: Double = 1) -> [Double] {
    let highest = (logits.max() ?? 0) / temperature
    let powers = logits.map { logit in exp(logit / temperature - highest) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
}

/// Larger is more certain.
public func confidence(_ logits: [Double], _ criterion: Criterion, temperature: Double = 1) -> Double {
    let highest = logits.max() ?? 0
    switch criterion {
    case .logit:
        return highest
    case .softmax:
        return 1 / logits.reduce(0) { sum, value in sum + exp((value - highest) / temperature) }
    case .entropy:
        let shares = softmax(logits, temperature: temperature)
        return shares.reduce(0) { sum, share in sum + share * log(max(share, smallest)) }
    }
}

/// Whether a clip stops at an exit; without thresholds it never does, nor at the last exit.
public func stops(_ found: Double, exit: Int, _ thresholds: [Double]?) -> Bool {
    guard let thresholds, exit < thresholds.count else { return false }
    return found >= thresholds[exit]
}

/// Thresholds, one for each exit but the last, by a position from 0 (stop at the glance) to 1 (never stop early).
public protocol Curve: AnyObject {
    func thresholds(_ position: Double) -> [Double]

    /// Take in the confidence of a clip's glance.
    func observe(_ glance: Double)
}

private let above = 1e-9
private let remembered = 50

/// Confidence that every clip reaches, and one that none does.
private func bounds(_ criterion: Criterion, _ classes: Int, _ known: [Double]) -> (Double, Double) {
    if criterion == .softmax { return (0, 1 + above) }
    if criterion == .entropy { return (-log(Double(classes)) - above, above) }
    guard let least = known.min(), let most = known.max() else { return (always, never) }
    let wide = max(1, most - least)
    return (least - wide, most + wide)
}

private func ends(_ position: Double, _ count: Int) -> [Double]? {
    if position <= 0 { return [Double](repeating: always, count: count) }
    if position >= 1 { return [Double](repeating: never, count: count) }
    return nil
}

/// A budget of a bundle's table, and its thresholds.
public struct BudgetRow: Sendable {
    public let budget: Double
    public let thresholds: [Double]

    public init(budget: Double, thresholds: [Double]) {
        self.budget = budget
        self.thresholds = thresholds
    }
}

/// The curve of a bundle's table; `low` and `high` are what clips cost.
public final class CalibratedCurve: Curve {
    private let count: Int
    private let places: [Double]
    private let columns: [[Double]]

    public init(_ rows: [BudgetRow], low: Double, high: Double, _ criterion: Criterion, classes: Int) {
        let count = rows[0].thresholds.count
        let span = max(high - low, Double.ulpOfOne)
        let ordered = rows.sorted { $0.budget < $1.budget }
        // none falls where the position rises
        var rising = [[Double]]()
        for row in ordered {
            let before = rising.last ?? row.thresholds
            rising.append((0..<count).map { exit in max(row.thresholds[exit], before[exit]) })
        }
        let known = rising.joined().filter { $0 > always && $0 < never }
        let (lowest, highest) = bounds(criterion, classes, known)
        self.count = count
        places = [0] + ordered.map { within(($0.budget - low) / span, 0, 1) } + [1]
        columns = (0..<count).map { exit in
            [lowest] + rising.map { within($0[exit], lowest, highest) } + [highest]
        }
    }

    public func thresholds(_ position: Double) -> [Double] {
        ends(position, count) ?? columns.map { between(position, places, $0) }
    }

    public func observe(_ glance: Double) {}
}

/// A curve that is learned from the glances of the last clips; the first clip goes all the way.
public final class LearnedCurve: Curve {
    private let exits: Int
    private let criterion: Criterion
    private let classes: Int
    private var latest = [Double]()

    public init(exits: Int, _ criterion: Criterion, classes: Int) {
        self.exits = exits
        self.criterion = criterion
        self.classes = classes
    }

    public func thresholds(_ position: Double) -> [Double] {
        if let found = ends(latest.isEmpty ? position.rounded(.up) : position, exits) { return found }
        let seen = latest.sorted()
        let (lowest, highest) = bounds(criterion, classes, seen)
        let middles = seen.indices.map { (Double($0) + 0.5) / Double(seen.count) }
        let threshold = between(position, [0] + middles + [1], [lowest] + seen + [highest])
        return [Double](repeating: threshold, count: exits)
    }

    public func observe(_ glance: Double) {
        latest.append(glance)
        if latest.count > remembered { latest.removeFirst() }
    }
}
