package org.pytorch.executorch;

/** What the ExecuTorch backend calls of the library, to be type-checked without it. Never packed into an app. */
public class Module {
    public static final int LOAD_MODE_MMAP = 1;

    public static Module load(String path, int mode) { throw new UnsupportedOperationException(); }

    public EValue[] forward(EValue... inputs) { throw new UnsupportedOperationException(); }

    public void destroy() { throw new UnsupportedOperationException(); }
}
