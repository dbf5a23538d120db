package adafocus

import adafocus.rules.CalibratedCurve
import adafocus.rules.Controller
import adafocus.rules.LearnedCurve
import adafocus.rules.Picture

private const val MAX_THREADS = 64
private const val GIGA = 1e9

/**
 * A bundle opened in one runtime.
 *
 * Threads may share it: one clip is recognized at a time, and the others wait.
 */
class Recognizer private constructor(private val options: RecognizerOptions) : AutoCloseable {
    companion object {
        /**
         * Open the graphs of a bundle.
         *
         * @throws AdafocusException no graphs for the backend, a graph that it does not take, or options that
         * contradict each other.
         */
        fun createFromOptions(options: RecognizerOptions): Recognizer = Recognizer(options)
    }

    private val stages: Stages
    private val clips: ClipRecognizer
    private val controller: Controller?
    private val stream: LiveStream?
    private var closed = false

    init {
        if (options.threads !in 1..MAX_THREADS) throw AdafocusException(
            "threads is ${options.threads}, expected 1 to $MAX_THREADS."
        )
        if (options.thresholds != null && options.budgetGmac != null) {
            throw AdafocusException("Found thresholds and a budget, expected one of them. Leave one out.")
        }
        if (options.runningMode == RunningMode.LIVE_STREAM && options.resultListener == null) {
            throw AdafocusException("LIVE_STREAM needs a resultListener, found none. Give RecognizerOptions one.")
        }
        stages = Stages(options.bundle, options.backend, options.threads)
        try {
            clips = ClipRecognizer(options.bundle.manifest, stages.files, stages::run)
            options.thresholds?.let(::refuseThresholds)
            controller = options.budgetGmac?.let(::controllerOf)
            val live = options.runningMode == RunningMode.LIVE_STREAM
            stream = if (live) LiveStream(options, ::recognizeNow) else null
        } catch (error: Exception) {
            stages.close()
            throw error
        }
    }

    /** Multiply-accumulates of a clip that stops at each exit: at the glance, then at those of the focus. */
    val exitMacs: LongArray get() = clips.exitMacs.copyOf()

    /** Confidence at which each exit but the last is taken in the next clip; null: never stop early. */
    var thresholds: DoubleArray? = options.thresholds?.copyOf()
        set(values) {
            values?.let(::refuseThresholds)
            field = values?.copyOf()
        }

    private fun refuseThresholds(values: DoubleArray) {
        val wanted = clips.exitMacs.size - 1
        if (values.size != wanted || values.any { it.isNaN() }) {
            throw AdafocusException(
                "Found ${values.size} thresholds, expected $wanted numbers, one for each exit but the last."
            )
        }
    }

    private fun controllerOf(budget: Double): Controller {
        val low = clips.exitMacs.first() / GIGA
        val high = clips.exitMacs.last() / GIGA
        if (budget.isNaN() || budget < low || budget > high) {
            throw AdafocusException(
                "The budget is $budget GMAC, but a clip costs $low to $high. Choose one between them."
            )
        }
        val manifest = options.bundle.manifest
        val rows = manifest.exits.budgets.filter { it.unit == "GMAC" }.map { it.row }
        val classes = manifest.labels.size
        val criterion = manifest.exits.criterion
        val curve = if (rows.isEmpty()) LearnedCurve(clips.exitMacs.size - 1, criterion, classes)
        else CalibratedCurve(rows, low, high, criterion, classes)
        return Controller(budget, low, high, curve)
    }

    private fun refuseMode(wanted: RunningMode) {
        if (options.runningMode != wanted) {
            throw AdafocusException("This recognizer was made for ${options.runningMode}, expected one for $wanted.")
        }
    }

    @Synchronized
    private fun recognizeNow(clip: Clip): Prediction {
        if (closed) throw AdafocusException("This recognizer was closed. Make another one.")
        val found = clips.recognize(clip, controller?.thresholds ?: thresholds)
        controller?.observe(found.confidences[0], found.macs / GIGA)
        return found
    }

    /** Recognize a clip. For [RunningMode.CLIP]. */
    fun recognize(clip: Clip): Prediction {
        refuseMode(RunningMode.CLIP)
        return recognizeNow(clip)
    }

    /** Recognize a whole video. For [RunningMode.VIDEO]. */
    fun recognizeVideo(source: VideoSource): Prediction {
        refuseMode(RunningMode.VIDEO)
        return recognizeNow(readClip(source, options.bundle.manifest.geometry))
    }

    /**
     * Say whether a frame of this moment would be kept; others need not be converted. For [RunningMode.LIVE_STREAM].
     */
    fun wantsFrame(timestampMs: Long): Boolean {
        refuseMode(RunningMode.LIVE_STREAM)
        return stream!!.wants(timestampMs)
    }

    /**
     * Take a frame of a live stream. It is made small at once; the picture may be written to again afterwards.
     *
     * A frame that is not later than the last one is left out and counted, and the stream goes on.
     *
     * @return whether it was kept.
     */
    fun addFrame(frame: Picture, timestampMs: Long): Boolean {
        refuseMode(RunningMode.LIVE_STREAM)
        return stream!!.add(frame, timestampMs)
    }

    /** What became of the frames of a live stream. */
    val counts: StreamCounts
        get() {
            refuseMode(RunningMode.LIVE_STREAM)
            return stream!!.counts()
        }

    /** End the stream, wait for the clip that is under way, and let go of the graphs. */
    override fun close() {
        stream?.close()
        synchronized(this) {
            closed = true
            stages.close()
        }
    }
}
