// Which frames the focus looks at, and which boxes of them, by the policy network. Boxes are y, x, height, width.
import Foundation

private let smallest = 2.2250738585072014e-308

/// Positions in 0...1 at the middle of each of `count` equal parts of a distribution over time.
public func quantilePositions(_ weights: [Double], _ count: Int) -> [Double] {
    var total = 0.0
    var sums = weights.map { weight -> Double in
        total += weight
        return total
    }
    sums[sums.count - 1] = 1.0
    return (0..<count).map { rank in
        let level = (Double(rank) + 0.5) / Double(count)
        // the first sum that reaches the level
        let part = sums.firstIndex { sum in sum >= level } ?? sums.count - 1
        let lower = part > 0 ? sums[part - 1] : 0
        return (Double(part) + (level - lower) / max(sums[part] - lower, smallest)) / Double(sums.count)
    }
}

/// `count` different candidates at the quantiles of the weights, in order.
public func selectFrames(_ weights: [Double], candidates: Int, count: Int) -> [Int] {
    var chosen = [Int]()
    for (rank, position) in quantilePositions(weights, count).enumerated() {
        // weights of a broken network must not end the app
        let index = Int(within(floor(position * Double(candidates)), 0, Double(candidates)))
        chosen.append(rank > 0 ? max(index, chosen[rank - 1] + 1) : index)
    }
    return chosen.indices.map { rank in min(chosen[rank], candidates - count + rank) }
}

/// Boxes of raw policy outputs: positions are in the room that the sides leave.
public func decodeBoxes(_ raw: [[Double]], minSide: Double, maxSide: Double) -> [[Double]] {
    raw.map { values in
        let height = minSide + (maxSide - minSide) * values[2]
        let width = minSide + (maxSide - minSide) * values[3]
        return [values[0] * (1 - height), values[1] * (1 - width), height, width]
    }
}

/// Whole pixels of places in the room that the sides leave, and sides as fractions of the short side.
public func boxesInRoom(_ boxes: [[Double]], _ size: Size) -> [[Int]] {
    let short = Double(min(size.height, size.width))
    return boxes.map { box in
        let height = min(max(1, nearestInt(box[2] * short)), size.height)
        let width = min(max(1, nearestInt(box[3] * short)), size.width)
        let top = nearestInt(box[0] * Double(size.height - height))
        return [top, nearestInt(box[1] * Double(size.width - width)), height, width]
    }
}

/// Move the edges of boxes to the nearest pixel borders; those below `least` are widened and moved into the frame.
public func wholePixels(_ boxes: [[Double]], _ size: Size, least: Int) -> [[Int]] {
    boxes.map { box in
        let (y, x, height, width) = (box[0], box[1], box[2], box[3])
        var top = nearestInt(y * Double(size.height))
        var left = nearestInt(x * Double(size.width))
        var tall = nearestInt((y + height) * Double(size.height)) - top
        var wide = nearestInt((x + width) * Double(size.width)) - left
        if min(tall, wide) < least {
            tall = max(tall, least)
            wide = max(wide, least)
            top = min(top, size.height - tall)
            left = min(left, size.width - wide)
        }
        return [top, left, tall, wide]
    }
}

/// A box in pixels as fractions of a frame; each is a float32 number.
public func asFractions(_ box: [Int], _ size: Size) -> [Double] {
    (0..<4).map { place in
        let side = Double(place % 2 == 1 ? size.width : size.height)
        return Double(Float(Double(box[place]) / side))
    }
}

/// Other boxes in the stead of the policy's; in float32.
public func placeBoxes(_ boxes: [[Double]], name: String, shape: String, side: Double) -> [[Double]] {
    boxes.map { box in
        var (y, x, height, width) = (Float(box[0]), Float(box[1]), Float(box[2]), Float(box[3]))
        if shape == "fixed" {
            let given = Float(side)
            y = min(max(y + 0.5 * (height - given), 0), 1 - given)
            x = min(max(x + 0.5 * (width - given), 0), 1 - given)
            height = given
            width = given
        }
        let placed: [Float]
        switch name {
        case "full": placed = [0, 0, 1, 1]
        case "centre": placed = [0.5 * (1 - height), 0.5 * (1 - width), height, width]
        default: placed = [y, x, height, width]
        }
        return placed.map(Double.init)
    }
}
