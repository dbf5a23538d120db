// swift-tools-version:5.9
import PackageDescription

#if os(Linux)
// Linux has none of Apple's modules. Stubs of our own let the sources that need them be type-checked there, and run
// what can be run; see Stubs/README.md. On Apple's systems they are not part of the package.
let stubs: [Target] = [
    .target(name: "CoreML", path: "Stubs/CoreML"),
    .target(name: "ExecuTorch", path: "Stubs/ExecuTorch"),
    .target(name: "QuartzCore", path: "Stubs/QuartzCore"),
    .target(name: "AVFoundation", dependencies: ["QuartzCore"], path: "Stubs/AVFoundation"),
    .target(name: "UniformTypeIdentifiers", path: "Stubs/UniformTypeIdentifiers"),
    .target(name: "SwiftUI", dependencies: ["QuartzCore", "UniformTypeIdentifiers"], path: "Stubs/SwiftUI"),
    .target(
        name: "AdafocusExecuTorch", dependencies: ["Adafocus", "ExecuTorch"],
        path: "ExecuTorch/Sources/AdafocusExecuTorch"),
    .executableTarget(name: "Sample", dependencies: ["AdafocusScreens", "SwiftUI"], path: "Sample"),
    .executableTarget(
        name: "adafocus-stub-check",
        dependencies: ["Adafocus", "AdafocusLiteRT", "AdafocusCoreML", "AdafocusExecuTorch", "AdafocusVideo"]),
]
func needed(_ names: String...) -> [Target.Dependency] { names.map { .init(stringLiteral: $0) } }
#else
let stubs = [Target]()
func needed(_ names: String...) -> [Target.Dependency] { [] }
#endif

let package = Package(
    name: "Adafocus",
    // Core ML's graphs are for iOS 17 and later
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [
        .library(name: "Adafocus", targets: ["Adafocus"]),
        .library(name: "AdafocusCoreML", targets: ["AdafocusCoreML"]),
        .library(name: "AdafocusVideo", targets: ["AdafocusVideo"]),
        .library(name: "AdafocusScreens", targets: ["AdafocusScreens"]),
    ],
    targets: [
        // the rules, bundles, the recognizer: nothing of Apple's but Foundation
        .target(name: "Adafocus"),
        // Core ML behind the interface of backends
        .target(name: "AdafocusCoreML", dependencies: ["Adafocus"] + needed("CoreML")),
        // cameras and video files
        .target(name: "AdafocusVideo", dependencies: ["Adafocus"] + needed("AVFoundation")),
        // screens of the sample app
        .target(
            name: "AdafocusScreens",
            dependencies: ["Adafocus", "AdafocusCoreML", "AdafocusVideo"]
                + needed("AVFoundation", "SwiftUI", "UniformTypeIdentifiers")),
        // LiteRT by the functions of its library, for tests on Linux
        .target(name: "AdafocusLiteRT", dependencies: ["Adafocus"]),
        // answers conformance vectors
        .target(name: "AdafocusVectors", dependencies: ["Adafocus"]),
        .executableTarget(name: "adafocus-check", dependencies: ["Adafocus", "AdafocusLiteRT", "AdafocusVectors"]),
    ] + stubs
)
