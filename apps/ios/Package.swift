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
let isLinux = true
#else
let stubs = [Target]()
let isLinux = false
#endif

/// Targets of this package, and modules that are stubs on Linux.
func needs(_ own: [String], _ apples: [String]) -> [Target.Dependency] {
    let names: [String] = isLinux ? own + apples : own
    return names.map { Target.Dependency(stringLiteral: $0) }
}

let screens = ["Adafocus", "AdafocusCoreML", "AdafocusVideo"]
let targets: [Target] = [
    // the rules, bundles, the recognizer: nothing of Apple's but Foundation
    .target(name: "Adafocus"),
    // Core ML behind the interface of backends
    .target(name: "AdafocusCoreML", dependencies: needs(["Adafocus"], ["CoreML"])),
    // cameras and video files
    .target(name: "AdafocusVideo", dependencies: needs(["Adafocus"], ["AVFoundation"])),
    // screens of the sample app
    .target(
        name: "AdafocusScreens",
        dependencies: needs(screens, ["AVFoundation", "SwiftUI", "UniformTypeIdentifiers"])),
    // LiteRT by the functions of its library, for tests on Linux
    .target(name: "AdafocusLiteRT", dependencies: ["Adafocus"]),
    // answers conformance vectors
    .target(name: "AdafocusVectors", dependencies: ["Adafocus"]),
    .executableTarget(name: "adafocus-check", dependencies: ["Adafocus", "AdafocusLiteRT", "AdafocusVectors"]),
]

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
    targets: targets + stubs
)
