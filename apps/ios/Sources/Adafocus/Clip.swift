import Foundation

/// Keep a frame as its clip needs it: the centre square, or the whole of it, shrunk where all would take too much.
public func keptFrame(_ geometry: Geometry, _ frame: Picture) -> Picture {
    if geometry.boxesIn == .square {
        return fitFrame(frame, frameSize: geometry.frameSize, shortSide: geometry.shortSide)
    }
    return shrink(frame, shrinkFactor(frame.height, frame.width, frames: geometry.candidateFrames))
}

/// What the glance sees of a kept frame.
public func glanceFrame(_ geometry: Geometry, _ frame: Picture) -> Picture {
    let size = geometry.glanceSize
    if geometry.boxesIn == .frame {
        return fitGlance(frame, geometry.glanceFit, size: size, share: geometry.share, fill: geometry.meanColor)
    }
    return frame.height == size ? frame : resizeBilinear(frame, size, size)
}

/// The frames of a clip as they are kept. All frames of a clip have one size.
public struct Clip: Sendable {
    /// Numbers of the frames that the glance sees, in the source.
    public let glanceIndices: [Int]
    /// Numbers of those that the focus may look at.
    public let candidateIndices: [Int]
    /// Pictures of the glance's size.
    public let glance: [Picture]
    /// Squares, or whole frames.
    public let candidates: [Picture]
    /// Sentences on what is not as it should be.
    public var warnings = [String]()
    /// What it took to make the clip.
    public var timingMs = [String: Double]()

    public init(glanceIndices: [Int], candidateIndices: [Int], glance: [Picture], candidates: [Picture]) {
        self.glanceIndices = glanceIndices
        self.candidateIndices = candidateIndices
        self.glance = glance
        self.candidates = candidates
    }

    /// Sample frames that are in memory, RGB.
    public init(_ geometry: Geometry, frames: [Picture]) throws {
        var builder = try ClipBuilder(geometry, frameCount: frames.count, edges: nil)
        for number in builder.numbers { builder.keep(number, frames[number]) }
        self = try builder.build()
    }
}

/// Chooses the frames of a clip, takes them one by one, and makes the clip. No other frame is held.
public struct ClipBuilder {
    private let geometry: Geometry
    private let glanceIndices: [Int]
    private let candidateIndices: [Int]
    private var kept = [Int: Picture]()
    private var glance = [Int: Picture]()

    /// Frames that are wanted, in order.
    public let numbers: [Int]

    public init(_ geometry: Geometry, frameCount: Int, edges: [Double]?) throws {
        if frameCount < 1 { throw AdafocusError("There are no frames to make a clip of, expected at least one.") }
        self.geometry = geometry
        glanceIndices = framesAt(0, frameCount, geometry.glanceFrames, edges: edges)
        candidateIndices = framesAt(0, frameCount, geometry.candidateFrames, edges: edges)
        numbers = Set(glanceIndices + candidateIndices).sorted()
    }

    /// Take a frame.
    public mutating func keep(_ number: Int, _ frame: Picture) {
        let one = keptFrame(geometry, frame)
        if glanceIndices.contains(number) { glance[number] = glanceFrame(geometry, one) }
        if candidateIndices.contains(number) { kept[number] = one }
    }

    /// Make the clip of the frames that were taken.
    public func build() throws -> Clip {
        if let missing = numbers.first(where: { glance[$0] == nil && kept[$0] == nil }) {
            throw AdafocusError("Frame \(missing) of the clip was not read. Read the video again.")
        }
        return Clip(
            glanceIndices: glanceIndices, candidateIndices: candidateIndices, glance: glanceIndices.map { glance[$0]! },
            candidates: candidateIndices.map { kept[$0]! })
    }
}

/// A video with an end.
public protocol VideoSource {
    /// When its frames are shown, by its packets.
    var timeline: Timeline { get }

    /// Decode from the beginning until the last of some frames, whose numbers rise; `take` is given each of them.
    ///
    /// Returns how many frames there were, where that are fewer than the timeline says; else the timeline's count.
    func read(_ numbers: [Int], _ take: (Int, Picture) -> Void) throws -> Int
}

/// Sample a video as a bundle's geometry asks: glance and candidate frames, each spread evenly over its time.
public func readClip(_ source: VideoSource, _ geometry: Geometry) throws -> Clip {
    let timeline = source.timeline
    let watch = Stopwatch()
    var builder = try ClipBuilder(geometry, frameCount: timeline.frameCount, edges: timeline.varyingEdges)
    let count = try source.read(builder.numbers) { builder.keep($0, $1) }
    var warnings = [String]()
    if count < timeline.frameCount {
        if count < 1 { throw AdafocusError("No frame of the video can be decoded. Try another video.") }
        warnings.append("The video promises \(timeline.frameCount) frames, but only \(count) can be decoded.")
        let edges = timeline.varyingEdges.map { Array($0[...count]) }
        builder = try ClipBuilder(geometry, frameCount: count, edges: edges)
        _ = try source.read(builder.numbers) { builder.keep($0, $1) }
    }
    var clip = try builder.build()
    clip.warnings = warnings
    clip.timingMs = ["read": watch.ms]
    return clip
}

/// Milliseconds since it was made.
struct Stopwatch {
    private let began = DispatchTime.now().uptimeNanoseconds

    var ms: Double { Double(DispatchTime.now().uptimeNanoseconds - began) / 1e6 }
}
