package adafocus

/** Something that whoever uses this can act on; the message is a sentence that says what to do. */
open class AdafocusException(message: String, cause: Throwable? = null) : Exception(message, cause)
