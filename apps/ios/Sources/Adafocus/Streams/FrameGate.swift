/// Says which frames of a camera a live stream will keep, so that the others need not be converted.
public struct FrameGate {
    private var window: SlidingWindow<Void>
    private var number = 0

    /// With the options of the recognizer that gets the frames.
    public init(_ geometry: Geometry, _ live: LiveOptions) {
        window = SlidingWindow(
            WindowOptions(
                candidateFrames: geometry.candidateFrames, glanceFrames: geometry.glanceFrames,
                seconds: live.windowSeconds, maxFps: live.maxFps))
    }

    /// Note a frame that is shown at `seconds`; says whether it is wanted.
    public mutating func passes(_ seconds: Double) -> Bool {
        number += 1
        return seconds.isFinite && window.push(number, seconds) {}
    }
}
