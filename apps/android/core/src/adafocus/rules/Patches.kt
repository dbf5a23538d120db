/** Patches cut out of frames, and pictures resized, by one rule in whole numbers. */
package adafocus.rules

private val HAIR = 1e-7
private const val ONE = 2048

/** Of a pixel: fractions of a frame are float32 numbers. */
private val WHOLE = 1e-3
private const val OUTSIDE = -1

/** Where pixels read along one axis: the first of two taps, and the weight of the other in 2048ths. */
class Taps(val first: IntArray, val weights: IntArray)

/** The taps of `size` pixels over a box that begins at `start` and is `length` long, in pixels of the frame. */
fun axisTaps(start: Double, length: Double, size: Int): Taps {
    val begin = Math.floor(start)
    val step = 1 / ((1 + HAIR) * size / length)
    val taps = Taps(IntArray(size), IntArray(size))
    for (place in 0 until size) {
        val position = ((place + 0.5) * step - 0.5 + (start - begin)).toFloat().toDouble()
        val floor = Math.floor(position)
        taps.first[place] = (begin + floor).toInt()
        taps.weights[place] = nearestInt(((position - floor).toFloat() * ONE).toDouble())
    }
    return taps
}

/** Where a tap reads; outside of the picture it is the fill. */
private fun reads(tap: Int, length: Int, clamped: Boolean): Int =
    if (clamped) Math.min(Math.max(tap, 0), length - 1) else if (tap in 0 until length) tap else OUTSIDE

/** Mixes pixels by their taps, columns first. */
private class Mixer(val picture: Picture, val columns: Taps, val fill: IntArray, val clamped: Boolean) {
    private val width = columns.first.size
    private val lefts = IntArray(width) { offset(columns.first[it]) }
    private val rights = IntArray(width) { offset(columns.first[it] + 1) }

    private fun offset(tap: Int): Int {
        val column = reads(tap, picture.width, clamped)
        return if (column == OUTSIDE) OUTSIDE else column * CHANNELS
    }

    /** Mix the pixels of one row of the picture into `mixed`, with 4 bits less than 11. */
    private fun line(tap: Int, mixed: IntArray) {
        val row = reads(tap, picture.height, clamped)
        val data = picture.data
        val begin = row * picture.width * CHANNELS
        var place = 0
        for (x in 0 until width) {
            val weight = columns.weights[x]
            val left = if (row == OUTSIDE) OUTSIDE else lefts[x]
            val right = if (row == OUTSIDE) OUTSIDE else rights[x]
            for (c in 0 until CHANNELS) {
                val one = if (left == OUTSIDE) fill[c] else data[begin + left + c].toInt() and 255
                val two = if (right == OUTSIDE) fill[c] else data[begin + right + c].toInt() and 255
                mixed[place++] = (one * (ONE - weight) + two * weight) shr 4
            }
        }
    }

    fun mix(rows: Taps): Picture {
        val found = Picture(rows.first.size, width)
        var above = IntArray(width * CHANNELS)
        var below = IntArray(width * CHANNELS)
        var known = Int.MIN_VALUE
        var place = 0
        for (y in rows.first.indices) {
            val first = rows.first[y]
            if (first != known) {
                val free = above
                above = below
                below = free
                if (known == Int.MIN_VALUE || first != known + 1) line(first, above)
                line(first + 1, below)
                known = first
            }
            val weight = rows.weights[y]
            for (x in above.indices) {
                val value = (((ONE - weight) * above[x]) shr 16) + ((weight * below[x]) shr 16)
                found.data[place++] = ((value + 2) shr 2).toByte()
            }
        }
        return found
    }
}

/**
 * Cut one box out of a frame; what lies outside of the frame is the fill.
 *
 * @param box y, x, height, width as fractions of the frame.
 */
fun cropPatch(frame: Picture, box: DoubleArray, size: Int, fill: IntArray): Picture {
    val place = DoubleArray(4) { box[it] * (if (it % 2 == 1) frame.width else frame.height) }
    val whole = DoubleArray(4) { nearest(place[it]) }
    val isWhole = place.indices.all { Math.abs(place[it] - whole[it]) < WHOLE }
    val (y, x, height, width) = if (isWhole) whole else place
    return Mixer(frame, axisTaps(x, width, size), fill, false).mix(axisTaps(y, height, size))
}

/** Cut one box out of a frame that is kept as it was decoded: averaged where both sides shrink. */
fun cutPatch(frame: Picture, box: DoubleArray, size: Int, fill: IntArray): Picture {
    val place = IntArray(4) { nearestInt(box[it] * (if (it % 2 == 1) frame.width else frame.height)) }
    val (top, left, tall, wide) = place
    if (Math.min(tall, wide) <= size) return cropPatch(frame, box, size, fill)
    return average(frame.part(top, left, tall, wide), size, size)
}

/** Resize bilinearly; taps are clamped to the picture. */
fun resizeBilinear(picture: Picture, height: Int, width: Int): Picture {
    val columns = axisTaps(0.0, picture.width.toDouble(), width)
    return Mixer(picture, columns, intArrayOf(0, 0, 0), true).mix(axisTaps(0.0, picture.height.toDouble(), height))
}
