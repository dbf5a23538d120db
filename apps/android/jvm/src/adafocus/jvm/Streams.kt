/** A live stream whose timestamps go wrong in every way, through a real runtime. */
package adafocus.jvm

import adafocus.Backend
import adafocus.LiveOptions
import adafocus.Recognizer
import adafocus.RecognizerOptions
import adafocus.RunningMode
import adafocus.bundle.Bundle
import adafocus.rules.Picture
import java.util.concurrent.atomic.AtomicInteger

private const val STEP_MS = 40L
private const val FRAMES = 150
private const val HOUR_MS = 3_600_000L
private const val PATIENCE_MS = 20_000L
private const val MORE_BYTES = 48L shl 20

private class Stream(bundle: Bundle, backend: Backend) : AutoCloseable {
    val results = AtomicInteger()
    val errors = AtomicInteger()
    private val side = bundle.manifest.geometry.shortSide
    private val frame = Picture(side, side * 4 / 3)
    val recognizer = Recognizer.createFromOptions(
        RecognizerOptions(
            bundle, backend, runningMode = RunningMode.LIVE_STREAM, live = LiveOptions(windowSeconds = 2.0),
            resultListener = { results.incrementAndGet() }, errorListener = { errors.incrementAndGet() },
        )
    )

    fun add(ms: Long) {
        if (recognizer.wantsFrame(ms)) {
            frame.data.fill((ms / STEP_MS).toByte())
            recognizer.addFrame(frame, ms)
        } else {
            recognizer.addFrame(frame, ms)
        }
    }

    /** Add frames until a result more is there; false where none comes. */
    fun goesOn(from: Long): Boolean {
        val before = results.get()
        val limit = System.currentTimeMillis() + PATIENCE_MS
        var ms = from
        while (results.get() == before && System.currentTimeMillis() < limit) {
            add(ms)
            ms += STEP_MS
            Thread.sleep(1)
        }
        return results.get() > before
    }

    override fun close() = recognizer.close()
}

private fun used(): Long {
    System.gc()
    return Runtime.getRuntime().let { it.totalMemory() - it.freeMemory() }
}

private fun many(add: (Int) -> Unit) = repeat(FRAMES, add)

/** Disturb a stream, and see after each disturbance that it goes on; returns how many did not. */
fun disturbed(bundle: Bundle, backend: Backend): Int = Stream(bundle, backend).use { stream ->
    val kinds = linkedMapOf<String, (Long) -> Long>(
        "steady" to { base -> many { stream.add(base + it * STEP_MS) }; base + FRAMES * STEP_MS },
        "every frame twice" to { base -> many { stream.add(base + it / 2 * STEP_MS) }; base + FRAMES * STEP_MS },
        "back by half a second" to { base ->
            many { stream.add(base + it * STEP_MS - it % 2 * 500) }
            base + FRAMES * STEP_MS
        },
        "one frame an hour ahead" to { base -> stream.add(base + HOUR_MS); base },
        "one frame an hour before" to { base -> stream.add(base - HOUR_MS); base },
        "negative, and set to 0" to { stream.add(-HOUR_MS); stream.add(0); 0 },
        "always the same" to { base -> repeat(FRAMES) { stream.add(base) }; base },
        "the largest number" to { stream.add(Long.MAX_VALUE / 2); HOUR_MS },
    )
    var base = 0L
    var failed = 0
    for ((name, disturb) in kinds) {
        base = disturb(base)
        if (!stream.goesOn(base)) {
            failed++
            println("  the stream does not go on: $name")
        }
        base += HOUR_MS
    }
    val before = used()
    repeat(20 * FRAMES) { stream.add(base + it * STEP_MS) }
    val more = used() - before
    if (more > MORE_BYTES) failed++
    if (stream.errors.get() > 0) failed++
    val counts = stream.recognizer.counts
    println(
        "a stream goes on after ${kinds.size - failed} of ${kinds.size} disturbances: ${counts.kept} frames kept, " +
            "${counts.skipped} not needed, ${counts.dropped} not later; ${20 * FRAMES} frames more take " +
            "${more shr 20} MiB"
    )
    failed
}
