package adafocus.rules

private const val WINDOW_CLIPS = 50
private val TOLERANCE = 0.05
private const val GAIN = 0.25
private const val LEAST_GAIN = 0.1
private const val MAX_GAIN = 0.4

/** Keeps the mean cost of clips at a budget; costs are in its unit. */
class Controller(
    private val asked: Double,
    private val low: Double,
    private val high: Double,
    private val curve: Curve,
) {
    private var sum = if (high > low) within((asked - low) / (high - low), 0.0, 1.0) else 1.0
    private val recent = ArrayDeque<Double>()
    private var owed = 0.0

    /** From 0, stop at the glance, to 1, never stop early. */
    val position: Double get() = guard() ?: within(sum, 0.0, 1.0)

    /** For the next clip. */
    val thresholds: DoubleArray get() = curve.thresholds(position)

    /** Take in the confidence of a clip's glance, and what the clip cost. */
    fun observe(glance: Double, cost: Double) {
        curve.observe(glance)
        recent.addLast(cost)
        if (recent.size > WINDOW_CLIPS) recent.removeFirst()
        owed = within(owed + cost - asked, -WINDOW_CLIPS * asked, WINDOW_CLIPS * asked)
        val most = TOLERANCE / 2 * asked
        val target = asked - within(owed / WINDOW_CLIPS, -most, most)
        val width = high - low
        val gain = within(GAIN * width / asked, LEAST_GAIN, MAX_GAIN)
        val moved = if (width > 0) gain * (target - cost) / width else 0.0
        sum = within(sum + moved, -gain, 1 + gain)
    }

    /** The end of the curve that keeps the running mean within the tolerance, where the other does not. */
    private fun guard(): Double? {
        val whole = recent.size == WINDOW_CLIPS
        val clips = if (whole) WINDOW_CLIPS else recent.size + 1
        val without = recent.sum() - (if (whole) recent.first() else 0.0)
        val cheap = without + low
        val dear = without + high
        val least = (clips - TOLERANCE * WINDOW_CLIPS) * asked
        val most = (clips + TOLERANCE * WINDOW_CLIPS) * asked
        if (cheap <= most && most < dear) return 0.0
        return if (cheap < least && least <= dear) 1.0 else null
    }
}
