/** Runs all vectors, or tries which mistakes they know. */
package adafocus.tests

import java.io.File
import java.net.URLClassLoader
import kotlin.system.exitProcess

private val LATER = setOf("golden")

/** Answer the vectors of some operations; returns the first difference, or null. Called by reflection, too. */
object Answers {
    @JvmStatic
    fun firstDifference(folder: String, operations: String): String? {
        val wanted = operations.split(" ").toSet()
        val vectors = VectorFolder(File(folder))
        for (file in vectors.files) {
            val found = vectors.vectorsOf(file)
            val place = temporary()
            try {
                val bundles = Bundles(found.filter { it.op == "bundle" }, place)
                for (vector in found.filter { it.op in wanted }) difference(vector, bundles)?.let { return it }
            } finally {
                place.deleteRecursively()
            }
        }
        return null
    }

    fun difference(vector: Vector, bundles: Bundles): String? = try {
        val answer =
            if (vector.op == "bundle") bundles.open(vector.given) else OPERATIONS.getValue(vector.op)(vector.given)
        differences(vector.expected, answer).firstOrNull()?.let { "${vector.op}, ${vector.name}: $it" }
    } catch (error: Exception) {
        "${vector.op}, ${vector.name}: $error"
    }
}

private fun temporary(): File {
    val place = File.createTempFile("adafocus", "vectors")
    place.delete()
    place.mkdirs()
    return place
}

/** Answer every vector; returns how many differ. */
private fun vectors(folder: String): Int {
    val vectors = VectorFolder(File(folder))
    var passed = 0
    var failed = 0
    for (file in vectors.files) {
        val found = vectors.vectorsOf(file).filter { it.op !in LATER }
        val place = temporary()
        val bundles = Bundles(found.filter { it.op == "bundle" }, place)
        val broken = found.mapNotNull { Answers.difference(it, bundles) }
        place.deleteRecursively()
        broken.forEach { println("  $it") }
        if (found.isNotEmpty()) println("$file: ${found.size - broken.size} of ${found.size} vectors pass")
        failed += broken.size
        passed += found.size - broken.size
    }
    println("$passed vectors pass, $failed fail")
    return failed
}

/**
 * Try mistakes: rules whose every mistake has a number, which is switched on for classes that are loaded anew.
 *
 * @param listed lines of a number, operations and a name, separated by tabs.
 */
private fun mistakes(folder: String, listed: File, classes: List<String>): Int {
    var known = 0
    val unknown = ArrayList<String>()
    val urls = classes.map { File(it).toURI().toURL() }.toTypedArray()
    val parent = ClassLoader.getSystemClassLoader().parent
    for (line in listed.readLines().filter { it.isNotBlank() }) {
        val (number, operations, name) = line.split("\t")
        System.setProperty("adafocus.mistake", number)
        URLClassLoader(urls, parent).use { loader ->
            val answers = loader.loadClass("adafocus.tests.Answers").getMethod(
                "firstDifference", String::class.java, String::class.java
            )
            val found = try {
                answers.invoke(null, folder, operations)
            } catch (error: ReflectiveOperationException) {
                error.cause
            }
            if (found == null) unknown += name else known++
        }
    }
    unknown.forEach { println("  every vector passes with the mistake: $it") }
    println("$known of ${known + unknown.size} mistakes fail a vector")
    return unknown.size
}

fun main(arguments: Array<String>) {
    val failed = when (arguments[0]) {
        "vectors" -> vectors(arguments[1])
        "mistakes" -> mistakes(arguments[1], File(arguments[2]), arguments.drop(3))
        "damages" -> damages(File(arguments[1]), arguments[2].toInt())
        else -> error("expected vectors, mistakes or damages")
    }
    if (failed > 0) exitProcess(1)
}
