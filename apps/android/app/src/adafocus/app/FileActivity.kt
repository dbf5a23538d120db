package adafocus.app

import adafocus.Prediction
import adafocus.Recognizer
import adafocus.RecognizerOptions
import adafocus.RunningMode
import adafocus.android.VideoFile
import android.content.Intent
import android.net.Uri
import android.widget.Button

private const val CHOICE = 1
private const val SHOWN = 5

/** What a text says of a prediction. */
fun told(found: Prediction): String {
    val lines = found.top(SHOWN).map { "${Math.round(100 * it.score)} %  ${it.label}" }.toMutableList()
    lines += "stopped at the ${found.exitStage.key}, frames ${found.frameIndices.joinToString()}"
    lines += found.timingMs.entries.joinToString { (name, ms) -> "$name ${Math.round(ms)} ms" }
    return (lines + found.warnings).joinToString("\n")
}

/** Recognizes a video that the user chooses. */
class FileActivity : Screen() {
    override fun build() {
        val button = Button(this)
        button.text = "Choose a video"
        button.setOnClickListener {
            val intent = Intent(Intent.ACTION_OPEN_DOCUMENT).setType("video/*").addCategory(Intent.CATEGORY_OPENABLE)
            startActivityForResult(intent, CHOICE)
        }
        add(button)
    }

    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        val uri: Uri = data?.data ?: return
        show("reading")
        work {
            withBundle { bundle, backend ->
                val options = RecognizerOptions(bundle, backend, runningMode = RunningMode.VIDEO)
                Recognizer.createFromOptions(options).use { recognizer ->
                    VideoFile(this, uri).use { show(told(recognizer.recognizeVideo(it))) }
                }
            }
        }
    }
}
