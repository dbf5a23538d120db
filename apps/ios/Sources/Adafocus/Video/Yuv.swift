// Frames of cameras and decoders as pictures, by the device's arithmetic in whole numbers.

private let levels = 256
private let centre = 128

/// Which red, green and blue luma and chroma stand for; factors are in 8192ths, of levels times 8.
public enum Matrix: String, CaseIterable, Sendable {
    case bt601 = "BT601"
    case bt709 = "BT709"

    fileprivate func factors(fullRange: Bool) -> [Int] {
        switch (self, fullRange) {
        case (.bt601, false): return [9539, 13075, -3209, -6660, 16525]
        case (.bt601, true): return [8192, 11485, -2819, -5850, 14516]
        case (.bt709, false): return [9539, 14686, -1747, -4366, 17305]
        case (.bt709, true): return [8192, 12901, -1535, -3835, 15201]
        }
    }
}

/// One plane: its bytes, the place of the first pixel, bytes from row to row, and from pixel to pixel.
public struct Plane {
    let bytes: UnsafeRawBufferPointer
    let first: Int
    let rowStride: Int
    let pixelStride: Int

    public init(_ bytes: UnsafeRawBufferPointer, first: Int = 0, rowStride: Int, pixelStride: Int = 1) {
        self.bytes = bytes
        self.first = first
        self.rowStride = rowStride
        self.pixelStride = pixelStride
    }

    /// Whether all its pixels lie in its bytes; the last row may end right after its last pixel.
    fileprivate func holds(_ width: Int, _ height: Int) -> Bool {
        first >= 0 && rowStride >= 0 && pixelStride > 0
            && first + (height - 1) * rowStride + (width - 1) * pixelStride < bytes.count
    }
}

/// A frame with one chroma for 2 x 2 pixels; 4:2:0 in any layout.
public struct YuvFrame {
    let width: Int
    let height: Int
    let y: Plane
    let u: Plane
    let v: Plane

    public init(width: Int, height: Int, y: Plane, u: Plane, v: Plane) {
        self.width = width
        self.height = height
        self.y = y
        self.u = u
        self.v = v
    }

    fileprivate var isWhole: Bool {
        let (columns, rows) = ((width + 1) / 2, (height + 1) / 2)
        return width > 0 && height > 0 && y.holds(width, height) && u.holds(columns, rows) && v.holds(columns, rows)
    }
}

/// Turns frames into pictures: red, green, blue.
public struct YuvConverter: Sendable {
    private let luma: [Int]
    private let red: [Int]
    private let greenOfU: [Int]
    private let greenOfV: [Int]
    private let blue: [Int]

    public init(_ matrix: Matrix, fullRange: Bool) {
        let factors = matrix.factors(fullRange: fullRange)
        // products of all levels with one factor; what is shifted out is cut off
        let products = { (factor: Int, black: Int) -> [Int] in (0..<levels).map { (8 * ($0 - black) * factor) >> 16 } }
        luma = products(factors[0], fullRange ? 0 : 16)
        red = products(factors[1], centre)
        greenOfU = products(factors[2], centre)
        greenOfV = products(factors[3], centre)
        blue = products(factors[4], centre)
    }

    /// Convert a frame, and turn it clockwise by 0, 90, 180 or 270 degrees.
    ///
    /// Throws an `AdafocusError` where its planes are shorter than its size says.
    public func convert(_ frame: YuvFrame, degrees: Int = 0) throws -> Picture {
        if !frame.isWhole {
            throw AdafocusError("A frame of \(frame.width) x \(frame.height) px has too few bytes. Restart the camera.")
        }
        var found = Picture(height: frame.height, width: frame.width)
        found.data.withUnsafeMutableBufferPointer { target in
            var place = 0
            for row in 0..<frame.height {
                let ys = frame.y.first + row * frame.y.rowStride
                let us = frame.u.first + row / 2 * frame.u.rowStride
                let vs = frame.v.first + row / 2 * frame.v.rowStride
                for x in 0..<frame.width {
                    let level = luma[Int(frame.y.bytes[ys + x * frame.y.pixelStride])]
                    let u = Int(frame.u.bytes[us + x / 2 * frame.u.pixelStride])
                    let v = Int(frame.v.bytes[vs + x / 2 * frame.v.pixelStride])
                    target[place] = limited(level + red[v])
                    target[place + 1] = limited(level + greenOfU[u] + greenOfV[v])
                    target[place + 2] = limited(level + blue[u])
                    place += channels
                }
            }
        }
        return turned(found, degrees)
    }

    private func limited(_ value: Int) -> UInt8 { UInt8(min(max(value, 0), levels - 1)) }
}

/// Turn a picture clockwise by 0, 90, 180 or 270 degrees.
public func turned(_ picture: Picture, _ degrees: Int) -> Picture {
    let turn = ((degrees % 360) + 360) % 360
    if turn == 0 { return picture }
    let (height, width) = (picture.height, picture.width)
    let across = turn % 180 != 0
    var found = across ? Picture(height: width, width: height) : Picture(height: height, width: width)
    var place = 0
    for y in 0..<found.height {
        for x in 0..<found.width {
            let row = turn == 90 ? height - 1 - x : turn == 180 ? height - 1 - y : x
            let column = turn == 90 ? y : turn == 180 ? width - 1 - x : width - 1 - y
            let from = (row * width + column) * channels
            for c in 0..<channels { found.data[place + c] = picture.data[from + c] }
            place += channels
        }
    }
    return found
}
