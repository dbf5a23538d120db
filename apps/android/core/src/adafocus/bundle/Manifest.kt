package adafocus.bundle

import adafocus.rules.BudgetRow
import adafocus.rules.ChangeFrom
import adafocus.rules.Criterion
import adafocus.rules.Dtype
import adafocus.rules.Fit
import adafocus.rules.Form
import adafocus.rules.nearestInt

/** The three networks, in the order in which they run. */
enum class Stage(val key: String, val inputs: List<String>, val outputs: List<String>) {
    GLANCE("glance", listOf("frames"), listOf("features", "glance_logits", "context")),
    POLICY("policy", listOf("features"), listOf("boxes", "frame_weights")),
    FOCUS("focus", listOf("patches", "context"), listOf("logits")),
}

enum class BoxesIn { SQUARE, FRAME }

enum class Policy { NETWORK, MOTION }

enum class Span { WEIGHTS, SPREAD, DENSEST }

/** Frame counts, sizes in pixels, normalization, and what decides where the focus looks. */
class Geometry(
    val variant: String,
    val glanceFrames: Int,
    val candidateFrames: Int,
    val focusFrames: Int,
    val frameSize: Int,
    val shortSide: Int,
    val glanceSize: Int,
    val patchSize: Int,
    val mean: DoubleArray,
    val std: DoubleArray,
    val boxesIn: BoxesIn,
    val glanceFit: Fit,
    val policy: Policy,
    val focusSpan: Span,
    val changeFrom: ChangeFrom,
    val boxMin: Double?,
) {
    /** Stages that a bundle has graphs for. */
    val stages: List<Stage> get() =
        if (policy == Policy.NETWORK) Stage.values().toList() else listOf(Stage.GLANCE, Stage.FOCUS)

    /** Side of the centre square as a fraction of a frame's short side. */
    val share: Double get() = frameSize.toDouble() / shortSide

    /** Stands for what lies outside of a frame: red, green, blue. */
    val meanColor: IntArray get() = IntArray(3) { nearestInt(255 * mean[it]) }
}

/** Name, shape and number type of one input or output. */
class TensorSpec(
    val name: String,
    val shape: IntArray,
    val numbers: String,
    val scale: Double?,
    val zeroPoint: Int?,
) {
    /** How many numbers it has; what is too many for any graph is not counted on. */
    val count: Long get() = shape.fold(1L) { product, side -> if (product > Int.MAX_VALUE) product else product * side }

    /** What the rules need; null for number types that they cannot make. */
    val form: Form? get() =
        Dtype.values().firstOrNull { it.name.lowercase() == numbers }?.let { Form(it, scale, zeroPoint) }

    /** Bytes of one number. */
    val itemBytes: Int get() = if (numbers.endsWith("32")) 4 else if (numbers.endsWith("16")) 2 else 1
}

/** A file, or a folder that is one model, with digest and size. */
open class FileRecord(val file: String, val sha256: String, val bytes: Long)

/** One converted stage; [inputs] and [outputs] stand in the graph's own order. */
class GraphFile(
    file: String,
    sha256: String,
    bytes: Long,
    val precision: String,
    val inputs: List<TensorSpec>,
    val outputs: List<TensorSpec>,
    val macs: Long,
) : FileRecord(file, sha256, bytes)

/** A budget that exits were calibrated for. */
class ExitBudget(val unit: String, val row: BudgetRow)

/** When a clip leaves early. */
class Exits(val criterion: Criterion, val temperature: Double, val budgets: List<ExitBudget>)

/** One real clip as decoded frames, and what every stage must give for it in [runtime]. */
class Golden(val runtime: String, val frames: FileRecord, val answers: FileRecord, val label: String?)

/** Everything a device needs to know about a bundle. */
class Manifest(
    val name: String,
    val geometry: Geometry,
    val labels: List<String>,
    val stages: Map<Stage, Map<String, GraphFile>>,
    val parts: Map<String, Map<String, GraphFile>>,
    val exits: Exits,
    val golden: Golden,
) {
    /** Every file that the manifest names. */
    val files: List<FileRecord>
        get() = (stages.values + parts.values).flatMap { it.values } + listOf(golden.frames, golden.answers)

    /** The runtimes for which all stages are present. */
    val runtimes: List<String>
        get() = stages[Stage.GLANCE].orEmpty().keys.filter { name ->
            geometry.stages.all { stages[it].orEmpty().containsKey(name) }
        }

    private fun macs(stage: Stage): Long = stages[stage]?.values?.firstOrNull()?.macs ?: 0

    /** Multiply-accumulates of a clip that stops at each exit; one inside a call of the focus costs the whole call. */
    fun exitMacs(focus: GraphFile): LongArray {
        val atOnce = focus.inputs.first { it.name == "patches" }.shape[0]
        val exits = (focus.outputs.first { it.name == "logits" }.count / labels.size).toInt()
        val before = macs(Stage.GLANCE) + macs(Stage.POLICY)
        val found = arrayListOf(macs(Stage.GLANCE))
        for (call in 1..(geometry.focusFrames + atOnce - 1) / atOnce) {
            for (exit in 0 until exits) found += before + call * macs(Stage.FOCUS)
        }
        return found.toLongArray()
    }
}
