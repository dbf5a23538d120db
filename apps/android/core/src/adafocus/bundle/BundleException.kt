package adafocus.bundle

import adafocus.AdafocusException

/** What is wrong with a bundle; the kinds are those of the conformance vectors. */
enum class Refusal(val kind: String) {
    NO_BUNDLE("no bundle"),
    ZIP("zip"),
    JSON("json"),
    VERSION("version"),
    UNKNOWN_KEY("unknown key"),
    MISSING_KEY("missing key"),
    VALUE("value"),
    CONTRADICTION("contradiction"),
    UNSAFE_NAME("unsafe name"),
    MISSING_FILE("missing file"),
    SIZE("size"),
    DIGEST("digest"),
    GOLDEN("golden clip"),
    RUNTIME("runtime"),
}

/** A bundle that must not be used; the message is a sentence for people. */
class BundleException(val refusal: Refusal, message: String) : AdafocusException(message)
