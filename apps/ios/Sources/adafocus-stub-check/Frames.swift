// A camera and a file with stubs in their place.
import Adafocus
import AdafocusVideo
import AVFoundation
import Foundation

private let (width, height) = (37, 21)
private let scale: CMTimeScale = 600

/// A frame whose levels are those of its number, in planes without padding, and as a buffer of the stub.
private func frame(_ number: Int, _ format: OSType, _ matrix: String?) -> (buffer: CVPixelBuffer, wanted: Picture) {
    let (columns, rows) = ((width + 1) / 2, (height + 1) / 2)
    let luma = (0..<width * height).map { UInt8(truncatingIfNeeded: $0 * 7 + number * 31) }
    let chroma = (0..<2 * columns * rows).map { UInt8(truncatingIfNeeded: $0 * 13 + number * 5) }
    let buffer = CVPixelBuffer(
        width: width, height: height, format: format, matrix: matrix, luma: luma, chroma: chroma)
    let full = format == kCVPixelFormatType_420YpCbCr8BiPlanarFullRange
    let converter = YuvConverter(matrix == kCVImageBufferYCbCrMatrix_ITU_R_709_2 ? .bt709 : .bt601, fullRange: full)
    let us = stride(from: 0, to: chroma.count, by: 2).map { chroma[$0] }
    let vs = stride(from: 1, to: chroma.count, by: 2).map { chroma[$0] }
    let wanted = luma.withUnsafeBytes { y in
        us.withUnsafeBytes { u in
            vs.withUnsafeBytes { v in
                let planes = YuvFrame(
                    width: width, height: height, y: Plane(y, rowStride: width), u: Plane(u, rowStride: columns),
                    v: Plane(v, rowStride: columns))
                return try! converter.convert(planes)
            }
        }
    }
    return (buffer, wanted)
}

private func sample(_ number: Int, _ image: CVPixelBuffer?) -> CMSampleBuffer {
    CMSampleBuffer(shown: CMTime(value: Int64(number * 20), timescale: scale), image)
}

/// Frames of every format come out as pictures; those that are not wanted do not; none is held.
func camera(_ geometry: Geometry) throws -> [String] {
    var problems = [String]()
    let formats: [(OSType, String?)] = [
        (kCVPixelFormatType_420YpCbCr8BiPlanarFullRange, nil),
        (kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange, kCVImageBufferYCbCrMatrix_ITU_R_709_2),
        (kCVPixelFormatType_420YpCbCr8BiPlanarFullRange, kCVImageBufferYCbCrMatrix_ITU_R_601_4),
    ]
    for (format, matrix) in formats {
        let camera = CameraFrames(geometry, LiveOptions()) { print("  \($0)") }
        let (buffer, wanted) = frame(3, format, matrix)
        weak var held: CVPixelBuffer?
        do {
            let (image, _) = frame(9, format, matrix)
            held = image
            camera.captureOutput(AVCaptureOutput(), didOutput: sample(0, buffer), from: AVCaptureConnection())
            camera.captureOutput(AVCaptureOutput(), didOutput: sample(1, image), from: AVCaptureConnection())
            camera.captureOutput(AVCaptureOutput(), didOutput: sample(0, image), from: AVCaptureConnection())
        }
        if held != nil { problems.append("an image of the camera is held") }
        if !buffer.isUnlocked { problems.append("an image of the camera stays locked") }
        camera.stop()
        let found = Box<[Picture]>([])
        let done = DispatchSemaphore(value: 0)
        Task {
            for await one in camera.frames { found.value.append(one.picture) }
            done.signal()
        }
        done.wait()
        if found.value != [wanted] { problems.append("the camera gave \(found.value.count) frames, or other pixels") }
    }
    let told = Box<[String]>([])
    let camera = CameraFrames(geometry, LiveOptions()) { told.value.append($0) }
    let (buffer, _) = frame(0, 0x4247_5241, nil)
    camera.captureOutput(AVCaptureOutput(), didOutput: sample(0, buffer), from: AVCaptureConnection())
    if told.value.count != 1 { problems.append("frames of another format are not refused") }
    print("camera: \(formats.count) formats, padded rows, no image held")
    return problems
}

private final class Box<Content>: @unchecked Sendable {
    var value: Content

    init(_ value: Content) { self.value = value }
}

/// A file whose frames are not stored in the order in which they are shown, and that ends too early.
func file() async throws -> [String] {
    var problems = [String]()
    let format = kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange
    let frames = (0..<12).map { frame($0, format, nil) }
    let order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 11, 10]
    let moment = { (number: Int) in CMTime(value: Int64(number * 24), timescale: scale) }
    for (turn, degrees) in [(0.0, 0), (90.0, 90), (180.0, 180), (270.0, 270)] {
        let angle = turn * .pi / 180
        let (cosine, sine) = (CGFloat(cos(angle)), CGFloat(sin(angle)))
        let transform = CGAffineTransform(a: cosine, b: sine, c: -sine, d: cosine)
        AVAsset.tracks = { _ in
            [
                AVAssetTrack(transform, scale) { decoded in
                    if decoded { return (0..<10).map { CMSampleBuffer(shown: moment($0), frames[$0].buffer) } }
                    let stored = order.enumerated().map { place, number in
                        CMSampleBuffer(shown: moment(number), decoded: moment(place - 2), stays: moment(1), nil)
                    }
                    return [CMSampleBuffer(shown: moment(0), samples: 0, nil)] + stored
                }
            ]
        }
        let video = try await VideoFile.open(URL(fileURLWithPath: "video.mov"))
        if video.timeline.frameCount != 12 || video.timeline.varies {
            problems.append("the file has \(video.timeline.frameCount) frames, varying \(video.timeline.varies)")
        }
        var found = [Int: Picture]()
        let count = try video.read([1, 4, 8]) { found[$0] = $1 }
        let wanted = Dictionary(uniqueKeysWithValues: [1, 4, 8].map { ($0, turned(frames[$0].wanted, degrees)) })
        if count != 12 || found != wanted { problems.append("at \(degrees) degrees the file gives other pixels") }
        if try video.read([1, 11], { _, _ in }) != 10 { problems.append("a file that ends early is not noticed") }
    }
    AVAsset.tracks = { _ in [] }
    do {
        _ = try await VideoFile.open(URL(fileURLWithPath: "sound.mov"))
        problems.append("a file without a video opens")
    } catch is AdafocusError {
        print("files: 4 turns, frames stored in another order, a file that ends early, one without a video")
    }
    return problems
}
