package adafocus

import adafocus.bundle.BoxesIn
import adafocus.bundle.BundleException
import adafocus.bundle.Manifest
import adafocus.bundle.Policy
import adafocus.bundle.Refusal
import adafocus.bundle.Span
import adafocus.bundle.Stage
import adafocus.rules.Picture
import adafocus.rules.Size
import adafocus.rules.Values
import adafocus.rules.applyTable
import adafocus.rules.asFractions
import adafocus.rules.best
import adafocus.rules.boxesInRoom
import adafocus.rules.cellsOf
import adafocus.rules.changeMaps
import adafocus.rules.confidence
import adafocus.rules.cropPatch
import adafocus.rules.cutPatch
import adafocus.rules.densestRun
import adafocus.rules.dequantize
import adafocus.rules.motionBox
import adafocus.rules.pixelTable
import adafocus.rules.selectFrames
import adafocus.rules.softmax
import adafocus.rules.stops
import adafocus.rules.uniformIndices
import adafocus.rules.wholePixels

/** Runs one stage; the values are in the graph's own types. */
typealias RunStage = (Stage, Map<String, Values>) -> Map<String, Values>

/** One clip from its frames to a prediction: glance, maybe stop, decide, cut, focus. */
class ClipRecognizer(private val manifest: Manifest, private val files: GraphFiles, private val run: RunStage) {
    private val geometry = manifest.geometry
    private val glancePixels = tableOf(Stage.GLANCE, "frames")
    private val focusPixels = tableOf(Stage.FOCUS, "patches")
    private val atOnce = files.input(Stage.FOCUS, "patches").shape[0]

    /** Multiply-accumulates of a clip that stops at each exit. */
    val exitMacs: LongArray = manifest.exitMacs(files[Stage.FOCUS])

    private fun tableOf(stage: Stage, name: String): Values =
        pixelTable(geometry.mean, geometry.std, formOf(files.input(stage, name)))

    /** Recognize a clip; it stops at the first exit whose confidence reaches its threshold. Null: never early. */
    fun recognize(clip: Clip, thresholds: DoubleArray?): Prediction {
        check(clip)
        return Trace(clip, thresholds).go()
    }

    private fun check(clip: Clip) {
        val glance = clip.glance.size == geometry.glanceFrames &&
            clip.glance.all { it.height == geometry.glanceSize && it.width == geometry.glanceSize }
        if (!glance) {
            throw AdafocusException(
                "The clip has ${clip.glance.size} glance frames, expected ${geometry.glanceFrames} of " +
                    "${geometry.glanceSize} x ${geometry.glanceSize} px. Make it with Clip.of or readClip."
            )
        }
        val side = geometry.frameSize
        val first = clip.candidates.firstOrNull()
        val alike = clip.candidates.all { it.height == first?.height && it.width == first.width }
        val square = first?.height == side && first.width == side || geometry.boxesIn == BoxesIn.FRAME
        if (clip.candidates.size != geometry.candidateFrames || !alike || !square) {
            throw AdafocusException(
                "The clip has ${clip.candidates.size} candidates, expected ${geometry.candidateFrames} of one size. " +
                    "Make it with Clip.of or readClip."
            )
        }
    }

    /** Which candidates the focus looks at, and the box of each, in pixels. */
    private class Look(val chosen: IntArray, val boxes: List<IntArray>)

    /** What is known of a clip so far. */
    private inner class Trace(val clip: Clip, val thresholds: DoubleArray?) {
        val calls = ArrayList<StageCall>()
        val confidences = ArrayList<Double>()
        val chosen = ArrayList<Int>()
        val boxes = ArrayList<IntArray>()
        val patches = ArrayList<Picture>()
        val timing = LinkedHashMap(clip.timingMs)
        val began = System.nanoTime()
        val size = Size(clip.candidates[0].height, clip.candidates[0].width)
        var logits = FloatArray(0)

        fun <T> timed(name: String, work: () -> T): T {
            val start = System.nanoTime()
            val found = work()
            timing[name] = (timing[name] ?: 0.0) + (System.nanoTime() - start) / 1e6
            return found
        }

        fun call(stage: Stage, inputs: Map<String, Values>): StageCall {
            val outputs = timed(stage.key) { run(stage, inputs) }
            return StageCall(stage, inputs, outputs).also { calls += it }
        }

        /** Note an exit; says whether the clip stops there. */
        fun passes(stage: Stage, name: String, values: Values): Boolean {
            logits = dequantize(values, formOf(files.output(stage, name)))
            val found = confidence(reals(logits), manifest.exits.criterion, manifest.exits.temperature)
            confidences += found
            return stops(found, confidences.size - 1, thresholds)
        }

        fun go(): Prediction {
            val frames = timed("pixels") { applyTable(glancePixels, clip.glance) }
            val glance = call(Stage.GLANCE, mapOf("frames" to frames))
            if (passes(Stage.GLANCE, "glance_logits", glance.outputs.getValue("glance_logits"))) return prediction()
            val advice = if (Stage.POLICY in files) advise(glance) else null
            val look = timed("select") { look(advice) }
            var source = glance
            for (start in look.chosen.indices step atOnce) {
                source = focus(source, look, start)
                val rows = source.outputs.getValue("logits")
                for (row in 0 until rows.size step manifest.labels.size) {
                    if (passes(Stage.FOCUS, "logits", rows.part(row, manifest.labels.size))) return prediction()
                }
            }
            return prediction()
        }

        fun advise(glance: StageCall): StageCall =
            call(Stage.POLICY, mapOf("features" to files.handed(glance, "features", Stage.POLICY)))

        fun focus(source: StageCall, look: Look, start: Int): StageCall {
            val cut = timed("crop") {
                List(atOnce) { turn -> cut(clip.candidates[look.chosen[start + turn]], look.boxes[start + turn]) }
            }
            for (turn in start until start + atOnce) {
                chosen += look.chosen[turn]
                boxes += look.boxes[turn]
            }
            patches += cut
            val pixels = timed("pixels") { applyTable(focusPixels, cut) }
            val context = files.handed(source, "context", Stage.FOCUS)
            return call(Stage.FOCUS, mapOf("patches" to pixels, "context" to context))
        }

        fun cut(frame: Picture, box: IntArray): Picture {
            val share = asFractions(box, size)
            return if (geometry.boxesIn == BoxesIn.FRAME) cutPatch(frame, share, geometry.patchSize, geometry.meanColor)
            else cropPatch(frame, share, geometry.patchSize, geometry.meanColor)
        }

        /** Choose candidates, and place a box on each. */
        fun look(advice: StageCall?): Look {
            val total = geometry.candidateFrames
            val count = geometry.focusFrames
            if (advice == null) {
                val changes = changeMaps(clip.candidates, geometry.changeFrom)
                val side = geometry.boxMin!!
                val chosen = if (geometry.focusSpan == Span.DENSEST) densestRun(changes, count, cellsOf(side, size))
                else uniformIndices(total.toLong(), count)
                val box = motionBox(changes, size, side, chosen[0], chosen[count - 1])
                return Look(chosen, chosen.map { box })
            }
            val chosen = when (geometry.focusSpan) {
                Span.WEIGHTS -> selectFrames(finite(advice, "frame_weights"), total, count)
                Span.SPREAD -> uniformIndices(total.toLong(), count)
                Span.DENSEST -> {
                    val changes = changeMaps(clip.candidates, geometry.changeFrom)
                    densestRun(changes, count, cellsOf(defaultSide(), size))
                }
            }
            val raw = finite(advice, "boxes")
            val given = List(raw.size / 4) { raw.copyOfRange(4 * it, 4 * it + 4) }
            val placed =
                if (geometry.boxesIn == BoxesIn.FRAME) boxesInRoom(given, size) else wholePixels(given, size, 0)
            return Look(chosen, chosen.map { place -> placed[if (placed.size == 1) 0 else place] })
        }

        fun defaultSide(): Double =
            geometry.boxMin ?: Math.min(1.0, geometry.patchSize.toDouble() / geometry.frameSize)

        /** An output of the policy, which must be numbers to name places in time and space. */
        fun finite(advice: StageCall, name: String): DoubleArray {
            val values = reals(dequantize(advice.outputs.getValue(name), formOf(files.output(Stage.POLICY, name))))
            if (values.any { it.isNaN() || it.isInfinite() }) {
                throw BundleException(
                    Refusal.RUNTIME, "The policy gives NaN or infinity as $name. Convert the model again."
                )
            }
            return values
        }

        fun prediction(): Prediction {
            val probabilities = softmax(reals(logits))
            val winner = best(probabilities)
            if (probabilities[winner].isNaN()) {
                throw BundleException(Refusal.RUNTIME, "The prediction has the score NaN. Convert the model again.")
            }
            timing["total"] = (System.nanoTime() - began) / 1e6
            return Prediction(
                label = manifest.labels[winner],
                score = probabilities[winner],
                labels = manifest.labels,
                probabilities = probabilities,
                exitStage = calls.last().stage,
                exitIndex = confidences.size - 1,
                confidences = confidences,
                logits = logits,
                chosen = chosen,
                frameIndices = chosen.map { clip.candidateIndices[it] },
                boxes = boxes.map { asFractions(it, size) },
                boxesPx = boxes,
                patches = patches,
                calls = calls,
                timingMs = timing,
                macs = exitMacs[confidences.size - 1],
                warnings = clip.warnings,
            )
        }
    }
}

private fun reals(values: FloatArray): DoubleArray = DoubleArray(values.size) { values[it].toDouble() }
