import Adafocus
import AVFoundation
import Foundation

/// A video file, decoded by the system.
public final class VideoFile: VideoSource {
    public let timeline: Timeline
    private let asset: AVAsset
    private let track: AVAssetTrack
    private let degrees: Int

    private init(_ asset: AVAsset, _ track: AVAssetTrack, _ degrees: Int, _ timeline: Timeline) {
        self.asset = asset
        self.track = track
        self.degrees = degrees
        self.timeline = timeline
    }

    /// Open a file. Throws an `AdafocusError`: no video that this device can read.
    public static func open(_ url: URL) async throws -> VideoFile {
        let asset = AVURLAsset(url: url)
        do {
            guard let track = try await asset.loadTracks(withMediaType: .video).first else {
                throw AdafocusError("\(url.lastPathComponent) holds no video. Choose another file.")
            }
            let (transform, scale) = try await track.load(.preferredTransform, .naturalTimeScale)
            let packets = try packetsOf(asset, track, scale)
            if packets.pts.isEmpty {
                throw AdafocusError("\(url.lastPathComponent) holds no frames. Choose another file.")
            }
            let turn = atan2(Double(transform.b), Double(transform.a)) * 180 / .pi
            let degrees = (Int(turn.rounded()) + 360) % 360
            if degrees % 90 != 0 {
                throw AdafocusError("\(url.lastPathComponent) is turned by \(degrees) degrees. Choose another file.")
            }
            return VideoFile(asset, track, degrees, timelineOf(packets))
        } catch let error as AdafocusError {
            throw error
        } catch {
            throw AdafocusError(
                "\(url.lastPathComponent) cannot be read (\(error.localizedDescription)). Choose another file.")
        }
    }

    /// Start to read a track, as it is stored or decoded.
    private static func reading(
        _ asset: AVAsset, _ track: AVAssetTrack, _ settings: [String: Any]?
    ) throws -> (AVAssetReader, AVAssetReaderTrackOutput) {
        let reader = try AVAssetReader(asset: asset)
        let output = AVAssetReaderTrackOutput(track: track, outputSettings: settings)
        output.alwaysCopiesSampleData = false
        guard reader.canAdd(output) else {
            throw AdafocusError("This device has no decoder for the video. Choose another file.")
        }
        reader.add(output)
        guard reader.startReading() else {
            throw AdafocusError("The video cannot be decoded. Choose another file.")
        }
        return (reader, output)
    }

    /// When frames are shown, in the order of decoding.
    private static func packetsOf(_ asset: AVAsset, _ track: AVAssetTrack, _ scale: CMTimeScale) throws -> Packets {
        let (_, output) = try reading(asset, track, nil)
        var (pts, dts, durations) = ([Int](), [Int](), [Int]())
        let units = { (time: CMTime) -> Int? in
            time.isNumeric ? Int((time.seconds * Double(scale)).rounded()) : nil
        }
        while let sample = output.copyNextSampleBuffer() {
            // some hold notes and no frame
            guard sample.numSamples > 0, let shown = units(sample.presentationTimeStamp) else { continue }
            pts.append(shown)
            dts.append(units(sample.decodeTimeStamp) ?? shown)
            durations.append(units(sample.duration) ?? 0)
        }
        return Packets(container: "mov", timeBase: 1 / Double(scale), pts: pts, dts: dts, durations: durations)
    }

    public func read(_ numbers: [Int], _ take: (Int, Picture) -> Void) throws -> Int {
        let wanted = Set(numbers)
        let last = numbers.last ?? -1
        let (reader, output) = try VideoFile.reading(asset, track, pixelSettings)
        defer { reader.cancelReading() }
        var converters = Converters()
        var count = 0
        while count <= last {
            // the decoder's memory is let go of frame by frame
            let more: Bool = try autoreleasepool {
                guard let sample = output.copyNextSampleBuffer() else { return false }
                guard let buffer = sample.imageBuffer else { return true }
                if wanted.contains(count) { take(count, try converters.picture(buffer, degrees: degrees)) }
                count += 1
                return true
            }
            if !more { return count }
        }
        return timeline.frameCount
    }
}
