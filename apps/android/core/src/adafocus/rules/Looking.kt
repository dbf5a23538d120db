/** Which frames the focus looks at, and which boxes of them, by the policy network. Boxes are y, x, height, width. */
package adafocus.rules

private const val SMALLEST = 2.2250738585072014e-308

/** Height and width in pixels. */
class Size(val height: Int, val width: Int) {
    val short: Int get() = Math.min(height, width)
}

/** Positions in 0..1 at the middle of each of `count` equal parts of a distribution over time. */
fun quantilePositions(weights: DoubleArray, count: Int): DoubleArray {
    val sums = DoubleArray(weights.size)
    var total = 0.0
    for (place in weights.indices) {
        total += weights[place]
        sums[place] = total
    }
    sums[sums.size - 1] = 1.0
    return DoubleArray(count) { rank ->
        val level = (rank + 0.5) / count
        // the first sum that reaches the level
        val reached = sums.indexOfFirst { sum -> sum >= level }
        val part = if (reached < 0) sums.size - 1 else reached
        val lower = if (part > 0) sums[part - 1] else 0.0
        (part + (level - lower) / Math.max(sums[part] - lower, SMALLEST)) / sums.size
    }
}

/** `count` different candidates at the quantiles of the weights, in order. */
fun selectFrames(weights: DoubleArray, candidates: Int, count: Int): IntArray {
    val chosen = IntArray(count)
    quantilePositions(weights, count).forEachIndexed { rank, position ->
        val index = Math.floor(position * candidates).toInt()
        chosen[rank] = if (rank > 0) Math.max(index, chosen[rank - 1] + 1) else index
    }
    return IntArray(count) { rank -> Math.min(chosen[rank], candidates - count + rank) }
}

/** Boxes of raw policy outputs: positions are in the room that the sides leave. */
fun decodeBoxes(raw: List<DoubleArray>, minSide: Double, maxSide: Double): List<DoubleArray> = raw.map { values ->
    val (top, left, tall, wide) = values
    val height = minSide + (maxSide - minSide) * tall
    val width = minSide + (maxSide - minSide) * wide
    doubleArrayOf(top * (1 - height), left * (1 - width), height, width)
}

/** Whole pixels of places in the room that the sides leave, and sides as fractions of the short side. */
fun boxesInRoom(boxes: List<DoubleArray>, size: Size): List<IntArray> {
    val short = Math.min(size.height, size.width)
    return boxes.map { (y, x, tall, wide) ->
        val height = Math.min(Math.max(1, nearestInt(tall * short)), size.height)
        val width = Math.min(Math.max(1, nearestInt(wide * short)), size.width)
        intArrayOf(nearestInt(y * (size.height - height)), nearestInt(x * (size.width - width)), height, width)
    }
}

/** Move the edges of boxes to the nearest pixel borders; those below `least` are widened and moved into the frame. */
fun wholePixels(boxes: List<DoubleArray>, size: Size, least: Int): List<IntArray> = boxes.map { (y, x, height, width) ->
    var top = nearestInt(y * size.height)
    var left = nearestInt(x * size.width)
    var tall = nearestInt((y + height) * size.height) - top
    var wide = nearestInt((x + width) * size.width) - left
    if (Math.min(tall, wide) < least) {
        tall = Math.max(tall, least)
        wide = Math.max(wide, least)
        top = Math.min(top, size.height - tall)
        left = Math.min(left, size.width - wide)
    }
    intArrayOf(top, left, tall, wide)
}

/** A box in pixels as fractions of a frame; each is a float32 number. */
fun asFractions(box: IntArray, size: Size): DoubleArray =
    DoubleArray(4) { (box[it].toDouble() / (if (it % 2 == 1) size.width else size.height)).toFloat().toDouble() }

/** Other boxes in the stead of the policy's; in float32. */
fun placeBoxes(boxes: List<DoubleArray>, name: String, shape: String, side: Double): List<DoubleArray> =
    boxes.map { box ->
    var (y, x, height, width) = FloatArray(4) { box[it].toFloat() }
    if (shape == "fixed") {
        val given = side.toFloat()
        y = Math.min(Math.max(y + 0.5f * (height - given), 0f), 1 - given)
        x = Math.min(Math.max(x + 0.5f * (width - given), 0f), 1 - given)
        height = given
        width = given
    }
    val placed = when (name) {
        "full" -> floatArrayOf(0f, 0f, 1f, 1f)
        "centre" -> floatArrayOf(0.5f * (1 - height), 0.5f * (1 - width), height, width)
        else -> floatArrayOf(y, x, height, width)
    }
    DoubleArray(4) { placed[it].toDouble() }
}
