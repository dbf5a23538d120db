/** Rounding, and reading between numbers, as the device does it. */
package adafocus.rules

/** The nearest whole number; halves go to the even one. */
fun nearest(value: Double): Double = Math.rint(value)

/** The nearest whole number; halves go to the even one. */
fun nearestInt(value: Double): Int = Math.rint(value).toInt()

/** Keep a number between two others. */
fun within(value: Double, lowest: Double, highest: Double): Double = Math.min(Math.max(value, lowest), highest)

/** How many numbers of an increasing list lie before a value: below it, or also equal to it. */
fun placesBefore(sorted: DoubleArray, value: Double, equal: Boolean): Int {
    var first = 0
    var last = sorted.size
    while (first < last) {
        val middle = (first + last) ushr 1
        val found = sorted[middle]
        if (found < value || (equal && found == value)) first = middle + 1 else last = middle
    }
    return first
}

/** The middle one of some numbers, or the mean of the two in the middle. */
fun median(values: DoubleArray): Double {
    val sorted = values.sortedArray()
    val half = sorted.size / 2
    return if (sorted.size % 2 == 1) sorted[half] else (sorted[half - 1] + sorted[half]) / 2
}

/** Read a straight line between points, whose places increase. */
fun between(place: Double, places: DoubleArray, values: DoubleArray): Double {
    val right = Math.min(placesBefore(places, place, true), places.size - 1)
    val left = right - 1
    val slope = (values[right] - values[left]) / (places[right] - places[left])
    return slope * (place - places[left]) + values[left]
}

/** The place of the largest value; of equal ones the first. */
fun best(values: DoubleArray): Int {
    var found = 0
    for (place in 1 until values.size) if (values[place] > values[found]) found = place
    return found
}
