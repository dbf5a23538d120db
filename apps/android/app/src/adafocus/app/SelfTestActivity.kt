package adafocus.app

import adafocus.Recognizer
import adafocus.RecognizerOptions
import adafocus.SelfTest

/** Runs the golden clip of the bundle, and says whether every tensor is as it must be. */
class SelfTestActivity : Screen() {
    override fun build() {
        show("running the golden clip")
        work {
            withBundle { bundle, backend ->
                Recognizer.createFromOptions(RecognizerOptions(bundle, backend)).use { recognizer ->
                    val report = SelfTest(bundle, backend.runtime).run(recognizer::recognize)
                    val verdict = if (report.passed) "passed" else "failed:\n${report.broken.joinToString("\n")}"
                    show(
                        "${bundle.manifest.name} in ${backend.runtime}: ${report.tensors} tensors, at most " +
                            "${report.steps} output steps away: $verdict\n\n${told(report.prediction)}"
                    )
                }
            }
        }
    }
}
