// A stand-in for AVFoundation's files on Linux: their samples come from a hook.
import Foundation

public struct CGAffineTransform: Sendable {
    public var a, b, c, d: CGFloat

    public init(a: CGFloat, b: CGFloat, c: CGFloat, d: CGFloat) {
        self.a = a
        self.b = b
        self.c = c
        self.d = d
    }
}

public struct AVAsyncProperty<Root, Value> {
    let value: (Root) -> Value
}

extension AVAsyncProperty where Root == AVAssetTrack, Value == CGAffineTransform {
    public static var preferredTransform: AVAsyncProperty { AVAsyncProperty { $0.transform } }
}

extension AVAsyncProperty where Root == AVAssetTrack, Value == CMTimeScale {
    public static var naturalTimeScale: AVAsyncProperty { AVAsyncProperty { $0.scale } }
}

public final class AVAssetTrack: @unchecked Sendable {
    let transform: CGAffineTransform
    let scale: CMTimeScale
    let samples: (_ decoded: Bool) -> [CMSampleBuffer]

    /// Of this stub only: the samples of a track, as they are stored or decoded.
    public init(_ transform: CGAffineTransform, _ scale: CMTimeScale, _ samples: @escaping (Bool) -> [CMSampleBuffer]) {
        self.transform = transform
        self.scale = scale
        self.samples = samples
    }

    public func load<A, B>(
        _ a: AVAsyncProperty<AVAssetTrack, A>, _ b: AVAsyncProperty<AVAssetTrack, B>) async throws -> (A, B
    ) {
        (a.value(self), b.value(self))
    }
}

open class AVAsset: @unchecked Sendable {
    /// Of this stub only: the tracks of a file.
    nonisolated(unsafe) public static var tracks: (URL) throws -> [AVAssetTrack] = { _ in [] }

    let url: URL

    init(_ url: URL) { self.url = url }

    public func loadTracks(withMediaType mediaType: AVMediaType) async throws -> [AVAssetTrack] {
        try AVAsset.tracks(url)
    }
}

public final class AVURLAsset: AVAsset, @unchecked Sendable {
    public init(url: URL) { super.init(url) }
}

public final class AVAssetReaderTrackOutput {
    public var alwaysCopiesSampleData = true
    private var left: ArraySlice<CMSampleBuffer>

    public init(track: AVAssetTrack, outputSettings: [String: Any]?) {
        left = track.samples(outputSettings != nil)[...]
    }

    public func copyNextSampleBuffer() -> CMSampleBuffer? { left.popFirst() }
}

public final class AVAssetReader {
    public init(asset: AVAsset) throws {}

    public func canAdd(_ output: AVAssetReaderTrackOutput) -> Bool { true }
    public func add(_ output: AVAssetReaderTrackOutput) {}
    public func startReading() -> Bool { true }
    public func cancelReading() {}
}

/// Linux releases memory by itself.
public func autoreleasepool<Result>(invoking body: () throws -> Result) rethrows -> Result { try body() }
