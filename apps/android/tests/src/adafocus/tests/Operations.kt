/** What each operation of the vectors calls. */
package adafocus.tests

import adafocus.bundle.Stage
import adafocus.rules.BudgetRow
import adafocus.rules.CalibratedCurve
import adafocus.rules.Changes
import adafocus.rules.Controller
import adafocus.rules.ChangeFrom
import adafocus.rules.Criterion
import adafocus.rules.Curve
import adafocus.rules.Dtype
import adafocus.rules.Fit
import adafocus.rules.Form
import adafocus.rules.LearnedCurve
import adafocus.rules.Packets
import adafocus.rules.Picture
import adafocus.rules.Size
import adafocus.rules.Values
import adafocus.rules.applyTable
import adafocus.rules.asFractions
import adafocus.rules.average
import adafocus.rules.axisTaps
import adafocus.rules.bestSquare
import adafocus.rules.boxesInRoom
import adafocus.rules.cellSize
import adafocus.rules.cellsOf
import adafocus.rules.changeMaps
import adafocus.rules.confidence
import adafocus.rules.convert
import adafocus.rules.cropPatch
import adafocus.rules.cutPatch
import adafocus.rules.decodeBoxes
import adafocus.rules.densestRun
import adafocus.rules.dequantize
import adafocus.rules.fitFrame
import adafocus.rules.fitGlance
import adafocus.rules.framesAt
import adafocus.rules.motionBox
import adafocus.rules.pixelTable
import adafocus.rules.placeBoxes
import adafocus.rules.quantilePositions
import adafocus.rules.quantize
import adafocus.rules.rateOf
import adafocus.rules.resizeBilinear
import adafocus.rules.selectFrames
import adafocus.rules.sha256
import adafocus.rules.sha256OfFolder
import adafocus.rules.sha256OfLabels
import adafocus.rules.shrink
import adafocus.rules.shrinkFactor
import adafocus.rules.softmax
import adafocus.rules.stops
import adafocus.rules.summed
import adafocus.rules.timelineOf
import adafocus.rules.uniformIndices
import adafocus.rules.wholePixels
import adafocus.streams.Schedule
import adafocus.streams.SlidingWindow
import adafocus.streams.Smoother
import adafocus.streams.SmoothingOptions
import adafocus.streams.SteadyClock
import adafocus.streams.WindowClip
import adafocus.streams.WindowOptions
import java.nio.ByteBuffer
import java.util.Base64

private fun picture(g: Given, key: String): Picture = picturesOf(g.of(key))[0]

private fun size(g: Given): Size = g.ints("size").let { (height, width) -> Size(height, width) }

private fun fractions(boxes: List<IntArray>, size: Size): Map<String, Any?> =
    mapOf("boxes" to boxes.map { asFractions(it, size) }, "pixels" to boxes)

private fun form(g: Given): Form {
    val dtype = Dtype.valueOf(g.text("dtype").uppercase())
    return Form(dtype, (g["scale"] as Number?)?.toDouble(), (g["zero_point"] as Long?)?.toInt())
}

private fun valuesOf(g: Given, form: Form): Values {
    val given = g.reals("values")
    return Values(form.dtype, given.size).also { for (place in given.indices) it[place] = given[place].toFloat() }
}

private fun table(g: Given): Values = pixelTable(g.reals("mean"), g.reals("std"), form(g))

private fun changeFrom(g: Given): ChangeFrom = ChangeFrom.valueOf(g.text("change_from").uppercase())

private fun criterion(g: Given): Criterion = Criterion.valueOf(g.text("criterion").uppercase())

private fun decoded(text: Any?): ByteArray = Base64.getDecoder().decode(text as String)

/** Only called for operations other than `bundle` and `golden`. */
val OPERATIONS: Map<String, (Given) -> Any?> = mapOf(
    "uniform_indices" to { g -> mapOf("indices" to uniformIndices(g["total"] as Long, g.int("count"))) },
    "frames_at" to { g ->
        val edges = if (g["edges_s"] == null) null else g.reals("edges_s")
        mapOf("indices" to framesAt(g.int("first"), g.int("last"), g.int("count"), edges))
    },
    "timeline" to ::timeline,
    "select_frames" to { g ->
        val weights = g.reals("weights")
        mapOf(
            "positions" to quantilePositions(weights, g.int("count")),
            "indices" to selectFrames(weights, g.int("candidates"), g.int("count")),
        )
    },
    "decode_boxes" to { g -> mapOf("boxes" to decodeBoxes(g.rows("raw"), g.real("min_side"), g.real("max_side"))) },
    "boxes_in_room" to { g -> fractions(boxesInRoom(g.rows("boxes"), size(g)), size(g)) },
    "whole_pixels" to { g -> fractions(wholePixels(g.rows("boxes"), size(g), g.int("least")), size(g)) },
    "place_boxes" to { g -> mapOf(
        "boxes" to placeBoxes(g.rows("boxes"), g.text("name"), g.text("shape"), g.real("side"))
    ) },
    "change_maps" to { g ->
        val frames = picturesOf(g.of("frames"))
        val found = changeMaps(frames, changeFrom(g))
        mapOf(
            "cell" to cellSize(frames[0].height, frames[0].width),
            "maps" to told(found.values, listOf(found.count, found.rows, found.columns)),
            "sum" to found.values.sum(),
        )
    },
    "motion" to { g ->
        val frames = picturesOf(g.of("frames"))
        val size = Size(frames[0].height, frames[0].width)
        val changes = changeMaps(frames, changeFrom(g))
        val box = motionBox(changes, size, g.real("side"), g.int("first"), g.int("last"))
        fractions(listOf(box), size) + mapOf(
            "densest" to densestRun(changes, g.int("count"), cellsOf(g.real("side"), size))
        )
    },
    "squares" to ::squares,
    "taps" to { g ->
        val found = axisTaps(g.real("start"), g.real("length"), g.int("patch_size"))
        mapOf("first" to found.first, "weights" to found.weights)
    },
    "crop_patch" to { g ->
        mapOf("patch" to told(cropPatch(picture(g, "frame"), g.reals("box"), g.int("patch_size"), g.ints("fill"))))
    },
    "cut_patch" to { g ->
        mapOf("patch" to told(cutPatch(picture(g, "frame"), g.reals("box"), g.int("patch_size"), g.ints("fill"))))
    },
    "average" to { g -> mapOf("picture" to told(average(picture(g, "region"), g.int("height"), g.int("width")))) },
    "resize_bilinear" to { g ->
        mapOf("picture" to told(resizeBilinear(picture(g, "picture"), g.int("height"), g.int("width"))))
    },
    "fit_frame" to { g ->
        mapOf("picture" to told(fitFrame(picture(g, "frame"), g.int("frame_size"), g.int("short_side"))))
    },
    "fit_glance" to { g ->
        val fit = Fit.valueOf(g.text("fit").uppercase())
        mapOf("picture" to told(fitGlance(picture(g, "frame"), fit, g.int("size"), g.real("share"), g.ints("fill"))))
    },
    "shrink_factor" to { g -> mapOf("factor" to shrinkFactor(g.int("height"), g.int("width"), g.int("frames"))) },
    "shrink" to { g -> mapOf("picture" to told(shrink(picture(g, "frame"), g.int("factor")))) },
    "pixel_table" to { g -> mapOf("table" to told(table(g), listOf(3, 256))) },
    "apply_table" to { g ->
        val frames = picturesOf(g.of("frames"))
        mapOf("tensor" to told(applyTable(table(g), frames), listOf(frames.size, 3, frames[0].height, frames[0].width)))
    },
    "quantize" to { g ->
        val values = g.reals("values")
        mapOf("values" to quantize(FloatArray(values.size) { values[it].toFloat() }, form(g.of("to"))).doubles())
    },
    "dequantize" to { g -> form(g.of("from")).let { mapOf("values" to dequantize(valuesOf(g, it), it)) } },
    "convert" to { g ->
        form(g.of("from")).let { mapOf("values" to convert(valuesOf(g, it), it, form(g.of("to"))).doubles()) }
    },
    "softmax" to { g -> mapOf("probabilities" to softmax(g.reals("logits"), g.real("temperature"))) },
    "confidence" to { g -> mapOf("confidence" to confidence(g.reals("logits"), criterion(g), g.real("temperature"))) },
    "threshold_curve" to { g ->
        // a curve that is learned knows no costs
        val calibrated = g.list("rows").isNotEmpty()
        val low = if (calibrated) g.real("low") else 0.0
        val high = if (calibrated) g.real("high") else 0.0
        val curve = curveOf(g, low, high, (g["exits"] as Long?)?.toInt() ?: 0)
        g.reals("observed").forEach { curve.observe(it) }
        mapOf("thresholds" to g.reals("positions").map { curve.thresholds(it) })
    },
    "controller" to ::controlled,
    "window" to ::window,
    "steady_clock" to { g ->
        val clock = SteadyClock(g.real("fps"))
        mapOf("moments_s" to g.reals("stated_s").map { clock.moment(it) })
    },
    "schedule" to { g ->
        val schedule = Schedule(g.real("hop_s"), g.real("duty"))
        mapOf("turns" to g.rows("turns").map { (started, finished) ->
            val late = schedule.finish(started, finished)
            mapOf("late_s" to late, "due_s" to schedule.due, "rest_s" to schedule.rest(finished - started))
        })
    },
    "smoothing" to ::smoothing,
    "sha256_of_file" to { g ->
        val content =
            if ("base64" in g) decoded(g["base64"]) else ByteArray(g.int("times")) { decoded(g["repeated"])[0] }
        mapOf("sha256" to sha256(content), "bytes" to content.size)
    },
    "sha256_of_folder" to { g ->
        val files = g.of("files").content.entries.associate { (name, text) -> name as String to decoded(text) }
        mapOf(
            "sha256" to sha256OfFolder(files.keys) { ByteBuffer.wrap(files.getValue(it)) },
            "bytes" to files.values.sumOf { it.size },
        )
    },
    "sha256_of_labels" to { g -> mapOf("sha256" to sha256OfLabels(g.list("labels").map { it as String })) },
    "sha256_of_patches" to { g -> mapOf("sha256" to sha256(bytesOf(g.of("patches")))) },
    "clip" to ::clipOperation,
)

private fun timeline(g: Given): Any? {
    val base = g.longs("time_base").let { (one, other) -> one.toDouble() / other }
    val found = timelineOf(Packets(g.text("container"), base, g.longs("pts"), g.longs("dts"), g.longs("durations")))
    return mapOf(
        "frame_count" to found.frameCount,
        "edges_s" to found.edges,
        "varies" to found.varies,
        "fps" to rateOf(found, g.real("stated_fps")),
        "indices" to framesAt(0, found.frameCount, g.int("count"), found.varyingEdges),
    )
}

private fun squares(g: Given): Any? {
    val maps = g.list("maps").map { map -> (map as List<*>).map(::doubles) }
    val values = maps.flatten().flatMap { row -> row.map { it.toInt() } }.toIntArray()
    val changes = Changes(maps.size, maps[0].size, maps[0][0].size, values)
    return mapOf("found" to g.rows("side_cells_and_count").map { (side, count) ->
        val best = bestSquare(summed(changes, 0, changes.count), changes.rows, changes.columns, side.toInt())
        mapOf("corner" to listOf(best.top, best.left), "run" to densestRun(changes, count.toInt(), side.toInt()))
    })
}

private fun curveOf(g: Given, low: Double, high: Double, exits: Int): Curve {
    val rows = g.list("rows").map { row -> (row as List<*>).let { BudgetRow(
        (it[0] as Number).toDouble(), doubles(it[1])
    ) } }
    if (rows.isEmpty()) return LearnedCurve(exits, criterion(g), g.int("classes"))
    return CalibratedCurve(rows, low, high, criterion(g), g.int("classes"))
}

private fun controlled(g: Given): Any? {
    val macs = g.longs("exit_macs")
    val low = macs.first() / 1e9
    val high = macs.last() / 1e9
    val controller = Controller(g.real("budget_gmac"), low, high, curveOf(g, low, high, macs.size - 1))
    val turns = g.reals("glance_confidences").map { glance ->
        val thresholds = controller.thresholds
        val cost = if (stops(glance, 0, thresholds)) low else high
        Triple(thresholds[0], controller.position, cost).also { controller.observe(glance, cost) }
    }
    return mapOf(
        "thresholds" to turns.map { it.first },
        "positions" to turns.map { it.second },
        "costs" to turns.map { it.third },
    )
}

private fun window(g: Given): Any? {
    val window = SlidingWindow<Unit>(
        WindowOptions(
            g.int("candidate_frames"), g.int("glance_frames"), g.real("seconds"), (g["max_fps"] as Number?)?.toDouble(),
            g.int("frames_per_candidate"), g["recurring"] as Boolean,
        )
    )
    val kept = ArrayList<Int>()
    val clips = HashMap<Int, Map<String, Any?>>()
    g.reals("moments_s").forEachIndexed { number, moment ->
        if (!window.push(number.toLong(), moment) { }) return@forEachIndexed
        kept += number
        clips[number] = mapOf("after" to number, "full" to told(window.clip(false)), "eager" to told(window.clip(true)))
    }
    val chosen = (kept.drop(kept.size / 2).take(1) + kept.takeLast(2)).distinct().sorted()
    return mapOf(
        "full_from" to kept.firstOrNull { clips.getValue(it)["full"] != null },
        "kept" to kept,
        "missed" to window.missed,
        "clips" to chosen.map { clips[it] },
    )
}

private fun told(clip: WindowClip<Unit>?): Any? = clip?.let {
    mapOf(
        "candidates" to it.candidates.map { frame -> frame.number },
        "glance" to it.glance.map { frame -> frame.number },
        "glance_names" to it.glance.map { frame -> frame.name },
        "start_s" to it.start,
        "end_s" to it.end,
        "filled" to it.filled,
        "frames" to it.frames,
        "oldest" to it.oldest,
    )
}

private fun smoothing(g: Given): Any? {
    val smoother = Smoother(
        SmoothingOptions(
            g.real("time_constant_s"), g.real("enter"), g.real("leave"), g.int("windows"), g.real("seconds")
        )
    )
    val moments = g.reals("moments_s")
    val turns = g.rows("probabilities").mapIndexed { place, one ->
        val found = smoother.update(one, moments[place])
        mapOf("label" to found.label, "best" to found.best, "score" to found.score, "switched" to found.switched)
    }
    return mapOf("turns" to turns, "before_reset" to smoother.reset())
}

/** The tensors of one side of a stage, as vectors tell them. */
fun stageOf(name: String): Stage = Stage.values().first { it.key == name }
