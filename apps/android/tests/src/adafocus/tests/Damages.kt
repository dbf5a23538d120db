/** Bundles that are damaged at random: each opens or is refused in a sentence, soon. */
package adafocus.tests

import adafocus.bundle.Bundle
import adafocus.bundle.BundleException
import adafocus.bundle.readArrays
import java.io.File
import java.nio.ByteBuffer
import java.util.Base64
import java.util.Random

private const val LONGEST_S = 10.0
private const val NS = 1e9
private val WORDS = listOf(
    "-1", "0", "1e999", "null", "true", "\"\"", "[]", "{}", "9999999999999999999", "4097", "\"\\u0000\"", "[[[["
)

private fun damaged(content: ByteArray, random: Random): ByteArray {
    val found = content.copyOf()
    return when (random.nextInt(4)) {
        0 -> found.copyOf(random.nextInt(found.size))
        1 -> found.copyOfRange(random.nextInt(found.size), found.size)
        else -> {
            repeat(1 + random.nextInt(8)) { found[random.nextInt(found.size)] = random.nextInt().toByte() }
            found
        }
    }
}

/** Put something else in the place of a value of a manifest. */
private fun otherValue(manifest: String, random: Random): String {
    val places = Regex(": ([^\\n,{\\[]+)").findAll(manifest).toList()
    val range = places[random.nextInt(places.size)].groups[1]!!.range
    return manifest.replaceRange(range, WORDS[random.nextInt(WORDS.size)])
}

private fun direct(content: ByteArray): ByteBuffer = ByteBuffer.allocateDirect(content.size).also {
    it.put(content)
    it.clear()
}

/** Damage zips, manifests and arrays; returns how many came to another end than they may. */
fun damages(folder: File, turns: Int): Int {
    val vectors = VectorFolder(folder).vectorsOf("bundles.json").filter { it.op == "bundle" }
    val zip = Base64.getDecoder().decode(vectors.first { "zip" in it.given }.given.text("zip"))
    val files = vectors.first { "files" in it.given }.given.of("files").content
        .entries.associate { (name, text) -> name as String to Base64.getDecoder().decode(text as String) }
    val manifest = String(files.getValue("manifest.json"))
    val place = File.createTempFile("adafocus", "damages").also { it.delete() }
    for ((name, content) in files) File(place, name).also { it.parentFile.mkdirs() }.writeBytes(content)
    var (opened, refused, wrong) = intArrayOf(0, 0, 0)
    var slowest = 0.0
    for (turn in 0 until turns) {
        val random = Random(turn.toLong())
        val began = System.nanoTime()
        try {
            when (turn % 3) {
                0 -> Bundle.open(direct(damaged(zip, random)), "bundle.zip").close()
                1 -> {
                    val text = if (turn % 2 == 0) otherValue(manifest, random).toByteArray()
                    else damaged(manifest.toByteArray(), random)
                    File(place, "manifest.json").writeBytes(text)
                    Bundle.open(place).close()
                }
                else -> readArrays(direct(damaged(files.getValue("golden/clip.npz"), random)), "clip.npz", 1L shl 20)
            }
            opened++
        } catch (error: BundleException) {
            refused++
        } catch (error: Throwable) {
            wrong++
            println("  turn $turn: $error at ${error.stackTrace.firstOrNull()}")
        }
        slowest = Math.max(slowest, (System.nanoTime() - began) / NS)
    }
    place.deleteRecursively()
    if (slowest > LONGEST_S) wrong++
    println(
        "$turns damaged bundles: $refused refused in a sentence, $opened opened, $wrong otherwise; the slowest " +
            "took %.2f s".format(slowest)
    )
    return wrong
}
