// Centre squares of frames, what the glance sees of whole ones, and frames that are shrunk when they are kept.
import Foundation

private let maxKeptBytes = 64 << 20

/// What the glance sees of a frame.
public enum Fit: String, CaseIterable, Sendable {
    case square, squeezed, padded
}

/// Keep the centre square of a frame whose short side would be `shortSide`, in one step.
public func fitFrame(_ frame: Picture, frameSize: Int, shortSide: Int) -> Picture {
    let short = Double(min(frame.height, frame.width))
    let side = max(1, nearestInt(short * Double(frameSize) / Double(shortSide)))
    return resize(centre(frame, side), frameSize, frameSize)
}

/// Make what the glance sees of a whole frame; `share` is that of the short side which a square takes.
public func fitGlance(_ frame: Picture, _ fit: Fit, size: Int, share: Double, fill: [Int]) -> Picture {
    if fit == .squeezed { return resize(frame, size, size) }
    if fit == .square {
        let side = max(1, nearestInt(Double(min(frame.height, frame.width)) * share))
        return resize(centre(frame, side), size, size)
    }
    let long = Double(max(frame.height, frame.width))
    let tall = max(1, nearestInt(Double(frame.height * size) / long))
    let wide = max(1, nearestInt(Double(frame.width * size) / long))
    var found = Picture(height: size, width: size)
    for place in found.data.indices { found.data[place] = UInt8(fill[place % channels]) }
    resize(frame, tall, wide).put(into: &found, (size - tall) / 2, (size - wide) / 2)
    return found
}

private func centre(_ frame: Picture, _ side: Int) -> Picture {
    frame.part((frame.height - side) / 2, (frame.width - side) / 2, side, side)
}

/// Averaged where both sides shrink or stay, else bilinear.
private func resize(_ region: Picture, _ height: Int, _ width: Int) -> Picture {
    let shrinks = region.height >= height && region.width >= width
    return shrinks ? average(region, height, width) : resizeBilinear(region, height, width)
}

/// By which whole factor frames are shrunk when they are kept, so that all stay within 64 MiB.
public func shrinkFactor(_ height: Int, _ width: Int, frames: Int) -> Int {
    var factor = 1
    while frames * channels * (height / factor) * (width / factor) > maxKeptBytes { factor += 1 }
    return factor
}

/// Average squares of `factor` x `factor` pixels; what is left over is dropped.
public func shrink(_ frame: Picture, _ factor: Int) -> Picture {
    if factor == 1 { return frame }
    let height = max(1, frame.height / factor)
    let width = max(1, frame.width / factor)
    let tall = min(factor, frame.height)
    let wide = min(factor, frame.width)
    let area = tall * wide
    let share = Float(1.0 / Double(area))
    var found = [UInt8]()
    found.reserveCapacity(height * width * channels)
    frame.data.withUnsafeBufferPointer { data in
        for y in 0..<height {
            for x in 0..<width {
                for c in 0..<channels {
                    var sum = 0
                    for row in y * factor..<y * factor + tall {
                        var place = (row * frame.width + x * factor) * channels + c
                        for _ in 0..<wide {
                            sum += Int(data[place])
                            place += channels
                        }
                    }
                    let halved = factor == 2 && area == 4
                    let value = halved ? (sum + 2) >> 2 : nearestInt(Double(Float(sum) * share))
                    found.append(UInt8(value))
                }
            }
        }
    }
    return Picture(height: height, width: width, data: found)
}
