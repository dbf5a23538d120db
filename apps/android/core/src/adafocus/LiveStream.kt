package adafocus

import adafocus.bundle.BoxesIn
import adafocus.bundle.Geometry
import adafocus.rules.CHANNELS
import adafocus.rules.Picture
import adafocus.streams.KeptFrame
import adafocus.streams.Schedule
import adafocus.streams.SlidingWindow
import adafocus.streams.Smoother
import adafocus.streams.WindowClip
import adafocus.streams.WindowOptions
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit

private const val MAX_WINDOW_BYTES = 1L shl 30
private const val MAX_WAITING_BYTES = 64L shl 20
private const val LAST_CLIP_S = 60L
private const val MS = 1000.0

/** What became of the frames: kept, not needed by the window, not later than the one before; clips and pauses. */
class StreamCounts(
    val kept: Long, val skipped: Long, val dropped: Long, val results: Long, val errors: Long, val outages: Int
)

/**
 * A prediction of a live stream.
 *
 * @param prediction of the window alone.
 * @param startMs timestamp of the window's first moment.
 * @param endMs of its newest frame.
 * @param shown the label that is shown after smoothing; null while none is.
 * @param shownScore its mean score, or that of the best label.
 * @param switched whether another label is shown than before.
 * @param counts of the stream so far.
 */
class LiveResult(
    val prediction: Prediction,
    val startMs: Long,
    val endMs: Long,
    val shown: String?,
    val shownScore: Double,
    val switched: Boolean,
    val counts: StreamCounts,
)

/** A frame as it is kept, and what the glance sees of it, which is made once. */
private class Kept(geometry: Geometry, frame: Picture) {
    val picture: Picture = keptFrame(geometry, frame).let { if (it === frame) it.copy() else it }
    val glance: Picture by lazy { glanceFrame(geometry, picture) }
}

/**
 * Keeps the last seconds of a stream, and recognizes them every hop on a thread of its own.
 *
 * Memory is bounded by the window: whatever the timestamps are, never more frames are kept than it has places, and only
 * one clip is under way.
 */
internal class LiveStream(private val options: RecognizerOptions, private val recognize: (Clip) -> Prediction) {
    private val geometry = options.bundle.manifest.geometry
    private val live = options.live
    private val window = SlidingWindow<Kept>(
        WindowOptions(geometry.candidateFrames, geometry.glanceFrames, checked(live.windowSeconds), live.maxFps)
    )
    private val schedule = Schedule(live.hopSeconds, live.duty)
    private val smoother = Smoother(live.smoothing)
    private var thread: Thread? = null
    private val worker = Executors.newSingleThreadExecutor { work ->
        Thread(work, "adafocus").also {
            it.isDaemon = true
            thread = it
        }
    }
    private var nextMs = Long.MIN_VALUE
    private var number = 0L
    private var skipped = 0L
    private var dropped = 0L
    private var results = 0L
    private var errors = 0L
    private var outages = 0
    private var busy = false
    private var closed = false
    private var height = 0
    private var width = 0

    init {
        val side = geometry.frameSize.toLong()
        val frame = if (geometry.boxesIn == BoxesIn.SQUARE) CHANNELS * side * side
        else MAX_WAITING_BYTES / geometry.candidateFrames
        val needed = (window.capacity.toLong() + geometry.candidateFrames) * frame
        if (needed > MAX_WINDOW_BYTES) {
            throw AdafocusException(
                "A window of ${window.capacity} frames would need $needed bytes, expected at most 1 GiB."
            )
        }
    }

    private fun checked(seconds: Double): Double {
        val usable = seconds > 0 && !seconds.isInfinite() && live.hopSeconds > 0 && live.duty > 0 && live.duty <= 1
        if (!usable) throw AdafocusException(
            "windowSeconds and hopSeconds must be above 0, and duty above 0 and at most 1."
        )
        return seconds
    }

    @Synchronized
    fun wants(timestampMs: Long): Boolean = !closed && isLater(timestampMs) && window.wants(timestampMs / MS)

    /** Whether a frame is later than the last, or so much earlier that the clock was set. */
    private fun isLater(timestampMs: Long): Boolean =
        timestampMs >= nextMs || (nextMs - timestampMs) / MS > live.windowSeconds + 1 / MS

    @Synchronized
    fun add(frame: Picture, timestampMs: Long): Boolean {
        if (closed) throw AdafocusException("This recognizer was closed. Make another one.")
        number++
        if (!isLater(timestampMs)) {
            dropped++
            return false
        }
        nextMs = timestampMs + 1
        if (frame.height != height || frame.width != width) {
            // frames of one clip have one size: a camera that was turned begins anew
            window.clear()
            height = frame.height
            width = frame.width
        }
        val moment = timestampMs / MS
        if (!window.push(number, moment) { Kept(geometry, frame) }) {
            skipped++
            return false
        }
        if (window.outages != outages) {
            outages = window.outages
            smoother.reset()
        }
        if (moment + live.windowSeconds < schedule.due) schedule.postpone(moment)
        if (!busy && moment >= schedule.due) start(moment)
        return true
    }

    private fun start(moment: Double) {
        val clip = window.clip(live.eager) ?: return schedule.postpone(moment)
        busy = true
        worker.execute { work(clip) }
    }

    private fun work(cut: WindowClip<Kept>) {
        val began = System.nanoTime()
        var result: LiveResult? = null
        var problem: Exception? = null
        try {
            val found = recognize(clipOf(cut))
            result = finished(found, cut)
        } catch (error: Exception) {
            problem = error
        }
        synchronized(this) {
            busy = false
            if (problem != null) errors++
            schedule.finish(cut.end, cut.end + (System.nanoTime() - began) / 1e9)
        }
        if (result != null) options.resultListener!!.onResult(result)
        if (problem != null) options.errorListener?.onError(problem)
    }

    private fun clipOf(cut: WindowClip<Kept>): Clip {
        val numbers = { frames: List<KeptFrame<Kept>> -> IntArray(frames.size) { frames[it].number.toInt() } }
        return Clip(
            numbers(cut.glance), numbers(cut.candidates), cut.glance.map { it.content.glance },
            cut.candidates.map { it.content.picture }, warningsOf(cut),
        )
    }

    private fun warningsOf(cut: WindowClip<Kept>): List<String> {
        val wanted = Math.max(geometry.glanceFrames, geometry.focusFrames)
        if (cut.frames >= wanted) return emptyList()
        return listOf(
            "The window holds ${cut.frames} different frames where up to $wanted are looked at. Make it longer."
        )
    }

    @Synchronized
    private fun finished(found: Prediction, cut: WindowClip<Kept>): LiveResult {
        results++
        val smoothed = smoother.update(found.probabilities, cut.end)
        val ms = { seconds: Double -> Math.round(seconds * MS) }
        val shown = smoothed.label?.let { found.labels[it] }
        return LiveResult(found, ms(cut.start), ms(cut.end), shown, smoothed.score, smoothed.switched, counts())
    }

    @Synchronized
    fun counts() = StreamCounts(window.kept, skipped, dropped, results, errors, window.outages)

    fun close() {
        synchronized(this) { closed = true }
        worker.shutdown()
        // a listener that closes the stream must not wait for itself
        if (Thread.currentThread() !== thread) worker.awaitTermination(LAST_CLIP_S, TimeUnit.SECONDS)
    }
}
