/** Runs bundles here: their golden clips, the vectors of golden clips, and times. */
package adafocus.jvm

import adafocus.Backend
import adafocus.Clip
import adafocus.GraphFiles
import adafocus.Recognizer
import adafocus.RecognizerOptions
import adafocus.SelfTest
import adafocus.bundle.Bundle
import adafocus.bundle.Stage
import adafocus.rules.ALWAYS
import adafocus.rules.Picture
import adafocus.rules.cropPatch
import adafocus.tests.VectorFolder
import adafocus.tests.differences
import adafocus.tests.doubles
import adafocus.tests.picturesOf
import adafocus.tests.toldClip
import java.io.File
import kotlin.system.exitProcess

private const val OUTPUTS = 1e-4
private const val WARM_UP = 200
private const val ROUNDS = 301

/** Check the golden clip of a bundle, and that an exit at the glance calls nothing else. */
private fun golden(bundle: Bundle, backend: Backend): Int {
    val problems = ArrayList<String>()
    Recognizer.createFromOptions(RecognizerOptions(bundle, backend)).use { recognizer ->
        val test = SelfTest(bundle, backend.runtime)
        val report = test.run(recognizer::recognize)
        problems += report.broken
        recognizer.thresholds = DoubleArray(recognizer.exitMacs.size - 1) { ALWAYS }
        val early = recognizer.recognize(test.clip())
        val counts = Stage.values().associateWith { stage -> early.calls.count { it.stage == stage } }
        if (counts[Stage.GLANCE] != 1 || counts[Stage.POLICY] != 0 || counts[Stage.FOCUS] != 0) problems += "calls $counts"
        if (early.macs != recognizer.exitMacs[0]) problems += "${early.macs} multiply-accumulates at the glance"
        println(
            "${bundle.shown} in ${backend.runtime}: ${report.tensors} tensors, at most ${report.steps} steps away, " +
                "${report.prediction.calls.size} calls, ${report.prediction.label}; at the glance policy " +
                "${counts[Stage.POLICY]} and focus ${counts[Stage.FOCUS]} calls, exits cost " +
                "${recognizer.exitMacs.joinToString()}, " + (if (problems.isEmpty()) "passed" else "failed")
        )
    }
    problems.forEach { println("  $it") }
    return problems.size
}

/** Answer the vector of a bundle's golden clip where there is one for its graphs. */
private fun vector(bundle: Bundle, backend: Backend, folder: File): Int {
    val manifest = bundle.manifest
    val files = GraphFiles(manifest.geometry.stages.associateWith { bundle.graph(it, backend.runtime) })
    val digests = manifest.geometry.stages.associate { it.key to files[it].sha256 }
    val vector = VectorFolder(folder).vectorsOf("golden.json").firstOrNull { it.given["graphs_sha256"] == digests } ?: return 0
    val clip = Clip.of(manifest.geometry, picturesOf(vector.given.of("frames")))
    val limits = vector.given.list("thresholds").map { row -> row?.let(::doubles) }
    val found = Recognizer.createFromOptions(RecognizerOptions(bundle, backend)).use { recognizer ->
        toldClip(manifest, files, clip, limits) { thresholds ->
            recognizer.thresholds = thresholds
            recognizer.recognize(clip)
        }
    }
    val broken = differences(vector.expected, found, OUTPUTS)
    println("golden.json, ${vector.name}: ${if (broken.isEmpty()) "1 of 1 vectors pass" else broken.take(5).joinToString("\n  ")}")
    return broken.size
}

/** Milliseconds in which all patches of a clip are cut, the middle one of many. */
private fun crop(side: Int, patch: Int, boxes: List<DoubleArray>): Double {
    var state = 1
    val frame = Picture(side, side)
    for (place in frame.data.indices) {
        state = state * 1103515245 + 12345
        frame.data[place] = (state ushr 16).toByte()
    }
    val fill = intArrayOf(116, 115, 102)
    val times = ArrayList<Double>()
    var sum = 0L
    repeat(WARM_UP + ROUNDS) {
        val began = System.nanoTime()
        for (box in boxes) sum += cropPatch(frame, box, patch, fill).data[0]
        times += (System.nanoTime() - began) / 1e6
    }
    check(sum != Long.MIN_VALUE)
    return times.drop(WARM_UP).sorted()[ROUNDS / 2]
}

fun main(arguments: Array<String>) {
    if (arguments[0] == "crop") {
        val boxes = arguments.drop(3).map { text -> text.split(",").map { it.toDouble() }.toDoubleArray() }
        println(crop(arguments[1].toInt(), arguments[2].toInt(), boxes))
        return
    }
    val backend = if (arguments[0] == "litert") LiteRt(arguments[1]) else ExecuTorch(arguments[1])
    val vectors = File(arguments[2])
    var broken = 0
    for (path in arguments.drop(3)) {
        Bundle.open(File(path)).use { bundle ->
            broken += golden(bundle, backend)
            broken += vector(bundle, backend, vectors)
        }
    }
    if (broken > 0) exitProcess(1)
}
