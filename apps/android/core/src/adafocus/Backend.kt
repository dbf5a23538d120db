package adafocus

import adafocus.bundle.GraphFile
import java.nio.ByteBuffer

/** A graph that is opened in a runtime. One thread uses it at a time. */
interface Graph : AutoCloseable {
    /**
     * Run it once.
     *
     * @param inputs direct, little-endian buffers by the names of the manifest, each read from its beginning.
     * @return buffers by the names of the manifest; they hold until the next call.
     */
    fun run(inputs: Map<String, ByteBuffer>): Map<String, ByteBuffer>
}

/** A runtime. */
interface Backend {
    /** Whose graphs of a bundle it opens: `litert`, `executorch` or `onnx`. */
    val runtime: String

    /**
     * Open a graph.
     *
     * @param model the file, mapped or in memory; it stays as it is while the graph is used.
     * @param description names and shapes of its tensors, in the graph's own order.
     * @param threads of the CPU.
     * @throws AdafocusException the runtime does not take it.
     */
    fun open(model: ByteBuffer, description: GraphFile, threads: Int): Graph
}
