import Foundation

private let maxWindowBytes = 1 << 30
private let maxWaitingBytes = 64 << 20

/// A frame of a camera or a decoder, and when it is shown in seconds.
public struct Frame: Sendable {
    public let picture: Picture
    public let seconds: Double

    public init(_ picture: Picture, seconds: Double) {
        self.picture = picture
        self.seconds = seconds
    }
}

/// How a live stream is gone through.
public struct LiveOptions: Sendable {
    /// Seconds of the source in one prediction.
    public var windowSeconds = 4.0
    /// From one prediction to the next.
    public var hopSeconds = 1.0
    /// Predict before the window is full, from what is there.
    public var eager = false
    /// Keep at most so many frames a second.
    public var maxFps: Double?
    /// Share of the time that may be spent on computing.
    public var duty = 1.0
    /// Of the predictions.
    public var smoothing = SmoothingOptions()

    public init() {}
}

/// What became of the frames: kept, not needed by the window, not later than the one before; and pauses.
public struct StreamCounts: Sendable, Equatable {
    public var kept = 0
    public var skipped = 0
    public var dropped = 0
    public var outages = 0
}

/// A prediction of a live stream.
public struct LiveResult: Sendable {
    /// Of the window alone.
    public let prediction: Prediction
    /// Of the window's first moment, and of its newest frame, in seconds.
    public let start: Double
    public let end: Double
    /// The label that is shown after smoothing; nil while none is.
    public let shown: String?
    /// Its mean score, or that of the best label.
    public let shownScore: Double
    /// Whether another label is shown than before.
    public let switched: Bool
    /// Of the stream so far.
    public let counts: StreamCounts
}

/// A frame as it is kept, and what the glance sees of it.
struct Kept: @unchecked Sendable {
    let picture: Picture
    let glance: Picture
}

/// A clip that is due, and what its prediction is told with.
struct DueClip: Sendable {
    let clip: Clip
    let start: Double
    let end: Double
    let outages: Int
}

/// Keeps the last seconds of a stream, and says when a clip of them is due.
///
/// Memory is bounded by the window: whatever the timestamps are, never more frames are kept than it has places, and
/// only one clip is under way.
actor LiveStream {
    private let geometry: Geometry
    private let options: LiveOptions
    private var window: SlidingWindow<Kept>
    private var schedule: Schedule
    private var smoother: Smoother
    private var last = -Double.infinity
    private var number = 0
    private var busy = false
    private var size: Size?
    private var seenOutages = 0
    private(set) var counts = StreamCounts()

    init(_ geometry: Geometry, _ options: LiveOptions) throws {
        let usable = options.windowSeconds > 0 && options.windowSeconds.isFinite && options.hopSeconds > 0
            && options.duty > 0 && options.duty <= 1 && options.maxFps.map { $0 > 0 } ?? true
        if !usable {
            throw AdafocusError("windowSeconds, hopSeconds and maxFps must be above 0, and duty above 0 and at most 1.")
        }
        self.geometry = geometry
        self.options = options
        window = SlidingWindow(
            WindowOptions(
                candidateFrames: geometry.candidateFrames, glanceFrames: geometry.glanceFrames,
                seconds: options.windowSeconds, maxFps: options.maxFps))
        schedule = Schedule(hop: options.hopSeconds, duty: options.duty)
        smoother = Smoother(options.smoothing)
        let square = channels * geometry.frameSize * geometry.frameSize
        let frame = geometry.boxesIn == .square ? square : maxWaitingBytes / geometry.candidateFrames
        let needed = (window.capacity + geometry.candidateFrames) * frame
        if needed > maxWindowBytes {
            throw AdafocusError(
                "A window of \(window.capacity) frames would need \(needed) bytes, expected at most 1 GiB.")
        }
    }

    /// Take a frame; returns the clip that is due with it.
    ///
    /// A frame that is not later than the last one is left out and counted, unless the clock was set by more than a
    /// window.
    func add(_ frame: Frame) -> DueClip? {
        number += 1
        let moment = frame.seconds
        if !moment.isFinite || (moment <= last && last - moment <= options.windowSeconds) {
            counts.dropped += 1
            return nil
        }
        last = moment
        let size = Size(height: frame.picture.height, width: frame.picture.width)
        if size != self.size {
            // frames of one clip have one size: a camera that was turned begins anew
            window.clear()
            self.size = size
        }
        let geometry = geometry
        let wanted = window.push(number, moment) {
            let picture = keptFrame(geometry, frame.picture)
            return Kept(picture: picture, glance: glanceFrame(geometry, picture))
        }
        if !wanted {
            counts.skipped += 1
            return nil
        }
        counts.kept = window.kept
        counts.outages = window.outages
        if moment + options.windowSeconds < schedule.due { schedule.postpone(moment) }
        if busy || moment < schedule.due { return nil }
        guard let cut = window.clip(eager: options.eager) else {
            schedule.postpone(moment)
            return nil
        }
        busy = true
        return DueClip(clip: clip(cut), start: cut.start, end: cut.end, outages: window.outages)
    }

    private func clip(_ cut: WindowClip<Kept>) -> Clip {
        var found = Clip(
            glanceIndices: cut.glance.map(\.number), candidateIndices: cut.candidates.map(\.number),
            glance: cut.glance.map(\.content.glance), candidates: cut.candidates.map(\.content.picture))
        let wanted = max(geometry.glanceFrames, geometry.focusFrames)
        if cut.frames < wanted {
            found.warnings = [
                "The window holds \(cut.frames) different frames where up to \(wanted) are looked at. Make it longer."
            ]
        }
        return found
    }

    /// Note that a clip was recognized, or failed, after so many seconds; returns what is told of it.
    func finish(_ due: DueClip, _ found: Prediction?, seconds: Double) -> LiveResult? {
        busy = false
        _ = schedule.finish(due.end, due.end + seconds)
        guard let found else { return nil }
        if due.outages != seenOutages {
            seenOutages = due.outages
            smoother.reset()
        }
        let smoothed = smoother.update(found.probabilities, due.end)
        return LiveResult(
            prediction: found, start: due.start, end: due.end, shown: smoothed.label.map { found.labels[$0] },
            shownScore: smoothed.score, switched: smoothed.switched, counts: counts)
    }
}
