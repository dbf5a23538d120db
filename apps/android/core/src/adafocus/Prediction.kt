package adafocus

import adafocus.bundle.Stage
import adafocus.rules.Picture
import adafocus.rules.Values

/** One call of a stage: its inputs and outputs by tensor name, in the graph's own types. */
class StageCall(val stage: Stage, val inputs: Map<String, Values>, val outputs: Map<String, Values>)

/** A label with its probability. */
class Scored(val label: String, val score: Double)

/**
 * What a clip shows.
 *
 * @param label the best one.
 * @param score its probability.
 * @param probabilities of all labels, in the bundle's order.
 * @param exitStage where the clip stopped.
 * @param exitIndex which exit that was, counted from the glance, which is 0.
 * @param confidences of the exits that were passed.
 * @param logits of the last one.
 * @param chosen which candidates the focus looked at.
 * @param frameIndices the same as numbers of the source's frames.
 * @param boxes y, x, height, width as fractions of the square or of the frame.
 * @param boxesPx the same in pixels.
 * @param patches what the focus saw.
 * @param calls every call of a stage, in order.
 * @param timingMs milliseconds by what they were spent on, and `total` without reading the clip.
 * @param macs multiply-accumulates.
 * @param warnings sentences on what is not as it should be.
 */
class Prediction(
    val label: String,
    val score: Double,
    val labels: List<String>,
    val probabilities: DoubleArray,
    val exitStage: Stage,
    val exitIndex: Int,
    val confidences: List<Double>,
    val logits: FloatArray,
    val chosen: List<Int>,
    val frameIndices: List<Int>,
    val boxes: List<DoubleArray>,
    val boxesPx: List<IntArray>,
    val patches: List<Picture>,
    val calls: List<StageCall>,
    val timingMs: Map<String, Double>,
    val macs: Long,
    val warnings: List<String>,
) {
    /** The best labels, best first. */
    fun top(count: Int): List<Scored> {
        val order = probabilities.indices.sortedByDescending { probabilities[it] }
        return order.take(count).map { Scored(labels[it], probabilities[it]) }
    }

    /** Outputs by `stage.tensor`, or `stage.n.tensor` from the second call of a stage on. */
    fun outputs(): Map<String, Values> {
        val found = LinkedHashMap<String, Values>()
        val counts = HashMap<Stage, Int>()
        for (call in calls) {
            val number = (counts[call.stage] ?: 0) + 1
            counts[call.stage] = number
            val place = if (number == 1) call.stage.key else "${call.stage.key}.$number"
            for ((name, values) in call.outputs) found["$place.$name"] = values
        }
        return found
    }
}
