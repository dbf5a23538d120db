/** The policy of motion: the focus looks where pixels change most. Whole numbers only. */
package adafocus.rules

private const val CELLS = 48
private val STEPS = 16
private val MAX_CHANGE = 160
private val GREEN = 1
private const val FULL_WEIGHT = 1L shl 20
private val WEIGHT_LOST = 1L shl 18

/** What a candidate is compared with: the one before it, or what is usual at a place. */
enum class ChangeFrom { PREVIOUS, MEDIAN }

/** Changes of cells from each candidate to the next: `count` maps of rows x columns. */
class Changes(val count: Int, val rows: Int, val columns: Int, val values: IntArray)

/** A square of cells, and what changes inside it. */
class Square(val top: Int, val left: Int, val score: Long)

/** Side of a cell in pixels. */
fun cellSize(height: Int, width: Int): Int = Math.max(1, Math.min(height, width) / CELLS)

/** Measure how much every cell changes, [from] the candidate before, or what is usual. The frames have one size. */
fun changeMaps(frames: List<Picture>, from: ChangeFrom): Changes {
    val cell = cellSize(frames[0].height, frames[0].width)
    val rows = frames[0].height / cell
    val columns = frames[0].width / cell
    val size = rows * columns
    val count = frames.size - 1
    val levels = frames.map { levelsOf(it, cell, rows, columns) }
    val values = IntArray(count * size)
    if (from == ChangeFrom.MEDIAN) {
        for (place in 0 until size) {
            val found = beyondUsual(IntArray(frames.size) { levels[it][place] })
            for (n in 0 until count) values[n * size + place] = found[n]
        }
    } else {
        for (n in 0 until count) {
            for (place in 0 until size) values[n * size + place] = away(levels[n + 1][place], levels[n][place])
            forgetCut(values, n * size, size)
        }
    }
    return Changes(count, rows, columns, values)
}

/** Where more than half of the cells change most, the whole picture became another, and no cell changes. */
private fun forgetCut(values: IntArray, start: Int, size: Int) {
    val most = (start until start + size).count { values[it] == MAX_CHANGE }
    if (2 * most > size) values.fill(0, start, start + size)
}

private fun away(level: Int, other: Int): Int {
    val change = Math.abs(level - other)
    return Math.min(change, MAX_CHANGE)
}

/** What the levels of a cell are away from the median, of two candidates half the sum, beyond the mean of that. */
private fun beyondUsual(levels: IntArray): IntArray {
    val usual = levels.sortedArray()[levels.size / 2]
    val between = IntArray(levels.size - 1) { (away(levels[it], usual) + away(levels[it + 1], usual)) / 2 }
    val mean = between.sum() / Math.max(1, between.size)
    return IntArray(between.size) { Math.max(0, between[it] - mean) }
}

private fun levelsOf(frame: Picture, cell: Int, rows: Int, columns: Int): IntArray {
    val sums = LongArray(rows * columns)
    for (y in 0 until rows * cell) {
        val row = y / cell * columns
        var place = y * frame.width * CHANNELS + GREEN
        for (x in 0 until columns * cell) {
            sums[row + x / cell] += (frame.data[place].toInt() and 255).toLong()
            place += CHANNELS
        }
    }
    return IntArray(sums.size) { (STEPS * sums[it] / (cell.toLong() * cell)).toInt() }
}

/** Add the maps from `first` to the one before `last`. */
fun summed(changes: Changes, first: Int, last: Int): LongArray {
    val size = changes.rows * changes.columns
    val sums = LongArray(size)
    for (place in first * size until last * size) sums[place % size] += changes.values[place].toLong()
    return sums
}

/** The best square of `side` cells in summed changes. */
fun bestSquare(sums: LongArray, rows: Int, columns: Int, side: Int): Square {
    val tall = Math.min(side, rows)
    val wide = Math.min(side, columns)
    val down = rows - tall
    val across = columns - wide
    val line = columns + 1
    val before = LongArray((rows + 1) * line)
    for (y in 0 until rows) {
        var sum = 0L
        for (x in 0 until columns) {
            sum += sums[y * columns + x]
            before[(y + 1) * line + x + 1] = before[y * line + x + 1] + sum
        }
    }
    var best = Square(0, 0, -1)
    var heaviest = -1L
    for (top in 0..down) for (left in 0..across) {
        val weight = FULL_WEIGHT - lost(top, down) - lost(left, across)
        val end = (top + tall) * line + left
        val inside = before[end + wide] - before[top * line + left + wide] - before[end] + before[top * line + left]
        val score = inside * weight
        if (score > best.score || (score == best.score && weight > heaviest)) {
            best = Square(top, left, score)
            heaviest = weight
        }
    }
    return best
}

private fun lost(place: Int, room: Int): Long {
    val away = 2L * place - room
    val longest = Math.max(1, room).toLong()
    return WEIGHT_LOST * away * away / (longest * longest)
}

/** The run of `count` candidates in which one square changes most; of equal ones the middlemost, then the earlier. */
fun densestRun(changes: Changes, count: Int, side: Int): IntArray {
    val starts = changes.count + 2 - count
    val scores = LongArray(starts) { start ->
        bestSquare(summed(changes, start, start + count - 1), changes.rows, changes.columns, side).score
    }
    val highest = scores.max()
    var best = -1
    for (start in 0 until starts) {
        val nearer = best < 0 || Math.abs(2 * start - (starts - 1)) < Math.abs(2 * best - (starts - 1))
        if (scores[start] == highest && nearer) best = start
    }
    return IntArray(count) { best + it }
}

/** Side of a square in pixels; `side` is a fraction of the short side. */
fun pixelsOf(side: Double, size: Size): Int = Math.max(1, nearestInt(side * size.short))

/** The same side in cells. */
fun cellsOf(side: Double, size: Size): Int {
    val cell = cellSize(size.height, size.width)
    return Math.max(1, (2 * pixelsOf(side, size) + cell) / (2 * cell))
}

/** The square in which most changes from candidate `first` to `last`, in pixels; where they are one, all count. */
fun motionBox(changes: Changes, size: Size, side: Double, first: Int, last: Int): IntArray {
    val pixels = pixelsOf(side, size)
    val sums = if (last > first) summed(changes, first, last) else summed(changes, 0, changes.count)
    val found = bestSquare(sums, changes.rows, changes.columns, cellsOf(side, size))
    val cell = cellSize(size.height, size.width)
    val top = Math.min(found.top * cell, size.height - pixels)
    return intArrayOf(top, Math.min(found.left * cell, size.width - pixels), pixels, pixels)
}
