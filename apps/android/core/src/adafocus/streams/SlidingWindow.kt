package adafocus.streams

import adafocus.rules.nearest
import adafocus.rules.placesBefore

private val TOLERANCE = 1e-3
private val UNUSUAL = 3.0
private val SLOTS_MORE = 2

/** What a window holds, and what clips are cut of it. */
class WindowOptions(
    val candidateFrames: Int,
    val glanceFrames: Int,
    val seconds: Double,
    val maxFps: Double? = null,
    val framesPerCandidate: Int = 1,
    val recurring: Boolean = false,
)

/** A kept frame: its moment in seconds, its number in the source, its number among the kept ones, its picture. */
class KeptFrame<T>(val moment: Double, val number: Long, val name: Long, val content: T)

/** The clip of a window's last seconds. */
class WindowClip<T>(
    val candidates: List<KeptFrame<T>>,
    val glance: List<KeptFrame<T>>,
    val start: Double,
    val end: Double,
    val filled: Double,
    val frames: Int,
    val oldest: Long,
)

/**
 * The last seconds of a source. It says which frames to keep, and of which of them a clip is made.
 *
 * It never holds more than [capacity] frames, whatever the timestamps are: equal, backward, or far ahead.
 */
class SlidingWindow<T>(private val options: WindowOptions) {
    private val step = options.seconds / options.candidateFrames

    /** Step of the grid on which frames are kept, in seconds. */
    val period: Double = Math.max(step / options.framesPerCandidate, options.maxFps?.let { 1 / it } ?: 0.0)

    /** Frames that it holds at most. */
    val capacity: Int = Math.ceil(options.seconds / period).toInt() + SLOTS_MORE

    /** Moments of the grid for which no frame came. */
    var missed = 0L
        private set

    /** Pauses after which nobody knows what happened in between; those of a slow source are none. */
    var outages = 0
        private set

    /** Frames kept so far. */
    var kept = 0L
        private set
    private val frames = ArrayDeque<KeptFrame<T>>()
    private var due = Double.NEGATIVE_INFINITY
    private var sparse = false
    private var usual = 0.0
    private var unfilled = 1

    /** The moment of the newest frame; null while there is none. */
    val newest: Double? get() = frames.lastOrNull()?.moment

    /** Whether a frame of this moment would be kept; others need not be converted. */
    fun wants(moment: Double): Boolean = moment >= due - TOLERANCE * period || restarted(moment)

    /** Keep a frame where it is wanted; false where it is not. [content] is asked only for a frame that is kept. */
    fun push(number: Long, moment: Double, content: () -> T): Boolean {
        if (!wants(moment)) return false
        val made = content()
        watch(moment)
        if (restarted(moment)) clear()
        frames.addLast(KeptFrame(moment, number, kept, made))
        if (frames.size > capacity) frames.removeFirst()
        kept++
        if (sparse && UNUSUAL * usual <= options.seconds) sparse = filled(until(moment)) < 1
        val late = moment - due
        due += period
        if (!(due > moment)) {
            missed += if (late.isInfinite()) 0 else (late / period).toLong()
            due = moment + period
        }
        return true
    }

    /** Forget all frames. */
    fun clear() {
        frames.clear()
        due = Double.NEGATIVE_INFINITY
    }

    /** Cut the clip that ends at the newest frame; null while the window is not full, unless [eager]. */
    fun clip(eager: Boolean): WindowClip<T>? {
        val last = frames.lastOrNull() ?: return null
        val held = until(last.moment)
        val filled = filled(held)
        if (filled < 1 && !eager && !sparse) return null
        val times = DoubleArray(held.size) { held[it].moment }
        val end = times[times.size - 1]
        val length = options.seconds * filled
        val count = options.candidateFrames
        val step = length / count
        val candidates = List(count) { held[nearestPlace(times, end - step * (count - 1 - it))] }
        val glance = glanceMoments(end + step / 2, length, options.glanceFrames).map { held[nearestPlace(times, it)] }
        val start = Math.max(end - length, times[0])
        return WindowClip(candidates, glance, start, end, filled, candidates.distinct().size, held[0].name)
    }

    private fun glanceMoments(end: Double, length: Double, count: Int): List<Double> {
        val middles = List(count) { end - length + (it + 0.5) / count * length }
        if (!options.recurring || length < options.seconds) return middles
        val step = options.seconds / count
        val first = nearest(middles[0] / step)
        return List(count) { (first + it) * step }
    }

    private fun restarted(moment: Double): Boolean {
        val last = frames.lastOrNull() ?: return false
        return Math.abs(moment - last.moment) > Math.max(options.seconds, period)
    }

    /** Learn from the time since the last frame how slow the source is. */
    private fun watch(moment: Double) {
        val last = frames.lastOrNull() ?: return
        val gap = moment - last.moment
        val outage = if (sparse) Math.max(options.seconds, UNUSUAL * usual) else options.seconds
        val wasSparse = sparse
        if (gap > 0 && restarted(moment)) {
            unfilled = if (filled(until(last.moment)) >= 1) 0 else unfilled + 1
            sparse = sparse || unfilled >= 2 || gap <= UNUSUAL * usual
        }
        // the pause that shows that a source is slow is none in which it was away
        if (Math.abs(gap) > outage && restarted(moment) && sparse == wasSparse) outages++
        if (gap > 0) usual = Math.max(gap, usual / 2)
    }

    private fun until(moment: Double): List<KeptFrame<T>> = frames.filter { it.moment <= moment + TOLERANCE * period }

    private fun filled(held: List<KeptFrame<T>>): Double {
        if (held.isEmpty()) return 0.0
        val step = Math.max(this.step, period)
        val covered = held.last().moment - held.first().moment + step
        return if (covered + step / 2 >= options.seconds) 1.0 else covered / options.seconds
    }
}

/** The place of the moment that lies nearest to a wanted one; of two that are as near, the earlier. */
private fun nearestPlace(times: DoubleArray, wanted: Double): Int {
    val right = if (times.size > 1) placesBefore(times, wanted, false).coerceIn(1, times.size - 1) else 0
    val left = Math.max(right - 1, 0)
    return if (wanted - times[left] <= times[right] - wanted) left else right
}
