// The policy of motion: the focus looks where pixels change most. Whole numbers only.

private let cells = 48
private let steps = 16
private let maxChange = 160
private let green = 1
private let fullWeight = 1 << 20
private let weightLost = 1 << 18

/// What a candidate is compared with: the one before it, or what is usual at a place.
public enum ChangeFrom: String, CaseIterable, Sendable { case previous, median }

/// Changes of cells from each candidate to the next: `count` maps of rows x columns.
public struct Changes {
    public let count: Int
    public let rows: Int
    public let columns: Int
    public let values: [Int]

    public init(count: Int, rows: Int, columns: Int, values: [Int]) {
        self.count = count
        self.rows = rows
        self.columns = columns
        self.values = values
    }
}

/// A square of cells, and what changes inside it.
public struct Square {
    public let top: Int
    public let left: Int
    public let score: Int
}

/// Side of a cell in pixels.
public func cellSize(_ height: Int, _ width: Int) -> Int { max(1, min(height, width) / cells) }

/// Measure how much every cell changes, from the candidate before or from what is usual. The frames have one size.
public func changeMaps(_ frames: [Picture], from: ChangeFrom) -> Changes {
    let cell = cellSize(frames[0].height, frames[0].width)
    let rows = frames[0].height / cell
    let columns = frames[0].width / cell
    let (count, size) = (frames.count - 1, rows * columns)
    let levels = frames.map { levelsOf($0, cell, rows, columns) }
    var values = [Int](repeating: 0, count: count * size)
    if from == .median {
        for place in 0..<size {
            let found = beyondUsual(levels.map { $0[place] })
            for n in 0..<count { values[n * size + place] = found[n] }
        }
    } else {
        for n in 0..<count {
            for place in 0..<size { values[n * size + place] = away(levels[n + 1][place], levels[n][place]) }
            forgetCut(&values, n * size, size)
        }
    }
    return Changes(count: count, rows: rows, columns: columns, values: values)
}

/// Where more than half of the cells change most, the whole picture became another, and no cell changes.
private func forgetCut(_ values: inout [Int], _ start: Int, _ size: Int) {
    let cells = start..<start + size
    let most = cells.filter { values[$0] == maxChange }.count
    if 2 * most > size { for place in cells { values[place] = 0 } }
}

private func away(_ level: Int, _ other: Int) -> Int {
    let change = abs(level - other)
    return min(change, maxChange)
}

/// What the levels of a cell are away from the median, of two candidates half the sum, beyond the mean of that.
private func beyondUsual(_ levels: [Int]) -> [Int] {
    let usual = levels.sorted()[levels.count / 2]
    let between = zip(levels, levels.dropFirst()).map { (away($0, usual) + away($1, usual)) / 2 }
    let mean = between.reduce(0, +) / max(1, between.count)
    return between.map { max(0, $0 - mean) }
}

private func levelsOf(_ frame: Picture, _ cell: Int, _ rows: Int, _ columns: Int) -> [Int] {
    var sums = [Int](repeating: 0, count: rows * columns)
    frame.data.withUnsafeBufferPointer { data in
        for y in 0..<rows * cell {
            let row = y / cell * columns
            var place = y * frame.width * channels + green
            for column in 0..<columns {
                var sum = 0
                for _ in 0..<cell {
                    sum += Int(data[place])
                    place += channels
                }
                sums[row + column] += sum
            }
        }
    }
    return sums.map { steps * $0 / (cell * cell) }
}

/// Add the maps from `first` to the one before `last`.
public func summed(_ changes: Changes, _ first: Int, _ last: Int) -> [Int] {
    let size = changes.rows * changes.columns
    var sums = [Int](repeating: 0, count: size)
    for map in first..<max(first, last) {
        for place in 0..<size { sums[place] += changes.values[map * size + place] }
    }
    return sums
}

/// The best square of `side` cells in summed changes.
public func bestSquare(_ sums: [Int], rows: Int, columns: Int, side: Int) -> Square {
    let tall = min(side, rows)
    let wide = min(side, columns)
    let down = rows - tall
    let across = columns - wide
    let line = columns + 1
    var before = [Int](repeating: 0, count: (rows + 1) * line)
    for y in 0..<rows {
        var sum = 0
        for x in 0..<columns {
            sum += sums[y * columns + x]
            before[(y + 1) * line + x + 1] = before[y * line + x + 1] + sum
        }
    }
    var best = Square(top: 0, left: 0, score: -1)
    var heaviest = -1
    for top in 0...down {
        for left in 0...across {
            let weight = fullWeight - lost(top, down) - lost(left, across)
            let end = (top + tall) * line + left
            let start = top * line + left
            let inside = before[end + wide] - before[start + wide] - before[end] + before[start]
            let score = inside * weight
            if score > best.score || (score == best.score && weight > heaviest) {
                best = Square(top: top, left: left, score: score)
                heaviest = weight
            }
        }
    }
    return best
}

private func lost(_ place: Int, _ room: Int) -> Int {
    let away = 2 * place - room
    let longest = max(1, room)
    return weightLost * away * away / (longest * longest)
}

/// The run of `count` candidates in which one square changes most; of equal ones the middlemost, then the earlier.
public func densestRun(_ changes: Changes, count: Int, side: Int) -> [Int] {
    let starts = changes.count + 2 - count
    let scores = (0..<starts).map { start in
        let sums = summed(changes, start, start + count - 1)
        return bestSquare(sums, rows: changes.rows, columns: changes.columns, side: side).score
    }
    let highest = scores.max()
    var best = -1
    for start in 0..<starts {
        let away = abs(2 * start - (starts - 1))
        let least = abs(2 * best - (starts - 1))
        if scores[start] == highest && (best < 0 || away < least) { best = start }
    }
    return (0..<count).map { best + $0 }
}

/// Side of a square in pixels; `side` is a fraction of the short side.
public func pixelsOf(_ side: Double, _ size: Size) -> Int { max(1, nearestInt(side * Double(size.short))) }

/// The same side in cells.
public func cellsOf(_ side: Double, _ size: Size) -> Int {
    let cell = cellSize(size.height, size.width)
    return max(1, (2 * pixelsOf(side, size) + cell) / (2 * cell))
}

/// The square in which most changes from candidate `first` to `last`, in pixels; where they are one, all count.
public func motionBox(_ changes: Changes, _ size: Size, side: Double, first: Int, last: Int) -> [Int] {
    let pixels = pixelsOf(side, size)
    let sums = last > first ? summed(changes, first, last) : summed(changes, 0, changes.count)
    let found = bestSquare(sums, rows: changes.rows, columns: changes.columns, side: cellsOf(side, size))
    let cell = cellSize(size.height, size.width)
    let top = min(found.top * cell, size.height - pixels)
    return [top, min(found.left * cell, size.width - pixels), pixels, pixels]
}
