// swift-tools-version:5.9
import PackageDescription

let package = Package(
    name: "Adafocus",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
        .library(name: "Adafocus", targets: ["Adafocus"]),
        .library(name: "AdafocusApple", targets: ["AdafocusApple"]),
    ],
    targets: [
        // the rules, bundles, the recognizer: nothing of Apple's but Foundation
        .target(name: "Adafocus"),
        // Core ML, ExecuTorch, camera and video files; empty where those frameworks are not
        .target(name: "AdafocusApple", dependencies: ["Adafocus"]),
        // LiteRT by the functions of its library, for tests on Linux
        .target(name: "AdafocusLiteRT", dependencies: ["Adafocus"]),
        // answers conformance vectors
        .target(name: "AdafocusVectors", dependencies: ["Adafocus"]),
        .executableTarget(name: "adafocus-check", dependencies: ["Adafocus", "AdafocusLiteRT", "AdafocusVectors"]),
        .testTarget(name: "AdafocusTests", dependencies: ["Adafocus", "AdafocusLiteRT", "AdafocusVectors"]),
    ]
)
