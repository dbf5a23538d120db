/** Which frames of a video are looked at: evenly by number, or by when they are shown. */
package adafocus.rules

private val LONGEST_STEP_S = 10.0
private const val VARIES_FROM_PLACES = 1.0
private val VARIES_FROM_SHARE = 0.025
private const val RATE_WITHIN = 0.05

/** The middle of each of `count` equal segments of a video of `total` frames. */
fun uniformIndices(total: Long, count: Int): IntArray =
    IntArray(count) { place -> ((2L * place + 1) * total / (2L * count)).toInt() }

/**
 * Frames spread evenly over those from `first` to the one before `last`.
 *
 * @param edges when each frame appears in seconds, and when the last one goes; null where the rate is constant.
 */
fun framesAt(first: Int, last: Int, count: Int, edges: DoubleArray?): IntArray {
    if (edges == null) {
        val found = uniformIndices((last - first).toLong(), count)
        return IntArray(count) { first + found[it] }
    }
    val span = edges[last] - edges[first]
    return IntArray(count) { place ->
        val moment = edges[first] + (place + 0.5) / count * span
        (placesBefore(edges, moment, true) - 1).coerceIn(first, last - 1)
    }
}

/** Packets of a video in decoding order; times are in units of `timeBase` seconds. */
class Packets(
    val container: String,
    val timeBase: Double,
    val pts: LongArray,
    val dts: LongArray,
    val durations: LongArray,
)

/** The frames of a video in the order in which they are shown. */
class Timeline(val frameCount: Int, val edges: DoubleArray, val varies: Boolean) {
    /** When frames appear, where the rate is not constant. */
    val varyingEdges: DoubleArray? get() = if (varies) edges else null
}

/** Say when frames are shown, by what their packets say. */
fun timelineOf(packets: Packets): Timeline {
    val count = packets.pts.size
    val jumps = packets.container == "mpegts" || packets.container == "mpeg"
    val moved = shifts(packets.dts, if (jumps) LONGEST_STEP_S / packets.timeBase else Double.POSITIVE_INFINITY)
    val times = DoubleArray(count) { (packets.pts[it] + moved[it]) * packets.timeBase }
    val edges = edgesOf(times, DoubleArray(count) { packets.durations[it] * packets.timeBase }, best(times))
    val end = edges[count]
    val near = Math.max(VARIES_FROM_PLACES, VARIES_FROM_SHARE * count) * end / count
    var off = 0.0
    for (place in edges.indices) off = Math.max(off, Math.abs(edges[place] - end * place / count))
    return Timeline(count, edges, count > 1 && end > 0 && off > near)
}

/** Frames per second: what the header states where the frames bear it out, else what they say. */
fun rateOf(timeline: Timeline, stated: Double): Double {
    val found = timeline.frameCount / timeline.edges[timeline.frameCount]
    return if (Math.abs(stated - found) <= RATE_WITHIN * found) stated else found
}

/** By how much each time is put forward, so that a clock that was set runs on. */
private fun shifts(order: LongArray, longest: Double): LongArray {
    var shift = 0L
    var step = 0L
    return LongArray(order.size) { place ->
        val moment = order[place]
        val before = if (place > 0) order[place - 1] else moment
        if (moment < before || moment - before > longest) shift += before + step - moment
        else if (moment > before) step = moment - before
        shift
    }
}

/** Sort times, begin at 0, and add the end. */
private fun edgesOf(times: DoubleArray, durations: DoubleArray, last: Int): DoubleArray {
    val ordered = times.sortedArray()
    val steps = DoubleArray(ordered.size - 1) { ordered[it + 1] - ordered[it] }
    val typical = if (steps.isEmpty()) 0.0 else median(steps)
    var stay = firstAbove0(typical, durations[last], 1.0)
    if (Math.abs(median(durations) - typical) <= typical / 2) stay = firstAbove0(durations[last], stay)
    return DoubleArray(ordered.size + 1) {
        (if (it < ordered.size) ordered[it] else ordered[ordered.size - 1] + stay) - ordered[0]
    }
}

private fun firstAbove0(vararg values: Double): Double = values.firstOrNull { it != 0.0 } ?: 0.0
