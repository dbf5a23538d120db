/** The clock of a file, and when windows are due. */
package adafocus.streams

import adafocus.rules.within

private val LEAST_STILL = 8.0

/** The clock of a file, carried on where it jumps back or stands still. */
class SteadyClock(private val fps: Double) {
    private var newest = Double.NEGATIVE_INFINITY
    private var offset = 0.0
    private var still = 0

    /** When a frame that is said to be shown at `stated` seconds is shown. */
    fun moment(stated: Double): Double {
        var moment = stated + offset
        still = if (moment <= newest) still + 1 else 0
        if (still > within(fps / 2, LEAST_STILL, 60.0)) {
            val carried = newest + still / fps
            offset += carried - moment
            moment = carried
            still = 0
        }
        newest = Math.max(newest, moment)
        return moment
    }
}

/** When windows are due; [duty] is the share of the time that may be spent on computing. */
class Schedule(private val hop: Double, private val duty: Double = 1.0) {
    /** Of the next window. */
    var due = Double.NEGATIVE_INFINITY
        private set

    /** Seconds to rest after so many of computing. */
    fun rest(computed: Double): Double = computed * (1 / duty - 1)

    /** Plan the next window; returns how much later than a hop the result was there. */
    fun finish(started: Double, finished: Double): Double {
        val begun = if (started - due <= hop) due else started
        due = Math.max(begun + hop, finished + rest(finished - started))
        return Math.max(0.0, finished - (begun + hop))
    }

    /** What is not full yet was not due. */
    fun postpone(started: Double) {
        due = started
    }
}
