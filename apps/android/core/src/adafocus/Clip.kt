package adafocus

import adafocus.bundle.BoxesIn
import adafocus.bundle.Geometry
import adafocus.rules.Picture
import adafocus.rules.Timeline
import adafocus.rules.fitFrame
import adafocus.rules.fitGlance
import adafocus.rules.framesAt
import adafocus.rules.resizeBilinear
import adafocus.rules.shrink
import adafocus.rules.shrinkFactor

/** Keep a frame as its clip needs it: the centre square, or the whole of it, shrunk where all would take too much. */
fun keptFrame(geometry: Geometry, frame: Picture): Picture {
    if (geometry.boxesIn == BoxesIn.SQUARE) return fitFrame(frame, geometry.frameSize, geometry.shortSide)
    return shrink(frame, shrinkFactor(frame.height, frame.width, geometry.candidateFrames))
}

/** What the glance sees of a kept frame. */
fun glanceFrame(geometry: Geometry, frame: Picture): Picture {
    val size = geometry.glanceSize
    if (geometry.boxesIn == BoxesIn.FRAME) {
        return fitGlance(frame, geometry.glanceFit, size, geometry.share, geometry.meanColor)
    }
    return if (frame.height == size) frame else resizeBilinear(frame, size, size)
}

/**
 * The frames of a clip as they are kept. All frames of a clip have one size.
 *
 * @param glanceIndices numbers of the frames that the glance sees, in the source.
 * @param candidateIndices numbers of those that the focus may look at.
 * @param glance pictures of the glance's size.
 * @param candidates squares, or whole frames.
 * @param warnings sentences on what is not as it should be.
 * @param timingMs what it took to make the clip.
 */
class Clip(
    val glanceIndices: IntArray,
    val candidateIndices: IntArray,
    val glance: List<Picture>,
    val candidates: List<Picture>,
    val warnings: List<String> = emptyList(),
    val timingMs: Map<String, Double> = emptyMap(),
) {
    companion object {
        /** Sample frames that are in memory, RGB. */
        fun of(geometry: Geometry, frames: List<Picture>): Clip {
            val builder = ClipBuilder(geometry, frames.size, null)
            builder.numbers.forEach { builder.keep(it, frames[it]) }
            return builder.build(emptyList(), emptyMap())
        }
    }
}

/** Chooses the frames of a clip, takes them one by one, and makes the clip. No other frame is held. */
class ClipBuilder(private val geometry: Geometry, frameCount: Int, edges: DoubleArray?) {
    private val glanceIndices: IntArray
    private val candidateIndices: IntArray
    private val kept = HashMap<Int, Picture>()
    private val glance = HashMap<Int, Picture>()

    init {
        if (frameCount < 1) throw AdafocusException("There are no frames to make a clip of, expected at least one.")
        glanceIndices = framesAt(0, frameCount, geometry.glanceFrames, edges)
        candidateIndices = framesAt(0, frameCount, geometry.candidateFrames, edges)
    }

    /** Frames that are wanted, in order. */
    val numbers: List<Int> = (glanceIndices + candidateIndices).distinct().sorted()

    /** Take a frame; the picture may be written to again afterwards. */
    fun keep(number: Int, frame: Picture) {
        val one = keptFrame(geometry, frame)
        if (number in glanceIndices) glance[number] = glanceFrame(geometry, one)
        if (number in candidateIndices) kept[number] = if (one === frame) one.copy() else one
    }

    /** Make the clip of the frames that were taken. */
    fun build(warnings: List<String>, timingMs: Map<String, Double>): Clip {
        val missing = numbers.firstOrNull { it !in glance && it !in kept }
        if (missing != null) throw AdafocusException("Frame $missing of the clip was not read. Read the video again.")
        return Clip(
            glanceIndices, candidateIndices, glanceIndices.map { glance.getValue(it) },
            candidateIndices.map { kept.getValue(it) }, warnings, timingMs,
        )
    }
}

/** A video with an end. */
interface VideoSource : AutoCloseable {
    /** When its frames are shown, by its packets. */
    val timeline: Timeline

    /**
     * Decode from the beginning until the last of some frames.
     *
     * @param numbers of frames, rising.
     * @param take is given each of them; the picture holds until it returns.
     * @return how many frames there were, where that are fewer than the timeline says; else the timeline's count.
     */
    fun read(numbers: List<Int>, take: (Int, Picture) -> Unit): Int
}

/** Sample a video as a bundle's geometry asks: glance and candidate frames, each spread evenly over its time. */
fun readClip(source: VideoSource, geometry: Geometry): Clip {
    val timeline = source.timeline
    val began = System.nanoTime()
    var spent = 0.0
    fun read(builder: ClipBuilder): Int = source.read(builder.numbers) { number, frame ->
        val start = System.nanoTime()
        builder.keep(number, frame)
        spent += (System.nanoTime() - start) / 1e6
    }
    val warnings = ArrayList<String>()
    var builder = ClipBuilder(geometry, timeline.frameCount, timeline.varyingEdges)
    val count = read(builder)
    if (count < timeline.frameCount) {
        if (count < 1) throw AdafocusException("No frame of the video can be decoded. Try another video.")
        warnings += "The video promises ${timeline.frameCount} frames, but only $count can be decoded."
        builder = ClipBuilder(geometry, count, timeline.varyingEdges?.copyOf(count + 1))
        read(builder)
    }
    return builder.build(warnings, mapOf("decode" to (System.nanoTime() - began) / 1e6 - spent, "resize" to spent))
}
