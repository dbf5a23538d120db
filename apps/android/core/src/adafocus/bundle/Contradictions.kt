/** Parts of a manifest that cannot both be true. */
package adafocus.bundle

import adafocus.rules.ChangeFrom
import adafocus.rules.Fit

private const val MAX_BUNDLE_BYTES = (4L shl 30) - 1
private const val MAX_TENSOR_NUMBERS = 1L shl 27
private const val MAX_CLIP_BYTES = 512L shl 20
private const val MAX_WAITING_BYTES = 64L shl 20
private val RANGES = mapOf("int8" to -128L..127L, "uint8" to 0L..255L, "int32" to -(1L shl 31)..(1L shl 31) - 1)
private val PARTS = mapOf(
    "encode" to Pair(listOf("frames"), listOf("features")),
    "join" to Pair(listOf("features"), listOf("glance_logits", "context")),
)

/** The first sentence on parts of a manifest that contradict each other, or null. */
fun firstContradiction(manifest: Manifest): String? = contradictions(manifest).firstOrNull()

/** Sentences; what follows one of them relies on what it denies, so only the first counts. */
private fun contradictions(manifest: Manifest): Sequence<String> = sequence {
    yieldAll(ofGeometry(manifest.geometry))
    val labels = HashSet<String>()
    manifest.labels.firstOrNull { !labels.add(it) }?.let { yield("the label '$it' stands there twice.") }
    val wanted = manifest.geometry.stages
    val shown = wanted.joinToString { it.key }
    val missing = wanted.filter { manifest.stages[it].isNullOrEmpty() }
    if (missing.isNotEmpty()) yield("it has no graph for ${missing.joinToString { it.key }}, expected $shown.")
    for (stage in manifest.stages.keys) {
        if (stage !in wanted) yield("it has a ${stage.key} graph, but its policy is motion, which has none.")
    }
    if (manifest.runtimes.isEmpty()) yield("no runtime has a graph for every stage.")
    val total = manifest.files.fold(0L) { sum, record -> Math.min(sum + record.bytes, 1L shl 60) }
    if (total > MAX_BUNDLE_BYTES) yield("its files have $total bytes, expected at most $MAX_BUNDLE_BYTES.")
    for ((stage, graphs) in manifest.stages) for ((runtime, graph) in graphs) {
        val outputs = stage.outputs.filter { it != "features" || Stage.POLICY in wanted }
        yieldAll(ofGraph("the ${stage.key} graph for $runtime", stage.inputs, outputs, graph))
        yieldAll(ofShapes(manifest, stage, graph))
    }
    for (runtime in manifest.runtimes) yieldAll(
        ofHanding(runtime, wanted.associateWith { manifest.stages[it]!![runtime]!! })
    )
    yieldAll(ofParts(manifest))
    yieldAll(ofBudgets(manifest))
}

private fun ofGeometry(geometry: Geometry): Sequence<String> = sequence {
    val square = geometry.boxesIn == BoxesIn.SQUARE
    if (geometry.focusFrames > geometry.candidateFrames) {
        yield("focus_frames is ${geometry.focusFrames}, expected at most ${geometry.candidateFrames} candidate frames.")
    }
    if (geometry.frameSize > geometry.shortSide) {
        yield("frame_size is ${geometry.frameSize}, expected at most short_side, which is ${geometry.shortSide}.")
    }
    if (square && geometry.glanceFit != Fit.SQUARE) yield("glance_fit is another than 'square' with boxes_in 'square'.")
    if (square && geometry.policy == Policy.MOTION) yield("policy is 'motion' with boxes_in 'square'.")
    if (square && geometry.focusSpan == Span.DENSEST) yield("focus_span is 'densest' with boxes_in 'square'.")
    if (square && geometry.changeFrom == ChangeFrom.MEDIAN) yield("change_from is 'median' with boxes_in 'square'.")
    if (geometry.policy == Policy.MOTION && geometry.focusSpan == Span.WEIGHTS) {
        yield("focus_span is 'weights' with policy 'motion', which gives no weights.")
    }
    if (geometry.policy == Policy.MOTION && geometry.boxMin == null) yield("box_min is missing with policy 'motion'.")
    val side = geometry.frameSize.toLong()
    val kept = if (square) 3 * geometry.candidateFrames * side * side else MAX_WAITING_BYTES
    val needed = 3L * geometry.glanceFrames * geometry.glanceSize * geometry.glanceSize + kept
    if (needed > MAX_CLIP_BYTES) yield("one clip would take $needed bytes, expected at most $MAX_CLIP_BYTES.")
}

private fun ofGraph(name: String, inputs: List<String>, outputs: List<String>, graph: GraphFile) = sequence {
    val found = graph.inputs.map { it.name }
    if (found.sorted() != inputs.sorted()) yield(
        "$name has the inputs ${found.joinToString().take(100)}, expected ${inputs.joinToString()}."
    )
    val names = graph.outputs.map { it.name }
    if (names.toSet().size != names.size) yield("$name names an output twice.")
    for (unnamed in outputs.sorted()) if (unnamed !in names) yield("$name has no tensor '$unnamed'.")
    for (spec in graph.inputs + graph.outputs) {
        if (spec.count > MAX_TENSOR_NUMBERS) yield("${spec.name} of $name has more than $MAX_TENSOR_NUMBERS numbers.")
        if (!hasItsScale(spec)) {
            yield(
                "${spec.name} of $name is ${spec.numbers} with the scale ${spec.scale} and the zero point " +
                    "${spec.zeroPoint}; integers have both, within their range, and floats have none."
            )
        }
    }
}

/** Whether a tensor has scale and zero point where it is of integers; int32 may have none. */
private fun hasItsScale(spec: TensorSpec): Boolean {
    val range = RANGES[spec.numbers]
    if (spec.scale == null && spec.zeroPoint == null) return range == null || spec.numbers == "int32"
    if (spec.scale == null || spec.zeroPoint == null || range == null) return false
    return spec.scale > 0 && spec.zeroPoint in range
}

private fun shapeOf(specs: List<TensorSpec>, name: String): List<Int>? =
    specs.firstOrNull { it.name == name }?.shape?.toList()

private fun ofShapes(manifest: Manifest, stage: Stage, graph: GraphFile): Sequence<String> = sequence {
    val geometry = manifest.geometry
    val classes = manifest.labels.size
    when (stage) {
        Stage.GLANCE -> {
            val frames = shapeOf(graph.inputs, "frames")
            val logits = shapeOf(graph.outputs, "glance_logits")
            val wanted = listOf(geometry.glanceFrames, 3, geometry.glanceSize, geometry.glanceSize)
            if (frames != wanted) yield(
                "frames of the glance graph have the shape $frames, but the geometry says $wanted."
            )
            if (logits != listOf(1, classes)) yield(
                "there are $classes labels, but glance_logits has the shape $logits."
            )
        }
        Stage.POLICY -> {
            val boxes = shapeOf(graph.outputs, "boxes")
            val weights = shapeOf(graph.outputs, "frame_weights")
            if (boxes != listOf(1, 4) && boxes != listOf(geometry.candidateFrames, 4)) yield(
                "boxes have the shape $boxes."
            )
            if (weights != listOf(geometry.glanceFrames)) yield("frame_weights have the shape $weights.")
        }
        Stage.FOCUS -> {
            val patches = shapeOf(graph.inputs, "patches")
            val logits = shapeOf(graph.outputs, "logits")
            val size = geometry.patchSize
            if (patches == null || patches.drop(1) != listOf(3, size, size)) {
                yield("patches of the focus graph have the shape $patches, but patch_size says $size each.")
            } else if (geometry.focusFrames % patches[0] != 0) {
                yield("the focus takes ${patches[0]} patches at once, expected a divisor of ${geometry.focusFrames}.")
            } else if (geometry.focusFrames > patches[0] && shapeOf(graph.outputs, "context") == null) {
                yield("the focus is called ${geometry.focusFrames / patches[0]} times but hands on no context.")
            }
            if (logits?.lastOrNull() != classes) yield("there are $classes labels, but logits has the shape $logits.")
        }
    }
}

/** What one stage hands to the next has the shape that the next one takes. */
private fun ofHanding(runtime: String, graphs: Map<Stage, GraphFile>): Sequence<String> = sequence {
    val handed = listOf(
        Triple("features", Stage.GLANCE, Stage.POLICY),
        Triple("context", Stage.GLANCE, Stage.FOCUS),
        Triple("context", Stage.FOCUS, Stage.FOCUS),
    )
    for ((name, source, taker) in handed) {
        val found = shapeOf(graphs[source]!!.outputs, name)
        val wanted = shapeOf((graphs[taker] ?: continue).inputs, name)
        if (found != null && found != wanted) yield(
            "$name for $runtime is handed on with the shape $found, but taken with $wanted."
        )
    }
}

/** The parts of the glance: for one runtime both, and together what the glance graph is. */
private fun ofParts(manifest: Manifest): Sequence<String> = sequence {
    if (manifest.parts.isEmpty()) return@sequence
    if (manifest.geometry.variant != "long") yield("it has an incremental glance, but only the long variant may.")
    for ((part, names) in PARTS) {
        val graphs = manifest.parts[part].orEmpty()
        if (graphs.isEmpty()) yield("its incremental glance has no graph for $part.")
        if (graphs.keys != manifest.parts["join"].orEmpty().keys) yield(
            "its incremental glance has only one of its parts."
        )
        for ((runtime, graph) in graphs) {
            val name = "the $part graph for $runtime"
            if (runtime !in manifest.runtimes) yield("it has $name, but not a graph for every stage.")
            yieldAll(ofGraph(name, names.first, names.second, graph))
            val glance = manifest.stages[Stage.GLANCE]!![runtime]!!
            val ours = (glance.inputs + glance.outputs).associateBy { it.name }
            for (spec in graph.inputs + graph.outputs) {
                val wanted = ours[spec.name]
                val shape = wanted?.shape?.toList()?.let { if (part == "encode") listOf(1) + it.drop(1) else it }
                val alike = wanted != null && spec.numbers == wanted.numbers && spec.scale == wanted.scale &&
                    spec.zeroPoint == wanted.zeroPoint && spec.shape.toList() == shape
                if (!alike) yield("${spec.name} of $name is not as the glance graph needs it.")
            }
        }
    }
}

/** Each budget stands there once, can be met, and has a threshold per exit but the last. */
private fun ofBudgets(manifest: Manifest): Sequence<String> = sequence {
    val seen = HashSet<Pair<String, Double>>()
    for (budget in manifest.exits.budgets) {
        val name = "the budget of ${budget.row.budget} ${budget.unit}"
        if (budget.row.budget <= 0) yield("$name is not above 0.")
        if (!seen.add(Pair(budget.unit, budget.row.budget))) yield("$name stands there twice.")
        for ((runtime, focus) in manifest.stages[Stage.FOCUS].orEmpty()) {
            val macs = manifest.exitMacs(focus)
            val count = budget.row.thresholds.size
            if (count != macs.size - 1) yield("$name has $count thresholds, expected ${macs.size - 1} for $runtime.")
            val outside = budget.row.budget < macs.first() / 1e9 || budget.row.budget > macs.last() / 1e9
            if (budget.unit == "GMAC" && outside) yield("$name cannot be met by any clip.")
        }
    }
}
