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
import adafocus.rules.sha256
import adafocus.tests.VectorFolder
import adafocus.tests.differences
import adafocus.tests.doubles
import adafocus.tests.picturesOf
import adafocus.tests.toldClip
import adafocus.video.Matrix
import adafocus.video.Plane
import adafocus.video.YuvConverter
import adafocus.video.YuvFrame
import java.io.File
import java.nio.ByteBuffer
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
        if (counts.values.sum() != 1 || counts[Stage.GLANCE] != 1) problems += "calls $counts"
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
    val vector =
        VectorFolder(folder).vectorsOf("golden.json").firstOrNull { it.given["graphs_sha256"] == digests } ?: return 0
    val clip = Clip.of(manifest.geometry, picturesOf(vector.given.of("frames")))
    val limits = vector.given.list("thresholds").map { row -> row?.let(::doubles) }
    val found = Recognizer.createFromOptions(RecognizerOptions(bundle, backend)).use { recognizer ->
        toldClip(manifest, files, clip, limits) { thresholds ->
            recognizer.thresholds = thresholds
            recognizer.recognize(clip)
        }
    }
    val broken = differences(vector.expected, found, OUTPUTS)
    println(
        "golden.json, ${vector.name}: " +
            "${if (broken.isEmpty()) "1 of 1 vectors pass" else broken.take(5).joinToString("\n  ")}"
    )
    return broken.size
}

/** Milliseconds in which all patches are cut out of a frame: the least and the middle one of many, and their digest. */
private fun crop(side: Int, patch: Int, boxes: List<DoubleArray>): String {
    val frame = Picture(side, side)
    for (place in frame.data.indices) frame.data[place] = (place * 7 + (place shr 9) * 13).toByte()
    val fill = intArrayOf(116, 116, 116)
    val times = ArrayList<Double>()
    var patches = emptyList<Picture>()
    repeat(WARM_UP + ROUNDS) {
        val began = System.nanoTime()
        patches = boxes.map { cropPatch(frame, it, patch, fill) }
        times += (System.nanoTime() - began) / 1e6
    }
    val sorted = times.drop(WARM_UP).sorted()
    val all = ByteBuffer.allocate(patches.sumOf { it.data.size })
    patches.forEach { all.put(it.data) }
    all.clear()
    return "${sorted[0]} ${sorted[ROUNDS / 2]} ${sha256(all)}"
}

/** Turn a 4:2:0 frame of a file, whose planes lie one behind the other, into red, green and blue in another file. */
private fun colors(words: List<String>) {
    val (from, to, colors, range) = words
    val (width, height, degrees) = words.drop(4).map { it.toInt() }
    val bytes = ByteBuffer.wrap(File(from).readBytes())
    val columns = (width + 1) / 2
    val chroma = columns * ((height + 1) / 2)
    val planes = listOf(
        Plane(bytes, 0, width, 1), Plane(bytes, width * height, columns, 1), Plane(
            bytes, width * height + chroma, columns, 1
        ),
    )
    val converter = YuvConverter(Matrix.valueOf(colors), range == "full")
    File(to).writeBytes(converter.convert(YuvFrame(width, height, planes[0], planes[1], planes[2]), degrees).data)
}

fun main(arguments: Array<String>) {
    if (arguments[0] == "colors") return colors(arguments.drop(1))
    if (arguments[0] == "crop") {
        val boxes = arguments.drop(3).map { text -> text.split(",").map { it.toDouble() }.toDoubleArray() }
        println(crop(arguments[1].toInt(), arguments[2].toInt(), boxes))
        return
    }
    val backend = if (arguments[0] == "litert") LiteRt(arguments[1]) else ExecuTorch(arguments[1])
    val vectors = File(arguments[2])
    var broken = 0
    for ((place, path) in arguments.drop(3).withIndex()) {
        Bundle.open(File(path)).use { bundle ->
            broken += golden(bundle, backend)
            broken += vector(bundle, backend, vectors)
            if (place == 0) broken += disturbed(bundle, backend)
        }
    }
    if (broken > 0) exitProcess(1)
}
