// The clock of a file, and when windows are due.

private let leastStill = 8.0

/// The clock of a file, carried on where it jumps back or stands still.
public struct SteadyClock {
    private let fps: Double
    private var newest = -Double.infinity
    private var offset = 0.0
    private var still = 0

    public init(fps: Double) { self.fps = fps }

    /// When a frame that is said to be shown at `stated` seconds is shown.
    public mutating func moment(_ stated: Double) -> Double {
        var moment = stated + offset
        still = moment <= newest ? still + 1 : 0
        if Double(still) > within(fps / 2, leastStill, 60) {
            let carried = newest + Double(still) / fps
            offset += carried - moment
            moment = carried
            still = 0
        }
        newest = max(newest, moment)
        return moment
    }
}

/// When windows are due; `duty` is the share of the time that may be spent on computing.
public struct Schedule {
    private let hop: Double
    private let duty: Double

    /// Of the next window.
    public private(set) var due = -Double.infinity

    public init(hop: Double, duty: Double = 1) {
        self.hop = hop
        self.duty = duty
    }

    /// Seconds to rest after so many of computing.
    public func rest(_ computed: Double) -> Double { computed * (1 / duty - 1) }

    /// Plan the next window; returns how much later than a hop the result was there.
    public mutating func finish(_ started: Double, _ finished: Double) -> Double {
        let begun = started - due <= hop ? due : started
        due = max(begun + hop, finished + rest(finished - started))
        return max(0, finished - (begun + hop))
    }

    /// What is not full yet was not due.
    public mutating func postpone(_ started: Double) { due = started }
}
