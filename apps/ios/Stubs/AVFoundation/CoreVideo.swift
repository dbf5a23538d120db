// A stand-in for Core Video on Linux: pixel buffers in two planes, whose rows are longer than their pixels.
import Foundation

public typealias CFString = String
public typealias OSType = UInt32
public typealias CVReturn = Int32
public typealias CVImageBuffer = CVPixelBuffer

public let kCVReturnSuccess: CVReturn = 0
public let kCVPixelBufferPixelFormatTypeKey: CFString = "PixelFormatType"
public let kCVPixelFormatType_420YpCbCr8BiPlanarFullRange: OSType = 0x3432_3066
public let kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange: OSType = 0x3432_3076
public let kCVImageBufferYCbCrMatrixKey: CFString = "CVImageBufferYCbCrMatrix"
public let kCVImageBufferYCbCrMatrix_ITU_R_709_2: CFString = "ITU_R_709_2"
public let kCVImageBufferYCbCrMatrix_ITU_R_601_4: CFString = "ITU_R_601_4"

public struct CVPixelBufferLockFlags: OptionSet, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let readOnly = CVPixelBufferLockFlags(rawValue: 1)
}

public final class CVPixelBuffer {
    let format: OSType
    let width: Int
    let height: Int
    let matrix: String?
    let rows: [Int]
    let planes: [UnsafeMutableRawBufferPointer]
    var locks = 0

    /// Of this stub only: a frame of luma, and of both chromas in turn, each given without padding.
    public init(width: Int, height: Int, format: OSType, matrix: String?, luma: [UInt8], chroma: [UInt8]) {
        self.format = format
        self.width = width
        self.height = height
        self.matrix = matrix
        let widths = [width, (width + 1) / 2 * 2]
        let padded = widths.map { $0 + 11 }
        rows = padded
        planes = zip([luma, chroma], [height, (height + 1) / 2]).enumerated().map { place, plane in
            let target = UnsafeMutableRawBufferPointer.allocate(byteCount: padded[place] * plane.1, alignment: 16)
            target.initializeMemory(as: UInt8.self, repeating: 77)
            for row in 0..<plane.1 {
                for x in 0..<widths[place] { target[row * padded[place] + x] = plane.0[row * widths[place] + x] }
            }
            return target
        }
    }

    deinit { for plane in planes { plane.deallocate() } }

    /// Of this stub only: whether it was unlocked as often as it was locked.
    public var isUnlocked: Bool { locks == 0 }
}

public func CVPixelBufferGetPixelFormatType(_ buffer: CVPixelBuffer) -> OSType { buffer.format }
public func CVPixelBufferGetWidth(_ buffer: CVPixelBuffer) -> Int { buffer.width }
public func CVPixelBufferGetHeight(_ buffer: CVPixelBuffer) -> Int { buffer.height }
public func CVPixelBufferGetPlaneCount(_ buffer: CVPixelBuffer) -> Int { buffer.planes.count }
public func CVPixelBufferGetHeightOfPlane(_ buffer: CVPixelBuffer, _ plane: Int) -> Int {
    plane == 0 ? buffer.height : (buffer.height + 1) / 2
}
public func CVPixelBufferGetBytesPerRowOfPlane(_ buffer: CVPixelBuffer, _ plane: Int) -> Int { buffer.rows[plane] }
public func CVPixelBufferGetBaseAddressOfPlane(_ buffer: CVPixelBuffer, _ plane: Int) -> UnsafeMutableRawPointer? {
    buffer.locks > 0 ? buffer.planes[plane].baseAddress : nil
}
public func CVPixelBufferLockBaseAddress(_ buffer: CVPixelBuffer, _ flags: CVPixelBufferLockFlags) -> CVReturn {
    buffer.locks += 1
    return kCVReturnSuccess
}
@discardableResult
public func CVPixelBufferUnlockBaseAddress(_ buffer: CVPixelBuffer, _ flags: CVPixelBufferLockFlags) -> CVReturn {
    buffer.locks -= 1
    return kCVReturnSuccess
}
public func CVBufferCopyAttachment(_ buffer: CVPixelBuffer, _ key: CFString, _ mode: UnsafeMutableRawPointer?) -> Any? {
    key == kCVImageBufferYCbCrMatrixKey ? buffer.matrix : nil
}
