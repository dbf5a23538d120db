package org.tensorflow.lite;

import java.nio.ByteBuffer;
import java.util.Map;

/** What the LiteRT backend calls of the library, to be type-checked without it. Never packed into an app. */
public final class Interpreter implements AutoCloseable {
    public static class Options {
        public Options setNumThreads(int threads) { throw new UnsupportedOperationException(); }

        public Options setUseXNNPACK(boolean use) { throw new UnsupportedOperationException(); }
    }

    public Interpreter(ByteBuffer model, Options options) { throw new UnsupportedOperationException(); }

    public void runForMultipleInputsOutputs(Object[] inputs, Map<Integer, Object> outputs) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() { throw new UnsupportedOperationException(); }
}
