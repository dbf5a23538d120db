package adafocus.streams

import adafocus.rules.best

private const val HAIR_S = 1e-9

/**
 * How predictions are smoothed.
 *
 * @param timeConstant of the mean of predictions in seconds; 0: every one counts alone.
 * @param enter mean score from which a label is shown.
 * @param leave mean score below which it is dropped.
 * @param windows predictions in a row that it must lead before it is shown.
 * @param seconds that it must lead before it is shown.
 */
class SmoothingOptions(
    val timeConstant: Double = 2.0,
    val enter: Double = 0.3,
    val leave: Double = 0.15,
    val windows: Int = 2,
    val seconds: Double = 0.0,
)

/** The label that is shown, null while none is; the best one, and the score of the one or the other. */
class Smoothed(val label: Int?, val best: Int, val score: Double, val switched: Boolean)

/** A mean of predictions over time, and a label that must persist before it is shown. */
class Smoother(private val options: SmoothingOptions) {
    private var mean: DoubleArray? = null
    private var at = Double.NEGATIVE_INFINITY
    private var label: Int? = null
    private var candidate: Int? = null
    private var since = 0.0
    private var times = 0

    /** Take in the probabilities of a moment in seconds. */
    fun update(probabilities: DoubleArray, moment: Double): Smoothed {
        val old = mean
        val found = if (old == null || options.timeConstant <= 0) probabilities.copyOf() else {
            val share = -Math.expm1(-Math.max(0.0, moment - at) / options.timeConstant)
            DoubleArray(old.size) { old[it] + share * (probabilities[it] - old[it]) }
        }
        mean = found
        at = Math.max(at, moment)
        val before = label
        val best = best(found)
        follow(best, found[best])
        val shown = label
        if (candidate != null && times >= options.windows && at - since >= options.seconds - HAIR_S) {
            label = candidate
            candidate = null
        } else if (shown != null && found[shown] < options.leave) {
            label = null
        }
        return Smoothed(label, best, found[label ?: best], label != before)
    }

    private fun follow(best: Int, score: Double) {
        if (best == label || score < options.enter) candidate = null
        else if (best != candidate) {
            candidate = best
            since = at
            times = 1
        } else times++
    }

    /** Forget all, as after an outage; returns the label that was shown. */
    fun reset(): Int? {
        val before = label
        label = null
        mean = null
        candidate = null
        return before
    }
}
