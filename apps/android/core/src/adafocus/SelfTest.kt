package adafocus

import adafocus.bundle.Bundle
import adafocus.bundle.BundleException
import adafocus.bundle.BoxesIn
import adafocus.bundle.GraphFile
import adafocus.bundle.NumpyArray
import adafocus.bundle.Policy
import adafocus.bundle.Refusal
import adafocus.bundle.Stage
import adafocus.bundle.TensorSpec
import adafocus.bundle.readArrays
import adafocus.rules.CHANNELS
import adafocus.rules.Dtype
import adafocus.rules.Picture
import adafocus.rules.Values
import adafocus.rules.dequantize
import adafocus.rules.hex
import adafocus.rules.nearest
import adafocus.rules.sha256OfLabels
import adafocus.rules.uniformIndices
import java.nio.ByteBuffer
import java.security.MessageDigest

private const val MAX_WAITING_BYTES = 64L shl 20
private const val MAX_OTHER_BYTES = 4096L
private const val BYTES_OF_FRAME = 64L
private const val MAX_RELATIVE = 1e-4
private const val MAX_RELATIVE_OF_ITSELF = 1e-5

/**
 * What a runtime gives for the golden clip.
 *
 * @param tensors how many were compared.
 * @param steps largest difference of an integer tensor, in output steps.
 * @param broken a sentence on each that is not as it must be; empty: all is well.
 */
class SelfTestReport(val prediction: Prediction, val tensors: Int, val steps: Int, val broken: List<String>) {
    val passed: Boolean get() = broken.isEmpty()
}

/** Runs the golden clip of a bundle: a real clip, with what every stage must give for it. */
class SelfTest(private val bundle: Bundle, private val runtime: String) {
    private val manifest = bundle.manifest
    private val geometry = manifest.geometry
    private var furthest = 0

    /** The golden clip. */
    fun clip(): Clip {
        val size = geometry.glanceSize
        val side = geometry.frameSize.toLong()
        val whole = geometry.boxesIn == BoxesIn.FRAME
        val most = if (whole) MAX_WAITING_BYTES else geometry.candidateFrames * side * side * CHANNELS
        val name = "${bundle.shown}/${manifest.golden.frames.file}"
        val arrays = readArrays(
            bundle.bytes(manifest.golden.frames), name, geometry.glanceFrames * 3L * size * size + most
        )
        val glance = pictures(arrays["glance"], geometry.glanceFrames, size, name)
        val candidates = pictures(
            arrays["candidates"], geometry.candidateFrames, if (whole) null else side.toInt(), name
        )
        val count = candidates.size
        return Clip(uniformIndices(count.toLong(), glance.size), IntArray(count) { it }, glance, candidates)
    }

    private fun pictures(array: NumpyArray?, count: Int, side: Int?, name: String): List<Picture> {
        val shape = array?.shape.orEmpty()
        val fits = shape.size == 4 && shape[0] == count && shape[3] == CHANNELS && array?.dtype == "|u1" &&
            shape.min() > 0 && (side == null || shape[1] == side && shape[2] == side)
        if (array == null || !fits) {
            throw BundleException(
                Refusal.GOLDEN, "$name holds frames of the shape $shape, which no clip has. Convert again."
            )
        }
        val bytes = array.bytes.duplicate()
        return List(count) { Picture(shape[1], shape[2]).also { bytes.get(it.data) } }
    }

    private fun answers(): Map<String, NumpyArray> {
        val golden = manifest.golden
        val specs = geometry.stages.flatMap { bundle.graph(it, golden.runtime).outputs }
        val call = specs.fold(0L) { sum, spec -> sum + spec.count * spec.itemBytes }
        val most = (call + BYTES_OF_FRAME) * geometry.focusFrames + MAX_OTHER_BYTES
        return readArrays(bundle.bytes(golden.answers), "${bundle.shown}/${golden.answers.file}", most)
    }

    /**
     * Run it, all the way, and compare.
     *
     * The runtime that made the answers must give them again exactly, others within a step.
     *
     * @param recognize a recognizer of this bundle that never stops early.
     */
    fun run(recognize: (Clip) -> Prediction): SelfTestReport {
        val found = recognize(clip())
        val given = found.outputs()
        val broken = ArrayList<String>()
        var tensors = 0
        furthest = 0
        for ((name, wanted) in answers()) {
            val problem = when (name) {
                "frame_indices" -> unlike(found.chosen.map { it.toLong() } == wholes(wanted), "other frames are chosen")
                "boxes_px" -> {
                    val boxes = found.boxesPx.flatMap { box -> box.map { it.toLong() } }
                    unlike(boxes == wholes(wanted), "other boxes are placed")
                }
                "patches_sha256" -> unlike(digest(found) == hexOf(wanted), "other patches are cut")
                "labels_sha256" -> unlike(sha256OfLabels(manifest.labels) == hexOf(wanted), "the labels are others")
                else -> {
                    tensors++
                    compared(name, wanted, given[name])
                }
            }
            if (problem != null) broken += problem
        }
        val label = manifest.golden.label
        if (label != null && label != found.label) broken += "the best label is '${found.label}', expected '$label'"
        if (tensors == 0) broken += "the bundle has no answers"
        return SelfTestReport(found, tensors, furthest, broken)
    }

    private fun unlike(alike: Boolean, sentence: String): String? = if (alike) null else sentence

    private fun compared(name: String, wanted: NumpyArray, given: Values?): String? {
        val stage = Stage.values().firstOrNull { name.startsWith("${it.key}.") } ?: return "$name is of no stage"
        val ours = specOf(bundle.graph(stage, runtime), name)
        val theirs = specOf(bundle.graph(stage, manifest.golden.runtime), name)
        if (given == null || ours == null || theirs == null) return "$name is missing"
        if (wanted.shape != theirs.shape.toList()) return "$name has another shape"
        val itself = runtime == manifest.golden.runtime
        val form = formOf(theirs)
        val expected = Values(form.dtype, wanted.bytes.duplicate().order(java.nio.ByteOrder.LITTLE_ENDIAN))
        if (expected.size != given.size) return "$name has ${given.size} numbers, expected ${expected.size}"
        val reals = dequantize(given, formOf(ours))
        if (form.dtype == Dtype.FLOAT32) return floats(name, reals, expected, itself)
        var steps = 0.0
        for (place in reals.indices) {
            val code = nearest(reals[place].toDouble() / theirs.scale!!) + theirs.zeroPoint!!
            steps = Math.max(steps, Math.abs(code - expected[place]))
        }
        furthest = Math.max(furthest, steps.toInt())
        return unlike(steps <= (if (itself) 0 else 1), "$name is ${steps.toInt()} output steps away")
    }

    private fun floats(name: String, reals: FloatArray, expected: Values, itself: Boolean): String? {
        var away = 0.0
        var largest = 1e-12
        for (place in reals.indices) {
            away = Math.max(away, Math.abs(reals[place].toDouble() - expected[place]))
            largest = Math.max(largest, Math.abs(expected[place].toDouble()))
        }
        return unlike(
            away / largest <= (if (itself) MAX_RELATIVE_OF_ITSELF else MAX_RELATIVE), "$name is ${away / largest} away"
        )
    }

    private fun specOf(graph: GraphFile, name: String): TensorSpec? =
        graph.outputs.firstOrNull { it.name == name.substringAfterLast(".") }

    private fun wholes(array: NumpyArray): List<Long> {
        val bytes = array.bytes.duplicate().order(java.nio.ByteOrder.LITTLE_ENDIAN)
        return if (array.dtype == "<i8") List(bytes.capacity() / 8) { bytes.getLong(8 * it) } else emptyList()
    }

    private fun hexOf(array: NumpyArray): String = hex(ByteArray(array.bytes.capacity()) { array.bytes.get(it) })

    private fun digest(found: Prediction): String {
        val digest = MessageDigest.getInstance("SHA-256")
        found.patches.forEach { digest.update(ByteBuffer.wrap(it.data)) }
        return hex(digest.digest())
    }
}
