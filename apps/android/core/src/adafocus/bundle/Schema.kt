package adafocus.bundle

import adafocus.rules.BudgetRow
import adafocus.rules.ChangeFrom
import adafocus.rules.Criterion
import adafocus.rules.Fit

private const val SCHEMA_VERSION = 1L
private const val MAX_COUNT = 1L shl 53
private const val MAX_SIDE_PX = 4096L
private const val MAX_FRAMES = 4096L
private const val MAX_TEXT_CHARACTERS = 1000
private const val FINGERPRINT_DIGITS = 12
private val RUNTIMES = setOf("litert", "tflite", "onnx", "executorch", "coreml")
private val SHA256 = Regex("[0-9a-f]{64}")
private val FINGERPRINTS = Regex("[0-9a-f]*")

/** One object of a manifest; every key of it must be asked for, and no other may be there. */
private class Part(val content: Map<*, *>, val where: String) {
    private val known = HashSet<String>()

    fun at(key: String): String = if (where.isEmpty()) key else "$where.$key"

    fun value(key: String): Any? {
        known += key
        if (!content.containsKey(key)) {
            throw BundleException(Refusal.MISSING_KEY, "the key '${at(key)}' is missing.")
        }
        return content[key]
    }

    /** A key that may be left out, or null. */
    fun <T> optional(key: String, read: (Any?, String) -> T): T? {
        known += key
        return if (content[key] == null) null else read(content[key], at(key))
    }

    /** A key that may be left out, but is never null. */
    fun <T> absent(key: String, read: (Any?, String) -> T): T? {
        known += key
        return if (content.containsKey(key)) read(content[key], at(key)) else null
    }

    fun <T> of(key: String, read: (Any?, String) -> T): T = read(value(key), at(key))

    fun end() {
        val unknown = content.keys.firstOrNull { it !in known } ?: return
        throw BundleException(
            Refusal.UNKNOWN_KEY, "unknown key '${at(unknown.toString().take(100))}', expected only those of version 1."
        )
    }
}

private fun wrong(where: String, found: Any?, expected: String): Nothing {
    val shown = if (found is Map<*, *> || found is List<*>) "of another type" else "'$found'".take(80)
    throw BundleException(Refusal.VALUE, "'$where' is $shown: expected $expected.")
}

private fun <T> part(value: Any?, where: String, read: (Part) -> T): T {
    val part = Part(value as? Map<*, *> ?: wrong(where, value, "an object"), where)
    return read(part).also { part.end() }
}

private fun whole(value: Any?, where: String, least: Long, most: Long): Long {
    val number = value as? Long
    if (number == null || number < least || number > most) wrong(where, value, "a whole number from $least to $most")
    return number
}

private fun count(value: Any?, where: String): Long = whole(value, where, 1, MAX_COUNT)

private fun real(
    value: Any?, where: String, least: Double = -Double.MAX_VALUE, most: Double = Double.MAX_VALUE
): Double {
    val number = (value as? Number)?.toDouble() ?: wrong(where, value, "a number")
    return if (number in least..most) number else wrong(where, value, "a number from $least to $most")
}

private fun text(value: Any?, where: String): String {
    val found = value as? String ?: wrong(where, value, "text")
    if (found.codePointCount(0, found.length) > MAX_TEXT_CHARACTERS) wrong(
        where, "a long text", "at most 1000 characters"
    )
    if (found.any { it.isISOControl() }) wrong(where, "a text with control characters", "text that can be shown")
    return found
}

private fun label(value: Any?, where: String): String = text(value, where).ifEmpty { wrong(where, "", "text") }

private fun digest(value: Any?, where: String): String =
    (value as? String)?.takeIf { SHA256.matches(it) } ?: wrong(where, value, "64 digits of a SHA-256")

private fun fingerprints(value: Any?, where: String): String =
    (value as? String)?.takeIf { FINGERPRINTS.matches(it) && it.length % FINGERPRINT_DIGITS == 0 }
        ?: wrong(where, value, "fingerprints of 12 digits")

private fun oneOf(value: Any?, where: String, known: Collection<String>): String =
    (value as? String)?.takeIf { it in known } ?: wrong(where, value, "one of ${known.joinToString()}")

private inline fun <reified T : Enum<T>> choice(value: Any?, where: String): T {
    val known = enumValues<T>()
    val name = oneOf(value, where, known.map { it.name.lowercase() })
    return known.first { it.name.lowercase() == name }
}

private fun <T> list(value: Any?, where: String, read: (Any?, String) -> T): List<T> {
    val found = value as? List<*> ?: wrong(where, value, "a list")
    return found.mapIndexed { place, one -> read(one, "$where.$place") }
}

private fun <T> mapping(
    value: Any?, where: String, key: (Any?, String) -> Unit, read: (Any?, String) -> T,
): Map<String, T> {
    val found = value as? Map<*, *> ?: wrong(where, value, "an object")
    found.keys.forEach { key(it, "$where.$it.[key]") }
    return found.entries.associate { (name, one) -> name.toString() to read(one, "$where.$name") }
}

private fun triple(value: Any?, where: String, least: Double, most: Double): DoubleArray {
    val found = list(value, where) { one, at -> real(one, at, least, most) }
    return if (found.size == 3) found.toDoubleArray() else wrong(where, value, "three numbers")
}

private fun geometry(value: Any?, where: String): Geometry = part(value, where) { of ->
    val frames = { one: Any?, at: String -> whole(one, at, 1, MAX_FRAMES).toInt() }
    val side = { one: Any?, at: String -> whole(one, at, 1, MAX_SIDE_PX).toInt() }
    Geometry(
        variant = of.of("variant") { one, at -> oneOf(one, at, listOf("long", "tsm", "x3d")) },
        glanceFrames = of.of("glance_frames", frames),
        candidateFrames = of.of("candidate_frames", frames),
        focusFrames = of.of("focus_frames", frames),
        frameSize = of.of("frame_size", side),
        shortSide = of.of("short_side", side),
        glanceSize = of.of("glance_size", side),
        patchSize = of.of("patch_size", side),
        mean = of.of("mean") { one, at -> triple(one, at, 0.0, 1.0) },
        std = of.of("std") { one, at -> triple(one, at, 1e-6, 1e6) },
        boxesIn = of.absent("boxes_in") { one, at -> choice<BoxesIn>(one, at) } ?: BoxesIn.SQUARE,
        glanceFit = of.absent("glance_fit") { one, at -> choice<Fit>(one, at) } ?: Fit.SQUARE,
        policy = of.absent("policy") { one, at -> choice<Policy>(one, at) } ?: Policy.NETWORK,
        focusSpan = of.absent("focus_span") { one, at -> choice<Span>(one, at) } ?: Span.WEIGHTS,
        changeFrom = of.absent("change_from") { one, at -> choice<ChangeFrom>(one, at) } ?: ChangeFrom.PREVIOUS,
        boxMin = of.optional("box_min") { one, at -> real(one, at, Double.MIN_VALUE, 1.0) },
    )
}

private fun tensor(value: Any?, where: String): TensorSpec = part(value, where) { of ->
    val int = { one: Any?, at: String -> whole(one, at, Int.MIN_VALUE.toLong(), Int.MAX_VALUE.toLong()).toInt() }
    TensorSpec(
        name = of.of("name", ::text),
        shape = of.of("shape") { one, at -> list(one, at) { n, place -> whole(
            n, place, 1, Int.MAX_VALUE.toLong()
        ).toInt() } }
            .toIntArray(),
        numbers = of.of("dtype") { one, at -> oneOf(one, at, listOf("float32", "float16", "int8", "uint8", "int32")) },
        scale = of.optional("scale") { one, at -> real(one, at) },
        zeroPoint = of.optional("zero_point", int),
    )
}

private fun graph(value: Any?, where: String): GraphFile = part(value, where) { of ->
    of.absent("proved_by") { one, at -> oneOf(one, at, listOf("runtime", "evaluator")) }
    of.optional("delegates") { one, at -> whole(one, at, 0, MAX_COUNT) }
    of.optional("delegated_share") { one, at -> real(one, at, 0.0, 1.0) }
    GraphFile(
        file = of.of("file", ::text),
        sha256 = of.of("sha256", ::digest),
        bytes = of.of("bytes", ::count),
        precision = of.of("precision") { one, at -> oneOf(one, at, listOf("fp32", "fp16", "int8")) },
        inputs = of.of("inputs") { one, at -> list(one, at, ::tensor) },
        outputs = of.of("outputs") { one, at -> list(one, at, ::tensor) },
        macs = of.of("macs", ::count),
    )
}

private fun record(value: Any?, where: String): FileRecord = part(value, where) { of ->
    FileRecord(of.of("file", ::text), of.of("sha256", ::digest), of.of("bytes", ::count))
}

private fun exits(value: Any?, where: String): Exits = part(value, where) { of ->
    of.optional("calibration") { one, at -> part(one, at, ::calibration) }
    Exits(
        criterion = of.absent("criterion") { one, at -> choice<Criterion>(one, at) } ?: Criterion.SOFTMAX,
        temperature = of.absent("temperature") { one, at -> real(one, at, Double.MIN_VALUE) } ?: 1.0,
        budgets = of.absent("budgets") { one, at -> list(one, at, ::budget) }.orEmpty(),
    )
}

private fun calibration(of: Part) {
    for (key in listOf("dataset", "split", "family")) of.of(key, ::text)
    for (key in listOf("n", "groups")) of.of(key, ::count)
    of.of("runtime", ::runtime)
    of.optional("clips", ::fingerprints)
}

private fun budget(value: Any?, where: String): ExitBudget = part(value, where) { of ->
    of.optional("expected_accuracy") { one, at -> real(one, at, 0.0, 1.0) }
    of.optional("expected_error") { one, at -> real(one, at) }
    of.optional("expected_error_spread") { one, at -> real(one, at, 0.0) }
    val unit = of.of("unit") { one, at -> oneOf(one, at, listOf("GMAC", "ms", "J")) }
    val budget = of.of("budget") { one, at -> real(one, at) }
    val thresholds = of.of("thresholds") { one, at -> list(one, at) { n, place -> real(n, place) } }
    ExitBudget(unit, BudgetRow(budget, thresholds.toDoubleArray()))
}

private fun runtime(value: Any?, where: String): String = oneOf(value, where, RUNTIMES)

private fun graphs(value: Any?, where: String): Map<String, GraphFile> =
    mapping(value, where, { key, at -> runtime(key, at) }, ::graph)

private fun measured(value: Any?, where: String) = part(value, where) { of ->
    for (key in listOf("dataset", "split", "metric")) of.of(key, ::text)
    of.of("n", ::count)
    of.of("value") { one, at -> real(one, at) }
    Unit
}

private fun provenance(value: Any?, where: String) = part(value, where) { of ->
    of.of("model", ::text)
    of.of("model_sha256", ::digest)
    of.of("packages") { one, at -> mapping(one, at, { key, place -> text(key, place) }, ::text) }
    of.optional("created", ::text)
    of.optional("seen", ::fingerprints)
    Unit
}

private fun golden(value: Any?, where: String): Golden = part(value, where) { of ->
    of.of("source", ::text)
    Golden(
        of.of("runtime", ::runtime), of.of("frames", ::record), of.of("answers", ::record), of.optional("label", ::text)
    )
}

/**
 * Read what [Json] gives of a manifest, by its schema.
 *
 * @throws BundleException half a sentence on the first key that is not as the schema has it.
 */
fun manifestOf(content: Any?): Manifest {
    val version = (content as? Map<*, *>)?.get("schema_version")
    if (version != SCHEMA_VERSION) {
        val found = if (version is String) "'$version'" else version.toString()
        throw BundleException(
            Refusal.VERSION,
            "it has schema version ${found.take(80)}, this app reads version 1. Convert the model again, or update " +
                "the app."
        )
    }
    return part(content, "") { of ->
        of.value("schema_version")
        of.of("preset", ::text)
        of.absent("measured") { one, at -> list(one, at, ::measured) }
        of.of("provenance", ::provenance)
        val stages = of.of("stages") { one, at ->
            mapping(one, at, { key, place -> oneOf(key, place, Stage.values().map { it.key }) }, ::graphs)
        }
        val parts = of.absent("incremental") { one, at ->
            mapping(one, at, { key, place -> oneOf(key, place, listOf("encode", "join")) }, ::graphs)
        }
        Manifest(
            name = of.of("name", ::text),
            geometry = of.of("geometry", ::geometry),
            labels = of.of("labels") { one, at -> list(one, at, ::label) },
            stages = stages.mapKeys { (key, _) -> Stage.values().first { it.key == key } },
            parts = parts.orEmpty(),
            exits = of.absent("exits", ::exits) ?: Exits(Criterion.SOFTMAX, 1.0, emptyList()),
            golden = of.of("golden", ::golden),
        )
    }
}
