/** Means of areas in whole numbers: the nearest level, halves upwards. */
package adafocus.rules

/** Which pixels along an axis count for one of the result, and how much. */
private class Counts(val first: Int, val counts: IntArray)

private fun countsOf(given: Int, wanted: Int): List<Counts> = List(wanted) { result ->
    val begin = result.toLong() * given
    val end = begin + given
    val first = (begin / wanted).toInt()
    val counts = ArrayList<Int>()
    var pixel = first
    while (pixel < given && pixel.toLong() * wanted < end) {
        counts += (Math.min((pixel + 1L) * wanted, end) - Math.max(pixel.toLong() * wanted, begin)).toInt()
        pixel++
    }
    Counts(first, counts.toIntArray())
}

/** Shrink a picture by averaging. */
fun average(region: Picture, height: Int, width: Int): Picture {
    val rows = countsOf(region.height, height)
    val columns = countsOf(region.width, width)
    val whole = region.height.toLong() * region.width
    val found = Picture(height, width)
    val line = region.width * CHANNELS
    val sums = LongArray(line)
    var place = 0
    for (row in rows) {
        sums.fill(0)
        for (turn in row.counts.indices) {
            val count = row.counts[turn]
            val begin = (row.first + turn) * line
            for (x in 0 until line) sums[x] += (count * (region.data[begin + x].toInt() and 255)).toLong()
        }
        for (column in columns) {
            for (c in 0 until CHANNELS) {
                var sum = 0L
                for (turn in column.counts.indices) {
                    sum += column.counts[turn] * sums[(column.first + turn) * CHANNELS + c]
                }
                found.data[place++] = ((2 * sum + whole) / (2 * whole)).toByte()
            }
        }
    }
    return found
}
