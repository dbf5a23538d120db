package adafocus.android

import adafocus.AdafocusException
import adafocus.VideoSource
import adafocus.rules.Packets
import adafocus.rules.Picture
import adafocus.rules.Timeline
import adafocus.rules.timelineOf
import adafocus.video.YuvConverter
import android.content.Context
import android.media.MediaCodec
import android.media.MediaCodecInfo
import android.media.MediaExtractor
import android.media.MediaFormat
import android.net.Uri
import java.io.IOException

private const val WAIT_US = 10_000L
private const val PATIENCE = 1_000
private const val MICROSECOND = 1e-6
private const val ROTATION = "rotation-degrees"

/**
 * A video file, decoded by the system.
 *
 * @throws AdafocusException no video that this device can read.
 */
class VideoFile(context: Context, private val uri: Uri) : VideoSource {
    private val extractor = MediaExtractor()
    private val format: MediaFormat
    override val timeline: Timeline

    init {
        try {
            extractor.setDataSource(context, uri, null)
        } catch (error: IOException) {
            extractor.release()
            throw AdafocusException("$uri cannot be read (${error.message}). Choose another video.", error)
        }
        val track =
            (0 until extractor.trackCount).firstOrNull { mimeOf(extractor.getTrackFormat(it)).startsWith("video/") }
        if (track == null) {
            extractor.release()
            throw AdafocusException("$uri holds no video that this device knows. Choose another one.")
        }
        extractor.selectTrack(track)
        format = extractor.getTrackFormat(track)
        timeline = timelineOf(packets())
    }

    private fun mimeOf(format: MediaFormat): String = format.getString(MediaFormat.KEY_MIME).orEmpty()

    /** When frames are shown, in the order of decoding. */
    private fun packets(): Packets {
        val times = ArrayList<Long>()
        while (extractor.sampleTime >= 0) {
            times += extractor.sampleTime
            if (!extractor.advance()) break
        }
        if (times.isEmpty()) throw AdafocusException("$uri holds no frames. Choose another video.")
        // the system tells no times of decoding and no durations: a frame stays until the next one, the last to the end
        val shown = times.sorted().toLongArray()
        val end = if (format.containsKey(MediaFormat.KEY_DURATION)) format.getLong(MediaFormat.KEY_DURATION) else 0
        val stays = LongArray(times.size) { place ->
            val next = shown.firstAfter(times[place])
            if (next != null) next - times[place] else Math.max(0, end - times[place])
        }
        return Packets("", MICROSECOND, times.toLongArray(), shown, stays)
    }

    private fun LongArray.firstAfter(moment: Long): Long? {
        val found = java.util.Arrays.binarySearch(this, moment + 1)
        return getOrNull(if (found < 0) -found - 1 else found)
    }

    override fun read(numbers: List<Int>, take: (Int, Picture) -> Unit): Int {
        extractor.seekTo(0, MediaExtractor.SEEK_TO_PREVIOUS_SYNC)
        val codec = try {
            MediaCodec.createDecoderByType(mimeOf(format))
        } catch (error: IOException) {
            throw AdafocusException("This device has no decoder for ${mimeOf(format)}. Choose another video.", error)
        }
        try {
            format.setInteger(MediaFormat.KEY_COLOR_FORMAT, MediaCodecInfo.CodecCapabilities.COLOR_FormatYUV420Flexible)
            codec.configure(format, null, null, 0)
            codec.start()
            return Decoding(codec, numbers, take).run()
        } catch (error: MediaCodec.CodecException) {
            throw AdafocusException("$uri cannot be decoded (${error.message}). Choose another video.", error)
        } catch (error: IllegalStateException) {
            throw AdafocusException("$uri cannot be decoded (${error.message}). Choose another video.", error)
        } finally {
            codec.release()
        }
    }

    /** One way through the file. Frames come in the order in which they are shown, and are counted. */
    private inner class Decoding(val codec: MediaCodec, val numbers: List<Int>, val take: (Int, Picture) -> Unit) {
        private val info = MediaCodec.BufferInfo()
        private val degrees = if (format.containsKey(ROTATION)) format.getInteger(ROTATION) else 0
        private var converter: YuvConverter? = null
        private var fed = false
        private var count = 0
        private var idle = 0

        fun run(): Int {
            val wanted = numbers.toHashSet()
            val last = numbers.last()
            while (count <= last) {
                feed()
                val index = codec.dequeueOutputBuffer(info, WAIT_US)
                if (index < 0) {
                    if (++idle > PATIENCE) throw AdafocusException(
                        "The decoder of this device stands still. Choose another video."
                    )
                    continue
                }
                idle = 0
                if (info.size > 0) {
                    if (count in wanted) take(count, picture(index))
                    count++
                }
                codec.releaseOutputBuffer(index, false)
                if (info.flags and MediaCodec.BUFFER_FLAG_END_OF_STREAM != 0) return count
            }
            return timeline.frameCount
        }

        private fun feed() {
            if (fed) return
            val index = codec.dequeueInputBuffer(0)
            if (index < 0) return
            val buffer = codec.getInputBuffer(index) ?: return
            val size = extractor.readSampleData(buffer, 0)
            if (size < 0) {
                codec.queueInputBuffer(index, 0, 0, 0, MediaCodec.BUFFER_FLAG_END_OF_STREAM)
                fed = true
            } else {
                codec.queueInputBuffer(index, 0, size, extractor.sampleTime, 0)
                extractor.advance()
            }
        }

        private fun picture(index: Int): Picture {
            val image = codec.getOutputImage(index)
                ?: throw AdafocusException(
                    "The decoder of this device gives no images that can be read. Choose another video."
                )
            try {
                val colors = converter ?: converterOf(codec.outputFormat, image.height).also { converter = it }
                return colors.convert(yuvFrameOf(image), degrees)
            } finally {
                image.close()
            }
        }
    }

    override fun close() = extractor.release()
}
