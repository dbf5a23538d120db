/** Centre squares of frames, what the glance sees of whole ones, and frames that are shrunk when they are kept. */
package adafocus.rules

private const val MAX_KEPT_BYTES = 64L shl 20

/** What the glance sees of a frame. */
enum class Fit { SQUARE, SQUEEZED, PADDED }

/** Keep the centre square of a frame whose short side would be `shortSide`, in one step. */
fun fitFrame(frame: Picture, frameSize: Int, shortSide: Int): Picture {
    val side = Math.max(1, nearestInt(Math.min(frame.height, frame.width).toDouble() * frameSize / shortSide))
    return resize(centre(frame, side), frameSize, frameSize)
}

/** Make what the glance sees of a whole frame; `share` is that of the short side which a square takes. */
fun fitGlance(frame: Picture, fit: Fit, size: Int, share: Double, fill: IntArray): Picture {
    if (fit == Fit.SQUEEZED) return resize(frame, size, size)
    if (fit == Fit.SQUARE) {
        val side = Math.max(1, nearestInt(Math.min(frame.height, frame.width) * share))
        return resize(centre(frame, side), size, size)
    }
    val long = Math.max(frame.height, frame.width).toDouble()
    val tall = Math.max(1, nearestInt(frame.height * size / long))
    val wide = Math.max(1, nearestInt(frame.width * size / long))
    val found = Picture(size, size)
    for (place in found.data.indices) found.data[place] = fill[place % CHANNELS].toByte()
    resize(frame, tall, wide).putInto(found, (size - tall) / 2, (size - wide) / 2)
    return found
}

private fun centre(frame: Picture, side: Int): Picture =
    frame.part((frame.height - side) / 2, (frame.width - side) / 2, side, side)

/** Averaged where both sides shrink or stay, else bilinear. */
private fun resize(region: Picture, height: Int, width: Int): Picture {
    val shrinks = region.height >= height && region.width >= width
    return if (shrinks) average(region, height, width) else resizeBilinear(region, height, width)
}

/** By which whole factor frames are shrunk when they are kept, so that all stay within 64 MiB. */
fun shrinkFactor(height: Int, width: Int, frames: Int): Int {
    var factor = 1
    while (frames.toLong() * CHANNELS * (height / factor) * (width / factor) > MAX_KEPT_BYTES) factor++
    return factor
}

/** Average squares of `factor` x `factor` pixels; what is left over is dropped. */
fun shrink(frame: Picture, factor: Int): Picture {
    if (factor == 1) return frame
    val found = Picture(Math.max(1, frame.height / factor), Math.max(1, frame.width / factor))
    val tall = Math.min(factor, frame.height)
    val wide = Math.min(factor, frame.width)
    val area = tall * wide
    val share = (1.0 / area).toFloat()
    var place = 0
    for (y in 0 until found.height) for (x in 0 until found.width) for (c in 0 until CHANNELS) {
        var sum = 0
        for (row in y * factor until y * factor + tall) {
            for (column in x * factor until x * factor + wide) {
                sum += frame.data[(row * frame.width + column) * CHANNELS + c].toInt() and 255
            }
        }
        val value = if (factor == 2 && area == 4) (sum + 2) shr 2 else nearestInt((sum * share).toDouble())
        found.data[place++] = value.toByte()
    }
    return found
}
