/** The operations `clip`, `bundle` and `golden`. */
package adafocus.tests

import adafocus.Clip
import adafocus.ClipRecognizer
import adafocus.GraphFiles
import adafocus.Prediction
import adafocus.bundle.Bundle
import adafocus.bundle.BundleException
import adafocus.bundle.Manifest
import adafocus.bundle.Stage
import adafocus.bundle.manifestOf
import adafocus.rules.Dtype
import adafocus.rules.Values
import java.io.File
import java.nio.ByteBuffer
import java.util.Base64

private fun flat(list: Any?): List<Number> = if (list is List<*>) list.flatMap(::flat) else listOf(list as Number)

/** Graphs that are stood in for: the n-th call of a stage gives the n-th of its answers. */
private fun answering(files: GraphFiles, answers: Given): (Stage, Map<String, Values>) -> Map<String, Values> {
    val left = answers.content.keys.associate { it as String to ArrayDeque(answers.list(it)) }
    return { stage, _ ->
        val answer = Given(left.getValue(stage.key).removeFirst() as Map<*, *>)
        files[stage].outputs.filter { it.name in answer }.associate { spec ->
            val numbers = flat(answer[spec.name])
            val values = Values(Dtype.valueOf(spec.numbers.uppercase()), numbers.size)
            for (place in numbers.indices) values[place] = numbers[place].toFloat()
            spec.name to values
        }
    }
}

fun clipOperation(g: Given): Any? {
    val manifest = manifestOf(g.of("manifest").content)
    val files = GraphFiles(manifest.geometry.stages.associateWith { manifest.stages.getValue(it).getValue("litert") })
    val clip = Clip.of(manifest.geometry, picturesOf(g.of("frames")))
    val thresholds = g.list("thresholds").map { row -> row?.let(::doubles) }
    return toldClip(manifest, files, clip, thresholds) { limits ->
        ClipRecognizer(manifest, files, answering(files, g.of("answers"))).recognize(clip, limits)
    } + mapOf("exit_macs" to manifest.exitMacs(files[Stage.FOCUS]))
}

/** Tell a clip without early stops, and where it stops by each of the thresholds. */
fun toldClip(
    manifest: Manifest,
    files: GraphFiles,
    clip: Clip,
    thresholds: List<DoubleArray?>,
    recognize: (DoubleArray?) -> Prediction,
): Map<String, Any?> {
    val found = recognize(null)
    val tensors = { stage: Stage, values: Map<String, Values>, inputs: Boolean ->
        values.mapValues { (name, one) ->
            val spec = if (inputs) files.input(stage, name) else files.output(stage, name)
            told(one, spec.shape.toList(), asNumbers = true)
        }
    }
    return mapOf(
        "glance_indices" to clip.glanceIndices,
        "candidate_frames" to clip.candidateIndices,
        "glance" to told(clip.glance, manifest.geometry.glanceSize),
        "candidates" to found.chosen,
        "frame_indices" to found.frameIndices,
        "boxes" to found.boxes,
        "boxes_px" to found.boxesPx,
        "patches" to told(found.patches, manifest.geometry.patchSize),
        "calls" to found.calls.map {
            mapOf(
                "stage" to it.stage.key,
                "inputs" to tensors(it.stage, it.inputs, true),
                "outputs" to tensors(it.stage, it.outputs, false),
            )
        },
        "top" to found.top(3).map { listOf(it.label, it.score) },
        "runs" to thresholds.map { toldRun(recognize(it)) },
    )
}

private fun toldRun(run: Prediction): Map<String, Any?> = mapOf(
    "calls" to run.calls.map { it.stage.key },
    "exit_stage" to run.exitStage.key,
    "exit_index" to run.exitIndex,
    "confidences" to run.confidences,
    "frame_indices" to run.frameIndices,
    "label" to run.label,
    "score" to run.score,
    "macs" to run.macs,
)

/** Make the bundles that vectors describe, and open them. */
class Bundles(vectors: List<Vector>, private val place: File) {
    private val others = vectors.associate { it.name to it.given }
    private var number = 0

    private fun decoded(text: Any?): ByteArray = Base64.getDecoder().decode(text as String)

    /** Open a bundle of a vector; a zip twice, from the file and from memory, which must tell the same. */
    fun open(g: Given): Any? {
        if ("zip" in g || "splices" in g) {
            val file = File(place, "bundle.zip")
            val content = zip(g)
            file.writeBytes(content)
            val direct = ByteBuffer.allocateDirect(content.size)
            direct.put(content)
            direct.clear()
            val one = opened { Bundle.open(file) }
            val other = opened { Bundle.open(direct, "bundle.zip") }
            check(one == other) { "from the file $one, from memory $other" }
            return one
        }
        val folder = File(place, (number++).toString())
        folder.mkdirs()
        for ((name, content) in folder(g)) {
            val file = File(folder, name)
            file.parentFile.mkdirs()
            file.writeBytes(content)
        }
        return opened { Bundle.open(folder) }
    }

    private fun zip(g: Given): ByteArray {
        var content = decoded(g["zip"] ?: others.getValue(g.text("of"))["zip"])
        val splices = if ("splices" in g) g.list("splices").map { it as List<*> } else emptyList()
        for (splice in splices.sortedByDescending { it[0] as Long }) {
            val at = (splice[0] as Long).toInt()
            val end = at + (splice[1] as Long).toInt()
            content = content.copyOfRange(0, at) + decoded(splice[2]) + content.copyOfRange(end, content.size)
        }
        return content
    }

    private fun folder(g: Given): Map<String, ByteArray> {
        val source = if ("files" in g) g else others.getValue(g.text("of"))
        val files = LinkedHashMap<String, ByteArray>()
        for ((name, text) in source.of("files").content) files[name as String] = decoded(text)
        var manifest = String(files.getValue("manifest.json"))
        for (pair in if ("replace" in g) g.list("replace") else emptyList<Any>()) {
            val (old, new) = pair as List<*>
            manifest = manifest.replaceFirst(old as String, new as String)
        }
        files["manifest.json"] = (manifest + (g["append"] as String? ?: "")).toByteArray()
        if ("put" in g) for ((name, text) in g.of("put").content) files[name as String] = decoded(text)
        if ("drop" in g) g.list("drop").forEach { files.remove(it) }
        return files
    }

    private fun opened(open: () -> Bundle): Any? = try {
        open().use { bundle ->
            val manifest = bundle.manifest
            mapOf(
                "name" to manifest.name,
                "labels" to manifest.labels,
                "runtimes" to manifest.runtimes,
                "files" to manifest.files.map { it.file },
                "exit_macs" to manifest.exitMacs(bundle.graph(Stage.FOCUS, "litert")).toList(),
                "mean_color" to manifest.geometry.meanColor.toList(),
            )
        }
    } catch (error: BundleException) {
        val sentence = error.message!!
        check('\n' !in sentence && sentence.endsWith(".")) { "no sentence: $sentence" }
        mapOf("refused" to error.refusal.kind)
    }
}
