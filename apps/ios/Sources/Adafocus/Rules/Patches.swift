// Patches cut out of frames, and pictures resized, by one rule in whole numbers.
import Foundation

private let hair = 1e-7
private let one: Int32 = 2048

/// Of a pixel: fractions of a frame are float32 numbers.
private let whole = 1e-3
private let outside = -1

/// Where pixels read along one axis: the first of two taps, and the weight of the other in 2048ths.
public struct Taps {
    public let first: [Int]
    public let weights: [Int32]
}

/// The taps of `size` pixels over a box that begins at `start` and is `length` long, in pixels of the frame.
public func axisTaps(start: Double, length: Double, size: Int) -> Taps {
    let begin = floor(start)
    let step = 1 / ((1 + hair) * Double(size) / length)
    var first = [Int]()
    var weights = [Int32]()
    for place in 0..<size {
        let exact = (Double(place) + 0.5) * step - 0.5 + (start - begin)
        let position = Double(Float(exact))
        let below = position.rounded(.down)
        first.append(Int(begin + below))
        weights.append(Int32(nearestInt(Double(Float(position - below) * Float(one)))))
    }
    return Taps(first: first, weights: weights)
}

/// Where a tap reads; outside of the picture it is the fill.
private func reads(_ tap: Int, _ length: Int, _ clamped: Bool) -> Int {
    let inside = min(max(tap, 0), length - 1)
    return clamped || inside == tap ? inside : outside
}

/// Mixes pixels by their taps, columns first.
private struct Mixer {
    let picture: Picture
    let columns: Taps
    let fill: [Int]
    let clamped: Bool

    func mix(_ rows: Taps) -> Picture {
        let width = columns.first.count
        let line = width * channels
        let height = rows.first.count
        let offset = { (tap: Int) -> Int in
            let column = reads(tap, picture.width, clamped)
            return column * channels
        }
        let lefts = columns.first.map(offset)
        let rights = columns.first.map { offset($0 + 1) }
        let edge = fill.map(Int32.init)
        // two mixed lines, one behind the other
        var mixed = [Int32](repeating: 0, count: 2 * line)
        var found = [UInt8](repeating: 0, count: height * line)
        picture.data.withUnsafeBufferPointer { data in
            mixed.withUnsafeMutableBufferPointer { mixed in
                var above = 0
                var known = Int.min
                for y in 0..<height {
                    let first = rows.first[y]
                    if first != known {
                        above = line - above
                        if known == Int.min || first != known + 1 {
                            read(first, data, lefts, rights, edge, mixed.baseAddress! + above)
                        }
                        read(first + 1, data, lefts, rights, edge, mixed.baseAddress! + line - above)
                        known = first
                    }
                    let weight = rows.weights[y]
                    let upper = mixed.baseAddress! + above
                    let lower = mixed.baseAddress! + line - above
                    found.withUnsafeMutableBufferPointer { found in
                        let target = found.baseAddress! + y * line
                        for x in 0..<line {
                            let value = (((one &- weight) &* upper[x]) >> 16) &+ ((weight &* lower[x]) >> 16)
                            target[x] = UInt8(truncatingIfNeeded: (value &+ 2) >> 2)
                        }
                    }
                }
            }
        }
        return Picture(height: height, width: width, data: found)
    }

    /// Mix the pixels of one row of the picture, with 4 bits less than 11.
    private func read(
        _ tap: Int, _ data: UnsafeBufferPointer<UInt8>, _ lefts: [Int], _ rights: [Int], _ edge: [Int32],
        _ mixed: UnsafeMutablePointer<Int32>
    ) {
        let row = reads(tap, picture.height, clamped)
        guard row >= 0 else {
            for x in 0..<lefts.count {
                for c in 0..<channels { mixed[x * channels + c] = (edge[c] * one) >> 4 }
            }
            return
        }
        let begin = data.baseAddress! + row * picture.width * channels
        for x in 0..<lefts.count {
            let weight = columns.weights[x]
            let (left, right) = (lefts[x], rights[x])
            for c in 0..<channels {
                let near = left < 0 ? edge[c] : Int32(begin[left + c])
                let far = right < 0 ? edge[c] : Int32(begin[right + c])
                mixed[x * channels + c] = (near &* (one &- weight) &+ far &* weight) >> 4
            }
        }
    }
}

/// Cut one box out of a frame; what lies outside of the frame is the fill.
///
/// `box` is y, x, height, width as fractions of the frame.
public func cropPatch(_ frame: Picture, _ box: [Double], _ size: Int, fill: [Int]) -> Picture {
    var place = (0..<4).map { box[$0] * Double($0 % 2 == 1 ? frame.width : frame.height) }
    let rounded = place.map(nearest)
    if zip(place, rounded).allSatisfy({ abs($0 - $1) < whole }) { place = rounded }
    let columns = axisTaps(start: place[1], length: place[3], size: size)
    let rows = axisTaps(start: place[0], length: place[2], size: size)
    return Mixer(picture: frame, columns: columns, fill: fill, clamped: false).mix(rows)
}

/// Cut one box out of a frame that is kept as it was decoded: averaged where both sides shrink.
public func cutPatch(_ frame: Picture, _ box: [Double], _ size: Int, fill: [Int]) -> Picture {
    let place = (0..<4).map { nearestInt(box[$0] * Double($0 % 2 == 1 ? frame.width : frame.height)) }
    if min(place[2], place[3]) <= size { return cropPatch(frame, box, size, fill: fill) }
    return average(frame.part(place[0], place[1], place[2], place[3]), size, size)
}

/// Resize bilinearly; taps are clamped to the picture.
public func resizeBilinear(_ picture: Picture, _ height: Int, _ width: Int) -> Picture {
    let columns = axisTaps(start: 0, length: Double(picture.width), size: width)
    let rows = axisTaps(start: 0, length: Double(picture.height), size: height)
    return Mixer(picture: picture, columns: columns, fill: [0, 0, 0], clamped: true).mix(rows)
}
