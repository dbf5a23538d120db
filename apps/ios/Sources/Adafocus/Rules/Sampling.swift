// Which frames of a video are looked at: evenly by number, or by when they are shown.
import Foundation

private let longestStepS = 10.0
private let variesFromPlaces = 1.0
private let variesFromShare = 0.025
private let rateWithin = 0.05

/// The middle of each of `count` equal segments of a video of `total` frames.
public func uniformIndices(_ total: Int, _ count: Int) -> [Int] {
    (0..<count).map { place in ((2 * place + 1) * total) / (2 * count) }
}

/// Frames spread evenly over those from `first` to the one before `last`.
///
/// `edges` says when each frame appears in seconds, and when the last one goes; nil where the rate is constant.
public func framesAt(_ first: Int, _ last: Int, _ count: Int, edges: [Double]?) -> [Int] {
    guard let edges else { return uniformIndices(last - first, count).map { first + $0 } }
    let span = edges[last] - edges[first]
    return (0..<count).map { place in
        let moment = edges[first] + (Double(place) + 0.5) / Double(count) * span
        return min(max(placesBefore(edges, moment, equal: true) - 1, first), last - 1)
    }
}

/// Packets of a video in decoding order; times are in units of `timeBase` seconds.
public struct Packets {
    public let container: String
    public let timeBase: Double
    public let pts: [Int]
    public let dts: [Int]
    public let durations: [Int]

    public init(container: String, timeBase: Double, pts: [Int], dts: [Int], durations: [Int]) {
        self.container = container
        self.timeBase = timeBase
        self.pts = pts
        self.dts = dts
        self.durations = durations
    }
}

/// The frames of a video in the order in which they are shown.
public struct Timeline: Sendable {
    public let frameCount: Int
    public let edges: [Double]
    public let varies: Bool

    /// When frames appear, where the rate is not constant.
    public var varyingEdges: [Double]? { varies ? edges : nil }
}

/// Say when frames are shown, by what their packets say.
public func timelineOf(_ packets: Packets) -> Timeline {
    let count = packets.pts.count
    let jumps = packets.container == "mpegts" || packets.container == "mpeg"
    let moved = shifts(packets.dts, longest: jumps ? longestStepS / packets.timeBase : .infinity)
    let times = (0..<count).map { Double(packets.pts[$0] + moved[$0]) * packets.timeBase }
    let durations = packets.durations.map { Double($0) * packets.timeBase }
    let edges = edgesOf(times, durations, last: best(times))
    let end = edges[count]
    let near = max(variesFromPlaces, variesFromShare * Double(count)) * end / Double(count)
    var off = 0.0
    for (place, edge) in edges.enumerated() { off = max(off, abs(edge - end * Double(place) / Double(count))) }
    return Timeline(frameCount: count, edges: edges, varies: count > 1 && end > 0 && off > near)
}

/// Frames per second: what the header states where the frames bear it out, else what they say.
public func rateOf(_ timeline: Timeline, stated: Double) -> Double {
    let found = Double(timeline.frameCount) / timeline.edges[timeline.frameCount]
    return abs(stated - found) <= rateWithin * found ? stated : found
}

/// By how much each time is put forward, so that a clock that was set runs on.
private func shifts(_ order: [Int], longest: Double) -> [Int] {
    var shift = 0
    var step = 0
    return order.indices.map { place in
        let moment = order[place]
        let before = place > 0 ? order[place - 1] : moment
        if moment < before || Double(moment - before) > longest {
            shift += before + step - moment
        } else if moment > before {
            step = moment - before
        }
        return shift
    }
}

/// Sort times, begin at 0, and add the end.
private func edgesOf(_ times: [Double], _ durations: [Double], last: Int) -> [Double] {
    let ordered = times.sorted()
    let steps = zip(ordered.dropFirst(), ordered).map { $0 - $1 }
    let typical = steps.isEmpty ? 0 : median(steps)
    var stay = firstNot0([typical, durations[last], 1])
    if abs(median(durations) - typical) <= typical / 2 { stay = firstNot0([durations[last], stay]) }
    return ordered.map { $0 - ordered[0] } + [ordered[ordered.count - 1] + stay - ordered[0]]
}

private func firstNot0(_ values: [Double]) -> Double { values.first { $0 != 0 } ?? 0 }
