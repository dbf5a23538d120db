// Frames of Apple's cameras and decoders as pictures.
import Adafocus
import AVFoundation

/// From this height on frames without a note are of the matrix of high definition.
private let highDefinitionPx = 720

/// What cameras and decoders are asked for: luma, and both chromas in turn. Its range is read from each frame.
let pixelSettings: [String: Any] = [
    kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_420YpCbCr8BiPlanarFullRange
]

/// Whether a frame has all levels; nil where it is of another format than was asked for.
private func hasFullRange(_ buffer: CVPixelBuffer) -> Bool? {
    switch CVPixelBufferGetPixelFormatType(buffer) {
    case kCVPixelFormatType_420YpCbCr8BiPlanarFullRange: return true
    case kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange: return false
    default: return nil
    }
}

/// The matrix as the frame says it, else by its height.
private func matrixOf(_ buffer: CVPixelBuffer) -> Matrix {
    let note = CVBufferCopyAttachment(buffer, kCVImageBufferYCbCrMatrixKey, nil) as? String
    if note == kCVImageBufferYCbCrMatrix_ITU_R_709_2 as String { return .bt709 }
    if note == kCVImageBufferYCbCrMatrix_ITU_R_601_4 as String { return .bt601 }
    return CVPixelBufferGetHeight(buffer) >= highDefinitionPx ? .bt709 : .bt601
}

/// Converters by what they convert, made when they are first needed.
struct Converters {
    private var made = [String: YuvConverter]()

    /// A frame as a picture, turned clockwise. The frame is not kept.
    ///
    /// Throws an `AdafocusError` where it is of another format, or cannot be read.
    mutating func picture(_ buffer: CVPixelBuffer, degrees: Int) throws -> Picture {
        guard let full = hasFullRange(buffer), CVPixelBufferGetPlaneCount(buffer) == 2 else {
            throw AdafocusError("Frames come in a format that is not 4:2:0 in two planes. Choose another source.")
        }
        let matrix = matrixOf(buffer)
        let name = "\(matrix) \(full)"
        let converter = made[name] ?? YuvConverter(matrix, fullRange: full)
        made[name] = converter
        guard CVPixelBufferLockBaseAddress(buffer, .readOnly) == kCVReturnSuccess else {
            throw AdafocusError("The memory of a frame cannot be read. Try again.")
        }
        defer { CVPixelBufferUnlockBaseAddress(buffer, .readOnly) }
        let planes = try (0..<2).map { number -> UnsafeRawBufferPointer in
            let row = CVPixelBufferGetBytesPerRowOfPlane(buffer, number)
            let count = row * CVPixelBufferGetHeightOfPlane(buffer, number)
            guard let start = CVPixelBufferGetBaseAddressOfPlane(buffer, number) else {
                throw AdafocusError("The memory of a frame cannot be read. Try again.")
            }
            return UnsafeRawBufferPointer(start: start, count: count)
        }
        let rows = (0..<2).map { CVPixelBufferGetBytesPerRowOfPlane(buffer, $0) }
        let frame = YuvFrame(
            width: CVPixelBufferGetWidth(buffer), height: CVPixelBufferGetHeight(buffer),
            y: Plane(planes[0], rowStride: rows[0]),
            u: Plane(planes[1], first: 0, rowStride: rows[1], pixelStride: 2),
            v: Plane(planes[1], first: 1, rowStride: rows[1], pixelStride: 2))
        return try converter.convert(frame, degrees: degrees)
    }
}
