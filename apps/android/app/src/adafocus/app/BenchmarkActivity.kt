package adafocus.app

import adafocus.Recognizer
import adafocus.RecognizerOptions
import adafocus.SelfTest
import adafocus.rules.ALWAYS
import android.os.Build

private const val WARM_UP = 3
private const val ROUNDS = 20
private val THREADS = listOf(1, 2, 4)

/** Measures the golden clip: the middle of some rounds, for each stage, all the way and stopped at the glance. */
class BenchmarkActivity : Screen() {
    override fun build() {
        show("measuring")
        work {
            withBundle { bundle, backend ->
                val lines = arrayListOf(
                    "${bundle.manifest.name}, ${backend.runtime}, ${Build.MODEL}, Android ${Build.VERSION.RELEASE}"
                )
                val clip = SelfTest(bundle, backend.runtime).clip()
                for (threads in THREADS) {
                    Recognizer.createFromOptions(RecognizerOptions(bundle, backend, threads)).use { recognizer ->
                        val run = { recognizer.recognize(clip).timingMs }
                        lines += "$threads threads: ${measured(run)}"
                        recognizer.thresholds = DoubleArray(recognizer.exitMacs.size - 1) { ALWAYS }
                        lines += "$threads threads, stopped at the glance: ${measured(run)}"
                    }
                    show(lines.joinToString("\n"))
                }
            }
        }
    }

    private fun measured(run: () -> Map<String, Double>): String {
        repeat(WARM_UP) { run() }
        val rounds = List(ROUNDS) { run() }
        return rounds[0].keys.joinToString { name ->
            val middle = rounds.map { it.getValue(name) }.sorted()[ROUNDS / 2]
            "$name %.1f ms".format(middle)
        }
    }
}
