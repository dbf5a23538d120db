"""What compiles and tests the Swift package on Linux, in a tree of Debian with Swift."""
