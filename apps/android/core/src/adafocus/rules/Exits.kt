/** Confidence of exits, and thresholds by a budget. */
package adafocus.rules

/** How confidence is measured. */
enum class Criterion { SOFTMAX, LOGIT, ENTROPY }

const val ALWAYS = -1e8
const val NEVER = 1e8
private const val SMALLEST = 2.2250738585072014e-308

/** Probabilities; safe for logits of any size. */
fun softmax(logits: DoubleArray, temperature: Double = 1.0): DoubleArray {
    val highest = logits.max() / temperature
    val powers = DoubleArray(logits.size) { Math.exp(logits[it] / temperature - highest) }
    val sum = powers.sum()
    return DoubleArray(powers.size) { powers[it] / sum }
}

/** Larger is more certain. */
fun confidence(logits: DoubleArray, criterion: Criterion, temperature: Double = 1.0): Double {
    val highest = logits.max()
    return when (criterion) {
        Criterion.LOGIT -> highest
        Criterion.SOFTMAX -> 1 / logits.sumOf { value -> Math.exp((value - highest) / temperature) }
        Criterion.ENTROPY -> softmax(logits, temperature).sumOf { it * Math.log(Math.max(it, SMALLEST)) }
    }
}

/** Whether a clip stops at an exit; without thresholds it never does, nor at the last exit. */
fun stops(found: Double, exit: Int, thresholds: DoubleArray?): Boolean =
    thresholds != null && exit < thresholds.size && found >= thresholds[exit]

/** Thresholds, one for each exit but the last, by a position from 0 (stop at the glance) to 1 (never stop early). */
interface Curve {
    fun thresholds(position: Double): DoubleArray

    /** Take in the confidence of a clip's glance. */
    fun observe(glance: Double)
}

private const val ABOVE = 1e-9
private val REMEMBERED = 50

/** Confidence that every clip reaches, and one that none does. */
private fun bounds(criterion: Criterion, classes: Int, known: List<Double>): Pair<Double, Double> {
    if (criterion == Criterion.SOFTMAX) return Pair(0.0, 1 + ABOVE)
    if (criterion == Criterion.ENTROPY) return Pair(-Math.log(classes.toDouble()) - ABOVE, ABOVE)
    if (known.isEmpty()) return Pair(ALWAYS, NEVER)
    val wide = Math.max(1.0, known.max() - known.min())
    return Pair(known.min() - wide, known.max() + wide)
}

private fun outside(position: Double, count: Int): DoubleArray? = when {
    position <= 0 -> DoubleArray(count) { ALWAYS }
    position >= 1 -> DoubleArray(count) { NEVER }
    else -> null
}

/** A budget of a bundle's table, and its thresholds. */
class BudgetRow(val budget: Double, val thresholds: DoubleArray)

/** The curve of a bundle's table; `low` and `high` are what clips cost. */
class CalibratedCurve(
    rows: List<BudgetRow>,
    low: Double,
    high: Double,
    criterion: Criterion,
    classes: Int,
) : Curve {
    private val count = rows[0].thresholds.size
    private val places: DoubleArray
    private val columns: List<DoubleArray>

    init {
        val span = Math.max(high - low, Math.ulp(1.0))
        val ordered = rows.sortedBy { it.budget }
        // none falls where the position rises
        val rising = ArrayList<DoubleArray>()
        for (row in ordered) {
            val before = rising.lastOrNull() ?: row.thresholds
            rising += DoubleArray(count) { exit -> Math.max(row.thresholds[exit], before[exit]) }
        }
        val known = rising.flatMap { it.toList() }.filter { it > ALWAYS && it < NEVER }
        val (lowest, highest) = bounds(criterion, classes, known)
        places = doubleArrayOf(0.0, *ordered.map { within((it.budget - low) / span, 0.0, 1.0) }.toDoubleArray(), 1.0)
        columns = List(count) { exit ->
            doubleArrayOf(lowest, *rising.map { within(it[exit], lowest, highest) }.toDoubleArray(), highest)
        }
    }

    override fun thresholds(position: Double): DoubleArray =
        outside(position, count) ?: DoubleArray(count) { exit -> between(position, places, columns[exit]) }

    override fun observe(glance: Double) = Unit
}

/** A curve that is learned from the glances of the last clips; the first clip goes all the way. */
class LearnedCurve(private val exits: Int, private val criterion: Criterion, private val classes: Int) : Curve {
    private val latest = ArrayDeque<Double>()

    override fun thresholds(position: Double): DoubleArray {
        outside(if (latest.isEmpty()) Math.ceil(position) else position, exits)?.let { return it }
        val seen = latest.sorted()
        val (lowest, highest) = bounds(criterion, classes, seen)
        val middles = DoubleArray(seen.size) { (it + 0.5) / seen.size }
        val values = doubleArrayOf(lowest, *seen.toDoubleArray(), highest)
        val threshold = between(position, doubleArrayOf(0.0, *middles, 1.0), values)
        return DoubleArray(exits) { threshold }
    }

    override fun observe(glance: Double) {
        latest.addLast(glance)
        if (latest.size > REMEMBERED) latest.removeFirst()
    }
}
