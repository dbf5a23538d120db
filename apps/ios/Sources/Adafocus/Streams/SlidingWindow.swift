import Foundation

private let tolerance = 1e-3
private let unusual = 3.0
private let slotsMore = 2

/// What a window holds, and what clips are cut of it.
public struct WindowOptions: Sendable {
    public var candidateFrames: Int
    public var glanceFrames: Int
    public var seconds: Double
    public var maxFps: Double?
    public var framesPerCandidate = 1
    public var recurring = false

    public init(candidateFrames: Int, glanceFrames: Int, seconds: Double, maxFps: Double? = nil) {
        self.candidateFrames = candidateFrames
        self.glanceFrames = glanceFrames
        self.seconds = seconds
        self.maxFps = maxFps
    }
}

/// A kept frame: its moment in seconds, its number in the source, its number among the kept ones, its picture.
public struct KeptFrame<T> {
    public let moment: Double
    public let number: Int
    public let name: Int
    public let content: T
}

/// The clip of a window's last seconds.
public struct WindowClip<T> {
    public let candidates: [KeptFrame<T>]
    public let glance: [KeptFrame<T>]
    public let start: Double
    public let end: Double
    public let filled: Double
    public let frames: Int
    public let oldest: Int
}

/// The last seconds of a source. It says which frames to keep, and of which of them a clip is made.
///
/// It never holds more than `capacity` frames, whatever the timestamps are: equal, backward, or far ahead.
public struct SlidingWindow<T> {
    private let options: WindowOptions
    private let step: Double

    /// Step of the grid on which frames are kept, in seconds.
    public let period: Double

    /// Frames that it holds at most.
    public let capacity: Int

    /// Moments of the grid for which no frame came.
    public private(set) var missed = 0.0

    /// Pauses after which nobody knows what happened in between; those of a slow source are none.
    public private(set) var outages = 0

    /// Frames kept so far.
    public private(set) var kept = 0
    private var frames = [KeptFrame<T>]()
    private var due = -Double.infinity
    private var sparse = false
    private var usual = 0.0
    private var unfilled = 1

    public init(_ options: WindowOptions) {
        self.options = options
        step = options.seconds / Double(options.candidateFrames)
        period = max(step / Double(options.framesPerCandidate), options.maxFps.map { 1 / $0 } ?? 0)
        capacity = Int(ceil(options.seconds / period)) + slotsMore
    }

    /// Whether a frame of this moment would be kept; others need not be converted.
    public func wants(_ moment: Double) -> Bool { moment >= due - tolerance * period || restarted(moment) }

    /// Keep a frame where it is wanted; false where it is not. `content` is asked only for a frame that is kept.
    public mutating func push(_ number: Int, _ moment: Double, _ content: () -> T) -> Bool {
        if !wants(moment) { return false }
        let made = content()
        watch(moment)
        if restarted(moment) { clear() }
        frames.append(KeptFrame(moment: moment, number: number, name: kept, content: made))
        if frames.count > capacity { frames.removeFirst() }
        kept += 1
        if sparse && unusual * usual <= options.seconds { sparse = filled(until(moment)) < 1 }
        let late = moment - due
        due += period
        if !(due > moment) {
            missed += late.isInfinite ? 0 : (late / period).rounded(.towardZero)
            due = moment + period
        }
        return true
    }

    /// Forget all frames.
    public mutating func clear() {
        frames.removeAll()
        due = -Double.infinity
    }

    /// Cut the clip that ends at the newest frame; nil while the window is not full, unless `eager`.
    public func clip(eager: Bool) -> WindowClip<T>? {
        guard let last = frames.last else { return nil }
        let held = until(last.moment)
        let filled = self.filled(held)
        if filled < 1 && !eager && !sparse { return nil }
        let times = held.map(\.moment)
        let end = times[times.count - 1]
        let length = options.seconds * filled
        let count = options.candidateFrames
        let step = length / Double(count)
        let candidates = (0..<count).map { (turn: Int) -> KeptFrame<T> in
            let steps: Int = count - 1 - turn
            return held[nearestPlace(times, end - step * Double(steps))]
        }
        let glance = glanceMoments(end + step / 2, length, options.glanceFrames).map { held[nearestPlace(times, $0)] }
        return WindowClip(
            candidates: candidates, glance: glance, start: max(end - length, times[0]), end: end, filled: filled,
            frames: Set(candidates.map(\.name)).count, oldest: held[0].name)
    }

    private func glanceMoments(_ end: Double, _ length: Double, _ count: Int) -> [Double] {
        let middles = (0..<count).map { (place: Int) -> Double in
            let share: Double = (Double(place) + 0.5) / Double(count)
            return end - length + share * length
        }
        if !options.recurring || length < options.seconds { return middles }
        let step = options.seconds / Double(count)
        let first = nearest(middles[0] / step)
        return (0..<count).map { (place: Int) -> Double in (first + Double(place)) * step }
    }

    private func restarted(_ moment: Double) -> Bool {
        guard let last = frames.last else { return false }
        return abs(moment - last.moment) > max(options.seconds, period)
    }

    /// Learn from the time since the last frame how slow the source is.
    private mutating func watch(_ moment: Double) {
        guard let last = frames.last else { return }
        let gap = moment - last.moment
        let outage = sparse ? max(options.seconds, unusual * usual) : options.seconds
        let wasSparse = sparse
        if gap > 0 && restarted(moment) {
            unfilled = filled(until(last.moment)) >= 1 ? 0 : unfilled + 1
            sparse = sparse || unfilled >= 2 || gap <= unusual * usual
        }
        // the pause that shows that a source is slow is none in which it was away
        if abs(gap) > outage && restarted(moment) && sparse == wasSparse { outages += 1 }
        if gap > 0 { usual = max(gap, usual / 2) }
    }

    private func until(_ moment: Double) -> [KeptFrame<T>] {
        frames.filter { $0.moment <= moment + tolerance * period }
    }

    private func filled(_ held: [KeptFrame<T>]) -> Double {
        guard let first = held.first, let last = held.last else { return 0 }
        let step = max(self.step, period)
        let covered = last.moment - first.moment + step
        return covered + step / 2 >= options.seconds ? 1 : covered / options.seconds
    }
}

/// The place of the moment that lies nearest to a wanted one; of two that are as near, the earlier.
private func nearestPlace(_ times: [Double], _ wanted: Double) -> Int {
    let right = times.count > 1 ? min(max(placesBefore(times, wanted, equal: false), 1), times.count - 1) : 0
    let left = max(right - 1, 0)
    return wanted - times[left] <= times[right] - wanted ? left : right
}
