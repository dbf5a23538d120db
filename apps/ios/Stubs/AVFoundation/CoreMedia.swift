// A stand-in for Core Media on Linux: times and samples.
import Foundation

public typealias CMTimeScale = Int32

public struct CMTime: Sendable {
    public var value: Int64
    public var timescale: CMTimeScale

    public init(value: Int64, timescale: CMTimeScale) {
        self.value = value
        self.timescale = timescale
    }

    public static let invalid = CMTime(value: 0, timescale: 0)

    public var isNumeric: Bool { timescale != 0 }

    public var seconds: Double { Double(value) / Double(timescale) }
}

public final class CMSampleBuffer {
    public let presentationTimeStamp: CMTime
    public let decodeTimeStamp: CMTime
    public let duration: CMTime
    public let numSamples: Int
    public let imageBuffer: CVImageBuffer?

    /// Of this stub only.
    public init(
        shown: CMTime, decoded: CMTime = .invalid, stays: CMTime = .invalid, samples: Int = 1, _ image: CVImageBuffer?
    ) {
        presentationTimeStamp = shown
        decodeTimeStamp = decoded
        duration = stays
        numSamples = samples
        imageBuffer = image
    }
}
