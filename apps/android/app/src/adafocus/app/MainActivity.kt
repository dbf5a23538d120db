package adafocus.app

import android.content.Intent
import android.widget.Button

/** Says what is in the app, and leads to the other screens. */
class MainActivity : Screen() {
    override fun build() {
        button("Camera", LiveActivity::class.java)
        button("Video file", FileActivity::class.java)
        button("Benchmark", BenchmarkActivity::class.java)
        button("Self-test", SelfTestActivity::class.java)
        work {
            withBundle { bundle, backend ->
                show("${bundle.manifest.name}, ${bundle.manifest.labels.size} labels, in ${backend.runtime}")
            }
        }
    }

    private fun button(name: String, screen: Class<*>) {
        val button = Button(this)
        button.text = name
        button.setOnClickListener { startActivity(Intent(this, screen)) }
        add(button)
    }
}
