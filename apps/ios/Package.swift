// swift-tools-version:5.9
import PackageDescription

let package = Package(
    name: "Adafocus",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
        .library(name: "Adafocus", targets: ["Adafocus"]),
    ],
    targets: [
        // the rules, bundles, the recognizer: nothing of Apple's but Foundation
        .target(name: "Adafocus"),
        // LiteRT by the functions of its library, for tests on Linux
        .target(name: "AdafocusLiteRT", dependencies: ["Adafocus"]),
        // answers conformance vectors
        .target(name: "AdafocusVectors", dependencies: ["Adafocus"]),
        .executableTarget(name: "adafocus-check", dependencies: ["Adafocus", "AdafocusLiteRT", "AdafocusVectors"]),
    ]
)
