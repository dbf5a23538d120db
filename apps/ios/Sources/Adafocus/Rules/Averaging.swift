// Means of areas in whole numbers: the nearest level, halves upwards.

/// Which pixels along an axis count for one of the result, and how much.
private struct Counts {
    let first: Int
    let counts: [Int]
}

private func countsOf(_ given: Int, _ wanted: Int) -> [Counts] {
    (0..<wanted).map { result in
        let begin = result * given
        let end = begin + given
        let first = begin / wanted
        var counts = [Int]()
        var pixel = first
        while pixel < given && pixel * wanted < end {
            counts.append(min((pixel + 1) * wanted, end) - max(pixel * wanted, begin))
            pixel += 1
        }
        return Counts(first: first, counts: counts)
    }
}

/// Shrink a picture by averaging.
public func average(_ region: Picture, _ height: Int, _ width: Int) -> Picture {
    let rows = countsOf(region.height, height)
    let columns = countsOf(region.width, width)
    let whole = region.height * region.width
    var found = [UInt8]()
    found.reserveCapacity(height * width * channels)
    let line = region.width * channels
    var sums = [Int](repeating: 0, count: line)
    region.data.withUnsafeBufferPointer { data in
        for row in rows {
            for x in 0..<line { sums[x] = 0 }
            for (turn, count) in row.counts.enumerated() {
                let begin = (row.first + turn) * line
                for x in 0..<line { sums[x] += count * Int(data[begin + x]) }
            }
            for column in columns {
                for c in 0..<channels {
                    var sum = 0
                    for (turn, count) in column.counts.enumerated() {
                        sum += count * sums[(column.first + turn) * channels + c]
                    }
                    let level: Int = (2 * sum + whole) / (2 * whole)
                    found.append(UInt8(level))
                }
            }
        }
    }
    return Picture(height: height, width: width, data: found)
}
