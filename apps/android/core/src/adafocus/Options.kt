package adafocus

import adafocus.bundle.Bundle
import adafocus.streams.SmoothingOptions

/** What a recognizer is given. */
enum class RunningMode {
    /** One clip at a time, from frames in memory. */
    CLIP,

    /** Videos with an end. */
    VIDEO,

    /** Frames of a camera, one by one; results come to a listener. */
    LIVE_STREAM,
}

/** Is given results of a live stream, on the recognizer's own thread. */
fun interface ResultListener {
    fun onResult(result: LiveResult)
}

/** Is given what went wrong in a live stream, on the recognizer's own thread; the stream goes on. */
fun interface ErrorListener {
    fun onError(error: Exception)
}

/**
 * How a live stream is gone through.
 *
 * @param windowSeconds of the source in one prediction.
 * @param hopSeconds from one prediction to the next.
 * @param eager predict before the window is full, from what is there.
 * @param maxFps keep at most so many frames a second.
 * @param duty share of the time that may be spent on computing.
 * @param smoothing of the predictions.
 */
class LiveOptions(
    val windowSeconds: Double = 4.0,
    val hopSeconds: Double = 1.0,
    val eager: Boolean = false,
    val maxFps: Double? = null,
    val duty: Double = 1.0,
    val smoothing: SmoothingOptions = SmoothingOptions(),
)

/**
 * What a recognizer is made of.
 *
 * @param bundle opened; the recognizer does not close it.
 * @param backend that runs its graphs.
 * @param threads of the CPU.
 * @param thresholds confidence at which each exit but the last is taken; null: never stop early.
 * @param budgetGmac billions of multiply-accumulates that a clip takes on average, instead of thresholds.
 */
class RecognizerOptions(
    val bundle: Bundle,
    val backend: Backend,
    val threads: Int = 2,
    val runningMode: RunningMode = RunningMode.CLIP,
    val thresholds: DoubleArray? = null,
    val budgetGmac: Double? = null,
    val live: LiveOptions = LiveOptions(),
    val resultListener: ResultListener? = null,
    val errorListener: ErrorListener? = null,
)
